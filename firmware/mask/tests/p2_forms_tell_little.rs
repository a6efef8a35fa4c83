//! A head's mask has one of few forms, which covers it, and which a track keeps: its size tells little of whose head it is.

#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use contract::{Filter, Rung};
use mask::plan::{Plan, decide};
use mask::{Area, Class, FrameId, HOLD_FORM_US, HeldForms, Object, Rect};
use proptest::prelude::*;
use std::collections::HashSet;
use support::{found, head, scene};

const FRAME_US: u64 = 40_000;
const GEOMETRY: mask::Geometry = mask::Geometry { width: 4096, height: 4096, luma_stride: 4096, chroma_stride: 4096 };

fn plan(id: u64, objects: &[Object]) -> Plan {
    decide(FrameId(id), Some(&found(id, objects)), Rung::Clear, Filter::Fill, &scene())
}

/// What is painted over the only object.
fn area(plan: &Plan) -> Area {
    let areas = plan.areas(&GEOMETRY);
    assert_eq!(areas.len(), 1);
    areas[0]
}

fn covers(area: Area, rect: Rect) -> bool {
    area.x as f32 <= rect.x
        && area.y as f32 <= rect.y
        && area.right() as f32 >= rect.x + rect.w
        && area.bottom() as f32 >= rect.y + rect.h
}

/// A head in the middle of the picture that wants a mask of `w` by `h`.
fn of_size(track: u32, w: f32, h: f32) -> Object {
    head(track, 2000.0 - w / 2.0, 2000.0 - h / 2.0, w, h)
}

#[test]
fn p2_heads_as_heads_are_have_three_forms_an_octave() {
    let mut forms = HashSet::new();
    for w in (1300..2600).step_by(7).map(|tenths| tenths as f32 / 10.0) {
        for share in [1.0, 1.1, 1.2, 1.3] {
            let painted = area(&plan(1, &[of_size(0, w, w * share)]));
            forms.insert((painted.w, painted.h));
        }
    }
    let mut forms: Vec<_> = forms.into_iter().collect();
    forms.sort_unstable();
    assert_eq!(forms, [(162, 184), (204, 230), (256, 288), (322, 364)]);
}

#[test]
fn p2_a_plate_is_covered_as_it_lies() {
    let plate = Object { class: Class::Plate, ..head(0, 100.0, 100.0, 50.0, 12.0) };
    assert_eq!(area(&plan(1, &[plate])), Area { x: 100, y: 100, w: 50, h: 12 });
}

#[test]
fn p2_a_head_larger_than_any_form_is_covered_all_the_same() {
    let object = head(0, 10.0, 10.0, 4000.0, 3900.0);
    assert!(covers(area(&plan(1, &[object])), object.rect));
}

#[test]
fn p2_a_track_whose_size_flickers_keeps_one_form() {
    let mut forms = HeldForms::new();
    let sizes: HashSet<_> = (0..100_u64)
        .map(|id| {
            // To and fro over the border between two forms.
            let w = if id % 3 == 0 { 103.0 } else { 100.0 };
            let mut plan = plan(id, &[of_size(5, w, 100.0)]);
            forms.hold(&mut plan, id * FRAME_US);
            (area(&plan).w, area(&plan).h)
        })
        .collect();
    assert_eq!(sizes.len(), 1, "{sizes:?}");
}

#[test]
fn p2_a_track_that_shrinks_gets_a_smaller_form_only_after_it_sufficed_for_a_while() {
    let mut forms = HeldForms::new();
    let mut painted = |id: u64, w: f32| {
        let mut plan = plan(id, &[of_size(5, w, w)]);
        forms.hold(&mut plan, id * FRAME_US);
        area(&plan).w
    };
    let large = painted(0, 200.0);
    assert_eq!((1..1_000_000 / FRAME_US).find(|&id| painted(id, 60.0) < large), None, "held for a second");
    let when = (HOLD_FORM_US / FRAME_US..100).find(|&id| painted(id, 60.0) < large).unwrap();
    assert!(when * FRAME_US <= 2 * HOLD_FORM_US, "not for ever");
    assert_eq!(painted(101, 200.0), large, "and what needs more gets it at once");
}

#[test]
fn p2_what_a_mask_grows_by_while_nobody_sees_the_head_is_covered_and_does_not_stay() {
    let mut forms = HeldForms::new();
    let mut painted = |id: u64, w: f32, grown: f32| {
        let object = Object { grown: [grown; 2], ..of_size(5, w, w) };
        let mut plan = plan(id, &[object]);
        forms.hold(&mut plan, id * FRAME_US);
        assert!(covers(area(&plan), object.rect));
        area(&plan).w
    };
    let seen = painted(0, 100.0, 0.0);
    assert!(painted(1, 180.0, 80.0) >= 180);
    assert_eq!(painted(2, 100.0, 0.0), seen);
    assert!(painted(3, 180.0, 0.0) > seen && painted(4, 100.0, 0.0) > seen, "what was seen so large is held");
}

#[test]
fn p2_what_has_no_track_is_held_for_nobody() {
    let mut forms = HeldForms::new();
    let mut painted = |id: u64, w: f32| {
        let mut plan = plan(id, &[of_size(0, w, w)]);
        forms.hold(&mut plan, id * FRAME_US);
        area(&plan).w
    };
    assert!(painted(1, 200.0) > painted(2, 60.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn p2_a_form_covers_its_head_and_is_not_much_larger(
        x in 200.0_f32..3000.0, y in 200.0_f32..3000.0, w in 8.0_f32..400.0, share in 0.8_f32..1.5,
    ) {
        let object = head(0, x, y, w, w * share);
        let painted = area(&plan(1, &[object]));
        prop_assert!(covers(painted, object.rect));
        prop_assert!((painted.w * painted.h) as f32 <= 3.2 * (w + 4.0) * (w * share + 4.0), "{painted:?}");
    }

    #[test]
    fn p2_a_held_form_covers_its_head_in_every_frame(
        steps in prop::collection::vec((0_u64..400_000, 1_u32..4, 100.0_f32..3500.0, 2.0_f32..900.0, 2.0_f32..900.0), 1..120),
        backwards in any::<bool>(),
    ) {
        let mut forms = HeldForms::new();
        let mut now_us = 10_000_000;
        for (id, (step_us, track, at, w, h)) in steps.into_iter().enumerate() {
            now_us = if backwards && id % 7 == 3 { now_us - step_us } else { now_us + step_us };
            let object = head(track, at, at, w, h);
            let mut plan = plan(id as u64, &[object]);
            forms.hold(&mut plan, now_us);
            let areas = plan.areas(&GEOMETRY);
            let inside = Rect { w: w.min(4096.0 - at), h: h.min(4096.0 - at), ..object.rect };
            prop_assert!(covers(areas[0], inside), "{:?} does not cover {inside:?}", areas[0]);
        }
    }

    #[test]
    fn p2_more_tracks_than_are_remembered_are_covered_all_the_same(tracks in prop::collection::vec(1_u32..1000, 200)) {
        let mut forms = HeldForms::new();
        for (id, track) in tracks.into_iter().enumerate() {
            let object = of_size(track, (10 + track % 300) as f32, (10 + track % 200) as f32);
            let mut plan = plan(id as u64, &[object]);
            forms.hold(&mut plan, id as u64 * FRAME_US);
            prop_assert!(covers(area(&plan), object.rect));
        }
    }
}
