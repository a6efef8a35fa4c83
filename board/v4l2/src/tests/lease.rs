//! Frames that outlive their camera.

use super::fake::{Fake, StillClock};
use crate::driver::FourCc;
use board_hal::CameraSource;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2);

#[test]
fn a_frame_may_be_dropped_in_another_thread_after_the_camera_was_closed() {
    let fake = Fake::new(FourCc::NV12);
    let mut camera = fake.camera(&StillClock::at(0)).unwrap();
    fake.fills(1, 0);
    let frame = camera.next(PATIENCE).unwrap();
    drop(camera);
    let queued_before = fake.queued();
    std::thread::spawn(move || assert_eq!(frame.planes().luma[0], 1)).join().unwrap();
    assert_eq!(fake.queued(), queued_before, "a closed camera is given nothing");
}

#[test]
fn closing_stops_the_stream_before_it_frees_the_buffers_whatever_is_lent() {
    let fake = Fake::new(FourCc::NV12);
    let mut camera = fake.camera(&StillClock::at(0)).unwrap();
    fake.fills(1, 0);
    let frame = camera.next(PATIENCE).unwrap();
    drop(camera);
    let calls = fake.set(|state| state.calls.clone());
    assert_eq!(calls[calls.len() - 2..], ["stream_off", "free_buffers"]);
    drop(frame);
    assert_eq!(fake.set(|state| state.calls.len()), calls.len(), "and only once");
}

#[test]
fn frames_dropped_from_many_threads_all_come_back() {
    let fake = Fake::new(FourCc::NV12);
    let mut camera = fake.camera(&StillClock::at(0)).unwrap();
    let mut sequence = 0;
    for _ in 0..100 {
        let frames: Vec<_> = (0..6)
            .map(|index| {
                fake.fills(index, sequence);
                sequence += 1;
                camera.next(PATIENCE).unwrap()
            })
            .collect();
        assert!(fake.queued().is_empty());
        std::thread::scope(|scope| {
            for frame in frames {
                scope.spawn(move || drop(frame));
            }
        });
        let mut queued = fake.queued();
        queued.sort_unstable();
        assert_eq!(queued, [0, 1, 2, 3, 4, 5]);
    }
}

#[test]
fn a_queue_that_refuses_a_buffer_does_not_hurt_whoever_drops_the_frame() {
    let fake = Fake::new(FourCc::NV12);
    let mut camera = fake.camera(&StillClock::at(0)).unwrap();
    fake.fills(1, 0);
    let frame = camera.next(PATIENCE).unwrap();
    fake.set(|state| state.fails = Some(("queue", libc::ENODEV)));
    drop(frame);
    assert!(!fake.queued().contains(&1));
}
