//! The board's clocks.

use std::time::Duration;

/// Reads time. The pure crates take times as arguments; this is where they come from.
pub trait Clock: Send + Sync {
    /// Monotonic, microseconds; the same clock as V4L2 timestamps (CLOCK_MONOTONIC).
    fn monotonic_us(&self) -> u64;
    /// UTC, microseconds since the Unix epoch.
    fn utc_us(&self) -> u64;
    /// Whether UTC is known to be right (synchronised by NTP, or set by hand on a development machine).
    fn synchronised(&self) -> bool;
    /// Lets so much time pass; blocks the caller where time passes by itself.
    fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }
}
