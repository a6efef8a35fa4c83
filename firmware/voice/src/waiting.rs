//! Requests that wait for a centralist, as far as the eye has said: an eye that comes back without them leaves nobody waiting.
//!
//! Decides about none of them. An eye keeps its requests in memory alone, so that those of one that died are over; who asked is told so, by the eye's
//! next inbox or, where no eye comes, soon.

use contract::asking::{Inbox, LapseReason, RequestEvent};
use contract::{Jti, SubscriberId};
use std::time::Duration;
use tokio::time::Instant;

/// How long an eye may be away before its requests count as lost.
pub const AWAY: Duration = Duration::from_secs(2);

/// What somebody who waits in vain is told.
pub const LOST: RequestEvent = RequestEvent::Lapsed { reason: LapseReason::Dropped };

/// A request and whose it is.
pub type Asked = (Jti, SubscriberId);

/// Those that wait.
#[derive(Debug, Default)]
pub struct Waiting {
    asked: Vec<Asked>,
    /// The eye is away: they count as lost from then on.
    lost_at: Option<Instant>,
}

impl Waiting {
    /// The eye says which wait. Gives those that an eye before it left behind.
    #[must_use]
    pub fn inbox(&mut self, inbox: &Inbox) -> Vec<Asked> {
        let mut before = std::mem::replace(
            &mut self.asked,
            inbox.requests.iter().map(|open| (open.jti.clone(), open.sub.clone())).collect(),
        );
        if self.lost_at.take().is_none() {
            return Vec::new();
        }
        before.retain(|asked| !self.asked.contains(asked));
        before
    }
    /// The eye said what became of one.
    pub fn told(&mut self, jti: &Jti, event: &RequestEvent) {
        if !matches!(event, RequestEvent::Pending { .. }) {
            self.asked.retain(|(known, _)| known != jti);
        }
    }
    /// The eye is away.
    pub fn eye_lost(&mut self, now: Instant) {
        self.lost_at = (!self.asked.is_empty()).then_some(now + AWAY);
    }
    /// Takes those of an eye that stayed away; empty when there are none.
    #[must_use]
    pub fn overdue(&mut self, now: Instant) -> Vec<Asked> {
        if self.lost_at.is_some_and(|at| at <= now) {
            self.lost_at = None;
            return std::mem::take(&mut self.asked);
        }
        Vec::new()
    }
    /// When [`Waiting::overdue`] has some.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.lost_at
    }
}
