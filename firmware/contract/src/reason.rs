//! Why a share ended, what the subscriber is told of it, and why a command was refused.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a share ended: the true reason, for the control room and the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// The board was stopped in good order: an update, or work on it.
    Maintenance,
}

/// What the subscriber is told: enough to act on, nothing of police or control-room affairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
            | EndReason::PrivacySwitch
            | EndReason::Maintenance => ToldReason::Ended,
        }
    }
}

/// Why a command or request was refused. The wire form is the kebab-case name; `detail` beside it says the particulars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

impl EndReason {
    /// All of them.
    pub const ALL: [EndReason; 13] = [
        EndReason::ViewerLeft,
        EndReason::Withdrawn,
        EndReason::Expired,
        EndReason::Revoked,
        EndReason::Preempted,
        EndReason::ControlRoomLost,
        EndReason::ViewLeft,
        EndReason::Fault,
        EndReason::Policy,
        EndReason::Replaced,
        EndReason::LeakReported,
        EndReason::PrivacySwitch,
        EndReason::Maintenance,
    ];
}

impl ErrorCode {
    /// All of them, as the published contract lists them.
    pub const ALL: [ErrorCode; 25] = [
        ErrorCode::Malformed,
        ErrorCode::TooLarge,
        ErrorCode::WrongType,
        ErrorCode::UnknownKey,
        ErrorCode::BadSignature,
        ErrorCode::NotAllowed,
        ErrorCode::WrongAudience,
        ErrorCode::Expired,
        ErrorCode::NotYetValid,
        ErrorCode::Replayed,
        ErrorCode::StaleChallenge,
        ErrorCode::OutsidePolicy,
        ErrorCode::PolicyRefused,
        ErrorCode::NoPolicy,
        ErrorCode::ClockUnsure,
        ErrorCode::NotOffered,
        ErrorCode::Busy,
        ErrorCode::Reserved,
        ErrorCode::PrivacySwitch,
        ErrorCode::NoSuchShare,
        ErrorCode::NoSuchRequest,
        ErrorCode::ControlRoomLost,
        ErrorCode::EyeAbsent,
        ErrorCode::Fault,
        ErrorCode::UnknownCommand,
    ];

    /// What whoever sent the command can do about it.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            ErrorCode::Malformed => {
                "Build the token as its schema says: exactly the three header members, each member once, iss equal to kid."
            }
            ErrorCode::TooLarge => "Send less: a token has at most 16 KiB, a request 4 KiB, a policy bundle 2 MiB.",
            ErrorCode::WrongType => "Send the token on the topic of its kind, with that kind's typ in the header.",
            ErrorCode::UnknownKey => {
                "Have the policy office add the key, or sign with the key that the policy in force names."
            }
            ErrorCode::BadSignature => {
                "Sign header.payload with the private key of that kid (Ed25519); change nothing afterwards."
            }
            ErrorCode::NotAllowed => {
                "Let somebody whose key has the right send it; the policy says who may do what, on which cameras."
            }
            ErrorCode::WrongAudience => {
                "Set aud to site/camera of the board that the topic names; site/* only where the command may go to all."
            }
            ErrorCode::Expired => {
                "Sign anew and send within a minute; if it happens again, compare the sender's clock with now in state."
            }
            ErrorCode::NotYetValid => {
                "Set the sender's clock, or send it when its window has begun; now in state is the board's time."
            }
            ErrorCode::Replayed => "Sign a new token with a jti (a heartbeat: a counter) never used before.",
            ErrorCode::StaleChallenge => "Read challenge from the newest state and sign anew.",
            ErrorCode::OutsidePolicy => {
                "Ask for what the policy allows, or have the policy office change it; detail says what is outside."
            }
            ErrorCode::PolicyRefused => {
                "Publish a bundle with a higher version, for this site, signed by two of the board's policy keys."
            }
            ErrorCode::NoPolicy => "Have the policy office publish a bundle whose valid_until lies ahead.",
            ErrorCode::ClockUnsure => {
                "Give the board a time source; it grants nothing until clock_synchronised in state is true."
            }
            ErrorCode::NotOffered => "Choose a view, filter and delivery of the board's catalogue.",
            ErrorCode::Busy => "Wait for a share or request to end, or try again in a moment.",
            ErrorCode::Reserved => "Wait for the release: the camera is not to be had meanwhile.",
            ErrorCode::PrivacySwitch => {
                "Somebody at the camera must turn the switch off; nothing can be done from afar."
            }
            ErrorCode::NoSuchShare => "Take the share's id from state or from share events; it may have ended already.",
            ErrorCode::NoSuchRequest => {
                "Take the request's id from inbox; it may have been decided, withdrawn or lapsed."
            }
            ErrorCode::ControlRoomLost => {
                "Start the control room's agent; the board hears its heartbeat within two seconds."
            }
            ErrorCode::EyeAbsent => "Look at presence in state; when it is online again, send a newly signed command.",
            ErrorCode::Fault => "Look at state and at the board's own log; detail says what is broken.",
            ErrorCode::UnknownCommand => {
                "Send what this version knows, or update the board; firmware in state says which it runs."
            }
        }
    }
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
