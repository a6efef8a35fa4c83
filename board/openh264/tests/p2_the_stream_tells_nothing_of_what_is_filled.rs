//! P2 in the stream: two faces under the same masks, with the same street around them, give the same bytes. Nothing of what was covered is in a motion
//! vector, a residual, a quantiser chosen by how hard the picture was to code, or the size of a unit.

#![allow(clippy::unwrap_used)] // a helper that fails fails the test

use board_hal::{Codec, EncodedUnit, Encoder, EncoderSettings, Nv12Pool};
use board_openh264::SoftEncoder;
use contract::{Filter, Rung};
use mask::plan::{Scene, decide};
use mask::{CaptureTime, Class, ColourRange, FrameBuffer, FrameId, Object, Objects, Painter, RawFrame, Rect, apply};

const SIZE: (usize, usize) = (320, 240);
const FRAMES: u64 = 60;

/// Where the head is: its edges fall on no macroblock, on odd pixels, and move by fractions.
fn head(number: u64) -> Rect {
    Rect { x: 61.3 + number as f32 * 1.7, y: 52.6 + (number % 9) as f32 * 0.8, w: 71.0, h: 89.0 }
}

/// A street that moves a little and, inside the head, one of several faces; the two planes of NV12 at `x`, `y`.
fn pixel(number: u64, face: u32, x: usize, y: usize) -> (u8, [u8; 2]) {
    let rect = head(number);
    let (u, v) = ((x as f32 - rect.x) / rect.w, (y as f32 - rect.y) / rect.h);
    if (0.0..1.0).contains(&u) && (0.0..1.0).contains(&v) {
        let noise = (x as u32 * 31 + y as u32 * 17 + number as u32 * 7).wrapping_mul(2_654_435_761 ^ face) >> 27;
        let eyes =
            if (v - 0.4).abs() < 0.06 && (u - 0.3).abs().min((u - 0.7).abs()) < 0.05 * face as f32 { 90 } else { 0 };
        let skin = 60 + 35 * face - (40.0 * (u - 0.5).abs()) as u32;
        return ((skin + noise).saturating_sub(eyes) as u8, [110 - 4 * face as u8, 140 + 6 * face as u8]);
    }
    let shift = number as usize * 2;
    (
        (40 + (x + shift) % 160 / 2 + y % 96 / 2 + (x * 7 + y * 13) % 5) as u8,
        [(90 + x % 60) as u8, (100 + y % 60) as u8],
    )
}

fn raw(pool: &Nv12Pool, number: u64, face: u32) -> RawFrame {
    let mut buffer = pool.try_take().unwrap();
    let geometry = pool.geometry();
    let planes = buffer.planes_mut();
    for y in 0..SIZE.1 {
        for x in 0..SIZE.0 {
            let (luma, chroma) = pixel(number, face, x, y);
            planes.luma[y * geometry.luma_stride + x] = luma;
            let at = y / 2 * geometry.chroma_stride + (x & !1);
            planes.chroma[at..at + 2].copy_from_slice(&chroma);
        }
    }
    let captured = CaptureTime { monotonic_us: number * 40_000, utc_us: number * 40_000 };
    RawFrame::new(FrameId(number), captured, geometry, ColourRange::Limited, buffer).unwrap()
}

/// Every unit of a clip of `face`, masked by `filter`, or not at all.
fn units(face: u32, filter: Option<Filter>) -> Vec<Vec<u8>> {
    let pool = Nv12Pool::new(SIZE.0, SIZE.1, 2);
    let settings = EncoderSettings {
        codec: Codec::H264,
        width: SIZE.0,
        height: SIZE.1,
        fps: 25.0,
        bitrate_bps: 500_000,
        key_interval: 25,
    };
    let mut encoder = SoftEncoder::open(settings, ColourRange::Limited).unwrap();
    let mut painter = Painter::new();
    let clip = (0..FRAMES).map(|number| {
        let mut found = Objects::none(FrameId(number));
        if filter.is_some() {
            // What the mask covers: the head and a margin.
            let rect = head(number).grown(0.05);
            found.push(Object { class: Class::Head, score: 0.9, rect, track: 1, grown: [0.0; 2] });
        }
        let filter = filter.unwrap_or(Filter::Fill);
        let plan = decide(FrameId(number), Some(&found), Rung::Clear, filter, &Scene::unknown());
        let masked = apply(raw(&pool, number, face), &plan, &mut painter).unwrap();
        let mut unit = EncodedUnit::default();
        encoder.encode(masked, false, &mut unit).unwrap();
        unit.data
    });
    clip.collect()
}

#[test]
fn p2_two_faces_under_fill_give_the_same_bytes() {
    let (one, two) = (units(1, Some(Filter::Fill)), units(3, Some(Filter::Fill)));
    assert_eq!(one.len() as u64, FRAMES);
    assert!(one.iter().all(|unit| !unit.is_empty()), "a unit for every frame");
    for (number, (one, two)) in one.iter().zip(&two).enumerate() {
        assert!(one == two, "unit {number} differs: {} and {} bytes", one.len(), two.len());
    }
}

#[test]
fn p2_the_comparison_sees_a_face_that_is_not_masked_or_only_pixelated() {
    assert!(units(0, None) != units(4, None));
    assert!(units(0, Some(Filter::Pixelate)) != units(4, Some(Filter::Pixelate)), "cells tell dark from light");
}
