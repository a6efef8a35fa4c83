//! How often: pictures under a cap, attempts to get back what is gone. Times are arguments: microseconds on the board's monotonic clock.

use std::time::Duration;

/// Holds pictures to a cap in the long run, whatever the camera's own rate: the generic cell rate algorithm (ITU-T I.371, annex A) with one interval
/// of tolerance, so that a camera that is a little faster than the cap, or not quite even, loses no more pictures than it must.
#[derive(Debug, Clone, Default)]
pub(super) struct RateCap {
    last_us: Option<u64>,
    due_us: u64,
}

impl RateCap {
    /// Whether a picture taken at `at_us` may be shown.
    pub(super) fn allows(&self, at_us: u64, fps: Option<u8>) -> bool {
        let (Some(interval_us), Some(last_us)) = (fps.map(interval_us), self.last_us) else { return true };
        // The cap may have been another one a moment ago; never wait longer than this one asks for.
        let due_us = self.due_us.min(last_us + 2 * interval_us);
        at_us + interval_us >= due_us
    }
    /// That picture was shown.
    pub(super) fn shown(&mut self, at_us: u64, fps: Option<u8>) {
        let interval_us = fps.map_or(0, interval_us);
        self.due_us = self.due_us.clamp(at_us, at_us + interval_us) + interval_us;
        self.last_us = Some(at_us);
    }
}

fn interval_us(fps: u8) -> u64 {
    1_000_000 / u64::from(fps.max(1))
}

/// When to try again: at once at first, then ever more slowly until it works.
#[derive(Debug, Clone)]
pub(super) struct BackOff {
    due_us: u64,
    wait_us: u64,
}

impl BackOff {
    const SHORTEST_US: u64 = 250_000;
    const LONGEST_US: u64 = 8_000_000;

    /// Due at once.
    pub(super) fn new() -> Self {
        Self { due_us: 0, wait_us: Self::SHORTEST_US }
    }
    pub(super) fn is_due(&self, now_us: u64) -> bool {
        now_us >= self.due_us
    }
    /// How long until the next attempt.
    pub(super) fn left(&self, now_us: u64) -> Duration {
        Duration::from_micros(self.due_us.saturating_sub(now_us))
    }
    /// It failed: next time later. Returns how long that is.
    pub(super) fn failed(&mut self, now_us: u64) -> Duration {
        let wait_us = self.wait_us;
        self.due_us = now_us + wait_us;
        self.wait_us = (wait_us * 2).min(Self::LONGEST_US);
        Duration::from_micros(wait_us)
    }
    /// It works.
    pub(super) fn worked(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p5_a_camera_that_is_not_quite_even_loses_nothing_at_a_cap_of_its_own_rate() {
        let mut cap = RateCap::default();
        for n in 1..1_000_u64 {
            let at_us = n * 40_000 + n * 7_919 % 15_000;
            assert!(cap.allows(at_us, Some(25)), "picture {n}");
            cap.shown(at_us, Some(25));
        }
    }
}
