//! A paced clip behaves as a camera: real time, newest frame first, the rest counted.

mod common;

use board_hal::{CameraSource, Clock};
use board_sim::{ClipOptions, ClipSource, SystemClock};
use std::sync::Arc;
use std::time::Duration;
use tempfile::tempdir;

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn frames_are_taken_at_the_clips_own_rate() {
    let folder = tempdir().unwrap();
    let clip = common::numbered_clip(&folder, "64x48", 20, 12);
    let mut source = ClipSource::open(&clip, &ClipOptions::default(), Arc::new(SystemClock::new())).unwrap();
    let mut taken = Vec::new();
    while let Ok(frame) = source.next(PATIENCE) {
        taken.push((frame.info().id.0, frame.info().captured.monotonic_us));
    }
    let (first, last) = (taken[0], taken[taken.len() - 1]);
    assert_eq!(last.0, 11, "{taken:?}");
    // Never early; how late depends on the machine.
    assert!(last.1 - first.1 >= (last.0 - first.0) * 50_000 - 5_000, "{taken:?}");
}

#[test]
fn a_late_consumer_gets_the_newest_and_the_rest_count_as_dropped() {
    let folder = tempdir().unwrap();
    let clip = common::numbered_clip(&folder, "64x48", 50, 25);
    let options = ClipOptions { loop_forever: true, ..ClipOptions::default() };
    let clock = Arc::new(SystemClock::new());
    let mut source = ClipSource::open(&clip, &options, clock.clone()).unwrap();
    drop(source.next(PATIENCE).unwrap());
    while source.dropped() < 8 {
        std::thread::yield_now();
    }
    let asked_us = clock.monotonic_us();
    let frame = source.next(PATIENCE).unwrap();
    assert!(frame.info().id.0 >= 9, "frame {:?} is not the newest", frame.info().id);
    assert!(asked_us.saturating_sub(frame.info().captured.monotonic_us) < 200_000, "an old frame");
    assert_eq!(u64::from(frame.planes().luma[0]), 16 + 8 * (frame.info().id.0 % 25), "the pixels are of that frame");
}

#[test]
fn taken_and_dropped_frames_account_for_every_number() {
    let folder = tempdir().unwrap();
    let clip = common::numbered_clip(&folder, "64x48", 50, 25);
    let mut source = ClipSource::open(&clip, &ClipOptions::default(), Arc::new(SystemClock::new())).unwrap();
    let mut taken = 0;
    while let Ok(frame) = source.next(PATIENCE) {
        drop(frame);
        taken += 1;
        let dropped = source.dropped();
        while taken % 4 == 0 && source.dropped() == dropped && taken < 12 {
            std::thread::yield_now();
        }
    }
    assert_eq!(taken + source.dropped(), 25);
    assert!(source.dropped() >= 2);
}

#[test]
fn a_consumer_that_holds_every_buffer_loses_frames_but_not_the_clip() {
    let folder = tempdir().unwrap();
    let clip = common::numbered_clip(&folder, "64x48", 50, 25);
    let options = ClipOptions { loop_forever: true, buffers: 3, ..ClipOptions::default() };
    let mut source = ClipSource::open(&clip, &options, Arc::new(SystemClock::new())).unwrap();
    let held: Vec<_> = (0..3).map(|_| source.next(PATIENCE).unwrap()).collect();
    let before = source.dropped();
    while source.dropped() < before + 3 {
        std::thread::yield_now();
    }
    let newest_held = held[2].info().id;
    drop(held);
    let after = source.next(PATIENCE).unwrap();
    assert!(after.info().id.0 >= newest_held.0 + 3, "{:?}", after.info().id);
}

#[test]
fn time_stamps_follow_the_clock_that_was_given() {
    let folder = tempdir().unwrap();
    let clip = common::numbered_clip(&folder, "64x48", 20, 3);
    let clock = Arc::new(SystemClock::new());
    let before = (clock.monotonic_us(), clock.utc_us());
    let mut source = ClipSource::open(&clip, &ClipOptions::default(), clock.clone()).unwrap();
    let captured = source.next(PATIENCE).unwrap().info().captured;
    assert!((before.0..=clock.monotonic_us()).contains(&captured.monotonic_us));
    assert!((before.1..=clock.utc_us()).contains(&captured.utc_us));
}
