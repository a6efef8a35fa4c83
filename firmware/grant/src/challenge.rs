//! The board's nonce: a command must carry it, so that yesterday's command is refused even by a board whose clock is wrong.

use contract::Challenge;

/// The challenge before the newest one is still accepted for this long, for commands that were on their way.
pub const CHALLENGE_OVERLAP_MS: u64 = 60_000;

#[derive(Debug, Clone)]
pub(crate) struct Challenges {
    current: Challenge,
    /// The one before, and until when (monotonic) it counts.
    previous: Option<(Challenge, u64)>,
}

impl Challenges {
    pub(crate) fn new(current: Challenge) -> Self {
        Self { current, previous: None }
    }
    pub(crate) fn rotate(&mut self, new: Challenge, monotonic_ms: u64) {
        let old = std::mem::replace(&mut self.current, new);
        self.previous = Some((old, monotonic_ms.saturating_add(CHALLENGE_OVERLAP_MS)));
    }
    pub(crate) fn current(&self) -> &Challenge {
        &self.current
    }
    pub(crate) fn accepts(&self, claimed: &Challenge, monotonic_ms: u64) -> bool {
        *claimed == self.current
            || self.previous.as_ref().is_some_and(|(old, until_ms)| claimed == old && monotonic_ms < *until_ms)
    }
}
