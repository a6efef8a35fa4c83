//! What comes out over an object does not depend on what was there, beyond a few means; colour included; frames cannot be combined.

#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use contract::{Filter, Rung};
use mask::plan::{Plan, Scene, decide};
use mask::{FILL, FrameId, HOLD_US, Object, Painter, Rect, apply};
use proptest::prelude::*;
use support::{Picture, found, head, scene};

fn plan(id: u64, objects: &[Object], filter: Filter, scene: &Scene) -> Plan {
    decide(FrameId(id), Some(&found(id, objects)), Rung::Clear, filter, scene)
}

/// The picture with everything in `rect` (even edges) replaced by other noise.
fn replaced(raw: &Picture, rect: Rect, seed: u32) -> Picture {
    let other = Picture::noise(raw.geometry.width, raw.geometry.height, 0, seed);
    let mut out = raw.clone();
    for y in rect.y as usize..(rect.y + rect.h) as usize {
        for x in rect.x as usize..(rect.x + rect.w) as usize {
            out.luma[y * raw.geometry.luma_stride + x] = other.luma_at(x, y);
            let at = y / 2 * raw.geometry.chroma_stride + (x & !1);
            out.chroma[at..at + 2].copy_from_slice(&other.chroma_at(x, y));
        }
    }
    out
}

fn masked(raw: &Picture, plan: &Plan, painter: &mut Painter, at_us: u64) -> Picture {
    let frame = apply(raw.frame(plan.frame().0, at_us), plan, painter).unwrap();
    Picture::of(raw.geometry, frame.planes())
}

/// Pearson's coefficient.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let product: f64 = a.iter().zip(b).map(|(a, b)| (a - ma) * (b - mb)).sum();
    let square = |v: &[f64], m: f64| v.iter().map(|x| (x - m).powi(2)).sum::<f64>();
    let both = (square(a, ma) * square(b, mb)).sqrt();
    if both == 0.0 { 0.0 } else { product / both }
}

#[test]
fn p2_fill_gives_the_same_picture_whatever_the_object_looks_like() {
    let raw = Picture::noise(160, 120, 0, 1);
    let object = head(1, 40.0, 30.0, 48.0, 60.0);
    let plan = plan(1, &[object], Filter::Fill, &scene());
    let one = masked(&raw, &plan, &mut Painter::new(), 0);
    let two = masked(&replaced(&raw, object.rect, 99), &plan, &mut Painter::new(), 0);
    assert!(one == two);
    assert_eq!(one.luma_at(60, 60), FILL.y);
    assert_eq!(one.chroma_at(60, 60), [FILL.cb, FILL.cr]);
}

#[test]
fn p2_a_filled_object_does_not_correlate_with_what_was_there() {
    let raw = Picture::noise(160, 120, 0, 2);
    let plan = plan(1, &[head(1, 40.0, 30.0, 48.0, 60.0)], Filter::Fill, &scene());
    let out = masked(&raw, &plan, &mut Painter::new(), 0);
    let values = |picture: &Picture| -> Vec<f64> {
        (30..90).flat_map(|y| (40..88).map(move |x| (x, y))).map(|(x, y)| f64::from(picture.luma_at(x, y))).collect()
    };
    assert_eq!(correlation(&values(&raw), &values(&raw)).round(), 1.0);
    assert_eq!(correlation(&values(&raw), &values(&out)), 0.0);
}

#[test]
fn p2_within_a_pixelated_cell_nothing_correlates_with_what_was_there() {
    let raw = Picture::noise(160, 120, 0, 3);
    let plan = plan(1, &[head(1, 40.0, 30.0, 48.0, 60.0)], Filter::Pixelate, &scene());
    let out = masked(&raw, &plan, &mut Painter::new(), 0);
    let mut colours: Vec<_> = (30..90)
        .flat_map(|y| (40..88).map(move |x| (x, y)))
        .map(|(x, y)| (out.luma_at(x, y), out.chroma_at(x, y)))
        .collect();
    colours.sort_unstable();
    colours.dedup();
    assert!(colours.len() <= 4, "{} colours over one head", colours.len());
    assert!(colours.iter().all(|(luma, chroma)| [43, 129, 215].contains(luma) && *chroma == [128, 128]), "{colours:?}");
}

#[test]
fn p2_no_pixel_of_an_object_keeps_its_colour_where_its_edge_is_odd() {
    let raw = Picture::noise(64, 64, 0, 4);
    for filter in [Filter::Fill, Filter::Pixelate] {
        let plan = plan(1, &[head(1, 21.0, 13.0, 9.0, 11.0)], filter, &scene());
        let out = masked(&raw, &plan, &mut Painter::new(), 0);
        let area = plan.areas(&raw.geometry)[0];
        assert_eq!((area.x, area.y, area.right(), area.bottom()), (20, 12, 30, 24));
        let kept = (12..24)
            .step_by(2)
            .flat_map(|y| (20..30).step_by(2).map(move |x| (x, y)))
            .filter(|&(x, y)| out.chroma_at(x, y) == raw.chroma_at(x, y))
            .count();
        assert!(kept <= 1, "{filter}: {kept} colour samples kept");
        assert_eq!(out.chroma_at(30, 12), raw.chroma_at(30, 12));
        assert_eq!(out.luma_at(19, 12), raw.luma_at(19, 12));
    }
}

#[test]
fn p2_cells_hold_still_while_the_object_changes_under_them() {
    let object = head(7, 40.0, 30.0, 48.0, 60.0);
    let mut painter = Painter::new();
    let first =
        masked(&Picture::patches(160, 120, 3), &plan(1, &[object], Filter::Pixelate, &scene()), &mut painter, 0);
    let anew = masked(
        &Picture::patches(160, 120, 52),
        &plan(2, &[object], Filter::Pixelate, &scene()),
        &mut Painter::new(),
        0,
    );
    assert!([(40, 30), (60, 60), (87, 89)].iter().any(|&(x, y)| anew.luma_at(x, y) != first.luma_at(x, y)));
    for (id, at_us) in [(2, 40_000), (3, 500_000), (4, HOLD_US - 1)] {
        let raw = Picture::patches(160, 120, 50 + id as u32);
        let out = masked(&raw, &plan(id, &[object], Filter::Pixelate, &scene()), &mut painter, at_us);
        for (x, y) in [(40, 30), (60, 60), (87, 89)] {
            assert_eq!(out.luma_at(x, y), first.luma_at(x, y), "after {at_us} us");
            assert_eq!(out.chroma_at(x, y), first.chroma_at(x, y), "after {at_us} us");
        }
    }
    let raw = Picture::patches(160, 120, 60);
    let later = masked(&raw, &plan(9, &[object], Filter::Pixelate, &scene()), &mut painter, HOLD_US);
    let fresh = masked(&raw, &plan(9, &[object], Filter::Pixelate, &scene()), &mut Painter::new(), 0);
    assert!(later == fresh, "after the hold the cells are of the new frame");
}

#[test]
fn p2_cells_travel_with_the_track_so_that_frames_cannot_be_combined() {
    let mut painter = Painter::new();
    let raw = Picture::patches(200, 120, 1);
    let first = masked(&raw, &plan(1, &[head(7, 40.0, 30.0, 48.0, 60.0)], Filter::Pixelate, &scene()), &mut painter, 0);
    let mut differed = false;
    for step in 1..20_u16 {
        let shift = usize::from(step) * 2;
        let id = u64::from(step) + 1;
        let moved = head(7, 40.0 + f32::from(step) * 2.0, 30.0, 48.0, 60.0);
        let moved = plan(id, &[moved], Filter::Pixelate, &scene());
        let out = masked(&raw, &moved, &mut painter, id * 40_000);
        let anew = masked(&raw, &moved, &mut Painter::new(), 0);
        differed |= (0..4).any(|c| {
            let (x, y) = (45 + 30 * (c % 2), 40 + 40 * (c / 2));
            anew.luma_at(x + shift, y) != first.luma_at(x, y)
        });
        for y in 30..90 {
            for x in 40..88 {
                assert_eq!(out.luma_at(x + shift, y), first.luma_at(x, y));
            }
        }
    }
    assert!(differed, "cells taken anew would have looked the same");
}

#[test]
fn p2_a_track_that_jitters_in_size_does_not_get_new_cells_each_frame() {
    let mut painter = Painter::new();
    let mut seen = Vec::new();
    for id in 0..6_u64 {
        let size = if id % 2 == 0 { 40.0 } else { 80.0 };
        let raw = Picture::patches(200, 120, id as u32 + 1);
        let out = masked(
            &raw,
            &plan(id, &[head(3, 20.0, 20.0, size, size)], Filter::Pixelate, &scene()),
            &mut painter,
            id * 40_000,
        );
        seen.push(out.luma_at(20, 20));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
}

#[test]
fn p2_more_tracks_than_are_remembered_are_masked_all_the_same() {
    let mut painter = Painter::new();
    for id in 0..400_u64 {
        let object = head(id as u32 + 1, 40.0, 30.0, 48.0, 60.0);
        let raw = Picture::patches(160, 120, id as u32 + 1);
        let plan = plan(id, &[object], Filter::Pixelate, &scene());
        let out = masked(&raw, &plan, &mut painter, id * 40_000);
        let fresh = masked(&raw, &plan, &mut Painter::new(), 0);
        assert!(out == fresh, "track {id}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn p2_privacy_zones_are_painted_under_every_filter_and_never_averaged(
        seed in any::<u32>(),
        filter in prop::sample::select(Filter::ALL.to_vec()),
        rung in prop::sample::select(Rung::ALL.to_vec()),
        x in 0_u16..50, y in 0_u16..30, w in 1_u16..30, h in 1_u16..20,
        known in any::<bool>(),
    ) {
        let zone = Rect { x: f32::from(2 * x), y: f32::from(2 * y), w: f32::from(2 * w), h: f32::from(2 * h) };
        let mut scene = scene();
        scene.zones.push(zone).unwrap();
        if !known {
            scene.largest_face_px = None;
        }
        let raw = Picture::noise(160, 100, 0, seed);
        let other = replaced(&raw, zone, seed ^ 0x5555_5555);
        let objects = found(1, &[head(2, 10.0, 10.0, 90.0, 80.0)]);
        let plan = decide(FrameId(1), Some(&objects), rung, filter, &scene);
        let one = masked(&raw, &plan, &mut Painter::new(), 0);
        let two = masked(&other, &plan, &mut Painter::new(), 0);
        prop_assert!(one == two, "what lies in a zone shows under {filter}, {rung}");
    }
}
