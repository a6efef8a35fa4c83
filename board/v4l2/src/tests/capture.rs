//! Frames as a driver delivers them, honest or not.

use super::fake::{Fake, HEIGHT, StillClock, WIDTH};
use crate::driver::{Filled, FourCc, Notice};
use board_hal::{CameraError, CameraSource};
use mask::{ColourMatrix, ColourRange, FrameId};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2);

fn bad(error: &CameraError) -> String {
    match error {
        CameraError::BadFrame { cause, .. } => cause.clone(),
        other => panic!("not a bad frame: {other}"),
    }
}

#[test]
fn a_frame_is_the_drivers_own_memory_and_goes_back_to_it() {
    let fake = Fake::new(FourCc::NV12);
    let mut camera = fake.camera(&StillClock::at(0)).unwrap();
    assert_eq!(fake.queued(), [0, 1, 2, 3, 4, 5]);
    fake.fills(3, 0);
    let frame = camera.next(PATIENCE).unwrap();
    assert!(frame.planes().luma.iter().chain(frame.planes().chroma).all(|value| *value == 3));
    assert_eq!((frame.planes().luma.len(), frame.planes().chroma.len()), (WIDTH * HEIGHT, WIDTH * HEIGHT / 2));
    assert!(!fake.queued().contains(&3), "while it is lent");
    drop(frame);
    assert!(fake.queued().contains(&3), "once it is dropped");
}

#[test]
fn planes_in_two_memories_are_both_there() {
    let fake = Fake::new(FourCc::NM12);
    let mut camera = fake.camera(&StillClock::at(0)).unwrap();
    fake.fills(5, 0);
    let frame = camera.next(PATIENCE).unwrap();
    assert_eq!((frame.planes().luma.len(), frame.planes().chroma.len()), (WIDTH * HEIGHT, WIDTH * HEIGHT / 2));
    assert_eq!((frame.planes().luma[0], frame.planes().chroma[0]), (5, 5));
}

#[test]
fn what_is_converted_has_its_buffer_queued_at_once() {
    for pixels in [FourCc::YUYV, FourCc::UYVY, FourCc::NV16] {
        let fake = Fake::new(pixels);
        let mut camera = fake.camera(&StillClock::at(0)).unwrap();
        fake.fills(4, 0);
        let frame = camera.next(PATIENCE).unwrap();
        assert!(fake.queued().contains(&4));
        assert_eq!(frame.planes().luma[..], [4; WIDTH * HEIGHT]);
        assert_eq!(frame.planes().chroma[..], [4; WIDTH * HEIGHT / 2]);
    }
}

#[test]
fn a_frame_has_the_range_and_the_matrix_that_the_driver_states() {
    let fake = Fake::new(FourCc::NV12);
    fake.set(|state| (state.answer.full_range, state.answer.matrix) = (Some(true), Some(ColourMatrix::Bt2020)));
    let mut camera = fake.camera(&StillClock::at(0)).unwrap();
    fake.fills(0, 0);
    let info = *camera.next(PATIENCE).unwrap().info();
    assert_eq!((info.range, info.matrix), (ColourRange::Full, ColourMatrix::Bt2020));
    assert_eq!((camera.format().range, camera.format().matrix), (ColourRange::Full, ColourMatrix::Bt2020));
}

#[test]
fn a_broken_jpeg_is_bad_its_buffer_is_queued_again_and_nothing_is_used_up() {
    let fake = Fake::new(FourCc::MJPG);
    let mut camera = fake.camera(&StillClock::at(0)).unwrap();
    // More often than there are buffers of either kind.
    for sequence in 0..20 {
        let used = [if sequence % 2 == 0 { 200 } else { 0 }, 0];
        fake.fills_as(Filled { index: 2, sequence, error: false, monotonic_us: None, used });
        let cause = bad(&camera.next(PATIENCE).unwrap_err());
        assert!(cause.contains("JPEG") || cause.contains("0 bytes"), "{cause}");
        assert!(fake.queued().contains(&2));
    }
}

#[test]
fn a_frame_of_more_bytes_than_its_buffer_has_is_bad() {
    for pixels in [FourCc::NV12, FourCc::YUYV, FourCc::MJPG] {
        let fake = Fake::new(pixels);
        let mut camera = fake.camera(&StillClock::at(0)).unwrap();
        fake.fills_as(Filled { index: 1, sequence: 0, error: false, monotonic_us: None, used: [1 << 32, 0] });
        assert!(bad(&camera.next(PATIENCE).unwrap_err()).contains("4294967296 bytes in a buffer of"));
        assert!(fake.queued().contains(&1));
    }
}

#[test]
fn the_newest_of_several_frames_wins_and_the_rest_count_as_dropped() {
    let fake = Fake::new(FourCc::NV12);
    let mut camera = fake.camera(&StillClock::at(0)).unwrap();
    for (index, sequence) in [(0, 10), (1, 11), (2, 12)] {
        fake.fills(index, sequence);
    }
    let frame = camera.next(PATIENCE).unwrap();
    assert_eq!((frame.planes().luma[0], frame.info().id), (2, FrameId(2)));
    assert_eq!(camera.dropped(), 2);
    assert_eq!(fake.queued(), [3, 4, 5, 0, 1]);
}

#[test]
fn frames_that_the_driver_lost_count_as_dropped_and_use_up_their_numbers() {
    let fake = Fake::new(FourCc::NV12);
    let mut camera = fake.camera(&StillClock::at(0)).unwrap().number_from(FrameId(50));
    fake.fills(0, 7);
    assert_eq!(camera.next(PATIENCE).unwrap().info().id, FrameId(50));
    fake.fills(1, 11);
    assert_eq!(camera.next(PATIENCE).unwrap().info().id, FrameId(54));
    assert_eq!(camera.dropped(), 3);
    fake.fills(2, 2);
    assert_eq!(camera.next(PATIENCE).unwrap().info().id, FrameId(55), "a count that starts again lost nothing");
    assert_eq!(camera.dropped(), 3);
}

#[test]
fn the_time_is_the_drivers_stamp_and_utc_of_the_same_instant() {
    let fake = Fake::new(FourCc::NV12);
    let mut camera = fake.camera(&StillClock::at(5_000_000)).unwrap();
    let stamped = |monotonic_us| Filled { index: 0, sequence: 0, error: false, monotonic_us, used: fake.full() };
    for (stamp, expected) in
        [(Some(4_960_000), 4_960_000), (None, 5_000_000), (Some(5_000_001), 5_000_000), (Some(1), 1)]
    {
        fake.fills_as(stamped(stamp));
        let captured = camera.next(PATIENCE).unwrap().info().captured;
        assert_eq!((captured.monotonic_us, captured.utc_us), (expected, expected + 1_000_000_000), "{stamp:?}");
    }
}

#[test]
fn pictures_from_before_a_stall_are_thrown_away() {
    let fake = Fake::new(FourCc::NV12);
    let mut camera = fake.camera(&StillClock::at(10_000_000)).unwrap();
    for index in 0..6 {
        let monotonic_us = Some(1_000_000);
        fake.fills_as(Filled { index, sequence: index as u32, error: false, monotonic_us, used: fake.full() });
    }
    assert!(matches!(camera.next(Duration::ZERO), Err(CameraError::Timeout(_))));
    assert_eq!((camera.dropped(), fake.queued().len()), (6, 6));
}

#[test]
fn a_frame_that_the_driver_marks_corrupt_is_bad_and_its_buffer_queued_again() {
    let fake = Fake::new(FourCc::NV12);
    let mut camera = fake.camera(&StillClock::at(0)).unwrap();
    fake.fills_as(Filled { index: 1, sequence: 0, error: true, monotonic_us: None, used: fake.full() });
    assert!(bad(&camera.next(PATIENCE).unwrap_err()).contains("corrupt"));
    assert!(fake.queued().contains(&1));
}

#[test]
fn a_frame_with_too_few_bytes_is_bad_and_its_buffer_queued_again() {
    let fake = Fake::new(FourCc::NV12);
    let mut camera = fake.camera(&StillClock::at(0)).unwrap();
    fake.fills_as(Filled { index: 1, sequence: 0, error: false, monotonic_us: None, used: [100, 0] });
    assert_eq!(bad(&camera.next(PATIENCE).unwrap_err()), "100 bytes, a picture has 192");
    assert!(fake.queued().contains(&1));
}

#[test]
fn a_good_frame_behind_a_bad_one_is_still_delivered() {
    let fake = Fake::new(FourCc::NV12);
    let mut camera = fake.camera(&StillClock::at(0)).unwrap();
    fake.fills(0, 0);
    fake.fills_as(Filled { index: 1, sequence: 1, error: true, monotonic_us: None, used: fake.full() });
    assert_eq!(camera.next(PATIENCE).unwrap().planes().luma[0], 0);
    assert_eq!(camera.dropped(), 1);
}

#[test]
fn no_buffer_is_lent_twice_whatever_the_driver_says() {
    let fake = Fake::new(FourCc::NV12);
    let mut camera = fake.camera(&StillClock::at(0)).unwrap();
    fake.fills(2, 0);
    let held = camera.next(PATIENCE).unwrap();
    for index in [2, 6, usize::MAX] {
        fake.fills_as(Filled { index, sequence: 1, error: false, monotonic_us: None, used: fake.full() });
        assert!(bad(&camera.next(PATIENCE).unwrap_err()).contains("not the driver's"), "buffer {index}");
    }
    assert_eq!(held.planes().luma[0], 2);
}

#[test]
fn a_driver_that_never_runs_out_of_frames_is_not_followed_for_ever() {
    let fake = Fake::new(FourCc::NV12);
    let mut camera = fake.camera(&StillClock::at(0)).unwrap();
    for sequence in 0..1000 {
        fake.fills((sequence % 6) as usize, sequence);
    }
    camera.next(PATIENCE).unwrap();
    assert_eq!(fake.set(|state| state.filled.len()), 1000 - 6);
}

#[test]
fn no_frame_is_a_timeout_and_the_camera_goes_on() {
    let fake = Fake::new(FourCc::NV12);
    let mut camera = fake.camera(&StillClock::at(0)).unwrap();
    assert!(matches!(camera.next(PATIENCE), Err(CameraError::Timeout(PATIENCE))));
    fake.fills(0, 0);
    camera.next(PATIENCE).unwrap();
}

#[test]
fn an_unplugged_camera_is_gone() {
    for number in [libc::ENODEV, libc::EIO] {
        let fake = Fake::new(FourCc::NV12);
        let mut camera = fake.camera(&StillClock::at(0)).unwrap();
        fake.fills(0, 0);
        fake.set(|state| state.filled.push_back(Err(number)));
        assert!(matches!(camera.next(PATIENCE), Err(CameraError::Gone { .. })), "error {number}");
        assert!(fake.queued().contains(&0), "what was fetched before is not lost");
    }
    let fake = Fake::new(FourCc::NV12);
    let mut camera = fake.camera(&StillClock::at(0)).unwrap();
    fake.set(|state| state.broken = true);
    assert!(matches!(camera.next(PATIENCE), Err(CameraError::Gone { .. })), "poll says error");
}

#[test]
fn a_source_that_changes_or_ends_is_gone_though_pictures_wait() {
    for (notice, says) in [(Notice::SourceChanged, "source changed"), (Notice::Ended, "ended")] {
        let fake = Fake::new(FourCc::NV12);
        let mut camera = fake.camera(&StillClock::at(0)).unwrap();
        fake.fills(0, 0);
        fake.set(|state| state.notices.extend([Notice::Other, notice]));
        let error = camera.next(PATIENCE).unwrap_err();
        assert!(matches!(&error, CameraError::Gone { cause, .. } if cause.contains(says)), "{error}");
    }
}

#[test]
fn notices_that_mean_nothing_to_us_cost_no_picture() {
    let fake = Fake::new(FourCc::NV12);
    let mut camera = fake.camera(&StillClock::at(0)).unwrap();
    fake.fills(3, 0);
    fake.set(|state| state.notices.extend([Notice::Other; 100]));
    assert_eq!(camera.next(PATIENCE).unwrap().planes().luma[0], 3);
}

#[test]
fn a_consumer_that_holds_every_converted_picture_loses_frames_but_not_the_camera() {
    let fake = Fake::new(FourCc::YUYV);
    let mut camera = fake.camera(&StillClock::at(0)).unwrap();
    let mut held = Vec::new();
    for sequence in 0..6 {
        fake.fills(0, sequence);
        held.push(camera.next(PATIENCE).unwrap());
    }
    fake.fills(0, 6);
    assert!(matches!(camera.next(PATIENCE), Err(CameraError::Timeout(_))));
    assert_eq!(camera.dropped(), 1);
    held.pop();
    fake.fills(0, 7);
    assert_eq!(camera.next(PATIENCE).unwrap().info().id, FrameId(7));
}
