//! The time, as an argument.

/// What the board's clocks said when something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds on a clock that never steps and counts suspended time (`CLOCK_BOOTTIME`).
    pub monotonic_ms: u64,
    /// Milliseconds since the Unix epoch on the wall clock, which may step at any time.
    pub utc_ms: u64,
    /// Whether the wall clock is known to be right.
    pub synchronised: bool,
}

impl Now {
    /// Whole seconds since the Unix epoch.
    #[must_use]
    pub fn utc_s(self) -> u64 {
        self.utc_ms / 1000
    }

    /// The monotonic time at which the wall clock will say `utc_s`, if it does not step meanwhile; now, if that is past.
    #[must_use]
    pub(crate) fn until_ms(self, utc_s: u64) -> u64 {
        self.monotonic_ms.saturating_add(utc_s.saturating_mul(1000).saturating_sub(self.utc_ms))
    }

    /// What the wall clock will say, in Unix seconds, at `monotonic_ms`; for telling people.
    #[must_use]
    pub(crate) fn utc_s_at(self, monotonic_ms: u64) -> u64 {
        self.utc_ms.saturating_add(monotonic_ms.saturating_sub(self.monotonic_ms)).div_ceil(1000)
    }
}
