//! A token bucket: how often something may happen, and how often at once.

/// Turns that may be saved up, and how long one takes to grow back, milliseconds.
pub(super) type Rate = (u32, u64);

/// Turns left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    pub(super) turns: u32,
    since_ms: u64,
}

impl Bucket {
    pub(super) fn full((most, _): Rate, now_ms: u64) -> Self {
        Self { turns: most, since_ms: now_ms }
    }
    pub(super) fn refill(&mut self, (most, every_ms): Rate, now_ms: u64) {
        let grown = now_ms.saturating_sub(self.since_ms) / every_ms;
        self.since_ms += grown * every_ms;
        self.turns = self.turns.saturating_add(u32::try_from(grown).unwrap_or(u32::MAX)).min(most);
    }
}
