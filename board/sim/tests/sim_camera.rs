//! The scripted camera: pictures and faults in simulated time.

use board_hal::{CameraError, CameraSource, Clock};
use board_sim::{CameraStep, Script, SimCamera, SimClock};
use mask::FrameId;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2);

fn camera(clock: &SimClock, script: Script<CameraStep>) -> SimCamera {
    SimCamera::new(clock.clone(), 32, 16, 20.0, script)
}

#[test]
fn a_frame_takes_one_frame_interval_of_simulated_time() {
    let clock = SimClock::new(1_000_000);
    let mut camera = camera(&clock, Script::always(CameraStep::Texture));
    for n in 1..=3 {
        let captured = camera.next(PATIENCE).unwrap().info().captured;
        assert_eq!((captured.monotonic_us, captured.utc_us), (n * 50_000, 1_000_000 + n * 50_000));
    }
}

#[test]
fn a_texture_tells_every_pixel_from_its_neighbours_and_from_the_next_frame() {
    let mut camera = camera(&SimClock::new(0), Script::always(CameraStep::Texture));
    let (one, two) = (camera.next(PATIENCE).unwrap(), camera.next(PATIENCE).unwrap());
    assert_eq!(one.planes().luma[32 * 3 + 5], SimCamera::texture_luma(FrameId(0), 5, 3));
    assert!(one.planes().luma.windows(2).all(|pair| pair[0] != pair[1]));
    assert!(one.planes().luma.iter().zip(two.planes().luma).all(|(a, b)| a != b));
}

#[test]
fn a_still_scene_is_the_same_in_every_frame_and_has_no_two_neighbours_alike() {
    let mut camera = camera(&SimClock::new(0), Script::always(CameraStep::Still));
    let (one, two) = (camera.next(PATIENCE).unwrap(), camera.next(PATIENCE).unwrap());
    assert_eq!(one.planes().luma, two.planes().luma);
    assert_eq!(one.planes().luma[32 * 3 + 5], SimCamera::still_luma(5, 3));
    assert!(one.planes().luma.windows(2).all(|pair| pair[0] != pair[1]));
    assert!(one.planes().luma.iter().all(|luma| luma % 2 == 1));
}

#[test]
fn a_timeout_lasts_as_long_as_was_asked_for() {
    let clock = SimClock::new(0);
    let mut camera = camera(&clock, Script::of([CameraStep::Timeout], CameraStep::Texture));
    assert!(matches!(camera.next(PATIENCE), Err(CameraError::Timeout(PATIENCE))));
    assert_eq!(clock.monotonic_us(), 2_000_000);
    camera.next(PATIENCE).unwrap();
}

#[test]
fn a_camera_that_is_gone_stays_gone() {
    let script = Script::of([CameraStep::Gone], CameraStep::Texture);
    let mut camera = camera(&SimClock::new(0), script);
    for _ in 0..3 {
        assert!(matches!(camera.next(PATIENCE), Err(CameraError::Gone { .. })));
    }
}

#[test]
fn skipped_and_bad_frames_use_up_their_numbers() {
    let script = Script::of([CameraStep::Texture, CameraStep::Skipped(4), CameraStep::Bad], CameraStep::Texture);
    let mut camera = camera(&SimClock::new(0), script).number_from(FrameId(100));
    assert_eq!(camera.next(PATIENCE).unwrap().info().id, FrameId(100));
    assert_eq!(camera.next(PATIENCE).unwrap().info().id, FrameId(105));
    assert!(matches!(camera.next(PATIENCE), Err(CameraError::BadFrame { .. })));
    assert_eq!(camera.next(PATIENCE).unwrap().info().id, FrameId(107));
    assert_eq!(camera.dropped(), 4);
}

#[test]
fn a_frame_may_come_in_another_size_than_was_negotiated() {
    let script = Script::always(CameraStep::Resized { width: 64, height: 48 });
    let mut camera = camera(&SimClock::new(0), script);
    assert_eq!(camera.next(PATIENCE).unwrap().info().geometry.width, 64);
    assert_eq!(camera.format().geometry.width, 32);
}

#[test]
fn a_consumer_that_holds_every_buffer_gets_no_more() {
    let mut camera = camera(&SimClock::new(0), Script::always(CameraStep::Flat { luma: 1, cb: 2, cr: 3 }));
    let held: Vec<_> = (0..SimCamera::BUFFERS).map(|_| camera.next(PATIENCE).unwrap()).collect();
    assert!(matches!(camera.next(PATIENCE), Err(CameraError::Timeout(_))));
    assert_eq!(held[0].planes().chroma[..4], [2, 3, 2, 3]);
    drop(held);
    camera.next(PATIENCE).unwrap();
    assert_eq!(camera.dropped(), 1);
}

#[test]
fn a_wall_clock_step_leaves_monotonic_time_alone() {
    let clock = SimClock::new(5_000_000);
    clock.advance(Duration::from_secs(1));
    clock.pause(Duration::from_millis(500));
    clock.step_utc(1_000);
    clock.set_synchronised(false);
    assert_eq!((clock.monotonic_us(), clock.utc_us(), clock.synchronised()), (1_500_000, 1_000, false));
}
