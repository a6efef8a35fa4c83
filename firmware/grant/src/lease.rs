//! The control room's heartbeat and how long it carries: the lease.
//!
//! A heartbeat's age counts from when it was *issued*, not from its arrival, so that a carrier that stores heartbeats and feeds them
//! later gains nothing. Two clocks say when that was, and the older answer counts: the board's wall clock, and the quickest heartbeat
//! since the first share began (one that takes longer than that was held up), which no step of the wall clock changes.

use crate::Now;
use contract::body::Refusal;
use contract::claims::Heartbeat;
use contract::policy::Policy;
use contract::{ErrorCode, KeyId};
use std::collections::BTreeMap;

/// A heartbeat's `iat` may differ from the board's wall clock by this much, seconds.
pub const HEARTBEAT_SKEW_S: u64 = 30;

/// Most keys whose counters are remembered.
const MAX_COUNTERS: usize = 32;

#[derive(Debug, Clone, Default)]
pub(crate) struct Lease {
    /// When the newest good heartbeat was issued, on the monotonic clock.
    issued_ms: Option<u64>,
    /// Smallest difference between arrival (monotonic) and `iat` so far, milliseconds: that of the quickest heartbeat.
    quickest_ms: Option<i128>,
    counters: BTreeMap<KeyId, u64>,
    /// Highest reserve epoch that the room has told.
    pub(crate) room_epoch: u64,
    /// The newest good heartbeat says that every centralist is busy.
    pub(crate) busy: bool,
}

impl Lease {
    /// Judges time and counter, and takes the heartbeat in.
    pub(crate) fn hear(&mut self, heartbeat: &Heartbeat, policy: &Policy, now: Now) -> Result<(), Refusal> {
        let issued_s = heartbeat.envelope.iat;
        if issued_s.saturating_add(HEARTBEAT_SKEW_S) < now.utc_s() {
            return Err(off_by(ErrorCode::Expired, now.utc_s() - issued_s, "old"));
        }
        if issued_s > now.utc_s().saturating_add(HEARTBEAT_SKEW_S) {
            return Err(off_by(ErrorCode::NotYetValid, issued_s - now.utc_s(), "ahead"));
        }
        let key = &heartbeat.envelope.iss;
        if let Some(last) = self.counters.get(key)
            && heartbeat.counter <= *last
        {
            let detail = format!("heartbeat {} of this key came after {last}", heartbeat.counter);
            return Err(Refusal::new(ErrorCode::Replayed, detail));
        }
        if self.counters.len() >= MAX_COUNTERS && !self.counters.contains_key(key) {
            self.counters.retain(|kid, _| policy.keys.iter().any(|trusted| trusted.kid == *kid));
            if self.counters.len() >= MAX_COUNTERS {
                return Err(Refusal::new(ErrorCode::Busy, format!("more than {MAX_COUNTERS} room keys")));
            }
        }
        self.counters.insert(key.clone(), heartbeat.counter);
        let issued_ms = now.monotonic_ms.saturating_sub(self.age_on_arrival_ms(issued_s, now));
        self.issued_ms = Some(self.issued_ms.map_or(issued_ms, |before| before.max(issued_ms)));
        self.room_epoch = self.room_epoch.max(heartbeat.reserve_epoch);
        self.busy = heartbeat.busy;
        Ok(())
    }

    /// Forgets how quick heartbeats were. Called while no share stands, so that a room whose clock was set back is believed again.
    pub(crate) fn begin_anew(&mut self) {
        self.quickest_ms = None;
    }

    fn age_on_arrival_ms(&mut self, issued_s: u64, now: Now) -> u64 {
        // `iat` is in whole seconds: the heartbeat was issued before the next one began.
        let by_wall_clock_ms = now.utc_ms.saturating_sub(issued_s.saturating_add(1).saturating_mul(1000));
        let took_ms = i128::from(now.monotonic_ms) - i128::from(issued_s) * 1000;
        let quickest_ms = self.quickest_ms.map_or(took_ms, |before| before.min(took_ms));
        self.quickest_ms = Some(quickest_ms);
        let held_up_ms = u64::try_from(took_ms - quickest_ms - 1000).unwrap_or(0);
        by_wall_clock_ms.max(held_up_ms)
    }

    /// When (monotonic) the lease ends; `None` when no heartbeat was heard since start.
    pub(crate) fn ends_ms(&self, policy: &Policy) -> Option<u64> {
        Some(self.issued_ms?.saturating_add(u64::from(policy.lease_s) * 1000))
    }

    pub(crate) fn age_ms(&self, monotonic_ms: u64) -> Option<u64> {
        Some(monotonic_ms.saturating_sub(self.issued_ms?))
    }

    pub(crate) fn export(&self) -> Vec<(KeyId, u64)> {
        self.counters.iter().map(|(kid, counter)| (kid.clone(), *counter)).collect()
    }

    pub(crate) fn import(counters: Vec<(KeyId, u64)>, room_epoch: u64) -> Self {
        Self {
            issued_ms: None,
            quickest_ms: None,
            counters: counters.into_iter().take(MAX_COUNTERS).collect(),
            room_epoch,
            busy: false,
        }
    }
}

fn off_by(code: ErrorCode, seconds: u64, how: &str) -> Refusal {
    Refusal::new(
        code,
        format!("the heartbeat is {seconds} s {how} by the board's clock, at most {HEARTBEAT_SKEW_S} s are allowed"),
    )
}
