//! What is written on pictures, and the picture that is nothing but words.

#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use contract::{Filter, Rung};
use mask::overlay::utc_text;
use mask::plan::decide;
use mask::{BLACK, CaptureTime, ColourRange, FrameId, Geometry, Overlay, Painter, Planes, WHITE, apply, slate};
use std::sync::Arc;
use support::{Heap, PADDING, Picture, found, scene};

#[test]
fn time_is_written_in_utc_with_milliseconds() {
    assert_eq!(utc_text(0).as_str(), "1970-01-01 00:00:00.000 UTC");
    assert_eq!(utc_text(1_709_210_096_789_999).as_str(), "2024-02-29 12:34:56.789 UTC");
    assert_eq!(utc_text(4_102_444_799_999_000).as_str(), "2099-12-31 23:59:59.999 UTC");
    assert_eq!(utc_text(u64::MAX).as_str(), "no time");
}

/// Rows of the picture's top left corner that hold text, as `#` and `.`.
fn corner(planes: Planes<'_>, geometry: &Geometry, width: usize, height: usize) -> Vec<String> {
    let line = |y: usize| -> String {
        let start = y * geometry.luma_stride;
        planes.luma[start..start + width].iter().map(|&v| if v == WHITE.y { '#' } else { '.' }).collect()
    };
    (0..height).map(line).collect()
}

fn shown(width: usize, height: usize, camera: &str, rung: Rung, at_us: u64) -> (Picture, Vec<String>) {
    let raw = Picture::noise(width, height, 0, 1);
    let plan = decide(FrameId(1), Some(&found(1, &[])), rung, Filter::Fill, &scene());
    let masked = apply(raw.frame(1, at_us), &plan, &mut Painter::with_overlay(Overlay::new(camera))).unwrap();
    let rows = corner(masked.planes(), &raw.geometry, width, 14.min(height));
    (Picture::of(raw.geometry, masked.planes()), rows)
}

#[test]
fn the_overlay_writes_the_camera_as_its_first_word() {
    let (_, rows) = shown(640, 360, "1", Rung::Clear, 0);
    let glyph: Vec<&str> = rows[2..12].iter().map(|row| &row[3..9]).collect();
    assert_eq!(
        glyph,
        ["......", "..#...", ".##...", "#.#...", "..#...", "..#...", "..#...", "#####.", "......", "......"],
        "a 1 in the 6x10 font"
    );
}

#[test]
fn the_overlay_tells_camera_time_and_rung_apart() {
    let (_, clear) = shown(640, 360, "613", Rung::Clear, 0);
    for (other, what) in [
        (shown(640, 360, "614", Rung::Clear, 0).1, "camera"),
        (shown(640, 360, "613", Rung::Clear, 1000).1, "a millisecond"),
        (shown(640, 360, "613", Rung::Cautious, 0).1, "rung"),
    ] {
        assert!(clear != other, "{what} does not show");
    }
    assert!(clear == shown(640, 360, "613", Rung::Clear, 999).1, "less than a millisecond does not show");
}

#[test]
fn the_overlay_stays_at_the_top_and_wraps_where_the_picture_is_narrow() {
    for (width, height, most) in [(1920, 1080, 24), (640, 360, 14), (160, 120, 70), (16, 16, 16)] {
        let (painted, _) = shown(width, height, "camera-613", Rung::Cautious, 0);
        let raw = Picture::noise(width, height, 0, 1);
        let changed = (0..height).rev().find(|&y| (0..width).any(|x| painted.luma_at(x, y) != raw.luma_at(x, y)));
        assert!(changed.is_some_and(|y| y < most), "{width}x{height}: text down to line {changed:?}");
    }
}

#[test]
fn an_id_with_foreign_characters_is_written_not_refused() {
    let (_, rows) = shown(640, 360, "\u{00e9}\u{4e2d}", Rung::Clear, 0);
    let (_, question) = shown(640, 360, "??", Rung::Clear, 0);
    assert_eq!(rows, question);
}

fn slate_in(geometry: Geometry, fill: u8) -> mask::MaskedFrame {
    let plane = |len: usize| vec![fill; len];
    let buffer = Heap {
        luma: plane(geometry.luma_len() + 9),
        chroma: plane(geometry.chroma_len() + 9),
        released: Arc::default(),
    };
    let at = CaptureTime { monotonic_us: 0, utc_us: 0 };
    slate::frame(FrameId(1), at, geometry, ColourRange::Limited, Box::new(buffer), &slate::NO_SHARE).unwrap()
}

#[test]
fn p1_a_slate_is_the_same_whatever_the_buffer_held() {
    let geometry = Geometry { width: 320, height: 240, luma_stride: 352, chroma_stride: 384 };
    let (one, two) = (slate_in(geometry, PADDING), slate_in(geometry, 7));
    assert_eq!(one.planes().luma, two.planes().luma);
    assert_eq!(one.planes().chroma, two.planes().chroma);
}

#[test]
fn p1_a_slate_is_white_words_on_black_without_colour() {
    for (width, height) in [(3840, 2160), (1920, 1080), (640, 480), (320, 240), (16, 16)] {
        let slate = slate_in(Geometry::packed(width, height), PADDING);
        assert!(slate.planes().chroma.iter().all(|&v| v == 128));
        assert!(slate.planes().luma.iter().all(|v| [BLACK.y, WHITE.y].contains(v)));
        let white = slate.planes().luma.iter().filter(|&&v| v == WHITE.y).count();
        assert!(white > 0, "no words at {width}x{height}");
        assert!(white < width * height / 4);
    }
}
