//! P3 on the road: a detector that fails, at once or late, covers; so does an answer that cannot be meant.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod roadside;

use board_sim::{DetectorStep, Found, Gate};
use contract::Rung;
use mask::Rect;
use mask::ladder::RungReason;
use roadside::{GOOD_FRAMES, Roadside, head, is_bare, is_covered};

/// The next frame is covered, and so are those after it, until a run of good ones.
fn covers_for_a_run(side: &mut Roadside, reason: RungReason) {
    for n in 0..GOOD_FRAMES {
        let (_, rung, seen) = side.picture();
        assert_eq!(rung, Rung::Covered, "frame {n}");
        assert!(is_covered(&seen), "frame {n}");
        if n == 0 {
            assert_eq!(side.report().reason, reason);
            assert_eq!(side.report().rung, Rung::Covered);
        }
    }
    assert_eq!(side.picture().1, Rung::Clear);
}

#[test]
fn p3_a_failed_inference_covers_that_very_frame() {
    let mut side = Roadside::new().sharing();
    assert!(is_bare(&side.picture().2));
    side.detector.push(DetectorStep::Fail);
    covers_for_a_run(&mut side, RungReason::DetectorFailed);
}

#[test]
fn p3_a_failure_that_comes_late_covers_too() {
    let mut side = Roadside::hurried().sharing();
    let gate = Gate::new();
    side.detector.push(DetectorStep::LateFail(gate.clone()));
    assert_eq!(side.picture().1, Rung::Cautious, "nobody knows yet");
    gate.open();
    // Lateness alone would leave these frames cautious: the newest detections are less than 250 ms old.
    let covered = (0..4).any(|_| side.picture().1 == Rung::Covered);
    assert!(covered, "{:?}", side.report());
    assert_eq!(side.report().reason, RungReason::DetectorFailed);
}

#[test]
fn p3_a_detector_that_fails_for_ever_shows_nothing_but_cells() {
    let mut side = Roadside::new();
    side.desk.open();
    side.detector.from_now(DetectorStep::Fail);
    for _ in 0..50 {
        let (_, rung, seen) = side.picture();
        assert_eq!(rung, Rung::Covered);
        assert!(is_covered(&seen));
    }
}

#[test]
fn p3_an_answer_that_cannot_be_meant_covers() {
    let mut side = Roadside::new().sharing();
    let absurd = Found { plate: false, score: 0.9, cx: 64.0, cy: 48.0, w: 9_000.0, h: 9_000.0 };
    side.detector.push(DetectorStep::Find(vec![absurd]));
    covers_for_a_run(&mut side, RungReason::Doubtful);
}

#[test]
fn p3_more_objects_in_one_answer_than_fit_cover() {
    let mut side = Roadside::new().sharing();
    side.detector.push(DetectorStep::Find([crowd(0), crowd(1)].concat()));
    covers_for_a_run(&mut side, RungReason::Doubtful);
}

#[test]
fn p3_more_objects_over_time_than_can_be_followed_cover() {
    let mut side = Roadside::new().sharing();
    side.detector.push(DetectorStep::Find(crowd(0)));
    side.detector.push(DetectorStep::Find(crowd(1)));
    assert_eq!(side.picture().1, Rung::Clear, "forty can be followed");
    covers_for_a_run(&mut side, RungReason::Doubtful);
}

/// Forty heads; those of crowd 1 stand between those of crowd 0.
fn crowd(which: usize) -> Vec<Found> {
    let places = (0..8).flat_map(|row| (0..5).map(move |column| (row, 2 * column + which)));
    let rect = |(row, column): (usize, usize)| Rect {
        x: 8.0 + 24.0 * column as f32,
        y: 4.0 + 24.0 * row as f32,
        w: 10.0,
        h: 10.0,
    };
    places.map(|place| head(rect(place))).collect()
}
