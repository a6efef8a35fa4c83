//! What happens in streets: poles, crossings, crowds that merge and part, entering at the edge, a camera that pans, a late detector, few frames a second.
//! Whoever was seen is covered wherever he really is, also while the detector does not see him.

use crate::common::{covers, detections, head};
use detect::{TrackSettings, Tracker};
use mask::{FrameId, Object, Objects, Rect};

/// Where somebody's head is at a time, and whether the detector finds it then.
type Walker<'a> = &'a dyn Fn(u64) -> (Object, bool);

/// The middle of a head: what must never be bare.
fn core(rect: Rect) -> Rect {
    Rect { x: rect.x + 0.2 * rect.w, y: rect.y + 0.2 * rect.h, w: 0.6 * rect.w, h: 0.6 * rect.h }
}

struct Street {
    tracker: Tracker,
    frame_us: u64,
}

impl Street {
    fn at_fps(fps: u64) -> Self {
        Self { tracker: Tracker::new(TrackSettings::default()), frame_us: 1_000_000 / fps }
    }
    fn see(&mut self, frame: u64, found: Option<&[Object]>) -> Objects {
        let seen = found.map(|found| detections(frame, found));
        self.tracker.step(FrameId(frame), frame * self.frame_us, seen.as_ref())
    }
    /// Lets them walk; every core must be covered in every frame from `from` on.
    fn walk(&mut self, frames: std::ops::Range<u64>, from: u64, walkers: &[Walker<'_>]) {
        for frame in frames {
            let all: Vec<(Object, bool)> = walkers.iter().map(|walker| walker(frame)).collect();
            let found: Vec<Object> = all.iter().filter(|(_, found)| *found).map(|(object, _)| *object).collect();
            let objects = self.see(frame, Some(&found));
            assert!(!objects.doubtful);
            for (who, (object, _)) in all.iter().enumerate() {
                let covered = objects.list.iter().any(|o| covers(o.rect, core(object.rect)));
                assert!(
                    covered || frame < from,
                    "frame {frame}: walker {who} is bare at {:?}: {:?}",
                    object.rect,
                    objects.list
                );
            }
        }
    }
}

#[test]
fn p3_somebody_who_passes_behind_a_pole_stays_covered() {
    // 40 px wide at 4 px a frame, behind a pole for 10 frames: 0.4 s.
    let walker = |frame: u64| (head(100.0 + 4.0 * frame as f32, 80.0, 40.0), !(20..30).contains(&frame));
    Street::at_fps(25).walk(0..60, 0, &[&walker]);
}

#[test]
fn p3_a_parked_plate_half_hidden_by_passers_by_stays_covered() {
    // Seen for two seconds, then not found for one: somebody stands half before it.
    let plate = |frame: u64| {
        let there = Rect { x: 700.0, y: 400.0, w: 68.0, h: 15.0 };
        (Object { class: mask::Class::Plate, rect: there, ..head(0.0, 0.0, 1.0) }, !(50..75).contains(&frame))
    };
    Street::at_fps(25).walk(0..120, 0, &[&plate]);
}

#[test]
fn p3_two_who_cross_while_only_the_nearer_is_found_stay_covered() {
    let near = |frame: u64| (head(100.0 + 5.0 * frame as f32, 80.0, 44.0), true);
    let far = |frame: u64| (head(300.0 - 5.0 * frame as f32, 84.0, 36.0), !(16..25).contains(&frame));
    Street::at_fps(25).walk(0..40, 0, &[&near, &far]);
}

#[test]
fn p3_a_crowd_that_merges_into_one_box_and_parts_again_stays_covered() {
    let mut street = Street::at_fps(25);
    for frame in 0..60_u64 {
        // They come together to 30 px and part again; below 34 px apart the detector gives one box around both.
        let apart = 30.0 + 3.0 * (frame as f32 - 30.0).abs();
        let (a, b) = (head(300.0 - apart / 2.0, 80.0, 40.0), head(300.0 + apart / 2.0, 80.0, 40.0));
        let both = Object { rect: Rect { x: a.rect.x, y: 80.0, w: apart + 40.0, h: 40.0 }, ..a };
        let objects = if apart < 34.0 { street.see(frame, Some(&[both])) } else { street.see(frame, Some(&[a, b])) };
        for there in [a, b] {
            assert!(objects.list.iter().any(|o| covers(o.rect, core(there.rect))), "frame {frame}");
        }
    }
    assert!(street.tracker.tracks_started() <= 4, "{}", street.tracker.tracks_started());
}

#[test]
fn p3_somebody_who_enters_at_the_edge_half_visible_is_covered_from_first_sight() {
    let mut street = Street::at_fps(25);
    for frame in 0..20_u64 {
        // The left edge cuts the head off; the detector gives what it sees of it.
        let right = 8.0 + 5.0 * frame as f32;
        let there = Rect { x: (right - 40.0).max(0.0), y: 80.0, w: right.min(40.0), h: 40.0 };
        let objects = street.see(frame, Some(&[Object { rect: there, ..head(0.0, 0.0, 1.0) }]));
        assert!(objects.list.iter().any(|o| covers(o.rect, there)), "frame {frame}");
    }
    assert!(street.tracker.tracks_started() <= 2);
}

#[test]
fn p3_under_a_camera_that_pans_missed_heads_stay_covered_where_the_picture_has_moved_them() {
    // A whole head a fifth of a second, and misses of three frames each.
    let pan = |frame: u64| 8.0 * frame as f32;
    let left = |frame: u64| (head(900.0 - pan(frame), 80.0, 40.0), frame % 9 < 6);
    let right = |frame: u64| (head(1000.0 - pan(frame), 120.0, 30.0), (frame + 4) % 9 < 6);
    Street::at_fps(25).walk(0..90, 0, &[&left, &right]);
}

#[test]
fn p3_a_detector_with_time_for_every_third_frame_keeps_walkers_covered() {
    let mut street = Street::at_fps(25);
    for frame in 0..90_u64 {
        let there = head(100.0 + 4.0 * frame as f32, 80.0, 40.0);
        let objects = street.see(frame, (frame % 3 == 0).then_some(&[there]));
        assert!(objects.list.iter().any(|o| covers(o.rect, core(there.rect))), "frame {frame}: {:?}", objects.list);
    }
}

#[test]
fn p3_at_one_frame_a_second_whoever_is_found_is_covered_and_a_missed_one_where_he_stood() {
    let mut street = Street::at_fps(1);
    let there = head(300.0, 80.0, 40.0);
    for frame in 0..20_u64 {
        let found: &[Object] = if frame % 3 == 2 { &[] } else { &[there] };
        assert!(street.see(frame, Some(found)).list.iter().any(|o| covers(o.rect, there.rect)), "frame {frame}");
    }
}

#[test]
fn p3_frames_lost_in_fives_bare_nobody_who_was_seen() {
    let mut street = Street::at_fps(25);
    for frame in (0..200_u64).filter(|frame| frame % 17 < 12) {
        let there = head(100.0 + 4.0 * frame as f32, 80.0, 40.0);
        let found: &[Object] = if frame % 5 == 4 { &[] } else { &[there] };
        let objects = street.see(frame, Some(found));
        if frame > 3 {
            let near = objects.list.iter().any(|o| covers(o.rect, core(there.rect)));
            assert!(near, "frame {frame}: {:?}", objects.list);
        }
    }
}
