//! What each token says (RFC 7519 claims). Signing and verifying is the `token` crate's; judging is `grant`'s.
//!
//! Times are whole seconds since the Unix epoch, UTC.

mod subscriber;

pub use subscriber::{Leaked, Leave, MAX_REQUEST_TOKEN, ReportLeak, Request, Withdraw};

use crate::asking::DenyReason;
use crate::usage::RecordId;
use crate::{Audience, Challenge, Filter, Jti, KeyId, SubscriberId, ViewName};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A command lives this long after `iat`, in seconds.
pub const COMMAND_LIFE_S: u64 = 60;
/// Longest token that the board reads, in bytes.
pub const MAX_TOKEN: usize = 16 * 1024;

/// Every kind of token, with its own `typ` (RFC 8725 §3.11) so that one can never pass for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TokenKind {
    /// A centralist lets a subscriber watch.
    Grant,
    /// A centralist lengthens a share.
    Extend,
    /// A centralist says no to a request.
    Deny,
    /// A centralist ends a share.
    Revoke,
    /// The police take the camera.
    Preempt,
    /// The police give the camera back.
    Release,
    /// The control room's agent proves that it is there.
    Heartbeat,
    /// A subscriber asks.
    Request,
    /// A subscriber takes a request back.
    Withdraw,
    /// A subscriber no longer watches.
    Leave,
    /// Somebody saw something uncovered.
    ReportLeak,
    /// Somebody named has looked into the reports.
    ClearLeak,
    /// The control room holds these usage records.
    UsageAck,
    /// The board's own word on its journal's newest head.
    JournalHead,
    /// The board's own word on how a share's stream is described.
    Description,
}

impl TokenKind {
    /// All of them.
    pub const ALL: [TokenKind; 15] = [
        TokenKind::Grant,
        TokenKind::Extend,
        TokenKind::Deny,
        TokenKind::Revoke,
        TokenKind::Preempt,
        TokenKind::Release,
        TokenKind::Heartbeat,
        TokenKind::Request,
        TokenKind::Withdraw,
        TokenKind::Leave,
        TokenKind::ReportLeak,
        TokenKind::ClearLeak,
        TokenKind::UsageAck,
        TokenKind::JournalHead,
        TokenKind::Description,
    ];
    /// The JOSE header's `typ`.
    #[must_use]
    pub fn typ(self) -> &'static str {
        match self {
            TokenKind::Grant => "campari-grant+jwt",
            TokenKind::Extend => "campari-extend+jwt",
            TokenKind::Deny => "campari-deny+jwt",
            TokenKind::Revoke => "campari-revoke+jwt",
            TokenKind::Preempt => "campari-preempt+jwt",
            TokenKind::Release => "campari-release+jwt",
            TokenKind::Heartbeat => "campari-heartbeat+jwt",
            TokenKind::Request => "campari-request+jwt",
            TokenKind::Withdraw => "campari-withdraw+jwt",
            TokenKind::Leave => "campari-leave+jwt",
            TokenKind::ReportLeak => "campari-report-leak+jwt",
            TokenKind::ClearLeak => "campari-clear-leak+jwt",
            TokenKind::UsageAck => "campari-usage-ack+jwt",
            TokenKind::JournalHead => "campari-head+jwt",
            TokenKind::Description => "campari-description+jwt",
        }
    }
}

/// Claims that every command has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Envelope {
    /// Who signed; equals the key's id.
    pub iss: KeyId,
    /// Which camera.
    pub aud: Audience,
    /// Issued at.
    pub iat: u64,
    /// Unique id, never used twice.
    pub jti: Jti,
    /// The board's challenge as last published in `state`; absent in `heartbeat` and site-wide commands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Challenge>,
}

/// How the picture reaches the subscriber.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Delivery {
    /// RTP over UDP to an address that the policy names.
    Push {
        /// An IP literal; names are never resolved.
        #[cfg_attr(feature = "schema", schemars(with = "crate::schema::IpLiteral"))]
        address: IpAddr,
        /// UDP port for RTP; RTCP uses the next one.
        port: u16,
    },
    /// Fetched by the subscriber from the camera's RTSP server, with the credential that the board made for it. Nothing flows before it is there.
    Pull,
    /// Published by the board to the media server that the policy names for the subscriber (`relay` of its rule); a grant cannot name another.
    Relay,
}

/// Who acted, as pseudonyms; the names behind them live with the control room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Actors {
    /// The centralist.
    pub operator: String,
    /// The person who asked, if somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<String>,
}

/// `grant`: one camera, one view, one subscriber, one filter or stronger, one window (P5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Grant {
    /// The common claims; `jti` names the share.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The subscriber.
    pub sub: SubscriberId,
    /// Window opens.
    pub nbf: u64,
    /// Window closes.
    pub exp: u64,
    /// The granted view.
    pub view: ViewName,
    /// The weakest filter that may be shown.
    pub filter: Filter,
    /// Optional cap on frames per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fps: Option<u8>,
    /// Where the picture goes.
    pub delivery: Delivery,
    /// What for; the policy lists the purposes.
    pub purpose: String,
    /// Who acted.
    pub act: Actors,
    /// The subscriber's public key (RFC 7800 `cnf`), a JWK; credentials are encrypted to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Confirmation>"))]
    pub cnf: Option<serde_json::Value>,
    /// The request that it answers; a grant may come without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Jti>,
}

/// `extend`: a share's window closes later, without a gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Extend {
    /// The common claims.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// Which share.
    pub share: Jti,
    /// Window closes, later than before.
    pub exp: u64,
    /// Who acted.
    pub act: Actors,
}

/// `deny`: a request is not granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Deny {
    /// The common claims.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// Which request.
    pub request: Jti,
    /// Why.
    pub reason: DenyReason,
    /// Who acted.
    pub act: Actors,
}

/// `clear-leak`: the reports were looked into; the filters that were granted apply again. Signed by a privacy officer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClearLeak {
    /// The common claims.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// Who acted.
    pub act: Actors,
}

/// `revoke`: ends a share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Revoke {
    /// The common claims.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// Which share; `None` ends every share of the audience.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Jti>,
    /// Who acted.
    pub act: Actors,
}

/// `preempt`: the police take the camera, or every camera of the audience. Ends every share and blocks grants until `release` (P8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Preempt {
    /// The common claims.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The control room's reserve epoch with this command counted.
    pub reserve_epoch: u64,
    /// Who acted.
    pub act: Actors,
}

/// `release`: the police give the camera back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Release {
    /// The common claims.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The control room's reserve epoch with this command counted: above that of the preempt that it undoes.
    pub reserve_epoch: u64,
    /// Who acted.
    pub act: Actors,
}

/// `heartbeat`: the control room still stands behind these shares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Heartbeat {
    /// The common claims; `aud` is the whole site, `challenge` absent.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// Grows by at least one with every heartbeat of this key.
    pub counter: u64,
    /// The shares that stand.
    pub stands: Vec<Jti>,
    /// Grows with every preempt and release, so that a stale release is refused.
    #[serde(default)]
    pub reserve_epoch: u64,
    /// Every centralist is busy: whoever asks now is told so at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub busy: bool,
}

/// `head`: so far the journal had come when the board said so. Signed with the board's own key, which no policy knows: it can command nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Head {
    /// The board's key; always `board`: the audience says whose.
    pub iss: KeyId,
    /// The camera.
    pub aud: Audience,
    /// When, on the board's clock.
    pub iat: u64,
    /// Whether that clock was synchronised.
    pub clock_synchronised: bool,
    /// Number of entries.
    pub entries: u64,
    /// Hash of the newest one, hex sha256.
    pub head: String,
}

/// `description`: this is how the board describes a running share's stream, so that nobody on the way can put another description in its place. Signed
/// with the board's own key, as `head`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Description {
    /// The board's key; always `board`: the audience says whose.
    pub iss: KeyId,
    /// The camera.
    pub aud: Audience,
    /// When, on the board's clock.
    pub iat: u64,
    /// The share's subscriber.
    pub sub: SubscriberId,
    /// The share.
    pub share: Jti,
    /// SHA-256 of the member `sdp` of `started`, base64url.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^[A-Za-z0-9_-]{43}$")))]
    pub sdp_sha256: String,
    /// SHA-256 of the member `sealed` of `started`, base64url; present exactly when that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^[A-Za-z0-9_-]{43}$")))]
    pub sealed_sha256: Option<String>,
}

/// `usage-ack`: the control room has written these records down. One that is replayed changes nothing: a record is acknowledged once and for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsageAck {
    /// The room's key.
    pub iss: KeyId,
    /// The camera that wrote the records.
    pub aud: Audience,
    /// When.
    pub iat: u64,
    /// The records.
    pub records: Vec<RecordId>,
}
