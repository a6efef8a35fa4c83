//! The board's two clocks. `CLOCK_MONOTONIC` is the one that the eye stamps pictures with, so the two processes agree on it.
//!
//! Sets no clock and does not judge whether the wall clock is right.

use nix::time::{ClockId, clock_gettime};
use rtp::MediaTime;
use rtp::rtcp::Now;

/// `CLOCK_MONOTONIC`, microseconds.
#[must_use]
pub fn monotonic_us() -> u64 {
    read_us(ClockId::CLOCK_MONOTONIC)
}

/// UTC, microseconds since the Unix epoch.
#[must_use]
pub fn utc_us() -> u64 {
    read_us(ClockId::CLOCK_REALTIME)
}

/// UTC, milliseconds since the Unix epoch.
#[must_use]
pub fn utc_ms() -> u64 {
    utc_us() / 1000
}

/// This moment on both clocks.
#[must_use]
pub fn now() -> Now {
    Now { media: MediaTime(monotonic_us()), utc_us: utc_us() }
}

/// 0 where the clock shows a time before its epoch, or cannot be read (which Linux does not do for these two).
fn read_us(clock: ClockId) -> u64 {
    clock_gettime(clock).map_or(0, |now| {
        let seconds = u64::try_from(now.tv_sec()).unwrap_or(0);
        seconds * 1_000_000 + u64::try_from(now.tv_nsec() / 1000).unwrap_or(0)
    })
}
