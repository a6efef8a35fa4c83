//! Message bodies, JSON on the wire.

use crate::asking::{LeakStanding, RequestEvent};
use crate::{CameraId, Challenge, EndReason, ErrorCode, Filter, Jti, Rung, SiteId, SubscriberId, ToldReason, ViewName};
use serde::{Deserialize, Serialize};

/// Answer to a command: `{"ok":true}` or `{"ok":false,"error":{"code","detail"}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Answer {
    /// Whether it was done.
    pub ok: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Refusal>,
    /// The share that the command made or ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Jti>,
    /// What became of a request at once: it is pending, or it lapsed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestEvent>,
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[error("{code}: {detail}")]
pub struct Refusal {
    /// For programs.
    pub code: ErrorCode,
    /// For people; holds no personal data.
    pub detail: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl Answer {
    /// It was done.
    #[must_use]
    pub fn done(share: Option<Jti>) -> Self {
        Self { ok: true, error: None, share, request: None }
    }
    /// It was refused.
    #[must_use]
    pub fn refused(refusal: Refusal) -> Self {
        Self { ok: false, error: Some(refusal), share: None, request: None }
    }
}

/// Whether the board is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// Eye and voice run.
    Online,
    /// The voice runs, the eye does not.
    EyeAbsent,
    /// The last will.
    Offline,
}

/// Who commands the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Grants are judged.
    Normal,
    /// The police have it; grants are refused.
    Reserved,
}

/// Where a share stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ShareState {
    /// The window has not begun, or no viewer is there yet.
    Waiting,
    /// Media flows.
    Sharing,
}

/// One share in `state`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShareSummary {
    /// Its grant.
    pub jti: Jti,
    /// Where it stands.
    pub state: ShareState,
    /// Filter in effect.
    pub filter: Filter,
    /// Window closes, Unix seconds.
    pub exp: u64,
}

/// `state`, retained: how the board is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct State {
    /// Whether it is there; the last will says `offline` and nothing else.
    pub presence: Presence,
    /// All that the eye says of itself; absent when it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eye: Option<EyeState>,
    /// What the voice measures of the media that it sends; absent until there is something: a share, a refusal, a loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<VoiceState>,
}

/// What the voice measures, since the first of the running (or last) shares started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VoiceState {
    /// From capture to the moment the picture's last packet was handed to the kernel, milliseconds.
    pub capture_to_packet_ms: Latency,
    /// Pictures sent whole.
    pub pictures: u64,
    /// Pictures not sent, or not sent whole, because the network took no more: dropped up to the next key picture.
    pub pictures_dropped: u64,
    /// RTP packets sent.
    pub packets: u64,
    /// Their bytes, RTP headers included.
    pub bytes: u64,
    /// When the last RTP packet was sent, Unix milliseconds; 0 when none was.
    pub last_packet_at_ms: u64,
    /// RTP packets that something tried to send outside a running share, since the voice started; they were not sent. Must be 0.
    pub packets_outside_share: u64,
    /// Messages to the broker that were given up since the voice started, because too many waited for it: share events first, the share log,
    /// usage records and ends last. Must be 0.
    #[serde(default)]
    pub messages_lost: u64,
    /// What subscribers said and the voice did not pass on, since it started: too fast, too large, expired or retained.
    #[serde(default)]
    pub asks_refused: u64,
}

/// A latency distribution, milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Latency {
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

/// What the eye says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EyeState {
    /// Who commands.
    pub mode: Mode,
    /// Running shares.
    pub shares: Vec<ShareSummary>,
    /// How sure it is of its masking.
    pub ladder: Rung,
    /// Why, when not clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ladder_reason: Option<String>,
    /// Frames per second over the last two seconds.
    pub fps: f32,
    /// Capture to link, 99th percentile of the last two seconds, milliseconds.
    pub capture_to_link_p99_ms: f32,
    /// A command must carry this.
    pub challenge: Challenge,
    /// Unix seconds on the board.
    pub now: u64,
    /// Whether the board's clock is synchronised.
    pub clock_synchronised: bool,
    /// Seconds since the last good heartbeat; absent when none came since start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_age_s: Option<f32>,
    /// Version of the policy in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<u64>,
    /// Firmware version.
    pub firmware: String,
    /// Model in use.
    pub model: String,
    /// Its sha256, hex.
    pub model_sha256: String,
    /// Whether it finds what it must; absent when the eye has no self-test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_test: Option<SelfTest>,
    /// Requests that wait; `inbox` says which.
    #[serde(default)]
    pub requests_waiting: u32,
    /// Somebody reported something uncovered: everything is `coarse` until a privacy officer clears it. Absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leak: Option<LeakStanding>,
    /// Why nothing can be written to the journal; absent while it can. Meanwhile nobody may watch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal_fault: Option<String>,
    /// What the board's own inputs say; absent on a board that has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pins: Option<PinsState>,
    /// Counters since start.
    pub counters: Counters,
}

/// The board's own inputs, in `state`; each is absent where the board has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PinsState {
    /// While it is not `off` nobody may watch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy_switch: Option<PinState>,
    /// While it is not `off` the housing may be open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tamper: Option<PinState>,
}

/// How an input stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PinState {
    /// Off.
    Off,
    /// On.
    On,
    /// It should be there and cannot be read; counts as on.
    Unreadable,
}

/// What the self-test came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SelfTestResult {
    /// Not over yet, since the start or since an inference failed; the picture is covered.
    Running,
    /// Everything that is drawn in the golden pictures was found.
    Passed,
    /// Something was not; the picture is covered until it passes.
    Failed,
}

/// The self-test of the detector, in `state`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SelfTest {
    /// What it came to.
    pub result: SelfTestResult,
    /// When, Unix seconds: the end of the newest whole round, or the miss; absent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// Time in the detector of that round, milliseconds.
    pub took_ms: f32,
    /// The golden picture that was missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<String>,
    /// Why it counts as missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Counters since the eye started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Counters {
    /// Frames that the camera delivered.
    pub frames_captured: u64,
    /// Frames that no stage had time for.
    pub frames_dropped: u64,
    /// Pictures handed to the voice.
    pub pictures_sent: u64,
    /// Tracks of heads and plates that were masked, each counted once.
    pub objects_masked: u64,
    /// Misses of the detector (one object at one look) during which a track kept the object masked until it was seen again.
    #[serde(default)]
    pub misses_bridged: u64,
    /// Mask shapes painted.
    pub shapes_painted: u64,
    /// Seconds on each rung.
    pub seconds_clear: f64,
    /// Seconds on each rung.
    pub seconds_cautious: f64,
    /// Seconds on each rung.
    pub seconds_covered: f64,
    /// Seconds on each rung.
    pub seconds_dark: f64,
}

/// `catalogue`, retained: what a subscriber may know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Catalogue {
    /// The site.
    pub site: SiteId,
    /// The camera.
    pub camera: CameraId,
    /// For people.
    pub name: String,
    /// Where it hangs.
    pub place: String,
    /// Its named aims.
    pub views: Vec<ViewName>,
    /// Filters that this board offers.
    pub filters: Vec<FilterOffer>,
    /// `h264`.
    pub codecs: Vec<String>,
    /// `push`; `pull` where the policy lets a subscriber fetch, `relay` where it names one a media server.
    pub deliveries: Vec<String>,
}

/// A filter and its frame rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FilterOffer {
    /// The filter.
    pub filter: Filter,
    /// Its highest frame rate on this board.
    pub fps: f32,
}

/// What happens to a share, on `share/<sub>/<jti>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum ShareEvent {
    /// A grant was accepted.
    Granted {
        /// Window closes, Unix seconds.
        exp: u64,
        /// Filter in effect.
        filter: Filter,
        /// Where to fetch the picture, always the same for this camera. Present exactly when the delivery is `pull` and the board serves RTSP, and when it is
        /// `relay`: then it is the media server's, which has credentials of its own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        /// The credential for that URL ([`PullCredential`] as JSON), encrypted to the subscriber as `sealed` of `started` is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        credential: Option<String>,
    },
    /// The first picture is on its way.
    Started {
        /// Session description (RFC 8866) of the stream. Without its key where the stream is encrypted.
        sdp: String,
        /// The same with the stream's key (`a=crypto`, RFC 4568), encrypted to the subscriber: a JWE (RFC 7516 §7.1), ECDH-ES over X25519, A256GCM.
        /// Present exactly when the stream is SRTP.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed: Option<String>,
        /// The board's word that this is its description of this share (claims: `description`); absent only where the board has no key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<String>,
    },
    /// No viewer is there; the share ends unless one comes back.
    Waiting {
        /// Unix seconds at which it ends.
        until: u64,
    },
    /// A viewer came back: media flows again, in the same RTP session.
    Resumed,
    /// Its window closes later now.
    Extended {
        /// Window closes, Unix seconds.
        exp: u64,
    },
    /// Another filter is in effect: another share on the same encoder needs a stronger one, or no longer does.
    Filtered {
        /// Filter in effect.
        filter: Filter,
    },
    /// It is over.
    Ended {
        /// A neutral reason.
        reason: ToldReason,
    },
}

/// What opens the camera's RTSP URL for one subscriber; stays the same until the policy counts its number up.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PullCredential {
    /// For Basic and Digest: the subscriber's id.
    pub user: SubscriberId,
    /// For Basic and Digest, and as the Bearer token.
    pub password: String,
}

impl std::fmt::Debug for PullCredential {
    /// Stays out of logs (P10).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PullCredential")
    }
}

/// What happens to a share, on `share-log`: with the full reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShareLog {
    /// The share.
    pub jti: Jti,
    /// The subscriber.
    pub sub: SubscriberId,
    /// `granted`, `started`, `waiting`, `resumed`, `extended`, `filtered` or `ended`.
    #[cfg_attr(
        feature = "schema",
        schemars(extend("enum" = ["granted", "started", "waiting", "resumed", "extended", "filtered", "ended"]))
    )]
    pub event: String,
    /// True reason of an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<EndReason>,
    /// Unix milliseconds on the board.
    pub at_ms: u64,
    /// Pictures and seconds until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// With `waiting`, of a share that is relayed: why its media server is not there. Each cause is told once, and anew when the server had been there for ten seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerFault>,
}

/// Why a media server does not take a share's stream. Its own words stay on the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ServerFault {
    /// Nobody answers at the address that the policy names.
    Unreachable,
    /// It cannot prove that it is the one whom the policy names.
    Untrusted,
    /// It refuses the stream or the board's credential, or says what is no RTSP.
    Refused,
    /// It no longer answers, or takes nothing.
    Silent,
    /// It closed the connection.
    Closed,
}

/// What a share consumed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Usage {
    /// Pictures handed to the voice.
    pub pictures: u64,
    /// Bytes of encoded picture handed to the voice.
    pub bytes: u64,
    /// Seconds at `clear`.
    pub seconds_clear: f64,
    /// Seconds at `cautious`.
    pub seconds_cautious: f64,
    /// Seconds at `covered`.
    pub seconds_covered: f64,
    /// Seconds at `dark`.
    pub seconds_dark: f64,
}

/// The control room's presence, retained on `room/presence`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RoomPresence {
    /// Whether the agent runs.
    pub online: bool,
    /// Whether every centralist is busy.
    pub busy: bool,
}

/// Whether every centralist is busy, retained on `room/busy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RoomBusy {
    /// Whether.
    pub busy: bool,
    /// Which centralist said so, a pseudonym.
    pub by: String,
    /// When, Unix seconds.
    pub at: u64,
}

/// Which centralist has a request in hand, retained on `room/taken/…` until it expires. A word between colleagues, no lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Taken {
    /// Who, a pseudonym.
    pub by: String,
    /// When, Unix seconds.
    pub at: u64,
}

/// The journal's newest head, retained on `journal`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JournalHead {
    /// Number of entries.
    pub entries: u64,
    /// Hash of the newest one, hex sha256.
    pub head: String,
}

/// What is on the topic `journal`: the newest head, signed by the board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignedHead {
    /// The head.
    #[serde(flatten)]
    pub head: JournalHead,
    /// The board's public key, base64url; absent while it has none. Whoever commissions the board keeps it: a head proves no more than that somebody
    /// with the key named here made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board_key: Option<String>,
    /// [`crate::claims::Head`] as a compact JWS by that key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}
