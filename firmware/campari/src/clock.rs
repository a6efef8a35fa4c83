//! The control room's own clock, read in one place.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Time since the Unix epoch; zero on a machine whose clock stands before 1970.
#[must_use]
pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Unix seconds, as tokens carry them.
#[must_use]
pub fn unix_s() -> u64 {
    now().as_secs()
}

/// Unix milliseconds, as logs carry them.
#[must_use]
pub fn unix_ms() -> u64 {
    u64::try_from(now().as_millis()).unwrap_or(u64::MAX)
}

/// Unix microseconds, as `abs-capture-time` is compared with.
#[must_use]
pub fn unix_us() -> u64 {
    u64::try_from(now().as_micros()).unwrap_or(u64::MAX)
}
