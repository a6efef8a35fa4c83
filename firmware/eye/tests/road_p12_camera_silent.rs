//! P12 on the road: a camera that delivers nothing, or nothing usable, is a slate after a second, never a frozen frame.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod roadside;

use board_hal::Clock;
use board_sim::CameraStep;
use contract::Rung;
use eye::road::CameraStanding;
use mask::ladder::RungReason;
use roadside::desk::Delivery;
use roadside::{GOOD_FRAMES, Roadside, Setup};
use std::time::Duration;

/// From the last picture on, `step` for ever: a slate comes after a second and not before, and repeats.
fn is_dark_after_a_second(step: &CameraStep) {
    let mut side = Roadside::new().sharing();
    let last_us = side.step().unwrap().at_us;
    side.camera.from_now(step.clone());
    let delivered = side.steps_for(Duration::from_secs(5));
    assert!(delivered.iter().all(|delivery| delivery.is_slate() && delivery.rung == Rung::Dark));
    let first_us = delivered.first().expect("a slate").at_us - last_us;
    assert!((1_000_000..=1_300_000).contains(&first_us), "{step:?}: the slate came after {first_us} us");
    assert!(delivered.len() >= 6, "{step:?}: {} slates in five seconds", delivered.len());
    assert_eq!((side.report().rung, side.report().reason), (Rung::Dark, RungReason::CameraLost));

    side.camera.from_now(CameraStep::Still);
    let back = side.steps(GOOD_FRAMES as usize);
    let (picture, slates) = back.split_last().expect("a run of good frames, then a picture");
    assert!(slates.iter().all(Delivery::is_slate), "dark until then");
    assert!(picture.unit().key, "a decoder begins anew");
}

#[test]
fn p12_a_silent_camera_is_dark_after_a_second() {
    is_dark_after_a_second(&CameraStep::Timeout);
}

#[test]
fn p12_a_camera_of_nothing_but_bad_frames_is_dark_after_a_second() {
    is_dark_after_a_second(&CameraStep::Bad);
}

#[test]
fn p12_a_camera_of_frames_that_were_not_agreed_on_is_dark_after_a_second() {
    is_dark_after_a_second(&CameraStep::Resized { width: 64, height: 64 });
}

#[test]
fn p12_one_bad_frame_is_counted_and_passed_over() {
    let mut side = Roadside::new().sharing();
    let (before, ..) = side.picture();
    side.camera.push(CameraStep::Bad);
    assert_eq!(side.step(), None);
    let (after, rung, _) = side.picture();
    assert_eq!(after.frame.0, before.frame.0 + 2);
    assert_eq!((rung, after.key), (Rung::Clear, false));
    assert_eq!(side.report().dropped, 1);
}

#[test]
fn p12_a_slow_camera_is_not_a_silent_one() {
    let mut side = Roadside::build(Setup { fps: 1.0, ..Setup::default() });
    side.desk.open();
    side.steps(5);
    for _ in 0..5 {
        side.camera.push(CameraStep::Timeout);
    }
    assert_eq!(side.steps(5), [], "1.25 s without a frame are nothing at 1 fps");
    assert_eq!(side.picture().1, Rung::Clear);
}

#[test]
fn p12_a_camera_that_falls_silent_is_opened_anew_ever_more_slowly() {
    for step in [CameraStep::Timeout, CameraStep::Bad] {
        let mut side = Roadside::new().sharing();
        side.openings.lock().unwrap().clear();
        let silent_us = side.clock.monotonic_us();
        side.camera.from_now(step.clone());
        side.steps_for(Duration::from_secs(60));
        let openings: Vec<u64> =
            side.openings.lock().unwrap().iter().map(|(at_us, _)| (at_us - silent_us) / 1_000_000).collect();
        assert!((4..=8).contains(&openings.len()), "{step:?}: opened after {openings:?} s");
        assert_eq!(openings[0], 6, "{step:?}: a second until it is dark, five of silence");
        assert_eq!(side.report().camera, CameraStanding::Lost);

        side.camera.from_now(CameraStep::Still);
        let back = side.steps_for(Duration::from_secs(15));
        assert!(back.iter().any(|delivery| !delivery.is_slate()), "{step:?}: it comes back");
        assert_eq!(side.report().camera, CameraStanding::Delivering);
    }
}
