//! Shares that have begun and of which the subscriber is not told yet: the eye is still to sign how their streams are described.
//!
//! Signs and judges nothing. An eye that does not answer in time costs the signature, not the news: whoever wants one refuses what has none.

use crate::shares::Granted;
use crate::viewer::Started;
use contract::Jti;
use contract::body::ShareEvent;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// The eye signs within this time, or the subscriber is told without. Half of what P9 leaves for an end.
pub const SIGNED_WITHIN: Duration = Duration::from_millis(500);
/// Most that wait; there are no more viewers than that.
const MOST: usize = 16;

/// A share, how its stream is described, and until when it waits.
type Waiting = (Granted, Started, Instant);

/// Those that wait, oldest first.
#[derive(Debug, Default)]
pub struct Unsigned(VecDeque<Waiting>);

/// Without the board's word.
fn untold((share, started, _): Waiting) -> (Granted, ShareEvent) {
    (share, started.event(None))
}

impl Unsigned {
    /// One more waits. Gives back the oldest where there are too many.
    #[must_use]
    pub fn add(&mut self, share: Granted, started: Started, now: Instant) -> Option<(Granted, ShareEvent)> {
        let oldest = if self.0.len() >= MOST { self.0.pop_front() } else { None };
        self.0.push_back((share, started, now + SIGNED_WITHIN));
        oldest.map(untold)
    }
    /// The eye answered: what the share's subscriber is to be told, unless that happened or the share is over.
    pub fn signed(&mut self, jti: &Jti, token: Option<String>) -> Option<(Granted, ShareEvent)> {
        let at = self.0.iter().position(|(share, ..)| share.jti == *jti)?;
        self.0.remove(at).map(|(share, started, _)| (share, started.event(token)))
    }
    /// Takes one that waited in vain.
    pub fn overdue(&mut self, now: Instant) -> Option<(Granted, ShareEvent)> {
        self.0.front().is_some_and(|(_, _, until)| *until <= now).then(|| self.0.pop_front()).flatten().map(untold)
    }
    /// The share is over: how its stream was described is of no use.
    pub fn forget(&mut self, jti: &Jti) {
        self.0.retain(|(share, ..)| share.jti != *jti);
    }
    /// Every share is over.
    pub fn forget_all(&mut self) {
        self.0.clear();
    }
    /// When [`Unsigned::overdue`] has one.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.front().map(|(_, _, until)| *until)
    }
}
