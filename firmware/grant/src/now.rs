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
}
