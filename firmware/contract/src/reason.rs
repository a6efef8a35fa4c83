//! Why a share ended, what the subscriber is told of it, and why a command was refused.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a share ended: the true reason, for the control room and the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndReason {
    /// The viewer went away or said goodbye.
    ViewerLeft,
    /// The subscriber took the request back.
    Withdrawn,
    /// The grant's window closed.
    Expired,
    /// A centralist took the grant back, or the heartbeat stopped naming it.
    Revoked,
    /// The police took the camera.
    Preempted,
    /// No signed heartbeat for the lease.
    ControlRoomLost,
    /// The camera's aim left the granted view.
    ViewLeft,
    /// Something broke: camera, encoder, eye or voice.
    Fault,
    /// A newer policy no longer allows the share.
    Policy,
    /// A stronger or newer grant took its place.
    Replaced,
    /// Somebody reported an uncovered person or plate.
    LeakReported,
    /// Somebody at the camera turned its privacy switch on, or it can no longer be read.
    PrivacySwitch,
}

/// What the subscriber is told: enough to act on, nothing of police or control-room affairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToldReason {
    /// You left.
    Left,
    /// The granted time is over.
    Expired,
    /// The control room ended it; ask again later.
    Ended,
    /// A technical fault.
    Fault,
}

impl EndReason {
    /// The neutral reason for the subscriber (P8: never why, when the police were it).
    #[must_use]
    pub fn told(self) -> ToldReason {
        match self {
            EndReason::ViewerLeft | EndReason::Withdrawn => ToldReason::Left,
            EndReason::Expired => ToldReason::Expired,
            EndReason::Fault => ToldReason::Fault,
            EndReason::Revoked
            | EndReason::Preempted
            | EndReason::ControlRoomLost
            | EndReason::ViewLeft
            | EndReason::Policy
            | EndReason::Replaced
            | EndReason::LeakReported
            | EndReason::PrivacySwitch => ToldReason::Ended,
        }
    }
}

/// Why a command or request was refused. The wire form is the kebab-case name; `detail` beside it says the particulars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// Not a compact JWS, or its claims do not parse.
    Malformed,
    /// Longer than the board reads.
    TooLarge,
    /// The `typ` is not the one that this command carries.
    WrongType,
    /// The signing key is not in the trust store, or may not do this.
    UnknownKey,
    /// The signature does not match.
    BadSignature,
    /// The key is known but lacks the right.
    NotAllowed,
    /// For another site or camera.
    WrongAudience,
    /// Issued too long ago, or its window is over.
    Expired,
    /// Issued in the future, or its window has not begun.
    NotYetValid,
    /// This `jti` (or counter) was used before.
    Replayed,
    /// Not the board's current challenge.
    StaleChallenge,
    /// Outside the policy: subscriber, purpose, filter, length, address, hours.
    OutsidePolicy,
    /// The policy bundle is older than the one held, not signed by two policy keys, or not for this site.
    PolicyRefused,
    /// No policy, or past its `valid_until`.
    NoPolicy,
    /// The board's clock is not synchronised.
    ClockUnsure,
    /// This board does not offer that view, filter or delivery.
    NotOffered,
    /// Too many shares, requests or viewers at once.
    Busy,
    /// The camera is reserved.
    Reserved,
    /// The privacy switch at the camera is on, or cannot be read.
    PrivacySwitch,
    /// No such share.
    NoSuchShare,
    /// No such request, or it was decided or lapsed.
    NoSuchRequest,
    /// The control room's heartbeat is not there.
    ControlRoomLost,
    /// The eye is not running or did not answer in time.
    EyeAbsent,
    /// Camera, disk or masking is broken.
    Fault,
    /// The command is not known to this version.
    UnknownCommand,
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        kebab(self, f)
    }
}
impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        kebab(self, f)
    }
}
impl fmt::Display for ToldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        kebab(self, f)
    }
}

/// Writes the name that serde gives a unit variant, so that logs and wire agree.
fn kebab<T: Serialize>(value: &T, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => f.write_str(&name),
        _ => Err(fmt::Error),
    }
}
