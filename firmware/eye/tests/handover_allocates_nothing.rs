//! The first wait of a thread for a queue costs no memory, whenever it comes. `std::sync::mpsc` takes two pieces then, and on a busy machine, where others have
//! answered before anybody waits, that may be long after the start. One test alone in its file, because the count is of the whole process.
#![allow(clippy::unwrap_used)]

use eye::handover::{Nothing, handover};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};
use std::alloc::System;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Long enough that the thread really waits.
const A_WHILE: Duration = Duration::from_millis(2);

/// What `wait` allocates in a thread that never waited for anything: the least of several, because the test's harness is at work beside.
fn first_wait<T: Send + 'static>(make: impl Fn() -> T, wait: fn(&T)) -> usize {
    let once = |_| {
        let queue = make();
        let count = move || {
            let region = Region::new(ALLOCATOR);
            wait(&queue);
            let Stats { allocations, reallocations, .. } = region.change();
            allocations + reallocations
        };
        thread::spawn(count).join().unwrap()
    };
    (0..20).map(once).min().unwrap()
}

#[test]
fn p12_the_first_wait_for_a_handover_allocates_nothing() {
    let mpsc = first_wait(|| sync_channel::<u8>(1), |(_giver, taker)| assert!(taker.recv_timeout(A_WHILE).is_err()));
    assert!(mpsc > 0, "the counter sees what a first wait costs");
    let ours =
        first_wait(handover::<u8, 1>, |(_giver, taker)| assert_eq!(taker.take_within(A_WHILE), Err(Nothing::Yet)));
    assert_eq!(ours, 0);
}
