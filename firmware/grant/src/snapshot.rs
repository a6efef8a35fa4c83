//! What must outlive a restart: the mode (P8), what was used (P5), which policy is the oldest that may still be taken (P6), and that a leak was reported.
//! Shares and requests do not outlive it: after a restart none resumes, and whoever asked asks again.

use contract::asking::LeakStanding;
use contract::body::Mode;
use contract::{Jti, KeyId};
use serde::{Deserialize, Serialize};

/// The durable part of the authority. The driver writes it to disk whenever it has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Whether the police have the camera.
    pub mode: Mode,
    /// Epoch of the last preempt or release that was carried out.
    pub applied_epoch: u64,
    /// Highest epoch that a heartbeat told.
    pub room_epoch: u64,
    /// Version of the newest policy ever in force.
    pub policy_version: Option<u64>,
    /// Used `jti`s, each with the Unix second until which it is remembered.
    pub used: Vec<(Jti, u64)>,
    /// Last heartbeat counter of each room key.
    pub counters: Vec<(KeyId, u64)>,
    /// The report of a leak that nobody has cleared yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leak: Option<LeakStanding>,
}

impl Snapshot {
    /// A board's very first.
    #[must_use]
    pub fn first() -> Self {
        Self {
            mode: Mode::Normal,
            applied_epoch: 0,
            room_epoch: 0,
            policy_version: None,
            used: vec![],
            counters: vec![],
            leak: None,
        }
    }
    /// For a board whose snapshot exists but cannot be read: doubt covers, so the camera is taken to be reserved until a release, and a leak to be
    /// reported until that is cleared.
    #[must_use]
    pub fn unreadable() -> Self {
        Self { mode: Mode::Reserved, leak: Some(LeakStanding { since: 0, reports: 0 }), ..Self::first() }
    }
}
