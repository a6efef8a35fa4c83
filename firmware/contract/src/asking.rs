//! What becomes of a request, JSON on the wire: told to the subscriber on `share/<sub>/<request>`, and to the control room as `inbox`.

use crate::claims::Request;
use crate::{Jti, SubscriberId};
use serde::{Deserialize, Serialize};

/// Why a centralist said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum DenyReason {
    /// The camera or the room is needed elsewhere.
    Busy,
    /// Not now; asking later makes sense.
    NotNow,
    /// The purpose does not justify it.
    Purpose,
    /// Something else.
    Other,
}

/// Why a request came to nothing without anybody's decision. Says nothing of what the room was doing (P8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum LapseReason {
    /// Nobody decided within the policy's patience.
    NoAnswer,
    /// The control room says that everybody is busy.
    RoomBusy,
    /// The control room is not there.
    RoomAbsent,
    /// The board cannot keep requests any longer: it restarts, or a newer policy no longer allows this one.
    Dropped,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum RequestEvent {
    /// It waits for a centralist.
    Pending {
        /// Unix seconds at which it lapses.
        until: u64,
    },
    /// It was granted.
    Granted {
        /// The share; its events come on `share/<sub>/<share>`.
        share: Jti,
    },
    /// A centralist said no.
    Denied {
        /// Why.
        reason: DenyReason,
    },
    /// Nobody decided.
    Lapsed {
        /// Why.
        reason: LapseReason,
    },
    /// The subscriber took it back.
    Withdrawn,
}

/// One request that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OpenRequest {
    /// Its name.
    pub jti: Jti,
    /// Who asks.
    pub sub: SubscriberId,
    /// When it came, Unix seconds on the board.
    pub asked_at: u64,
    /// When it lapses, Unix seconds on the board.
    pub until: u64,
    /// What it says; the filter is filled in where the subscriber left it to the policy.
    pub request: Request,
    /// The signed token itself, so that the control room need not believe the carriers.
    pub token: String,
}

/// `inbox`, retained: every request that waits at this camera, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Inbox {
    /// They.
    pub requests: Vec<OpenRequest>,
}

/// In `state`: somebody reported something uncovered, and everything is `coarse` until it is cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LeakStanding {
    /// When the first report since the last clearing came, Unix seconds.
    pub since: u64,
    /// Reports since then.
    pub reports: u32,
}
