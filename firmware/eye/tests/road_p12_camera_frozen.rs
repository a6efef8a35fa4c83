//! P12 on the road: a picture that has stopped changing is no live picture; it is never shown longer than the time allowed, and never again.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod roadside;

use board_sim::CameraStep;
use contract::Rung;
use eye::road::CameraStanding;
use mask::ladder::RungReason;
use roadside::desk::Delivery;
use roadside::{GOOD_FRAMES, Roadside, Setup};
use std::time::Duration;

const FROZEN_AFTER: Duration = Duration::from_secs(10);

/// A camera of changing pictures that freezes once it is shared; what was delivered in the first minute after.
fn freeze() -> (Roadside, u64, Vec<Delivery>) {
    let side = Roadside::build(Setup { frozen_after: Some(FROZEN_AFTER), ..Setup::default() });
    side.camera.from_now(CameraStep::Living);
    let mut side = side.sharing();
    side.openings.lock().unwrap().clear();
    side.camera.from_now(CameraStep::Still);
    let first_us = side.step().unwrap().at_us;
    let delivered = side.steps_for(Duration::from_secs(60));
    (side, first_us, delivered)
}

#[test]
fn p12_a_frozen_picture_is_dark_after_the_time_allowed_and_stays_dark_however_often_the_camera_is_opened() {
    let (side, first_us, delivered) = freeze();
    let dark = delivered.iter().position(Delivery::is_slate).expect("a slate");
    let shown_us = delivered[dark].at_us - first_us;
    assert!((10_000_000..=10_200_000).contains(&shown_us), "shown for {shown_us} us");
    assert!(delivered[dark..].iter().all(|delivery| delivery.is_slate() && delivery.rung == Rung::Dark));
    assert!(delivered.last().unwrap().at_us - first_us > 59_000_000, "the slate goes on");
    let openings = side.openings.lock().unwrap().len();
    assert!((6..=12).contains(&openings), "{openings} openings in fifty seconds");
    assert_eq!((side.report().reason, side.report().camera), (RungReason::CameraFrozen, CameraStanding::Frozen));
}

#[test]
fn p12_a_picture_that_moves_again_is_shown_after_a_run_of_good_frames() {
    let (mut side, ..) = freeze();
    side.camera.from_now(CameraStep::Living);
    let back = side.steps_for(Duration::from_secs(15));
    let picture = back.iter().find(|delivery| !delivery.is_slate()).expect("a picture");
    assert!(picture.unit().key, "a decoder begins anew");
    assert_eq!(side.report().camera, CameraStanding::Delivering);
    let encoded = side.encoder.taken();
    side.steps(GOOD_FRAMES as usize);
    assert_eq!(side.encoder.taken(), encoded + u64::from(GOOD_FRAMES), "and goes on");
}

#[test]
fn p12_one_pixel_that_changes_now_and_then_is_a_living_picture() {
    let mut side = Roadside::build(Setup { frozen_after: Some(FROZEN_AFTER), ..Setup::default() });
    side.desk.open();
    for _ in 0..6 {
        // Of two living pictures one differs from what came before.
        side.camera.from_now(CameraStep::Living);
        side.steps(2);
        side.camera.from_now(CameraStep::Still);
        side.steps_for(Duration::from_secs(9));
        assert_eq!(side.report().camera, CameraStanding::Delivering);
    }
}

#[test]
fn p12_a_source_that_may_stand_still_is_never_frozen() {
    let mut side = Roadside::new().sharing();
    side.steps_for(Duration::from_secs(120));
    assert_eq!(side.report().rung, Rung::Clear);
}
