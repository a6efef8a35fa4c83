//! Contact sheets: cuts from the *original* pictures with truth in green and masks in red.
//!
//! They show people and plates that were not masked. They are for looking at here, never for passing on.

use super::canvas::{Canvas, LETTER_PX, LINE_PX};
use crate::input::Rect;
use embedded_graphics::pixelcolor::{Rgb888, RgbColor, WebColors};
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

/// Side of a cut on the sheet, pixels.
const TILE_PX: u32 = 216;
/// Lines of words below a cut.
const WORDS: u32 = 2;
/// Between cuts, pixels.
const GAP_PX: u32 = 6;
/// Cuts beside one another.
const COLUMNS: u32 = 6;
/// The least of a picture that is cut out, pixels: smaller cuts show nothing of where it is.
const LEAST_PX: f64 = 48.0;
const GROUND: Rgb<u8> = Rgb([32, 32, 32]);

/// A cut with its outlines and words.
#[derive(Debug)]
pub struct Tile {
    cut: RgbImage,
    words: [String; WORDS as usize],
}

impl Tile {
    /// Cuts a square around `at`, with as much of the picture on every side as `at` is large; moved and made smaller where the picture
    /// ends.
    #[must_use]
    pub fn cut(picture: &RgbImage, at: Rect, truth: &[Rect], masks: &[Rect], words: [String; 2]) -> Self {
        let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
        let side = (3.0 * at.w.max(at.h)).max(LEAST_PX).min(width.max(height)).max(1.0).round();
        let (left, top) = (begin(at.x + at.w / 2.0, side, width), begin(at.y + at.h / 2.0, side, height));
        let mut square = RgbImage::from_pixel(side as u32, side as u32, GROUND);
        imageops::replace(&mut square, picture, -left as i64, -top as i64);
        let mut canvas = Canvas(imageops::resize(&square, TILE_PX, TILE_PX, FilterType::Triangle));
        let scale = f64::from(TILE_PX) / side;
        let place = |rect: &Rect| Rect {
            x: (rect.x - left) * scale,
            y: (rect.y - top) * scale,
            w: rect.w * scale,
            h: rect.h * scale,
        };
        masks.iter().for_each(|mask| canvas.outline(place(mask), Rgb888::RED));
        truth.iter().for_each(|truth| canvas.outline(place(truth), Rgb888::CSS_LIME));
        Self { cut: canvas.0, words }
    }
}

/// Where a cut of `side` pixels around `middle` begins so that it stays in a picture of `size`; the picture's middle where it is too small.
fn begin(middle: f64, side: f64, size: f64) -> f64 {
    let room = size - side;
    if room < 0.0 { (room / 2.0).round() } else { (middle - side / 2.0).round().clamp(0.0, room) }
}

/// Groups of cuts under their headings, six in a row.
#[must_use]
pub fn sheet(groups: &[(String, Vec<Tile>)]) -> RgbImage {
    let step_x = TILE_PX + GAP_PX;
    let step_y = TILE_PX + WORDS * LINE_PX + GAP_PX;
    let rows = |tiles: &[Tile]| (tiles.len() as u32).div_ceil(COLUMNS);
    let heading = LINE_PX + GAP_PX;
    let height: u32 = groups.iter().map(|(_, tiles)| heading + rows(tiles) * step_y).sum();
    let mut canvas = Canvas(RgbImage::from_pixel(COLUMNS * step_x + GAP_PX, height + GAP_PX, GROUND));
    let mut top = GAP_PX;
    for (title, tiles) in groups {
        canvas.write(title, GAP_PX, top, Rgb888::WHITE);
        top += heading;
        for (at, tile) in tiles.iter().enumerate() {
            let (column, row) = (at as u32 % COLUMNS, at as u32 / COLUMNS);
            let (x, y) = (GAP_PX + column * step_x, top + row * step_y);
            imageops::replace(&mut canvas.0, &tile.cut, i64::from(x), i64::from(y));
            for (line, words) in tile.words.iter().enumerate() {
                let fits: String = words.chars().take((TILE_PX / LETTER_PX) as usize).collect();
                canvas.write(&fits, x, y + TILE_PX + line as u32 * LINE_PX, Rgb888::WHITE);
            }
        }
        top += rows(tiles) * step_y;
    }
    canvas.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: Rgb<u8> = Rgb([255, 0, 0]);
    const GREEN: Rgb<u8> = Rgb([0, 255, 0]);

    #[test]
    fn a_cut_shows_the_object_in_its_middle_with_truth_and_mask() {
        let picture = RgbImage::from_pixel(300, 300, Rgb([200, 200, 200]));
        // 72 pixels cut to 216: three times as large.
        let at = Rect { x: 100.0, y: 100.0, w: 24.0, h: 24.0 };
        let mask = Rect { x: 90.0, y: 90.0, w: 6.0, h: 6.0 };
        let tile = Tile::cut(&picture, at, &[at], &[mask], [String::new(), String::new()]);
        assert_eq!(tile.cut.get_pixel(72, 100), &GREEN);
        assert_eq!(tile.cut.get_pixel(144, 100), &GREEN);
        assert_eq!(tile.cut.get_pixel(42, 50), &RED);
        assert_eq!(tile.cut.get_pixel(108, 108), &Rgb([200, 200, 200]));
    }

    #[test]
    fn a_cut_stays_in_the_picture_and_a_narrow_picture_is_filled_up() {
        assert_eq!((begin(10.0, 60.0, 100.0), begin(50.0, 60.0, 100.0), begin(95.0, 60.0, 100.0)), (0.0, 20.0, 40.0));
        let picture = RgbImage::from_pixel(60, 20, Rgb([200, 200, 200]));
        let at = Rect { x: 0.0, y: 0.0, w: 50.0, h: 20.0 };
        let tile = Tile::cut(&picture, at, &[], &[], [String::new(), String::new()]);
        assert_eq!((tile.cut.get_pixel(10, 10), tile.cut.get_pixel(10, 108)), (&GROUND, &Rgb([200, 200, 200])));
    }

    #[test]
    fn a_sheet_has_a_row_for_every_six() {
        let picture = RgbImage::new(60, 60);
        let at = Rect { x: 10.0, y: 10.0, w: 20.0, h: 20.0 };
        let tiles = |count: usize| {
            (0..count).map(|_| Tile::cut(&picture, at, &[], &[], ["a".into(), "b".into()])).collect::<Vec<Tile>>()
        };
        let height = |count: usize| sheet(&[("title".into(), tiles(count))]).height();
        assert_eq!(height(6), height(1));
        assert_eq!(height(7) - height(6), TILE_PX + WORDS * LINE_PX + GAP_PX);
        assert!(height(0) > 0);
    }
}
