//! P3 and P5 on the road: what a camera shows while it turns is covered, and where it was not sent is dark.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod roadside;

use board_hal::{Aiming, Clock};
use contract::Rung;
use mask::ladder::RungReason;
use roadside::{GOOD_FRAMES, Roadside, Setup};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A camera that turns when a test says so.
struct Turning {
    until_us: AtomicU64,
    aimed: AtomicBool,
}

impl Aiming for Turning {
    fn aim(&self, _: Option<&str>) {}
    fn is_aimed(&self) -> bool {
        self.aimed.load(Ordering::SeqCst)
    }
    fn moved_until_us(&self) -> u64 {
        self.until_us.load(Ordering::SeqCst)
    }
}

fn sharing() -> (Roadside, Arc<Turning>) {
    let turning = Arc::new(Turning { until_us: AtomicU64::new(0), aimed: AtomicBool::new(true) });
    let aiming: Option<Arc<dyn Aiming>> = Some(turning.clone());
    (Roadside::build(Setup { aiming, ..Setup::default() }).sharing(), turning)
}

#[test]
fn p3_every_frame_of_a_turning_camera_is_covered_though_its_detector_sees_well() {
    let (mut side, turning) = sharing();
    turning.until_us.store(u64::MAX, Ordering::SeqCst);
    for _ in 0..100 {
        let (_, rung, seen) = side.picture();
        assert_eq!((rung, side.report().reason), (Rung::Covered, RungReason::CameraMoved));
        assert!(roadside::is_covered(&seen));
    }
    // At rest from now on: the run of good frames begins with the next picture.
    turning.until_us.store(side.clock.monotonic_us(), Ordering::SeqCst);
    for _ in 1..GOOD_FRAMES {
        assert_eq!(side.picture().1, Rung::Covered);
    }
    assert_eq!(side.picture().1, Rung::Clear);
}

#[test]
fn p3_a_picture_taken_before_the_camera_came_to_rest_is_covered_though_it_rests_now() {
    let (mut side, turning) = sharing();
    turning.until_us.store(side.clock.monotonic_us() + roadside::FRAME_US, Ordering::SeqCst);
    assert_eq!(side.picture().1, Rung::Covered);
}

#[test]
fn p5_a_camera_that_does_not_look_where_it_was_sent_is_dark_until_it_does() {
    let (mut side, turning) = sharing();
    turning.aimed.store(false, Ordering::SeqCst);
    let first = side.step().unwrap();
    assert!(first.is_slate());
    assert_eq!((side.report().rung, side.report().reason), (Rung::Dark, RungReason::AimLeft));
    turning.aimed.store(true, Ordering::SeqCst);
    let back = side.steps(GOOD_FRAMES as usize);
    assert!(back.last().unwrap().unit().key, "a decoder begins anew");
}
