//! P3 on the road: until the detector has found what is drawn in the golden pictures, and again after it has missed any of it, the picture is covered.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod roadside;

use contract::Rung;
use contract::body::SelfTestResult;
use eye::selftest::{AGAIN_AFTER, MissCause, Standing};
use mask::ladder::RungReason;
use roadside::twin::{Hand, Mind, Twin};
use roadside::{GOOD_FRAMES, Roadside, Setup, is_bare, is_covered};
use std::sync::atomic::Ordering;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(60);
const PICTURES: usize = 6;

/// An open share over a detector that thinks `mind` of the golden pictures.
fn road(mind: Mind) -> (Roadside, Hand) {
    let (twin, hand) = Twin::new(mind);
    let side = Roadside::build(Setup { twin: Some((twin, EVERY)), ..Setup::default() });
    side.desk.open();
    (side, hand)
}

fn standing(side: &Roadside) -> Standing {
    side.report().selftest.unwrap()
}

/// So many seconds in which every picture is covered.
fn stays_covered(side: &mut Roadside, seconds: u64) {
    for _ in 0..seconds * 25 {
        let (_, rung, seen) = side.picture();
        assert_eq!(rung, Rung::Covered);
        assert!(is_covered(&seen));
    }
}

#[test]
fn p3_nothing_is_shown_before_the_self_test_has_passed() {
    let (mut side, hand) = road(Mind::Right);
    for _ in 0..PICTURES {
        let (_, rung, seen) = side.picture();
        assert_eq!((rung, side.report().reason), (Rung::Covered, RungReason::SelfTestRunning));
        assert!(is_covered(&seen));
        assert_eq!(standing(&side).result, SelfTestResult::Running);
    }
    for n in 0..GOOD_FRAMES {
        assert_eq!(side.picture().1 == Rung::Clear, n + 1 == GOOD_FRAMES, "frame {n}");
    }
    assert_eq!(hand.asked(), PICTURES, "one between two frames, each once");
    let Standing { result, at_utc_us, miss, .. } = standing(&side);
    assert_eq!((result, miss), (SelfTestResult::Passed, None));
    assert_eq!(at_utc_us, Some(1_800_000_000_000_000 + (PICTURES as u64 + 1) * roadside::FRAME_US));
    assert!(is_bare(&side.picture().2));
}

#[test]
fn p3_a_detector_that_answers_wrongly_never_gets_past_covered() {
    for mind in [
        Mind::Nothing,
        Mind::Everything,
        Mind::Yesterday,
        Mind::Shifted(6),
        Mind::Larger(3),
        Mind::Garbage,
        Mind::Fails,
    ] {
        let (mut side, hand) = road(mind);
        stays_covered(&mut side, 25);
        let Standing { result, miss, .. } = standing(&side);
        assert_eq!(result, SelfTestResult::Failed, "{mind:?}");
        assert_eq!(side.report().reason, RungReason::SelfTestFailed, "{mind:?}");
        assert!(hand.asked() >= 3, "{mind:?}: it is asked again, every {AGAIN_AFTER:?}");
        let cause = miss.unwrap().cause;
        let fits = match mind {
            Mind::Nothing | Mind::Yesterday | Mind::Shifted(_) => matches!(cause, MissCause::NotHidden(..)),
            Mind::Everything => matches!(cause, MissCause::Strays(_)),
            Mind::Larger(_) => matches!(cause, MissCause::Misplaced(..)),
            Mind::Garbage => cause != MissCause::NoAnswer,
            Mind::Fails => cause == MissCause::NoAnswer,
            Mind::Right => false,
        };
        assert!(fits, "{mind:?}: {cause}");
    }
}

#[test]
fn p3_a_running_share_is_probed_and_a_miss_covers_it_until_a_whole_round_passes() {
    let (mut side, hand) = road(Mind::Right);
    side.until_clear();
    let (asked, passed_us) = (hand.asked(), standing(&side).at_utc_us);
    for _ in 0..EVERY.as_secs() * 25 + 25 {
        assert_eq!(side.picture().1, Rung::Clear, "a probe costs the share no certainty");
    }
    assert_eq!(hand.asked(), asked + PICTURES, "everything once, spread");
    assert!(standing(&side).at_utc_us > passed_us);

    hand.think(Mind::Nothing);
    let spread_s = EVERY.as_secs() / PICTURES as u64;
    let until_covered = (0..(spread_s + 1) * 25).find(|_| side.picture().1 == Rung::Covered);
    assert!(until_covered.is_some(), "no picture of a share is further from a probe than {spread_s} s");
    assert_eq!(side.report().reason, RungReason::SelfTestFailed);
    assert_eq!(standing(&side).result, SelfTestResult::Failed);
    stays_covered(&mut side, 5);

    hand.think(Mind::Right);
    let before = hand.asked();
    stays_covered(&mut side, AGAIN_AFTER.as_secs() - 6);
    assert_eq!(hand.asked(), before, "not before it is time");
    side.until_clear();
    assert_eq!(hand.asked(), before + PICTURES, "the whole round");
    assert_eq!(standing(&side).result, SelfTestResult::Passed);
}

#[test]
fn p3_after_a_failed_inference_the_detector_proves_itself_anew() {
    let (mut side, hand) = road(Mind::Right);
    side.until_clear();
    let asked = hand.asked();
    hand.frames_fail(true);
    assert_eq!(side.picture().1, Rung::Covered);
    hand.frames_fail(false);
    for _ in 1..PICTURES {
        assert_eq!(side.picture().1, Rung::Covered);
        assert_eq!(standing(&side).result, SelfTestResult::Running);
    }
    side.until_clear();
    assert_eq!(hand.asked(), asked + PICTURES);
}

#[test]
fn p3_a_detector_that_is_always_busy_with_a_frame_proves_itself_all_the_same() {
    let (twin, hand) = Twin::new(Mind::Right);
    hand.frames_take(Duration::from_millis(5));
    let patience = Duration::from_millis(1);
    let mut side = Roadside::build(Setup { twin: Some((twin, EVERY)), patience, ..Setup::default() });
    side.desk.open();
    let proven = (0..1_000).any(|_| {
        side.step();
        assert_eq!(side.report().rung, Rung::Covered);
        standing(&side).result == SelfTestResult::Passed
    });
    assert!(proven, "{:?}", side.report());
    assert_eq!(hand.asked(), PICTURES);
}

#[test]
fn p3_the_answer_to_a_golden_picture_masks_nothing_in_the_cameras() {
    let (mut side, _hand) = road(Mind::Right);
    side.until_clear();
    let painted = side.report().shapes_painted;
    for _ in 0..=EVERY.as_secs() * 25 {
        side.step();
    }
    let after = side.report();
    assert_eq!((after.objects_masked, after.shapes_painted, after.rung), (0, painted, Rung::Clear));
    assert!(is_bare(&side.picture().2));
}

#[test]
fn p12_without_a_camera_the_detector_is_proven_all_the_same() {
    let (mut side, hand) = road(Mind::Right);
    side.plugged.store(false, Ordering::SeqCst);
    // The detector is a thread of its own, which nothing here waits for.
    let proven = (0..1_000_000).any(|_| {
        side.road.step();
        std::thread::yield_now();
        standing(&side).result == SelfTestResult::Passed
    });
    assert!(proven, "{:?}", side.report());
    assert!(hand.asked() >= PICTURES);
    assert_eq!(side.report().rung, Rung::Dark);
}
