//! P3 on the road: it starts covered, and only a run of good frames uncovers.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod roadside;

use board_sim::{CameraStep, DetectorStep};
use contract::Rung;
use mask::ladder::RungReason;
use roadside::{GOOD_FRAMES, Roadside, is_bare, is_covered};

#[test]
fn p3_the_road_starts_covered_until_a_run_of_good_frames() {
    let mut side = Roadside::new();
    side.desk.open();
    for _ in 1..GOOD_FRAMES {
        let (_, rung, seen) = side.picture();
        assert_eq!(rung, Rung::Covered);
        assert!(is_covered(&seen), "finer than the view's largest face allows");
    }
    let (_, rung, seen) = side.picture();
    assert_eq!(rung, Rung::Clear);
    assert!(is_bare(&seen), "nothing was found and nothing is in doubt");
}

#[test]
fn p3_one_failure_during_the_run_begins_it_anew() {
    let mut side = Roadside::new();
    side.desk.open();
    side.steps(GOOD_FRAMES as usize - 1);
    side.detector.push(DetectorStep::Fail);
    for _ in 0..GOOD_FRAMES {
        let (_, rung, seen) = side.picture();
        assert_eq!(rung, Rung::Covered);
        assert!(is_covered(&seen));
    }
    assert_eq!(side.picture().1, Rung::Clear);
}

#[test]
fn p3_another_scene_is_covered_from_its_first_frame() {
    let mut side = Roadside::new().sharing();
    side.camera.from_now(CameraStep::Flat { luma: 16, cb: 128, cr: 128 });
    side.picture();
    assert_eq!(side.report().reason, RungReason::SceneCut);
    side.until_clear();
    side.camera.from_now(CameraStep::Still);
    let (_, rung, seen) = side.picture();
    assert_eq!(rung, Rung::Covered);
    assert!(is_covered(&seen));
}

#[test]
fn p3_a_scene_in_which_everything_moves_stays_covered() {
    let mut side = Roadside::new().sharing();
    side.camera.from_now(CameraStep::Texture);
    side.steps(20);
    for _ in 0..20 {
        let (_, rung, seen) = side.picture();
        assert_eq!(rung, Rung::Covered);
        assert!(is_covered(&seen));
    }
    assert_eq!(side.report().reason, RungReason::CameraMoved);
}
