//! One grant being used.

use crate::Now;
use contract::body::{ShareState, ShareSummary};
use contract::claims::{Delivery, Grant};
use contract::{Filter, Jti, KeyId, SubscriberId};

/// Where a share stands, as the authority counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its window has not begun.
    Ahead,
    /// Its window is open, and no viewer has come yet: it waits for one until it closes. For a share that is fetched, or relayed.
    Expecting,
    /// Its media may flow.
    Open,
    /// Nobody watches; it ends then (monotonic, milliseconds) unless somebody comes back.
    Alone { until_ms: u64 },
}

/// An accepted grant, until it ends.
#[derive(Debug, Clone)]
pub struct Share {
    grant: Box<Grant>,
    /// Who answers for its window: whoever granted it, or extended it last.
    signer: KeyId,
    pub(crate) phase: Phase,
    /// The filter in effect, as it was last told.
    pub(crate) filter: Filter,
    /// On the monotonic clock, fixed when it was granted.
    opens_ms: u64,
    /// On the monotonic clock, fixed when it was granted, moved only by an extension.
    closes_ms: u64,
    granted_utc_s: u64,
    /// Heartbeats in a row that did not name it.
    missing: u8,
}

impl Share {
    pub(crate) fn new(grant: Box<Grant>, now: Now) -> Self {
        let (opens_ms, closes_ms) = (now.until_ms(grant.nbf), now.until_ms(grant.exp));
        let (signer, filter) = (grant.envelope.iss.clone(), grant.filter);
        let (phase, granted_utc_s) = (Phase::Ahead, now.utc_s());
        Self { grant, signer, phase, filter, opens_ms, closes_ms, granted_utc_s, missing: 0 }
    }

    /// What was granted; `exp` as it was last extended.
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
    /// The key that answers for its window.
    #[must_use]
    pub fn signer(&self) -> &KeyId {
        &self.signer
    }
    /// The filter in effect: the granted one, or a stronger one that another share or a report of a leak calls for.
    #[must_use]
    pub fn filter(&self) -> Filter {
        self.filter
    }
    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> ShareState {
        match self.phase {
            Phase::Open => ShareState::Sharing,
            Phase::Ahead | Phase::Expecting | Phase::Alone { .. } => ShareState::Waiting,
        }
    }
    /// Whether its window has begun: the camera is its own, whether or not somebody watches at this moment.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.phase != Phase::Ahead
    }
    /// For `state`.
    #[must_use]
    pub fn summary(&self) -> ShareSummary {
        ShareSummary { jti: self.jti().clone(), state: self.state(), filter: self.filter, exp: self.grant.exp }
    }

    pub(crate) fn opens_ms(&self) -> u64 {
        self.opens_ms
    }
    pub(crate) fn closes_ms(&self) -> u64 {
        self.closes_ms
    }
    /// When it ends if nobody comes back, monotonic milliseconds.
    pub(crate) fn alone_until_ms(&self) -> Option<u64> {
        match self.phase {
            Phase::Alone { until_ms } => Some(until_ms),
            Phase::Ahead | Phase::Expecting | Phase::Open => None,
        }
    }
    /// Whether its window is over by *either* clock.
    pub(crate) fn is_over(&self, now: Now) -> bool {
        now.monotonic_ms >= self.closes_ms || now.utc_ms >= self.grant.exp.saturating_mul(1000)
    }

    /// The same grant with a later end: what an extension has to be judged by.
    pub(crate) fn lengthened(&self, exp: u64) -> Grant {
        Grant { exp, ..(*self.grant).clone() }
    }

    /// Its window closes later. On the monotonic clock by no more than was added, and no later than the wall clock makes it now: a wall clock that
    /// was set back since the grant adds nothing.
    pub(crate) fn extend(&mut self, exp: u64, signer: KeyId, now: Now) {
        let added_ms = exp.saturating_sub(self.grant.exp).saturating_mul(1000);
        self.closes_ms = self.closes_ms.saturating_add(added_ms).min(now.until_ms(exp));
        self.grant.exp = exp;
        self.signer = signer;
    }

    /// As it was before it began; for one that comes back after the police had the camera.
    pub(crate) fn anew(mut self) -> Self {
        (self.phase, self.filter) = (Phase::Ahead, self.grant.filter);
        self
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

    /// What its window's opening leads to: pushed media flows, fetched media waits for whoever fetches it, relayed media for the media server.
    pub(crate) fn opened(&self) -> Phase {
        match self.grant.delivery {
            Delivery::Push { .. } => Phase::Open,
            Delivery::Pull | Delivery::Relay => Phase::Expecting,
        }
    }

    /// Whether both would go the same way: to the same ports (RTP, and RTCP on the next one), or to one subscriber's one URL, here or at its media server.
    pub(crate) fn collides_with(&self, other: &Grant) -> bool {
        match (&self.grant.delivery, &other.delivery) {
            (Delivery::Push { address, port }, Delivery::Push { address: other, port: other_port }) => {
                address == other && port.abs_diff(*other_port) <= 1
            }
            (Delivery::Pull, Delivery::Pull) | (Delivery::Relay, Delivery::Relay) => self.grant.sub == other.sub,
            (Delivery::Push { .. } | Delivery::Pull | Delivery::Relay, _) => false,
        }
    }
}
