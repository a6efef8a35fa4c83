//! What is painted equals a reference that goes pixel by pixel, for any objects, strides and filters; and nothing else changes.

#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use contract::{Filter, Rung};
use mask::plan::{Scene, decide};
use mask::{Class, FILL, FrameId, MAX_CELLS, MAX_PLATE_CELLS, Object, Painter, Rect, Yuv, ZONE, apply};
use proptest::prelude::*;
use support::{Picture, found, head, scene};

/// Left, top, right, bottom, grown outward to even numbers; may lie outside the picture.
type Edges = (i64, i64, i64, i64);

fn edges(rect: Rect) -> Edges {
    let down = |v: f32| (v.floor() as i64).div_euclid(2) * 2;
    let up = |v: f32| -down(-v);
    (down(rect.x), down(rect.y), up(rect.x + rect.w), up(rect.y + rect.h))
}

/// The form in which an object is painted, found by trying all.
fn form(object: &Object) -> Edges {
    const SIDES: [i64; 18] = [8, 10, 12, 16, 20, 26, 32, 40, 50, 64, 80, 102, 128, 162, 204, 256, 322, 406];
    let (left, top, right, bottom) = edges(object.rect);
    if object.class == Class::Plate {
        return (left, top, right, bottom);
    }
    let mut forms = Vec::new();
    for (index, &side) in SIDES.iter().enumerate() {
        forms.push((side, (side * 9 + 15) / 16 * 2));
        if let Some(&twice) = SIDES.get(index + 3) {
            forms.extend([(twice, side), (side, twice)]);
        }
    }
    forms.retain(|(w, h)| *w >= right - left && *h >= bottom - top);
    let (w, h) = forms.into_iter().min_by_key(|(w, h)| w * h).unwrap();
    let (left, top) = (left - (w - (right - left)) / 4 * 2, top - (h - (bottom - top)) / 4 * 2);
    (left, top, left + w, top + h)
}

/// Pixels of an area that are in the picture.
fn pixels(picture: &Picture, (left, top, right, bottom): Edges) -> Vec<(usize, usize)> {
    let (width, height) = (picture.geometry.width as i64, picture.geometry.height as i64);
    let mut all = Vec::new();
    for y in top.max(0)..bottom.min(height) {
        for x in left.max(0)..right.min(width) {
            all.push((x as usize, y as usize));
        }
    }
    all
}

fn paint(picture: &mut Picture, area: Edges, colour: Yuv) {
    for (x, y) in pixels(picture, area) {
        picture.luma[y * picture.geometry.luma_stride + x] = colour.y;
        let chroma = y / 2 * picture.geometry.chroma_stride + (x & !1);
        picture.chroma[chroma] = colour.cb;
        picture.chroma[chroma + 1] = colour.cr;
    }
}

fn mean(picture: &Picture, area: Edges) -> Option<Yuv> {
    let all = pixels(picture, area);
    if all.is_empty() {
        return None;
    }
    let mean_of = |value: &dyn Fn(usize, usize) -> u8| {
        let sum: u64 = all.iter().map(|&(x, y)| u64::from(value(x, y))).sum();
        ((2 * sum + all.len() as u64) / (2 * all.len() as u64)) as u8
    };
    Some(Yuv {
        y: mean_of(&|x, y| picture.luma_at(x, y)),
        cb: mean_of(&|x, y| picture.chroma_at(x, y)[0]),
        cr: mean_of(&|x, y| picture.chroma_at(x, y)[1]),
    })
}

/// Cells of an object by plain division.
fn cells((left, top, right, bottom): Edges, class: Class) -> Vec<Edges> {
    let most = if class == Class::Head { 2 } else { 1 };
    let (width, height) = (right - left, bottom - top);
    let side = ((width.max(height) + most - 1) / most).max(8);
    let (columns, rows) = ((width / side).clamp(1, most), (height / side).clamp(1, most));
    let mut all = Vec::new();
    for row in 0..rows {
        for column in 0..columns {
            let x = |i: i64| left + (width * i / columns) / 2 * 2;
            let y = |i: i64| top + (height * i / rows) / 2 * 2;
            all.push((x(column), y(row), x(column + 1), y(row + 1)));
        }
    }
    all
}

fn reference(raw: &Picture, objects: &[Object], filter: Filter, scene: &Scene) -> Picture {
    let mut out = raw.clone();
    for zone in &scene.zones {
        paint(&mut out, edges(*zone), ZONE);
    }
    if filter == Filter::Coarse {
        let cell = (scene.largest_face_px.unwrap() * 2.25).ceil() as i64;
        let cell = (cell.max(16) + 1) / 2 * 2;
        let few = |Yuv { y, cb, cr }: Yuv| {
            let nearest = |value: u8| ((u16::from(value) + 16).min(255) / 32 * 32) as u8;
            Yuv { y: y / 64 * 64 + 32, cb: nearest(cb), cr: nearest(cr) }
        };
        let before = out.clone();
        for y in (0..raw.geometry.height as i64).step_by(cell as usize) {
            for x in (0..raw.geometry.width as i64).step_by(cell as usize) {
                let area = (x, y, x + cell, y + cell);
                paint(&mut out, area, few(mean(&before, area).unwrap()));
            }
        }
        return out;
    }
    for object in objects {
        let outline = form(object);
        if filter == Filter::Fill {
            paint(&mut out, outline, FILL);
            continue;
        }
        let cells = cells(outline, object.class);
        let gray = |colour: Yuv| Yuv { y: colour.y / 86 * 86 + 43, cb: 128, cr: 128 };
        let colours: Vec<Option<Yuv>> = cells.iter().map(|cell| mean(&out, *cell).map(gray)).collect();
        for (cell, colour) in cells.into_iter().zip(colours) {
            if let Some(colour) = colour {
                paint(&mut out, cell, colour);
            }
        }
    }
    out
}

fn objects() -> impl Strategy<Value = Vec<Object>> {
    let one = (-60.0_f32..260.0, -60.0_f32..180.0, 0.5_f32..150.0, 0.5_f32..120.0, any::<bool>()).prop_map(
        |(x, y, w, h, plate)| Object { class: if plate { Class::Plate } else { Class::Head }, ..head(0, x, y, w, h) },
    );
    prop::collection::vec(one, 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn p2_every_filter_paints_what_the_reference_paints_and_nothing_else(
        half_width in 8_usize..120,
        half_height in 8_usize..80,
        padding in 0_usize..20,
        seed in any::<u32>(),
        objects in objects(),
        zone in prop::option::of((0.0_f32..200.0, 0.0_f32..120.0, 1.0_f32..90.0, 1.0_f32..90.0)),
        largest_face_px in 1.0_f32..400.0,
        filter in prop::sample::select(vec![Filter::Pixelate, Filter::Fill, Filter::Coarse]),
    ) {
        let raw = Picture::noise(2 * half_width, 2 * half_height, padding, seed);
        let mut scene = Scene { largest_face_px: Some(largest_face_px), ..scene() };
        if let Some((x, y, w, h)) = zone {
            scene.zones.push(Rect { x, y, w, h }).unwrap();
        }
        let plan = decide(FrameId(1), Some(&found(1, &objects)), Rung::Clear, filter, &scene);
        let masked = apply(raw.frame(1, 0), &plan, &mut Painter::new()).unwrap();
        let painted = Picture::of(raw.geometry, masked.planes());
        prop_assert!(painted == reference(&raw, &objects, filter, &scene));
    }

    #[test]
    fn p2_the_areas_a_plan_names_are_the_pixels_that_change(
        seed in any::<u32>(),
        objects in objects(),
        filter in prop::sample::select(vec![Filter::Pixelate, Filter::Fill, Filter::Coarse]),
    ) {
        let raw = Picture::noise(200, 120, 6, seed);
        let plan = decide(FrameId(1), Some(&found(1, &objects)), Rung::Clear, filter, &scene());
        let masked = apply(raw.frame(1, 0), &plan, &mut Painter::new()).unwrap();
        let painted = Picture::of(raw.geometry, masked.planes());
        let areas = plan.areas(&raw.geometry);
        for y in 0..120 {
            for x in 0..200 {
                let inside = areas.iter().any(|area| area.holds(x, y));
                let same = painted.luma_at(x, y) == raw.luma_at(x, y) && painted.chroma_at(x, y) == raw.chroma_at(x, y);
                prop_assert!(inside || same, "pixel {x},{y} changed outside every area");
            }
        }
        for object in &objects {
            for (x, y) in pixels(&raw, edges(object.rect)) {
                prop_assert!(areas.iter().any(|area| area.holds(x, y)), "pixel {x},{y} of an object is in no area");
            }
        }
    }
}

#[test]
fn p2_a_head_is_two_cells_across_at_most_and_a_plate_one() {
    assert_eq!((MAX_CELLS, MAX_PLATE_CELLS), (2, 1));
    for (w, h) in [(80.0, 100.0), (33.0, 200.0), (120.0, 31.0), (6.0, 6.0), (1.0, 1.0), (3.0, 90.0)] {
        for (class, most) in [(Class::Head, 2), (Class::Plate, 1)] {
            let raw = Picture::noise(256, 256, 0, 7);
            let object = Object { class, ..head(0, 20.0, 20.0, w, h) };
            let plan = decide(FrameId(1), Some(&found(1, &[object])), Rung::Clear, Filter::Pixelate, &scene());
            let masked = apply(raw.frame(1, 0), &plan, &mut Painter::new()).unwrap();
            let painted = Picture::of(raw.geometry, masked.planes());
            let area = plan.areas(&raw.geometry)[0];
            let steps = |along: &mut dyn Iterator<Item = u8>| {
                let values: Vec<u8> = along.collect();
                1 + values.windows(2).filter(|pair| pair[0] != pair[1]).count()
            };
            assert!(steps(&mut (area.x..area.right()).map(|x| painted.luma_at(x, area.y))) <= most, "{w}x{h}");
            assert!(steps(&mut (area.y..area.bottom()).map(|y| painted.luma_at(area.x, y))) <= most, "{w}x{h}");
        }
    }
}
