//! P1 on the road: without an open order no frame is encoded, let alone delivered.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod roadside;

use board_sim::CameraStep;
use contract::Rung;
use roadside::{Roadside, is_bare};
use std::sync::atomic::Ordering;
use std::time::Duration;

#[test]
fn p1_without_an_open_order_nothing_is_encoded_or_delivered() {
    let mut side = Roadside::new();
    assert_eq!(side.steps(100), []);
    assert_eq!((side.report().captured, side.report().rung), (100, Rung::Clear), "it looks all the same");
    assert_eq!(side.encoder.taken(), 1, "the slate alone");
    assert!(!is_bare(&side.witness.seen().unwrap()), "the slate shows no camera pixel");
}

#[test]
fn p1_the_first_frame_after_the_order_closes_is_not_encoded() {
    let mut side = Roadside::new().sharing();
    side.picture();
    let encoded = side.encoder.taken();
    side.desk.close();
    assert_eq!(side.steps(50), []);
    assert_eq!(side.encoder.taken(), encoded);
}

#[test]
fn p1_without_an_open_order_a_lost_camera_delivers_no_slate_either() {
    let mut side = Roadside::new();
    side.steps(5);
    side.plugged.store(false, Ordering::SeqCst);
    side.camera.push(CameraStep::Gone);
    assert_eq!(side.steps_for(Duration::from_secs(20)), []);
    assert_eq!(side.report().rung, Rung::Dark);
}
