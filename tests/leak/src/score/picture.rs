//! One picture: its boxes and its false area.

use super::{Luma, Raster, width_at_640};
use crate::input::{Annotated, Class, Masked, TruthBox};

/// What of a box must be masked so that it counts as covered.
pub(super) const COVERED: f64 = 0.85;
/// What of a box must be masked so that it counts as touched.
const TOUCHED: f64 = 0.25;
/// From this |r| on the masked pixels show the original.
const SHOWS: f64 = 0.35;
/// What is added to the truth on every side before masked pixels count as false.
pub(super) const TOLERANCE: f64 = 0.3;

/// How one annotated box fared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxScore {
    /// What it is around.
    pub class: Class,
    /// Its width if the picture were 640 pixels wide.
    pub width_at_640: f64,
    /// Masked share of the box, 0 to 1.
    pub cover: f64,
    /// Masked share of its core, 0 to 1.
    pub core: f64,
    /// Its core is masked by the report, and still shows the original.
    pub still_shows: bool,
}

impl BoxScore {
    /// The box is covered.
    #[must_use]
    pub fn cover85(&self) -> bool {
        self.cover >= COVERED
    }

    /// Its core is covered, in fact and not only by the report. What fails this is a leak.
    #[must_use]
    pub fn core85(&self) -> bool {
        self.core >= COVERED && !self.still_shows
    }

    /// Something of it is covered.
    #[must_use]
    pub fn touched(&self) -> bool {
        self.cover >= TOUCHED
    }
}

/// How one picture fared.
#[derive(Debug, Clone, PartialEq)]
pub struct PictureScore {
    /// In the order of the annotations.
    pub boxes: Vec<BoxScore>,
    /// False area, 0 to 1.
    pub false_share: f64,
    /// False area that extra boxes do not excuse, 0 to 1.
    pub false_share_excused: f64,
    /// For each painted shape, the share of the picture that it paints without excuse. Overlaps count for each.
    pub false_of_shape: Vec<f64>,
    /// What the network took, milliseconds.
    pub infer_ms: Option<f64>,
    /// It was not masked.
    pub missing: bool,
    /// It was covered whole, because of doubt.
    pub in_doubt: bool,
}

/// A picture's pixels before and after.
#[derive(Debug, Clone, Copy)]
pub struct Pixels<'a> {
    /// The original.
    pub before: &'a Luma,
    /// The masked one, of the same size.
    pub after: &'a Luma,
}

/// Scores a picture. `masked` is `None` when it was not masked at all: then nothing of it is covered. Without `pixels` the
/// report is believed.
#[must_use]
pub fn score(
    picture: &Annotated,
    extras: &[TruthBox],
    masked: Option<&Masked>,
    pixels: Option<Pixels<'_>>,
) -> PictureScore {
    let empty = Raster::new(picture.width, picture.height);
    let shapes = masked.map_or(&[][..], |masked| &masked.mask);
    let mut mask = empty.clone();
    shapes.iter().for_each(|shape| mask.paint_shape(shape));
    let mut truth = empty.clone();
    picture.boxes.iter().for_each(|truth_box| truth.paint(truth_box.rect.grown(TOLERANCE)));
    let mut excused = truth.clone();
    extras.iter().for_each(|extra| excused.paint(extra.rect.grown(TOLERANCE)));
    let alone = |shape| {
        let mut alone = empty.clone();
        alone.paint_shape(shape);
        alone.share_outside(&excused)
    };
    PictureScore {
        boxes: picture.boxes.iter().map(|truth_box| score_box(picture, truth_box, &mask, pixels)).collect(),
        false_share: mask.share_outside(&truth),
        false_share_excused: mask.share_outside(&excused),
        false_of_shape: shapes.iter().map(alone).collect(),
        infer_ms: masked.and_then(|masked| masked.infer_ms),
        missing: masked.is_none(),
        in_doubt: masked.is_some_and(|masked| masked.in_doubt),
    }
}

fn score_box(picture: &Annotated, truth_box: &TruthBox, mask: &Raster, pixels: Option<Pixels<'_>>) -> BoxScore {
    let core_rect = truth_box.rect.core();
    let core = mask.share_of(core_rect);
    let shows = |pixels: Pixels<'_>| pixels.before.correlation(pixels.after, core_rect).abs() >= SHOWS;
    BoxScore {
        class: truth_box.cls,
        width_at_640: width_at_640(truth_box.rect.w, picture.width),
        cover: mask.share_of(truth_box.rect),
        core,
        still_shows: core >= COVERED && pixels.is_some_and(shows),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Kind, Rect, Shape};

    fn rect(x: f64, y: f64, w: f64, h: f64) -> Rect {
        Rect { x, y, w, h }
    }

    fn picture(boxes: &[Rect]) -> Annotated {
        Annotated {
            image: "images/a.png".into(),
            width: 100,
            height: 100,
            source: "s".into(),
            boxes: boxes.iter().map(|rect| TruthBox { cls: Class::Face, rect: *rect }).collect(),
        }
    }

    fn masked(rects: &[Rect]) -> Masked {
        let mask = rects.iter().map(|rect| Shape { shape: Kind::Rect, rect: *rect }).collect();
        Masked { objects: Vec::new(), mask, infer_ms: Some(3.0), in_doubt: false }
    }

    const HEAD: Rect = Rect { x: 40.0, y: 40.0, w: 20.0, h: 20.0 };

    #[test]
    fn a_box_is_covered_cored_or_touched_by_shares() {
        let of = |mask: Rect| score(&picture(&[HEAD]), &[], Some(&masked(&[mask])), None).boxes[0];
        let whole = of(HEAD);
        assert!(whole.cover85() && whole.core85() && whole.touched());
        // 14 of 20 columns: 70 % of the box; the core's 12 columns 44 to 56 lose two of them: 83 %.
        let most = of(rect(40.0, 40.0, 14.0, 20.0));
        assert_eq!((most.cover, most.core), (0.7, 10.0 / 12.0));
        assert!(!most.cover85() && !most.core85() && most.touched());
        // The core alone is a third of the box.
        let core = of(rect(44.0, 44.0, 12.0, 12.0));
        assert!(!core.cover85() && core.core85() && core.touched());
        // A fifth is no touch.
        assert!(!of(rect(40.0, 40.0, 4.0, 20.0)).touched());
    }

    #[test]
    fn several_masks_cover_together() {
        let halves = masked(&[rect(40.0, 40.0, 10.0, 20.0), rect(50.0, 40.0, 10.0, 20.0)]);
        assert!(score(&picture(&[HEAD]), &[], Some(&halves), None).boxes[0].cover85());
    }

    #[test]
    fn a_picture_that_was_not_masked_covers_nothing_and_has_no_time() {
        let got = score(&picture(&[HEAD]), &[], None, None);
        assert!(got.missing && !got.boxes[0].touched() && got.infer_ms.is_none() && got.false_share == 0.0);
    }

    #[test]
    fn masks_near_the_truth_are_not_false_and_extras_excuse() {
        // The head grown by 30 %: 34 to 66. The mask 30 to 70: 1600 pixels, 1024 of them excused by the truth.
        let mask = masked(&[rect(30.0, 30.0, 40.0, 40.0), rect(0.0, 0.0, 10.0, 10.0)]);
        let without = score(&picture(&[HEAD]), &[], Some(&mask), None);
        assert!((without.false_share - (1600.0 - 1024.0 + 100.0) / 10_000.0).abs() < 1e-12);
        assert_eq!(without.false_share, without.false_share_excused);
        let extra = [TruthBox { cls: Class::Face, rect: rect(2.0, 2.0, 6.0, 6.0) }];
        let with = score(&picture(&[HEAD]), &extra, Some(&mask), None);
        // 2 - 1.8 = 0.2 to 9.8: pixels 0 to 10.
        assert!((with.false_share_excused - 576.0 / 10_000.0).abs() < 1e-12);
        assert_eq!(with.false_share, without.false_share);
        assert_eq!(with.boxes, without.boxes);
        assert_eq!(with.false_of_shape, [0.0576, 0.0]);
    }

    #[test]
    fn a_masked_core_that_still_shows_the_original_is_a_leak() {
        let noise: Vec<u8> = (0..30_000_u32).map(|at| (at / 3 * 97 % 251) as u8).collect();
        let before = Luma::of_rgb(100, 100, &noise);
        let flat = Luma::of_rgb(100, 100, &[90; 30_000]);
        let fares = |after: &Luma, mask: Rect| {
            let pixels = Pixels { before: &before, after };
            score(&picture(&[HEAD]), &[], Some(&masked(&[mask])), Some(pixels)).boxes[0]
        };
        assert!(fares(&flat, HEAD).core85());
        let shown = fares(&before, HEAD);
        assert!(shown.still_shows && !shown.core85() && shown.cover85());
        // What the report does not call masked is missed, not shown.
        assert!(!fares(&before, rect(0.0, 0.0, 1.0, 1.0)).still_shows);
    }

    #[test]
    fn widths_are_those_at_640() {
        assert_eq!(score(&picture(&[HEAD]), &[], None, None).boxes[0].width_at_640, 128.0);
    }
}
