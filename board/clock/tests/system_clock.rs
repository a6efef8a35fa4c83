//! The system clock tells the same time as the standard library, in microseconds.

use board_clock::SystemClock;
use board_hal::Clock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

#[test]
fn utc_is_the_time_since_1970() {
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    let told = u128::from(SystemClock::new().utc_us());
    let after = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    assert!((before..=after).contains(&told), "{before} <= {told} <= {after}");
}

#[test]
fn monotonic_advances_as_the_standard_librarys_does() {
    let clock = SystemClock::new();
    let (started, first) = (Instant::now(), clock.monotonic_us());
    while started.elapsed().as_micros() < 2_000 {
        std::hint::spin_loop();
    }
    let passed = clock.monotonic_us() - first;
    let bound = started.elapsed().as_micros();
    assert!(passed >= 1_999 && u128::from(passed) <= bound + 1, "{passed} us of {bound} us");
}

#[test]
fn a_development_machine_may_call_itself_synchronised() {
    assert!(SystemClock::assume_synchronised().synchronised());
}
