//! P3 on the road: where the view's largest face is unknown, no cell is known to be large enough, and doubt is dark.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod roadside;

use board_sim::{CameraStep, DetectorStep};
use contract::{Filter, Rung};
use roadside::{GOOD_FRAMES, Roadside, is_bare};
use std::time::Duration;

fn side() -> Roadside {
    let side = Roadside::new();
    side.desk.want(|order| order.scene.largest_face_px = None);
    side
}

#[test]
fn p3_unknown_largest_face_and_doubt_give_the_slate_and_not_the_frame() {
    let mut side = side().sharing();
    assert!(is_bare(&side.picture().2), "without doubt the filter is enough");
    let encoded = side.encoder.taken();
    side.detector.push(DetectorStep::Fail);
    let delivery = side.step().unwrap();
    assert!(delivery.is_slate());
    assert_eq!((delivery.key, delivery.rung), (true, Rung::Dark));
    assert_eq!(side.steps(GOOD_FRAMES as usize - 1), [], "the slate is not repeated for every frame");
    assert_eq!(side.encoder.taken(), encoded, "no frame was encoded");
    let (unit, rung, _) = side.picture();
    assert_eq!((unit.key, rung), (true, Rung::Clear), "the picture after the slate is a key picture");
}

#[test]
fn p3_a_share_that_begins_in_doubt_begins_with_the_slate() {
    let mut side = side();
    side.desk.open();
    assert!(side.step().unwrap().is_slate());
}

#[test]
fn p3_coarse_without_a_largest_face_is_nothing_but_slate() {
    let mut side = side();
    side.desk.want(|order| (order.open, order.filter) = (true, Filter::Coarse));
    let delivered = side.steps_for(Duration::from_secs(4));
    assert_eq!(delivered.len(), 8, "twice a second");
    assert!(delivered.iter().all(|delivery| delivery.is_slate() && delivery.key && delivery.rung == Rung::Dark));
    assert_eq!(side.encoder.taken(), 1);
}

#[test]
fn p3_a_frame_of_another_size_than_was_agreed_on_is_not_shown() {
    let mut side = Roadside::new().sharing();
    let (encoded, looked) = (side.encoder.taken(), side.detector.taken());
    side.camera.push(CameraStep::Resized { width: 512, height: 384 });
    assert_eq!(side.step(), None);
    assert_eq!((side.encoder.taken(), side.detector.taken()), (encoded, looked), "nobody looked at it");
    assert_eq!(side.report().dropped, 1);
    assert!(side.step().is_some(), "the next one is as agreed");
}
