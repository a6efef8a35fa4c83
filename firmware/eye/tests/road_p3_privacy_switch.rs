//! While the privacy switch is on the road looks at nothing and shows nothing, whatever is ordered; afterwards trust comes back as after a start.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod roadside;

use contract::Rung;
use mask::ladder::RungReason;
use roadside::Roadside;

#[test]
fn p3_the_switch_makes_the_very_next_frame_dark_even_if_a_share_were_open() {
    let mut road = Roadside::new().sharing();
    road.until_clear();
    road.desk.turn_private(true);
    for delivery in road.steps(50) {
        assert!(delivery.is_slate() && delivery.rung == Rung::Dark, "{delivery:?}");
    }
    let report = road.report();
    assert_eq!((report.rung, report.reason), (Rung::Dark, RungReason::PrivacySwitch));
}

#[test]
fn p2_while_the_switch_is_on_the_detector_is_shown_no_frame() {
    let mut road = Roadside::new().sharing();
    road.until_clear();
    road.desk.turn_private(true);
    let before = road.report().objects_masked;
    let looked = road.detector.taken();
    road.steps(50);
    assert_eq!((road.detector.taken(), road.report().objects_masked), (looked, before));
}

#[test]
fn p3_turned_off_it_goes_from_dark_to_covered_until_the_detector_has_looked_for_a_while() {
    let mut road = Roadside::new().sharing();
    road.until_clear();
    road.desk.turn_private(true);
    road.steps(50);
    road.desk.turn_private(false);
    let first = road.steps(3);
    assert!(first.iter().all(|delivery| delivery.rung >= Rung::Covered), "{first:?}");
    road.until_clear();
}
