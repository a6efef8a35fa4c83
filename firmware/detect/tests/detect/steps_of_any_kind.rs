//! P3 for the tracker, whatever it is fed: clocks that jump, boxes that are none, more than fits, silence. Never less masking.

use crate::common::{covers, detections, head};
use detect::{Detections, MAX_TRACKS, TrackSettings, Tracker};
use mask::{Class, FrameId, Object, Objects, Rect};
use proptest::prelude::*;

fn tracker() -> Tracker {
    Tracker::new(TrackSettings::default())
}

fn assert_covers(objects: &Objects, rect: Rect) {
    assert!(objects.list.iter().any(|o| covers(o.rect, rect)), "{rect:?} is bare in {:?}", objects.list);
}

#[test]
fn p3_clock_that_jumps_ahead_ends_no_track() {
    let mut tracker = tracker();
    let there = head(100.0, 50.0, 40.0);
    tracker.step(FrameId(1), 1_000_000, Some(&detections(1, &[there])));
    let day_us = 86_400_000_000;
    assert_covers(&tracker.step(FrameId(2), day_us, Some(&detections(2, &[]))), there.rect);
    assert_covers(&tracker.step(FrameId(3), u64::MAX, Some(&detections(3, &[]))), there.rect);
}

#[test]
fn p3_clock_that_runs_back_or_stands_still_ends_no_track() {
    let mut tracker = tracker();
    let there = head(100.0, 50.0, 40.0);
    tracker.step(FrameId(1), 9_000_000, Some(&detections(1, &[there])));
    for frame in 2..100 {
        let captured_us = if frame % 2 == 0 { 1_000_000 } else { 0 };
        let objects = tracker.step(FrameId(frame), captured_us, Some(&detections(frame, &[])));
        if frame < 6 {
            assert_covers(&objects, there.rect);
        }
    }
    let mut still = self::tracker();
    still.step(FrameId(1), 5, Some(&detections(1, &[there])));
    for frame in 2..500 {
        assert_covers(&still.step(FrameId(frame), 5, Some(&detections(frame, &[]))), there.rect);
    }
}

#[test]
fn p3_box_that_is_not_a_number_is_doubt_and_harms_no_track() {
    let mut tracker = tracker();
    let there = head(100.0, 50.0, 40.0);
    tracker.step(FrameId(1), 0, Some(&detections(1, &[there])));
    let bad = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    for (frame, value) in (2..).zip(bad) {
        let mut seen = detections(frame, &[there]);
        seen.found.list.push(Object { rect: Rect { x: value, ..there.rect }, ..there }).unwrap();
        assert!(!seen.found.doubtful);
        let objects = tracker.step(FrameId(frame), frame * 60_000, Some(&seen));
        assert!(objects.doubtful);
        assert_covers(&objects, there.rect);
    }
}

#[test]
fn p3_no_room_for_another_track_is_doubt() {
    let mut tracker = tracker();
    let row = |y: f32| (0..MAX_TRACKS).map(|i| head(100.0 * i as f32, y, 20.0)).collect::<Vec<_>>();
    assert!(!tracker.step(FrameId(1), 0, Some(&detections(1, &row(0.0)))).doubtful);
    let objects = tracker.step(FrameId(2), 60_000, Some(&detections(2, &row(500.0))));
    assert!(objects.doubtful);
    assert_eq!(objects.list.len(), MAX_TRACKS);
    assert_eq!(tracker.tracks_started(), MAX_TRACKS as u64);
}

#[test]
fn p3_doubtful_detections_make_a_doubtful_answer_and_still_mask() {
    let mut tracker = tracker();
    let mut seen = detections(1, &[head(5.0, 5.0, 30.0)]);
    seen.found.doubtful = true;
    let objects = tracker.step(FrameId(1), 0, Some(&seen));
    assert!(objects.doubtful);
    assert_covers(&objects, head(5.0, 5.0, 30.0).rect);
}

#[test]
fn p3_box_outside_the_picture_is_held_like_any_other() {
    let mut tracker = tracker();
    let outside = head(-500.0, 5000.0, 30.0);
    let objects = tracker.step(FrameId(1), 0, Some(&detections(1, &[outside])));
    assert!(!objects.doubtful);
    assert_covers(&objects, outside.rect);
}

#[test]
fn p3_yesterdays_answer_given_again_and_again_ends_no_track_and_becomes_doubt() {
    let mut tracker = tracker();
    let there = head(100.0, 50.0, 40.0);
    tracker.step(FrameId(0), 0, Some(&detections(0, &[there])));
    let stuck = detections(0, &[]);
    for frame in 1..200 {
        let objects = tracker.step(FrameId(frame), frame * 40_000, Some(&stuck));
        // Told once more that nothing is there, it believes so for the hold and not a frame less; soon nothing it says counts.
        if frame < 6 {
            assert_covers(&objects, there.rect);
        }
        assert_eq!(objects.doubtful, frame > 25, "frame {frame}");
    }
}

#[test]
fn p3_three_hundred_heads_over_time_mask_as_many_as_fit_and_are_doubt() {
    let mut tracker = tracker();
    let mut seen = Detections::none(FrameId(0));
    for frame in 0..5_u64 {
        let at = |i: u64| head(30.0 * (i % 20) as f32, 40.0 * (i / 20) as f32, 20.0);
        seen.found = Objects::none(FrameId(frame));
        (0..300).for_each(|i| seen.found.push(at(i)));
        let objects = tracker.step(FrameId(frame), frame * 40_000, Some(&seen));
        assert!(objects.doubtful);
        (0..MAX_TRACKS as u64).for_each(|i| assert_covers(&objects, at(i).rect));
    }
}

#[test]
fn p3_candidates_everywhere_leave_room_for_what_is_found() {
    let mut tracker = tracker();
    let mut seen = Detections::none(FrameId(0));
    seen.candidates.extend((0..250_u16).map(|i| head(40.0 * f32::from(i % 25), 50.0 * f32::from(i / 25), 20.0)));
    for frame in 0..20_u64 {
        seen.found.frame = FrameId(frame);
        assert!(!tracker.step(FrameId(frame), frame * 40_000, Some(&seen)).doubtful, "frame {frame}");
    }
    let there = head(2000.0, 50.0, 30.0);
    let objects = tracker.step(FrameId(20), 800_000, Some(&detections(20, &[there])));
    assert!(!objects.doubtful);
    assert_covers(&objects, there.rect);
}

#[derive(Debug, Clone)]
struct Step {
    captured_us: u64,
    detections: Option<Detections>,
}

fn object() -> impl Strategy<Value = Object> + Clone {
    let side = prop_oneof![8 => -100.0f32..2000.0, 1 => Just(f32::NAN), 1 => Just(3e38f32), 1 => Just(-1e30f32)];
    let size = prop_oneof![12 => 4.0f32..300.0, 1 => Just(f32::NAN), 1 => Just(0.0f32), 1 => Just(1e30f32)];
    (any::<bool>(), side.clone(), side, size.clone(), size).prop_map(|(plate, x, y, w, h)| Object {
        class: if plate { Class::Plate } else { Class::Head },
        score: 0.5,
        rect: Rect { x, y, w, h },
        track: 0,
        grown: [0.0; 2],
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let clock = prop_oneof![4 => 0u64..2_000_000, 1 => any::<u64>()];
    let found = proptest::collection::vec(object(), 0..12);
    let seen = proptest::option::weighted(0.8, (found.clone(), found, any::<bool>(), 0u64..40));
    let step = (clock, seen).prop_map(|(captured_us, seen)| Step {
        captured_us,
        detections: seen.map(|(found, candidates, doubtful, back)| {
            let mut all = Detections::none(FrameId(back));
            all.found.doubtful = doubtful;
            // Straight into the list: what `push` would refuse must be refused by the tracker too.
            all.found.list.extend(found);
            all.candidates.extend(candidates);
            all
        }),
    });
    proptest::collection::vec(step, 1..60)
}

proptest! {
    /// Every sound box that is found is masked in the answer to that very step, or the answer is doubtful; so is every doubtful or unsound input;
    /// every answer is sound; and no track that was masked one step ago is bare now unless a working detector has missed it.
    #[test]
    fn p3_any_run_of_steps_masks_what_was_found_or_doubts(steps in steps()) {
        let mut tracker = tracker();
        let mut before: Option<Objects> = None;
        for (number, mut step) in steps.into_iter().enumerate() {
            let frame = FrameId(number as u64);
            let late = step.detections.as_mut().is_some_and(|all| {
                let back = all.found.frame.0 % 3;
                all.found.frame = FrameId((number as u64).saturating_sub(back));
                back > 0
            });
            let objects = tracker.step(frame, step.captured_us, step.detections.as_ref());
            prop_assert_eq!(objects.frame, frame);
            prop_assert!(objects.list.iter().all(|o| o.rect.is_sound() && o.track > 0));
            let mut ids: Vec<u32> = objects.list.iter().map(|o| o.track).collect();
            ids.sort_unstable();
            ids.dedup();
            prop_assert_eq!(ids.len(), objects.list.len());

            match &step.detections {
                Some(all) => {
                    let unsound = all.found.doubtful || all.found.list.iter().any(|o| !o.rect.is_sound());
                    prop_assert!(objects.doubtful || !unsound);
                    for object in all.found.list.iter().filter(|o| o.rect.is_sound() && o.rect.area() < 1e9 && o.rect.x.abs() < 1e6 && o.rect.y.abs() < 1e6) {
                        let masked = objects.list.iter().any(|o| o.class == object.class && covers(o.rect, object.rect));
                        prop_assert!(masked || objects.doubtful, "{object:?} late {late}");
                    }
                }
                None => {
                    if let Some(before) = &before {
                        for held in &before.list {
                            let now = objects.list.iter().find(|o| o.track == held.track);
                            prop_assert!(now.is_some_and(|o| covers(o.rect, held.rect)) || objects.doubtful, "{held:?}");
                        }
                    }
                }
            }
            before = Some(objects);
        }
    }
}
