//! Reads the time that the eye writes on every picture (`mask::overlay`) back from pixels, after encoding, decoding and a player's conversion of colours.
//!
//! Only at the size of 720 lines: a font of 10x20 pixels, not scaled. A word is read when every one of its 27 characters is; nine of them are fixed, and what
//! is no time is refused, so that half a picture over another is not taken for one.

use embedded_graphics::image::GetPixel as _;
use embedded_graphics::mono_font::ascii::FONT_10X20;
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::prelude::Point;

const WIDTH: usize = 10;
const HEIGHT: usize = 20;
/// `2026-11-22 05:13:15.123 UTC`; `0` stands for any digit.
const FORM: &[u8] = b"0000-00-00 00:00:00.000 UTC";
/// Pixels of the whole word.
pub const WORD: (usize, usize) = (FORM.len() * WIDTH, HEIGHT);
/// Pixels of 200 that may be on the wrong side of grey. The two digits most alike, 3 and 8, differ in 9.
const MOST_WRONG: u32 = 4;
/// Half way between the overlay's black and white.
const GREY: u8 = 128;

type Glyph = [u16; HEIGHT];

/// Grey pixels, line by line.
#[derive(Debug, Clone, Copy)]
pub struct Grey<'a> {
    /// All of them.
    pub pixels: &'a [u8],
    /// Pixels in a line.
    pub width: usize,
}

/// The letters of a time.
pub struct Letters {
    digits: [Glyph; 10],
    form: Vec<Glyph>,
}

impl Default for Letters {
    fn default() -> Self {
        Self {
            digits: std::array::from_fn(|digit| glyph(b'0' + digit as u8)),
            form: FORM.iter().map(|c| glyph(*c)).collect(),
        }
    }
}

fn glyph(letter: u8) -> Glyph {
    let index = FONT_10X20.glyph_mapping.index(char::from(letter));
    let per_row = (1..).find(|n| FONT_10X20.image.pixel(point((n + 1) * WIDTH - 1, 0)).is_none()).unwrap_or(1);
    let (left, top) = (index % per_row * WIDTH, index / per_row * HEIGHT);
    let is_on = |x, y| FONT_10X20.image.pixel(point(left + x, top + y)) == Some(BinaryColor::On);
    std::array::from_fn(|y| (0..WIDTH).filter(|x| is_on(*x, y)).fold(0, |bits, x| bits | 1 << x))
}

fn point(x: usize, y: usize) -> Point {
    Point::new(i32::try_from(x).unwrap_or(i32::MAX), i32::try_from(y).unwrap_or(i32::MAX))
}

fn wrong(seen: &Glyph, letter: &Glyph) -> u32 {
    seen.iter().zip(letter).map(|(a, b)| (a ^ b).count_ones()).sum()
}

impl Letters {
    /// The time that stands at `x`, `y`, milliseconds since the Unix epoch.
    #[must_use]
    pub fn read(&self, picture: Grey<'_>, x: usize, y: usize) -> Option<u64> {
        let mut text = [0; FORM.len()];
        for (place, (letter, form)) in text.iter_mut().zip(FORM).enumerate() {
            let seen = cell(picture, x + place * WIDTH, y)?;
            *letter = match form {
                b'0' => self.digit(&seen)?,
                fixed if wrong(&seen, &self.form[place]) <= MOST_WRONG => *fixed,
                _ => return None,
            };
        }
        unix_ms(&text)
    }

    /// Where a time stands.
    #[must_use]
    pub fn find(&self, picture: Grey<'_>) -> Option<(usize, usize)> {
        let lines = picture.pixels.len() / picture.width;
        let all = (0..lines.checked_sub(WORD.1)? + 1).flat_map(|y| (0..=picture.width - WORD.0).map(move |x| (x, y)));
        all.into_iter().find(|(x, y)| self.read(picture, *x, *y).is_some())
    }

    fn digit(&self, seen: &Glyph) -> Option<u8> {
        let found = self.digits.iter().position(|digit| wrong(seen, digit) <= MOST_WRONG)?;
        Some(b'0' + found as u8)
    }
}

fn cell(picture: Grey<'_>, left: usize, top: usize) -> Option<Glyph> {
    let mut seen = [0; HEIGHT];
    for (y, bits) in seen.iter_mut().enumerate() {
        let start = (top + y) * picture.width + left;
        let line = picture.pixels.get(start..start + WIDTH)?;
        *bits = line.iter().rev().fold(0, |bits, pixel| bits << 1 | u16::from(*pixel > GREY));
    }
    Some(seen)
}

fn unix_ms(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix(" UTC")?;
    let at: jiff::civil::DateTime = text.parse().ok()?;
    u64::try_from(jiff::tz::Offset::UTC.to_timestamp(at).ok()?.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use board_hal::Nv12Pool;
    use contract::{Filter, Rung};
    use mask::plan::{Scene, decide};
    use mask::{CaptureTime, ColourRange, FrameId, Objects, Overlay, Painter, RawFrame};

    const SIZE: (usize, usize) = (1280, 720);
    const AT_MS: u64 = 1_795_324_395_123;

    /// What the eye makes of a grey picture at that time.
    fn written(utc_us: u64) -> Vec<u8> {
        let pool = Nv12Pool::new(SIZE.0, SIZE.1, 1);
        let captured = CaptureTime { monotonic_us: 1, utc_us };
        let raw = RawFrame::new(FrameId(1), captured, pool.geometry(), ColourRange::Limited, pool.try_take().unwrap())
            .unwrap();
        let plan = decide(FrameId(1), Some(&Objects::none(FrameId(1))), Rung::Clear, Filter::Fill, &Scene::unknown());
        let masked = mask::apply(raw, &plan, &mut Painter::with_overlay(Overlay::new("613"))).unwrap();
        masked.planes().luma[..SIZE.0 * SIZE.1].to_vec()
    }

    #[test]
    fn two_digits_differ_by_more_than_twice_what_may_be_wrong() {
        let letters = Letters::default();
        for (a, one) in letters.digits.iter().enumerate() {
            for (b, other) in letters.digits.iter().enumerate().filter(|(b, _)| *b != a) {
                assert!(wrong(one, other) > 2 * MOST_WRONG, "{a} and {b}: {}", wrong(one, other));
            }
        }
    }

    #[test]
    fn the_time_that_the_eye_writes_is_read_to_the_millisecond() {
        let letters = Letters::default();
        for at_ms in [AT_MS, 1_709_210_096_789, 1_709_209_999_999, 1_795_314_067_048] {
            let luma = written(at_ms * 1_000 + 999);
            let picture = Grey { pixels: &luma, width: SIZE.0 };
            let (x, y) = letters.find(picture).expect("a time");
            assert_eq!(letters.read(picture, x, y), Some(at_ms));
        }
    }

    #[test]
    fn a_word_that_is_half_of_one_picture_and_half_of_another_is_not_read_as_a_third() {
        let letters = Letters::default();
        let (old, new) = (written(1_795_324_395_388_000), written(1_795_324_395_655_000));
        let (x, y) = letters.find(Grey { pixels: &old, width: SIZE.0 }).unwrap();
        for lines in 0..=WORD.1 {
            let torn = [&new[..(y + lines) * SIZE.0], &old[(y + lines) * SIZE.0..]].concat();
            let read = letters.read(Grey { pixels: &torn, width: SIZE.0 }, x, y);
            assert!(
                [None, Some(1_795_324_395_388), Some(1_795_324_395_655)].contains(&read),
                "{lines} lines: {read:?}"
            );
        }
    }

    #[test]
    fn no_time_is_no_time() {
        let letters = Letters::default();
        for text in ["2026-13-22 05:13:15.123 UTC", "2026-11-22 25:13:15.123 UTC", "2026-11-22 05:13:15.123 CET"] {
            assert_eq!(unix_ms(text.as_bytes()), None, "{text}");
        }
        assert_eq!(unix_ms(b"2026-11-22 05:13:15.123 UTC"), Some(AT_MS));
        let noise: Vec<u8> =
            (0..SIZE.0 * 40_u32 as usize).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert_eq!(letters.find(Grey { pixels: &noise, width: SIZE.0 }), None);
    }
}
