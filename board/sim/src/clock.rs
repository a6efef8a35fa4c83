//! A clock that stands still until a test moves it. Clones show the same time.

use board_hal::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Simulated time.
#[derive(Debug, Clone)]
pub struct SimClock(Arc<Hands>);

#[derive(Debug)]
struct Hands {
    monotonic_us: AtomicU64,
    utc_us: AtomicU64,
    synchronised: AtomicBool,
}

impl SimClock {
    /// Shows 0 s monotonic and `utc_us`, synchronised.
    #[must_use]
    pub fn new(utc_us: u64) -> Self {
        Self(Arc::new(Hands {
            monotonic_us: AtomicU64::new(0),
            utc_us: AtomicU64::new(utc_us),
            synchronised: AtomicBool::new(true),
        }))
    }
    /// Time passes: both clocks move on.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        self.0.monotonic_us.fetch_add(by, Ordering::SeqCst);
        self.0.utc_us.fetch_add(by, Ordering::SeqCst);
    }
    /// Somebody sets the wall clock; the monotonic one does not notice.
    pub fn step_utc(&self, utc_us: u64) {
        self.0.utc_us.store(utc_us, Ordering::SeqCst);
    }
    /// NTP found or lost.
    pub fn set_synchronised(&self, synchronised: bool) {
        self.0.synchronised.store(synchronised, Ordering::SeqCst);
    }
}

impl Clock for SimClock {
    fn monotonic_us(&self) -> u64 {
        self.0.monotonic_us.load(Ordering::SeqCst)
    }
    fn utc_us(&self) -> u64 {
        self.0.utc_us.load(Ordering::SeqCst)
    }
    fn synchronised(&self) -> bool {
        self.0.synchronised.load(Ordering::SeqCst)
    }
    fn pause(&self, time: Duration) {
        self.advance(time);
    }
}
