//! P3 on the road: a late detector holds no frame up; masks are held and grown meanwhile, then everything is covered.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod roadside;

use board_sim::{DetectorStep, Gate};
use contract::Rung;
use mask::Rect;
use roadside::{FRAME_US, GOOD_FRAMES, Roadside, Setup, hang, head, is_covered, shown_pixels};
use std::time::Duration;

const HEAD: Rect = Rect { x: 96.0, y: 64.0, w: 24.0, h: 32.0 };
/// Frames within the ladder's 250 ms.
const HELD: usize = (250_000 / FRAME_US) as usize;

#[test]
fn p3_while_the_detector_is_late_frames_go_on_cautious_then_covered() {
    let side = Roadside::hurried();
    side.detector.from_now(DetectorStep::Find(vec![head(HEAD)]));
    let mut side = side.sharing();
    let (first, ..) = side.picture();
    let (gate, step) = hang();
    side.detector.push(step);
    for n in 1..=HELD + 4 {
        let (unit, rung, seen) = side.picture();
        assert_eq!(unit.frame.0, first.frame.0 + n as u64, "no frame is held up");
        if n <= HELD {
            assert_eq!(rung, Rung::Cautious, "frame {n}");
            assert_eq!(shown_pixels(&seen, HEAD.grown(0.1)).0, 0, "the mask is held and grown");
        } else {
            assert_eq!(rung, Rung::Covered, "frame {n}");
            assert!(is_covered(&seen));
        }
    }
    assert_eq!(side.report().dropped, 0);
    gate.open();
    side.until_clear();
}

#[test]
fn p3_a_detector_that_never_answered_leaves_the_road_covered() {
    let mut side = Roadside::hurried();
    let (gate, step) = hang();
    side.detector.push(step);
    side.desk.open();
    for _ in 0..GOOD_FRAMES + 4 {
        let (_, rung, seen) = side.picture();
        assert_eq!(rung, Rung::Covered);
        assert!(is_covered(&seen));
    }
    gate.open();
}

/// Each step gets the answer about the frame before, and not its own.
#[test]
fn p3_an_older_frames_answer_moves_the_masks_but_makes_no_frame_clear() {
    let mut side = Roadside::build(Setup { patience: Duration::from_millis(250), ..Setup::default() });
    side.desk.open();
    let late = || {
        let gate = Gate::new();
        (gate.clone(), DetectorStep::Late(gate, vec![head(HEAD)]))
    };
    let (mut gate, step) = late();
    side.detector.push(step);
    assert_eq!(side.picture().1, Rung::Covered, "no answer yet");
    for n in 1..HELD + 4 {
        let (next, step) = late();
        side.detector.push(step);
        gate.open();
        let (_, rung, seen) = side.picture();
        // The run of good frames begins with the first answer; then detections are one frame old, for ever.
        if n < GOOD_FRAMES as usize {
            assert_eq!(rung, Rung::Covered, "frame {n}");
            assert!(is_covered(&seen));
        } else {
            assert_eq!(rung, Rung::Cautious, "frame {n}");
            assert_eq!(shown_pixels(&seen, HEAD.grown(0.1)).0, 0, "frame {n}: what the older answer found is masked");
        }
        gate = next;
    }
    gate.open();
}
