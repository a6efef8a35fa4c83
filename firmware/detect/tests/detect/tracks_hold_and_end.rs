//! What is found is masked at once, held while it is missed, followed where it went, and let go late.

use crate::common::{covers, detections, head};
use detect::{TrackSettings, Tracker};
use mask::{Class, FrameId, Object, Objects, Rect};

const FRAME_US: u64 = 66_667;

/// Steps a tracker through frames at 15 a second.
struct Street {
    tracker: Tracker,
    frame: u64,
}

impl Street {
    fn new() -> Self {
        Self { tracker: Tracker::new(TrackSettings::default()), frame: 0 }
    }
    fn see(&mut self, found: &[Object]) -> Objects {
        self.frame += 1;
        let seen = detections(self.frame, found);
        self.tracker.step(FrameId(self.frame), self.frame * FRAME_US, Some(&seen))
    }
    fn see_weakly(&mut self, weak: Object) -> Objects {
        self.see_at(Object { score: 0.1, ..weak })
    }
    /// A candidate with a score of its own.
    fn see_at(&mut self, weak: Object) -> Objects {
        self.frame += 1;
        let mut seen = detections(self.frame, &[]);
        seen.candidates.push(weak).unwrap();
        self.tracker.step(FrameId(self.frame), self.frame * FRAME_US, Some(&seen))
    }
    fn blind(&mut self) -> Objects {
        self.frame += 1;
        self.tracker.step(FrameId(self.frame), self.frame * FRAME_US, None)
    }
}

fn only(objects: &Objects) -> Object {
    assert_eq!(objects.list.len(), 1, "{:?}", objects.list);
    objects.list[0]
}

#[test]
fn first_sight_is_masked_in_the_same_frame() {
    let mut street = Street::new();
    let there = head(100.0, 50.0, 40.0);
    let object = only(&street.see(&[there]));
    assert_eq!((object.class, object.track), (Class::Head, 1));
    assert!(covers(object.rect, there.rect.grown(0.08)));
    assert_eq!(street.tracker.tracks_started(), 1);
}

#[test]
fn plates_get_their_own_margin() {
    let mut street = Street::new();
    let plate =
        Object { class: Class::Plate, rect: Rect { x: 10.0, y: 10.0, w: 60.0, h: 15.0 }, ..head(0.0, 0.0, 1.0) };
    assert!(covers(only(&street.see(&[plate])).rect, plate.rect.grown(0.15)));
}

#[test]
fn walking_head_keeps_its_track() {
    let mut street = Street::new();
    for i in 0..60 {
        let there = head(100.0 + 6.0 * i as f32, 50.0, 40.0);
        let object = only(&street.see(&[there]));
        assert_eq!(object.track, 1);
        assert!(covers(object.rect, there.rect));
    }
}

#[test]
fn p3_missed_head_stays_masked_where_it_was_and_where_it_went() {
    let mut street = Street::new();
    let mut x = 100.0;
    for _ in 0..10 {
        street.see(&[head(x, 50.0, 40.0)]);
        x += 6.0;
    }
    let last = head(x - 6.0, 50.0, 40.0);
    for _ in 0..7 {
        let object = only(&street.see(&[]));
        assert!(covers(object.rect, last.rect), "the place where it was last seen");
        assert!(covers(object.rect, head(x, 50.0, 40.0).rect), "the place where it walked to");
        x += 6.0;
    }
}

#[test]
fn p3_head_seen_once_may_have_gone_anywhere_near() {
    let mut street = Street::new();
    let there = head(300.0, 200.0, 40.0);
    let before = only(&street.see(&[there])).rect;
    let after = (0..3).fold(before, |_, _| only(&street.see(&[])).rect);
    assert!(covers(after, before));
    assert!(after.w > before.w + 20.0 && after.h > before.h + 20.0, "{before:?} {after:?}");
}

#[test]
fn gone_head_is_let_go_after_its_hold_and_not_before() {
    for (sightings, hold_us) in
        [(1, 250_000), (2, 250_000), (3, 500_000), (9, 500_000), (11, 1_200_000), (300, 1_200_000)]
    {
        let mut street = Street::new();
        for _ in 0..sightings {
            street.see(&[head(100.0, 50.0, 40.0)]);
        }
        let held = (0..100).take_while(|_| !street.see(&[]).list.is_empty()).count();
        let hold_frames = (hold_us / FRAME_US) as usize;
        assert!((hold_frames..=hold_frames + 1).contains(&held), "seen {sightings} times, held for {held} frames");
    }
}

#[test]
fn what_came_often_and_never_surely_is_held_as_briefly_as_what_is_new() {
    let held_after = |score: f32| {
        let mut street = Street::new();
        (0..60).for_each(|_| drop(street.see_at(Object { score, ..head(100.0, 50.0, 40.0) })));
        let held = (0..100).take_while(|_| !street.see(&[]).list.is_empty()).count() as u64;
        held * FRAME_US / 1000
    };
    assert!((200..350).contains(&held_after(0.10)), "{} ms", held_after(0.10));
    assert!((1100..1300).contains(&held_after(0.13)), "{} ms", held_after(0.13));
}

#[test]
fn an_object_says_by_how_much_it_has_grown_since_it_was_seen() {
    let mut street = Street::new();
    for _ in 0..5 {
        assert!(only(&street.see(&[head(100.0, 50.0, 40.0)])).grown.iter().all(|grown| *grown < 0.01));
    }
    let (first, second) = (only(&street.see(&[])), only(&street.see(&[])));
    assert!(0.0 < first.grown[0] && first.grown[0] < second.grown[0], "{first:?} {second:?}");
    assert!((second.rect.w - second.grown[0] - 40.0 * 1.16).abs() < 0.01, "{second:?}");
}

#[test]
fn time_in_which_the_detector_did_not_look_counts_as_missed_once_it_looks_again() {
    let mut street = Street::new();
    for _ in 0..5 {
        street.see(&[head(100.0, 50.0, 40.0)]);
    }
    // It looks at every third frame, and 500 ms are 7.5 frames.
    let held = (1..100).take_while(|frame| {
        let objects = if frame % 3 == 0 { street.see(&[]) } else { street.blind() };
        !objects.list.is_empty()
    });
    assert_eq!(held.count(), 8);
}

#[test]
fn weak_candidate_on_a_track_keeps_it() {
    let mut street = Street::new();
    street.see(&[head(100.0, 50.0, 40.0)]);
    for i in 0..60 {
        let there = head(100.0 + 2.0 * i as f32, 50.0, 40.0);
        let object = only(&street.see_weakly(there));
        assert_eq!(object.track, 1);
        assert!(covers(object.rect, there.rect));
    }
}

#[test]
fn weak_candidate_alone_masks_nothing() {
    let mut street = Street::new();
    assert!(street.see_weakly(head(100.0, 50.0, 40.0)).list.is_empty());
    assert_eq!(street.tracker.tracks_started(), 0);
}

#[test]
fn weak_candidate_elsewhere_keeps_nothing() {
    let mut street = Street::new();
    street.see(&[head(100.0, 50.0, 40.0)]);
    // Never twice in one place.
    let kept = (0..30).filter(|i| !street.see_weakly(head(300.0 + 50.0 * *i as f32, 50.0, 40.0)).list.is_empty());
    assert!(kept.count() <= 4);
}

#[test]
fn candidate_that_comes_twice_in_one_place_is_masked_before_it_is_found() {
    let mut street = Street::new();
    assert!(street.see_weakly(head(100.0, 50.0, 40.0)).list.is_empty());
    let there = head(104.0, 51.0, 40.0);
    assert!(covers(only(&street.see_weakly(there)).rect, there.rect));
    let object = only(&street.see(&[head(108.0, 52.0, 40.0)]));
    assert_eq!(object.track, 1, "what is found then continues it");
}

#[test]
fn weaker_candidates_must_come_more_often_and_may_miss_a_look() {
    let plate = |x: f32, score: f32| {
        let rect = Rect { x, y: 50.0, w: 14.0, h: 4.0 };
        Object { class: Class::Plate, score, rect, track: 0, grown: [0.0; 2] }
    };
    let mut street = Street::new();
    let mut looks = |weak: &[Option<Object>]| -> Vec<usize> {
        let one = |weak: &Option<Object>| match weak {
            Some(weak) => street.see_at(*weak).list.len(),
            None => street.see(&[]).list.len(),
        };
        weak.iter().map(one).collect()
    };
    let weak = Some(plate(100.0, 0.07));
    assert_eq!(looks(&[weak, weak, None, weak, weak]), [0, 0, 0, 0, 1]);
    let far = |i: u8| Some(plate(200.0 + 20.0 * f32::from(i), 0.07));
    assert!(looks(&(0..20).map(far).collect::<Vec<_>>())[6..].iter().all(|masks| *masks == 0), "nowhere twice");
}

#[test]
fn plate_that_stood_still_is_masked_for_seconds_where_it_stood_and_one_that_moved_is_not() {
    let plate = |x: f32| {
        let rect = Rect { x, y: 50.0, w: 60.0, h: 14.0 };
        Object { class: Class::Plate, rect, ..head(0.0, 0.0, 1.0) }
    };
    let held_for = |speed: f32| {
        let mut street = Street::new();
        (0..60).for_each(|i| drop(street.see(&[plate(100.0 + speed * f32::from(i as u8))])));
        let held: Vec<Objects> = (0..300).map(|_| street.see(&[])).take_while(|seen| !seen.list.is_empty()).collect();
        if speed == 0.0 {
            let last = only(held.last().unwrap()).rect;
            assert!(covers(last, plate(100.0).rect) && last.area() < 2.5 * plate(0.0).rect.area(), "{last:?}");
        }
        held.len() as u64 * FRAME_US / 1000
    };
    assert!((8_900..9_200).contains(&held_for(0.0)), "{} ms", held_for(0.0));
    assert!((450..600).contains(&held_for(6.0)), "{} ms", held_for(6.0));
}

#[test]
fn weak_sight_beside_a_hidden_plate_does_not_take_its_mask_away() {
    let mut street = Street::new();
    let plate = |y: f32, score: f32| {
        let rect = Rect { x: 100.0, y, w: 60.0, h: 20.0 };
        Object { class: Class::Plate, score, rect, ..head(0.0, 0.0, 1.0) }
    };
    (0..20).for_each(|_| drop(street.see(&[plate(50.0, 0.8)])));
    (0..5).for_each(|_| drop(street.see(&[])));
    let bumper = plate(72.0, 0.12);
    (0..60).for_each(|_| {
        let seen = street.see_at(bumper);
        assert!(seen.list.iter().any(|object| covers(object.rect, plate(50.0, 0.8).rect)), "{:?}", seen.list);
    });
    let masks = street.see_at(bumper).list;
    assert!(
        masks.iter().any(|object| covers(object.rect, bumper.rect)),
        "what came beside it is masked too: {masks:?}"
    );
}

#[test]
fn plate_is_old_after_the_same_time_at_every_rate_of_looks() {
    let plate =
        Object { class: Class::Plate, rect: Rect { x: 100.0, y: 50.0, w: 60.0, h: 14.0 }, ..head(0.0, 0.0, 1.0) };
    for every in [1, 3] {
        let held_after = |seen_frames: u32| {
            let mut street = Street::new();
            let mut look = |frame: u32, found: &[Object]| {
                if frame.is_multiple_of(every) { street.see(found) } else { street.blind() }
            };
            (0..seen_frames).for_each(|frame| drop(look(frame, &[plate])));
            (seen_frames..400).take_while(|frame| !look(*frame, &[]).list.is_empty()).count() as u64 * FRAME_US / 1000
        };
        assert!(held_after(9) < 1000, "look at one of {every}: {} ms", held_after(9));
        assert!(held_after(20) > 8_800, "look at one of {every}: {} ms", held_after(20));
    }
}

#[test]
fn what_was_found_weakly_once_is_held_through_two_misses() {
    let mut street = Street::new();
    street.see(&[Object { score: 0.2, ..head(100.0, 50.0, 40.0) }]);
    let held = (0..20).take_while(|_| !street.see(&[]).list.is_empty()).count();
    assert_eq!(held, 2);
}

#[test]
fn plate_that_is_half_hidden_keeps_its_width() {
    let mut street = Street::new();
    let rect = Rect { x: 100.0, y: 50.0, w: 60.0, h: 14.0 };
    let plate = Object { class: Class::Plate, rect, ..head(0.0, 0.0, 1.0) };
    (0..10).for_each(|_| drop(street.see(&[plate])));
    let half = Object { rect: Rect { w: 40.0, ..rect }, ..plate };
    for _ in 0..8 {
        let seen = only(&street.see(&[half])).rect;
        assert!(seen.w > 0.9 * 60.0, "{seen:?}");
    }
}

#[test]
fn candidate_of_two_looks_ago_or_of_another_class_has_not_come_twice() {
    let mut street = Street::new();
    street.see_weakly(head(100.0, 50.0, 40.0));
    street.see(&[]);
    assert!(street.see_weakly(head(100.0, 50.0, 40.0)).list.is_empty());
    let plate = Object { class: Class::Plate, ..head(100.0, 50.0, 40.0) };
    assert!(street.see_weakly(plate).list.is_empty());
}

#[test]
fn two_heads_that_pass_each_other_are_both_masked_throughout() {
    let mut street = Street::new();
    for i in 0..40 {
        let (a, b) = (head(100.0 + 5.0 * i as f32, 50.0, 40.0), head(300.0 - 5.0 * i as f32, 60.0, 40.0));
        let objects = street.see(&[a, b]);
        for there in [a, b] {
            assert!(objects.list.iter().any(|o| covers(o.rect, there.rect)), "frame {i}");
        }
    }
    assert!(street.tracker.tracks_started() <= 4);
}

#[test]
fn head_and_plate_in_one_place_are_two_tracks() {
    let mut street = Street::new();
    let object = head(100.0, 50.0, 40.0);
    for _ in 0..3 {
        assert_eq!(street.see(&[object, Object { class: Class::Plate, ..object }]).list.len(), 2);
    }
    assert_eq!(street.tracker.tracks_started(), 2);
}

#[test]
fn misses_between_two_sightings_are_counted_as_bridged_and_those_after_the_last_are_not() {
    let mut street = Street::new();
    let there = [head(100.0, 50.0, 40.0)];
    for found in [true, false, false, true, true, false, true, false, false] {
        street.see(if found { &there } else { &[] });
    }
    assert_eq!(street.tracker.misses_bridged(), 3);
    street.blind();
    street.see(&there);
    assert_eq!(street.tracker.misses_bridged(), 5, "a look that never was is no miss");
}

#[test]
fn identities_are_unique_and_start_at_one() {
    let mut street = Street::new();
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..20 {
        for object in &street.see(&[head(200.0 * round as f32, 50.0, 40.0)]).list {
            seen.insert(object.track);
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
}

#[test]
fn p3_detector_that_is_silent_ends_no_track_and_grows_it() {
    let mut street = Street::new();
    let there = head(100.0, 50.0, 40.0);
    let mut last = only(&street.see(&[there])).rect;
    for _ in 0..200 {
        let object = only(&street.blind());
        assert!(covers(object.rect, last));
        last = object.rect;
    }
}

#[test]
fn p3_detector_that_never_answered_is_doubt() {
    assert!(Street::new().blind().doubtful);
}

#[test]
fn p3_detector_silent_for_a_second_is_doubt_until_it_answers() {
    let mut street = Street::new();
    assert!(!street.see(&[]).doubtful);
    let sure = (0..40).take_while(|_| !street.blind().doubtful).count() as u64;
    assert!((14..=15).contains(&sure), "{sure} frames");
    assert!(!street.see(&[]).doubtful);
}

#[test]
fn late_detections_mask_what_has_moved_on_since() {
    let mut street = Street::new();
    let at = |frame: u64| head(100.0 + 6.0 * frame as f32, 50.0, 40.0);
    for frame in 1..=10 {
        street.see(&[at(frame)]);
    }
    // From now on the detector is three frames late.
    for _ in 0..20 {
        street.frame += 1;
        let seen = detections(street.frame - 3, &[at(street.frame - 3)]);
        let objects = street.tracker.step(FrameId(street.frame), street.frame * FRAME_US, Some(&seen));
        assert!(!objects.doubtful);
        assert!(objects.list.iter().any(|o| covers(o.rect, at(street.frame).rect)), "frame {}", street.frame);
    }
}

#[test]
fn p3_detections_of_an_unknown_frame_are_doubt_and_still_masked() {
    let mut street = Street::new();
    street.see(&[]);
    let foreign = detections(99, &[head(10.0, 10.0, 20.0)]);
    street.frame += 1;
    let objects = street.tracker.step(FrameId(street.frame), street.frame * FRAME_US, Some(&foreign));
    assert!(objects.doubtful);
    assert!(covers(only(&objects).rect, head(10.0, 10.0, 20.0).rect));
}

#[test]
fn p3_poor_sighting_does_not_bare_the_rim() {
    let mut street = Street::new();
    street.see(&[head(100.0, 50.0, 40.0)]);
    let object = only(&street.see(&[head(108.0, 58.0, 24.0)]));
    assert!(covers(object.rect, head(101.0, 51.0, 38.0).rect), "{:?}", object.rect);
}
