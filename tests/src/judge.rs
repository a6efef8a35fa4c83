//! What a subscriber's pictures still show of the heads and plates of the scene they were made from, by the scene's own truth.

use crate::pictures::{self, Box2, Gray};
use crate::truth::{Frame, Object};

/// Gray level of `fill` (limited range, as the decoder leaves it).
const FILL: u8 = 128;
/// Correlation of an object's middle with the original from which on it shows.
const SHOWS: f64 = 0.35;

/// What was seen.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Verdict {
    /// Pictures judged.
    pub pictures: usize,
    /// Heads and plates in them that were large and visible enough to judge.
    pub judged: usize,
    /// Those whose middle still correlates with the original.
    pub showing: usize,
    /// Median over the pictures of the peak signal-to-noise ratio outside masks and objects, decibels.
    pub median_elsewhere_db: f64,
    /// Median over the pictures of the share that is masked without an object there.
    pub median_masked_in_vain: f64,
}

/// Compares received pictures, masked with `fill`, with the pictures that the camera saw; `truth` says what is in those, one for one. Objects of fewer than
/// `narrowest_px` across are not judged: a few pixels correlate by luck, and each detector setting has a size below which it sees nothing.
#[must_use]
pub fn judge<'a>(
    seen: impl Iterator<Item = &'a Gray>,
    original: &[Gray],
    truth: &[&Frame],
    narrowest_px: f32,
) -> Verdict {
    let (width, height) = original.first().map_or((0, 0), |first| (first.width, first.height));
    let everywhere = pictures::outside(width, height, &[], 0.0, height / 12);
    let (mut pictures_judged, mut judged, mut showing) = (0, 0, 0);
    let (mut quality, mut over_masked) = (Vec::new(), Vec::new());
    for picture in seen {
        pictures_judged += 1;
        let at = pictures::closest(picture, original, &everywhere);
        let objects = &truth[at].objects;
        for object in objects.iter().filter(|object| object.visible > 0.95 && object.w >= narrowest_px) {
            judged += 1;
            showing += usize::from(shows(&original[at], picture, object));
        }
        let boxes: Vec<Box2> = objects.iter().map(|object| part(object, 1.0)).collect();
        let elsewhere = pictures::outside(width, height, &boxes, 0.8, height / 12);
        let painted = pictures::painted(picture, FILL);
        let keep: Vec<bool> =
            elsewhere.iter().zip(&painted).map(|(elsewhere, painted)| *elsewhere && !painted).collect();
        quality.push(pictures::psnr(&original[at], picture, &keep));
        let count = |which: &[bool]| which.iter().filter(|is| **is).count() as f64;
        over_masked.push(1.0 - count(&keep) / count(&elsewhere));
    }
    Verdict {
        pictures: pictures_judged,
        judged,
        showing,
        median_elsewhere_db: median(quality),
        median_masked_in_vain: median(over_masked),
    }
}

/// Whether the middle of an object still correlates with the original.
fn shows(original: &Gray, seen: &Gray, object: &Object) -> bool {
    pictures::correlation(original, seen, part(object, 0.6)).abs() > SHOWS
}

/// A share of an object's box around its middle, in whole pixels.
fn part(object: &Object, share: f32) -> Box2 {
    let (w, h) = (object.w * share, object.h * share);
    let (x, y) = (object.x + (object.w - w) / 2.0, object.y + (object.h - h) / 2.0);
    Box2 { x: x as usize, y: y as usize, w: (w as usize).max(2), h: (h as usize).max(2) }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
