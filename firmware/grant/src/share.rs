//! One grant being used.

use crate::Now;
use contract::body::{ShareState, ShareSummary};
use contract::claims::{Delivery, Grant};
use contract::{Jti, SubscriberId};

/// An accepted grant, until it ends.
#[derive(Debug, Clone)]
pub struct Share {
    grant: Box<Grant>,
    state: ShareState,
    /// On the monotonic clock, fixed when it was granted.
    opens_ms: u64,
    /// On the monotonic clock, fixed when it was granted.
    closes_ms: u64,
    granted_utc_s: u64,
    /// Heartbeats in a row that did not name it.
    missing: u8,
}

impl Share {
    pub(crate) fn new(grant: Box<Grant>, now: Now) -> Self {
        let until = |utc_s: u64| now.monotonic_ms.saturating_add(utc_s.saturating_mul(1000).saturating_sub(now.utc_ms));
        let (opens_ms, closes_ms) = (until(grant.nbf), until(grant.exp));
        Self { grant, state: ShareState::Waiting, opens_ms, closes_ms, granted_utc_s: now.utc_s(), missing: 0 }
    }

    /// What was granted.
    #[must_use]
    pub fn grant(&self) -> &Grant {
        &self.grant
    }
    /// Its name.
    #[must_use]
    pub fn jti(&self) -> &Jti {
        &self.grant.envelope.jti
    }
    /// Its subscriber.
    #[must_use]
    pub fn sub(&self) -> &SubscriberId {
        &self.grant.sub
    }
    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> ShareState {
        self.state
    }
    /// For `state`.
    #[must_use]
    pub fn summary(&self) -> ShareSummary {
        ShareSummary { jti: self.jti().clone(), state: self.state, filter: self.grant.filter, exp: self.grant.exp }
    }

    pub(crate) fn start(&mut self) {
        self.state = ShareState::Sharing;
    }
    pub(crate) fn opens_ms(&self) -> u64 {
        self.opens_ms
    }
    pub(crate) fn closes_ms(&self) -> u64 {
        self.closes_ms
    }
    /// Whether its window is over by *either* clock.
    pub(crate) fn is_over(&self, now: Now) -> bool {
        now.monotonic_ms >= self.closes_ms || now.utc_ms >= self.grant.exp.saturating_mul(1000)
    }

    /// Counts a heartbeat; `true` when two in a row did not name this share. One that was issued no later than the grant cannot
    /// know of it and is not counted.
    pub(crate) fn is_dropped_by(&mut self, heartbeat_iat: u64, stands: bool) -> bool {
        if stands {
            self.missing = 0;
        } else if heartbeat_iat > self.granted_utc_s.max(self.grant.envelope.iat) {
            self.missing = self.missing.saturating_add(1);
        }
        self.missing >= 2
    }

    /// Whether both would send to the same ports (RTP, and RTCP on the next one).
    pub(crate) fn collides_with(&self, delivery: &Delivery) -> bool {
        let (Delivery::Push { address, port }, Delivery::Push { address: other, port: other_port }) =
            (&self.grant.delivery, delivery);
        address == other && port.abs_diff(*other_port) <= 1
    }
}
