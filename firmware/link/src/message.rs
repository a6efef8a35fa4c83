//! The messages. Each doc line says what the *body* of the frame holds beside the head.

use contract::claims::TokenKind;
use contract::{EncryptionKey, EndReason, Filter, Jti, Rung, SubscriberId, ToldReason};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// Version of this wire; a peer of another version is refused.
pub const LINK_VERSION: u16 = 6;

/// What slate and pictures are encoded as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Codec {
    /// ITU-T H.264.
    #[default]
    H264,
    /// ITU-T H.265.
    H265,
}

/// One encode: every share with the same filter rides on one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StreamId(pub u8);

/// Where a share's media goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Destination {
    /// RTP over UDP; RTCP to the next port.
    Push {
        /// An IP literal that the policy names.
        address: IpAddr,
        /// RTP port.
        port: u16,
    },
    /// To whoever proves by RTSP to be the share's subscriber ([`Pullers`]).
    Pull,
    /// To the media server that the policy names ([`Relay`]).
    Relay,
}

/// By which way a share's media will go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// As [`Destination::Push`].
    Push,
    /// The subscriber fetches it; [`ToVoice::Pullers`] came before.
    Pull,
    /// To a media server; [`Relay`] says which.
    Relay,
}

/// The media server that a share is published to; JSON, the body of [`ToVoice::ShareGranted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relay {
    /// Where; the only address that is dialled.
    pub server: SocketAddr,
    /// What is published, and what viewers are told.
    pub url: String,
    /// How the server proves that it is the one; `None` where the policy has it in clear.
    pub proof: Option<ServerProof>,
}

/// How a media server proves that it is the one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerProof {
    /// By a certificate for `name`, signed by this authority.
    Authority {
        /// PEM text.
        pem: String,
        /// A host's name or an IP literal.
        name: String,
    },
    /// By the certificate of this sha256, in lower-case hex.
    Certificate {
        /// Of its DER.
        sha256: String,
        /// What it is called in the handshake: a host's name or an IP literal.
        name: String,
    },
}

/// Who may fetch by RTSP, and how it proves who it is; JSON, the body of [`ToVoice::Pullers`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pullers {
    /// Whether media may go in clear, over UDP or without TLS.
    pub plain: bool,
    /// The subscribers.
    pub who: Vec<Puller>,
}

/// One subscriber that may fetch.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Puller {
    /// The subscriber.
    pub sub: SubscriberId,
    /// What it proves to know; the eye made it.
    pub password: String,
    /// sha256 of its client certificate, in lower-case hex.
    pub certificate_sha256: Option<String>,
    /// Sessions that it may have at once.
    pub sessions: u8,
}

impl std::fmt::Debug for Puller {
    /// Names a subscriber and holds its credential, so it stays out of logs (P10).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Puller")
    }
}

/// From the voice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToEye {
    /// First message. No body.
    Hello {
        /// [`LINK_VERSION`].
        version: u16,
    },
    /// A command off the broker, unopened. Body: the token, at most `claims::MAX_TOKEN`.
    Command {
        /// Which topic it came by; the eye requires the token's `typ` to match.
        kind: TokenKind,
        /// Comes back in [`ToVoice::Answer`].
        correlation: u64,
    },
    /// A signed policy bundle off the broker. Body: its JSON, at most `policy::MAX_POLICY`.
    Policy {
        /// Comes back in [`ToVoice::Answer`].
        correlation: u64,
    },
    /// A viewer of `jti` joined or asked for a key picture. No body.
    KeyPicture {
        /// The share.
        jti: Jti,
    },
    /// The last viewer of `jti` said goodbye. No body.
    ViewerLeft {
        /// The share.
        jti: Jti,
    },
    /// The last viewer of `jti` is no longer heard of. No body.
    ViewerLost {
        /// The share.
        jti: Jti,
    },
    /// A viewer of `jti` is there, for the first time or again. No body.
    ViewerJoined {
        /// The share.
        jti: Jti,
    },
    /// `jti`'s stream has begun and is described by texts of these digests (SHA-256): the board's word on it is wanted. No body.
    Described {
        /// The share.
        jti: Jti,
        /// Of the description that anybody may read.
        sdp_sha256: [u8; 32],
        /// Of the sealed one, where there is one.
        sealed_sha256: Option<[u8; 32]>,
    },
    /// The broker was lost and is there again: what waits to be acknowledged should be told anew. No body.
    BrokerBack,
}

/// From the eye.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToVoice {
    /// First message. Body: the slate, one Annex B key picture without a camera pixel in it.
    Hello {
        /// [`LINK_VERSION`].
        version: u16,
        /// Pixels per line of picture and slate.
        width: u32,
        /// Lines.
        height: u32,
        /// Nominal frames per second.
        fps: f32,
        /// Of slate and pictures, for as long as this connection lasts.
        codec: Codec,
    },
    /// Who may fetch by RTSP, whenever that changes. Body: JSON of [`Pullers`].
    Pullers,
    /// For `catalogue`. Body: JSON of `body::Catalogue`.
    Catalogue,
    /// For `state`, about once a second and at every change. Body: JSON of `body::EyeState`.
    State,
    /// For `journal`. Body: JSON of `body::SignedHead`.
    JournalHead,
    /// Answer to a command. Body: JSON of `body::Answer`.
    Answer {
        /// As in the command.
        correlation: u64,
    },
    /// A grant was accepted; nothing flows yet. Body: JSON of [`Relay`] where it goes that way, else none.
    ShareGranted {
        /// The share.
        jti: Jti,
        /// Its subscriber.
        sub: SubscriberId,
        /// Filter in effect.
        filter: Filter,
        /// Window closes, Unix seconds.
        exp: u64,
        /// How it will go out.
        way: Way,
        /// The key to which the credential for that is to be sealed; `None` where the subscriber has none, and proves who it is by a certificate.
        seal_to: Option<EncryptionKey>,
        /// The board's clock, Unix milliseconds.
        at_ms: u64,
    },
    /// Media of `stream` may now go to this share's delivery. No body.
    ShareStarted {
        /// The share.
        jti: Jti,
        /// Which encode.
        stream: StreamId,
        /// Where to.
        delivery: Destination,
        /// Encrypt pushed media, and its keys to this one; `None` means in clear, which the eye has then judged to be allowed.
        encrypt_to: Option<EncryptionKey>,
        /// The board's clock, Unix milliseconds.
        at_ms: u64,
    },
    /// No viewer is there: media stops now, and the share ends unless one comes back. Also of a share that is fetched or relayed when its window opens: it
    /// waits for its first viewer, or for the media server. No body.
    ShareWaiting {
        /// The share.
        jti: Jti,
        /// Its subscriber.
        sub: SubscriberId,
        /// When it ends, Unix seconds.
        until: u64,
        /// The board's clock, Unix milliseconds.
        at_ms: u64,
    },
    /// A viewer came back: media of the stream that [`ToVoice::ShareStarted`] named flows again. No body.
    ShareResumed {
        /// The share.
        jti: Jti,
        /// Its subscriber.
        sub: SubscriberId,
        /// The board's clock, Unix milliseconds.
        at_ms: u64,
    },
    /// The share's window closes later now. No body.
    ShareExtended {
        /// The share.
        jti: Jti,
        /// Its subscriber.
        sub: SubscriberId,
        /// Window closes, Unix seconds.
        exp: u64,
        /// The board's clock, Unix milliseconds.
        at_ms: u64,
    },
    /// Another filter is in effect for the share. No body.
    ShareFiltered {
        /// The share.
        jti: Jti,
        /// Its subscriber.
        sub: SubscriberId,
        /// Filter in effect.
        filter: Filter,
        /// The board's clock, Unix milliseconds.
        at_ms: u64,
    },
    /// What became of a request, for its subscriber. Body: JSON of `asking::RequestEvent`.
    RequestTold {
        /// The request.
        jti: Jti,
        /// Its subscriber.
        sub: SubscriberId,
    },
    /// For `inbox`, whenever it changes. Body: JSON of `asking::Inbox`.
    Inbox,
    /// The share is over; media to it stops now. Body: JSON of `body::Usage`.
    ShareEnded {
        /// The share.
        jti: Jti,
        /// Its subscriber.
        sub: SubscriberId,
        /// For the control room.
        reason: EndReason,
        /// For the subscriber.
        told: ToldReason,
        /// The board's clock, Unix milliseconds.
        at_ms: u64,
    },
    /// Answer to [`ToEye::Described`]. Body: the token, of `claims::Description`; empty where the board has none to give.
    DescriptionSigned {
        /// The share.
        jti: Jti,
    },
    /// For `usage`, again and again until it is acknowledged. Body: JSON of `usage::UsageRecord`.
    Usage,
    /// One masked, encoded picture (or slate). Body: the access unit, Annex B.
    Unit {
        /// Which encode.
        stream: StreamId,
        /// Capture, UTC microseconds.
        captured_utc_us: u64,
        /// Capture, the board's monotonic microseconds.
        captured_monotonic_us: u64,
        /// Whether decoding can start here.
        key: bool,
        /// How sure the eye is of the masking.
        rung: Rung,
    },
}
