//! Once it runs, a clip costs no allocation a frame, in whichever thread. Alone in its process, because the count is of the whole process.
#![allow(clippy::unwrap_used)] // helpers of tests fail the test

mod common;

use board_hal::CameraSource;
use board_sim::{ClipOptions, ClipSource, SystemClock};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::sync::Arc;
use std::time::Duration;
use tempfile::tempdir;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const PATIENCE: Duration = Duration::from_secs(20);

fn allocations_over(frames: usize, options: &ClipOptions) -> usize {
    let folder = tempdir().unwrap();
    let clip = common::numbered_clip(&folder, "320x240", 100, 25);
    let options = ClipOptions { loop_forever: true, ..options.clone() };
    let mut source = ClipSource::open(&clip, &options, Arc::new(SystemClock::new())).unwrap();
    for _ in 0..20 {
        drop(source.next(PATIENCE).unwrap());
    }
    let region = Region::new(ALLOCATOR);
    for _ in 0..frames {
        drop(source.next(PATIENCE).unwrap());
    }
    let change = region.change();
    change.allocations + change.reallocations
}

#[test]
fn a_warm_clip_allocates_nothing() {
    let region = Region::new(ALLOCATOR);
    drop(std::hint::black_box(vec![0_u8; 64]));
    assert!(region.change().allocations >= 1, "the counter counts");
    assert_eq!(allocations_over(200, &ClipOptions::unpaced()), 0, "unpaced");
    assert_eq!(allocations_over(50, &ClipOptions::default()), 0, "paced");
}
