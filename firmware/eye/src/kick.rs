//! Tells the board's watchdog that all is well: at most once a second, and only while the road steps and the office comes round.
//!
//! It is told between two steps of the road, so a road that stands still tells nothing. A camera that is gone is no reason to start the board anew: it
//! may come back, and meanwhile the office must answer (P12). Calls that hang end the eye long before ([`crate::watchdog`]).

use board_hal::{Clock, Pins};
use std::sync::Arc;

/// Told this often.
const EVERY_MS: u64 = 1_000;
/// An office that has not come round for so long stands still; it does so every second at least, and may wait for the disk.
const OFFICE_LIMIT_MS: u64 = 5_000;

/// See the [module](self).
pub struct Kick {
    pins: Arc<dyn Pins>,
    clock: Arc<dyn Clock>,
    told_ms: Option<u64>,
    /// What was logged last: a trouble is said once.
    said: bool,
}

impl Kick {
    /// Tells the watchdog of `pins`.
    #[must_use]
    pub fn new(pins: Arc<dyn Pins>, clock: Arc<dyn Clock>) -> Self {
        Self { pins, clock, told_ms: None, said: false }
    }

    /// The road has made a step; the office came round at `office_ms`.
    pub fn step(&mut self, office_ms: u64) {
        let now_ms = self.clock.monotonic_us() / 1_000;
        if self.told_ms.is_some_and(|told_ms| now_ms.saturating_sub(told_ms) < EVERY_MS) {
            return;
        }
        if now_ms.saturating_sub(office_ms) > OFFICE_LIMIT_MS {
            self.say(|| tracing::error!("the office stands still; the board's watchdog is not told that all is well"));
            return;
        }
        self.told_ms = Some(now_ms);
        match self.pins.kick() {
            Ok(()) => self.said = false,
            Err(error) => self.say(|| tracing::error!(%error, "the board's watchdog cannot be told that all is well")),
        }
    }

    fn say(&mut self, what: impl FnOnce()) {
        if !std::mem::replace(&mut self.said, true) {
            what();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use board_sim::{SimClock, SimPins};
    use std::time::Duration;

    fn rig() -> (Kick, SimPins, SimClock) {
        let (pins, clock) = (SimPins::closed(), SimClock::new(0));
        clock.advance(Duration::from_secs(60));
        (Kick::new(Arc::new(pins.clone()), Arc::new(clock.clone())), pins, clock)
    }

    #[test]
    fn p12_the_watchdog_is_told_once_a_second_while_road_and_office_move() {
        let (mut kick, pins, clock) = rig();
        for _ in 0..100 {
            kick.step(clock.monotonic_us() / 1_000);
            clock.advance(Duration::from_millis(40));
        }
        assert_eq!(pins.kicks(), 4);
    }

    #[test]
    fn p12_a_road_that_stands_still_tells_the_watchdog_nothing() {
        let (mut kick, pins, clock) = rig();
        kick.step(clock.monotonic_us() / 1_000);
        clock.advance(Duration::from_secs(100));
        assert_eq!(pins.kicks(), 1);
    }

    #[test]
    fn p12_nor_does_one_whose_office_stands_still_until_it_comes_round_again() {
        let (mut kick, pins, clock) = rig();
        let office_ms = clock.monotonic_us() / 1_000;
        for _ in 0..20 {
            kick.step(office_ms);
            clock.advance(Duration::from_secs(1));
        }
        assert_eq!(pins.kicks(), 6, "for five seconds it may be waiting for the disk");
        kick.step(clock.monotonic_us() / 1_000);
        assert_eq!(pins.kicks(), 7);
    }
}
