//! P11 on the road: while the encoder is busy one picture waits, further ones are dropped, and none is delayed or shown out of turn.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod roadside;

use board_sim::{EncoderStep, Gate};
use roadside::Roadside;

/// A shared road whose encoder hangs on a picture; the frame number of that picture.
fn busy() -> (Roadside, Gate, u64) {
    let mut side = Roadside::new().sharing();
    let (before, ..) = side.picture();
    let gate = Gate::new();
    side.encoder.push(EncoderStep::Hang(gate.clone()));
    side.road.step();
    gate.wait_until_reached();
    (side, gate, before.frame.0 + 1)
}

/// Opens the gate and waits until all is delivered; frame numbers and whether they are key pictures.
fn delivered(side: &Roadside, gate: &Gate, before: usize) -> Vec<(u64, bool)> {
    gate.open();
    side.road.settle();
    side.desk.since(before).iter().map(|delivery| (delivery.unit().frame.0, delivery.key)).collect()
}

#[test]
fn p11_pictures_that_find_no_place_are_dropped() {
    let (mut side, gate, hung) = busy();
    let before = side.desk.count();
    (0..5).for_each(|_| side.road.step());
    assert_eq!(side.desk.count(), before, "nothing overtakes");
    assert_eq!(side.report().dropped, 4);
    assert_eq!(delivered(&side, &gate, before), [(hung, false), (hung + 1, false)]);
    let (next, ..) = side.picture();
    assert_eq!((next.frame.0, next.key), (hung + 6, false), "no frame was held up, and no reference is missing");
}

#[test]
fn p11_a_key_picture_that_found_no_place_is_made_up_for() {
    let (mut side, gate, hung) = busy();
    let before = side.desk.count();
    side.road.step();
    side.desk.want(|order| order.key_wanted = true);
    side.road.step();
    assert_eq!(delivered(&side, &gate, before), [(hung, false), (hung + 1, false)]);
    assert!(side.picture().0.key);
}

#[test]
fn p11_a_picture_that_was_lost_is_followed_by_a_key_picture_though_the_next_one_waits_already() {
    let (mut side, gate, hung) = busy();
    let before = side.desk.count();
    side.road.step();
    side.desk.ask_for_key(true);
    assert_eq!(delivered(&side, &gate, before), [(hung, false), (hung + 1, true)]);
}

#[test]
fn p12_an_encoder_that_fails_begins_anew_with_a_key_picture_though_the_next_one_waits_already() {
    let (mut side, gate, hung) = busy();
    let before = side.desk.count();
    side.road.step();
    side.encoder.push(EncoderStep::Fail);
    gate.open();
    side.road.settle();
    let shown = side.desk.since(before);
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[0].unit().frame.0, hung);
    assert!(shown[1].is_slate());
    assert!(side.picture().0.key);
}
