//! Laws of the tracker over random runs: a mask is never smaller than what was last seen, nothing vanishes while candidates support it, and the order of
//! detections is nobody's business.

use crate::common::{covers, detections, head};
use detect::{Detections, TrackSettings, Tracker};
use mask::{FrameId, Object, Objects, Rect};
use proptest::prelude::*;

const FRAME_US: u64 = 40_000;

fn step(tracker: &mut Tracker, frame: u64, seen: &Detections) -> Objects {
    tracker.step(FrameId(frame), frame * FRAME_US, Some(seen))
}

proptest! {
    /// However a box jumps and shrinks, the answer of every step covers what was found in it, and the same track's next answers, without any finding, cover it still.
    #[test]
    fn p3_a_mask_is_never_smaller_than_the_last_detection(
        walk in proptest::collection::vec((-30.0f32..30.0, -20.0f32..20.0, 8.0f32..80.0, 8.0f32..80.0, 0u64..4), 1..40),
    ) {
        let mut tracker = Tracker::new(TrackSettings::default());
        let (mut x, mut y, mut frame) = (500.0, 300.0, 0);
        for (dx, dy, w, h, misses) in walk {
            (x, y) = (x + dx, y + dy);
            let found = Object { rect: Rect { x, y, w, h }, ..head(0.0, 0.0, 1.0) };
            for blind in 0..=misses {
                frame += 1;
                let seen = if blind == 0 { detections(frame, &[found]) } else { detections(frame, &[]) };
                let objects = step(&mut tracker, frame, &seen);
                prop_assert!(objects.list.iter().any(|o| covers(o.rect, found.rect)), "{found:?} {:?}", objects.list);
            }
        }
    }

    /// A head that is found once and then only weakly, as long as anyone likes, never loses its mask.
    #[test]
    fn p3_nothing_vanishes_while_candidates_support_it(
        steps in proptest::collection::vec((-2.0f32..2.0, -2.0f32..2.0, 0u64..4), 1..80),
    ) {
        let mut tracker = Tracker::new(TrackSettings::default());
        step(&mut tracker, 0, &detections(0, &[head(200.0, 200.0, 40.0)]));
        let (mut x, mut y, mut frame) = (200.0, 200.0, 0);
        for (dx, dy, misses) in steps {
            (x, y) = (x + dx, y + dy);
            for miss in 0..=misses {
                frame += 1;
                let mut seen = detections(frame, &[]);
                if miss == misses {
                    seen.candidates.push(Object { score: 0.1, ..head(x, y, 40.0) }).unwrap();
                }
                let objects = step(&mut tracker, frame, &seen);
                let there = head(x, y, 40.0).rect.grown(-0.2);
                prop_assert!(objects.list.iter().any(|o| covers(o.rect, there)), "frame {frame}");
            }
        }
    }

    /// The same detections in another order mask the same places.
    #[test]
    fn the_order_of_detections_does_not_matter(
        frames in proptest::collection::vec(
            proptest::collection::vec((0.0f32..1000.0, 0.0f32..600.0, 10.0f32..60.0, any::<bool>()), 0..12), 1..12),
        swaps in proptest::collection::vec((0usize..12, 0usize..12), 12),
    ) {
        let (mut one, mut other) = (Tracker::new(TrackSettings::default()), Tracker::new(TrackSettings::default()));
        for (frame, boxes) in (1..).zip(&frames) {
            let all = |boxes: &[(f32, f32, f32, bool)]| {
                let mut seen = detections(frame, &[]);
                for (x, y, side, sure) in boxes {
                    if *sure { seen.found.push(head(*x, *y, *side)) } else { seen.candidates.push(head(*x, *y, *side)).unwrap() }
                }
                seen
            };
            let mut shuffled = boxes.clone();
            for (a, b) in &swaps {
                if *a < shuffled.len() && *b < shuffled.len() {
                    shuffled.swap(*a, *b);
                }
            }
            let places = |objects: Objects| {
                let mut places: Vec<[i32; 4]> =
                    objects.list.iter().map(|o| [o.rect.x, o.rect.y, o.rect.w, o.rect.h].map(|v| (v * 8.0).round() as i32)).collect();
                places.sort_unstable();
                places
            };
            let a = step(&mut one, frame, &all(boxes));
            let b = step(&mut other, frame, &all(&shuffled));
            prop_assert_eq!(places(a), places(b), "frame {}", frame);
        }
    }
}
