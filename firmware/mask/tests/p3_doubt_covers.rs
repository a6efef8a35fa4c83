//! Whatever cannot be told leads to more masking.

#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use contract::{Filter, Rung};
use mask::plan::{MAX_ZONES, Scene, decide};
use mask::{Area, BLACK, FILL, FrameError, FrameId, MAX_OBJECTS, Object, Objects, Painter, Rect, apply};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Picture, found, head, scene};

#[test]
fn p3_no_detections_at_all_cover_the_picture() {
    for filter in Filter::ALL {
        let plan = decide(FrameId(1), None, Rung::Clear, filter, &scene());
        assert_eq!(plan.rung(), Rung::Covered);
        assert_eq!(plan.filter(), Filter::Coarse);
        assert!(plan.covers_all());
    }
}

#[test]
fn p3_an_empty_answer_is_not_the_same_as_no_answer() {
    let plan = decide(FrameId(1), Some(&found(1, &[])), Rung::Clear, Filter::Fill, &scene());
    assert_eq!(plan.rung(), Rung::Clear);
    assert!(!plan.covers_all());
}

#[test]
fn p3_detections_of_another_frame_cover_the_picture() {
    let plan = decide(FrameId(2), Some(&found(1, &[])), Rung::Clear, Filter::Fill, &scene());
    assert_eq!(plan.rung(), Rung::Covered);
}

#[test]
fn p3_doubtful_detections_cover_the_picture() {
    let objects = Objects { doubtful: true, ..found(1, &[head(1, 0.0, 0.0, 10.0, 10.0)]) };
    let plan = decide(FrameId(1), Some(&objects), Rung::Cautious, Filter::Pixelate, &scene());
    assert_eq!(plan.rung(), Rung::Covered);
}

#[test]
fn p3_one_object_too_many_covers_the_picture() {
    let mut objects = Objects::none(FrameId(1));
    for n in 0..MAX_OBJECTS {
        objects.push(head(n as u32 + 1, n as f32, 0.0, 10.0, 10.0));
    }
    assert_eq!(decide(FrameId(1), Some(&objects), Rung::Clear, Filter::Fill, &scene()).rung(), Rung::Clear);
    objects.push(head(1000, 0.0, 0.0, 10.0, 10.0));
    assert_eq!(decide(FrameId(1), Some(&objects), Rung::Clear, Filter::Fill, &scene()).rung(), Rung::Covered);
}

#[test]
fn p3_an_object_whose_place_is_no_number_covers_the_picture() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut objects = found(1, &[]);
        // Past `push`, which would have noticed.
        objects
            .list
            .push(Object { rect: Rect { x: bad, y: 0.0, w: 5.0, h: 5.0 }, ..head(1, 0.0, 0.0, 5.0, 5.0) })
            .unwrap();
        assert_eq!(decide(FrameId(1), Some(&objects), Rung::Clear, Filter::Fill, &scene()).rung(), Rung::Covered);
    }
}

#[test]
fn p3_the_ladder_can_only_be_made_more_careful() {
    for rung in Rung::ALL {
        for filter in Filter::ALL {
            for (objects, scene) in [(Some(found(1, &[])), scene()), (None, scene()), (None, Scene::unknown())] {
                let plan = decide(FrameId(1), objects.as_ref(), rung, filter, &scene);
                assert!(plan.rung() >= rung);
                assert!(plan.filter() >= filter, "{filter} became {}", plan.filter());
            }
        }
    }
}

#[test]
fn p3_silhouette_shows_nothing_of_its_first_picture() {
    let plan = decide(FrameId(1), Some(&found(1, &[])), Rung::Clear, Filter::Silhouette, &Scene::unknown());
    assert_eq!((plan.filter(), plan.rung()), (Filter::Silhouette, Rung::Clear));
    assert!(plan.covers_all());
    let raw = Picture::noise(96, 64, 0, 5);
    let masked = apply(raw.frame(1, 0), &plan, &mut Painter::new()).unwrap();
    assert!(masked.planes().luma.iter().all(|&value| value == FILL.y));
}

#[test]
fn p3_covered_without_a_known_largest_face_is_dark_and_nothing_of_the_camera_remains() {
    for (rung, filter) in [(Rung::Covered, Filter::Fill), (Rung::Clear, Filter::Coarse), (Rung::Dark, Filter::Fill)] {
        let plan = decide(FrameId(1), Some(&found(1, &[])), rung, filter, &Scene::unknown());
        assert_eq!(plan.rung(), Rung::Dark);
        let raw = Picture::noise(96, 64, 8, 5);
        let masked = apply(raw.frame(1, 0), &plan, &mut Painter::new()).unwrap();
        assert!(masked.planes().luma.iter().all(|&v| v == BLACK.y));
        assert!(masked.planes().chroma.iter().all(|&v| v == 128));
    }
}

#[test]
fn p3_a_largest_face_that_is_no_number_counts_as_unknown() {
    for px in [f32::NAN, f32::INFINITY, 0.0, -5.0] {
        let scene = Scene { largest_face_px: Some(px), ..Scene::unknown() };
        assert_eq!(decide(FrameId(1), None, Rung::Clear, Filter::Fill, &scene).rung(), Rung::Dark, "{px}");
    }
}

#[test]
fn p3_a_zone_whose_place_is_no_number_makes_the_picture_dark() {
    let mut scene = scene();
    scene.zones.push(Rect { x: f32::NAN, y: 0.0, w: 5.0, h: 5.0 }).unwrap();
    assert_eq!(decide(FrameId(1), Some(&found(1, &[])), Rung::Clear, Filter::Fill, &scene).rung(), Rung::Dark);
}

#[test]
fn p3_no_coarse_cell_is_narrower_than_two_and_a_quarter_of_the_largest_face() {
    // Dark and light in turn, every sixteen pixels: the smallest cell.
    let mut raw = Picture::noise(8192, 2, 0, 1);
    for (x, value) in raw.luma.iter_mut().enumerate() {
        *value = if x % 8192 / 16 % 2 == 0 { 30 } else { 220 };
    }
    for px in [0.5, 1.0, 7.1] {
        assert_eq!(edges_of_cells(&raw, px)[..3], [16, 32, 48], "{px}");
    }
    for px in 8..1500_u16 {
        let cell = (usize::from(px) * 9).div_ceil(4).next_multiple_of(2);
        // As wide as cells should be: with any other width, or another grid, edges lie elsewhere.
        for (x, value) in raw.luma.iter_mut().enumerate() {
            *value = if x % 8192 / cell % 2 == 0 { 30 } else { 220 };
        }
        let edges = edges_of_cells(&raw, px.into());
        assert!(edges.len() >= 2 && edges.windows(2).all(|two| two[1] - two[0] == cell), "{px}: {edges:?}");
    }
}

/// Where a line of the picture under `coarse` changes.
fn edges_of_cells(raw: &Picture, largest_face_px: f32) -> Vec<usize> {
    let scene = Scene { largest_face_px: Some(largest_face_px), ..Scene::unknown() };
    let plan = decide(FrameId(1), None, Rung::Clear, Filter::Coarse, &scene);
    let masked = apply(raw.frame(1, 0), &plan, &mut Painter::new()).unwrap();
    let line = &masked.planes().luma[..8192];
    (1..8192).filter(|&x| line[x] != line[x - 1]).collect()
}

#[test]
fn p2_coarse_shows_four_values_of_luma_and_eight_of_each_colour_and_gray_stays_gray() {
    let (mut lumas, mut chromas) = (Vec::new(), Vec::new());
    for value in 0..=255_u8 {
        let mut raw = Picture::noise(32, 32, 0, 1);
        raw.luma.fill(value);
        raw.chroma.fill(value);
        let plan = decide(FrameId(1), None, Rung::Clear, Filter::Coarse, &scene());
        let masked = apply(raw.frame(1, 0), &plan, &mut Painter::new()).unwrap();
        lumas.push(masked.planes().luma[0]);
        chromas.push(masked.planes().chroma[0]);
        assert!(lumas.last().unwrap().abs_diff(value) <= 32 && chromas.last().unwrap().abs_diff(value) <= 31);
    }
    assert_eq!(chromas[128], 128);
    lumas.dedup();
    chromas.dedup();
    assert_eq!((lumas.len(), chromas.len()), (4, 8), "{lumas:?} {chromas:?}");
}

#[test]
fn p2_a_foreign_plan_is_refused_and_the_buffer_goes_back() {
    let released = Arc::<AtomicUsize>::default();
    let raw = Picture::noise(32, 32, 0, 1);
    let plan = decide(FrameId(2), Some(&found(2, &[])), Rung::Clear, Filter::Fill, &scene());
    let refused = apply(raw.counted_frame(1, 0, &released), &plan, &mut Painter::new()).unwrap_err();
    assert_eq!(refused, FrameError::ForeignPlan { plan: FrameId(2), frame: FrameId(1) });
    assert_eq!(released.load(Ordering::Relaxed), 1);
}

#[test]
fn p3_a_view_of_the_policy_becomes_pixels_grown_outward() {
    let view = |zones: usize| -> contract::policy::View {
        let zone = r#"{"x":0.101,"y":0.25,"w":0.2,"h":0.5}"#;
        let zones = vec![zone; zones].join(",");
        let text = format!(r#"{{"name":"plein","camera":"613","largest_face":0.05,"zones":[{zones}]}}"#);
        serde_json::from_str(&text).unwrap()
    };
    let scene = Scene::new(640, 480, &view(1)).unwrap();
    assert_eq!(scene.zones[0], Rect { x: 64.0, y: 120.0, w: 129.0, h: 240.0 });
    assert_eq!(scene.largest_face_px, Some(32.0));
    assert_eq!(
        Area::outward(scene.zones[0], &mask::Geometry::packed(640, 480)),
        Some(Area { x: 64, y: 120, w: 130, h: 240 })
    );
    assert!(Scene::new(640, 480, &view(MAX_ZONES)).is_ok());
    assert!(Scene::new(640, 480, &view(MAX_ZONES + 1)).is_err(), "leaving a zone out would show it");
}
