//! Which misses and which false areas are the worst.

use crate::input::{Class, Rect};
use crate::score::PictureScore;

/// How many are shown of each.
const SHOWN: usize = 24;

/// One of the worst.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Worst {
    /// Which picture, from 0.
    pub picture: usize,
    /// Where in it to look, pixels.
    pub rect: Rect,
    /// Which box of the picture's annotations, or which shape of its mask.
    pub which: usize,
}

/// Leaks of a class: those with the least of their core covered first, of equals the widest (the easiest to recognise).
#[must_use]
pub fn worst_misses(class: Class, pictures: &[(&[Rect], &PictureScore)]) -> Vec<Worst> {
    let mut leaks = Vec::new();
    for (picture, (rects, score)) in pictures.iter().enumerate() {
        for (which, (rect, fared)) in rects.iter().zip(&score.boxes).enumerate() {
            if fared.class == class && !fared.core85() {
                // What is masked and still shows is as bad as what is not masked.
                let core = if fared.still_shows { 0.0 } else { fared.core };
                leaks.push((core, fared.width_at_640, Worst { picture, rect: *rect, which }));
            }
        }
    }
    leaks.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    leaks.into_iter().take(SHOWN).map(|(_, _, worst)| worst).collect()
}

/// Masks that cover the most of a picture without reason. `pictures`: each one's painted shapes and how it fared.
#[must_use]
pub fn worst_false(pictures: &[(&[Rect], &PictureScore)]) -> Vec<Worst> {
    let mut masks = Vec::new();
    for (picture, (shapes, score)) in pictures.iter().enumerate() {
        for (which, (rect, share)) in shapes.iter().zip(&score.false_of_shape).enumerate() {
            if *share > 0.0 {
                masks.push((*share, Worst { picture, rect: *rect, which }));
            }
        }
    }
    masks.sort_by(|a, b| b.0.total_cmp(&a.0));
    masks.into_iter().take(SHOWN).map(|(_, worst)| worst).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::BoxScore;

    fn rect(x: f64) -> Rect {
        Rect { x, y: 0.0, w: 1.0, h: 1.0 }
    }

    fn fared(core: f64, width_at_640: f64, still_shows: bool) -> BoxScore {
        BoxScore { class: Class::Face, width_at_640, cover: core, core, still_shows }
    }

    fn score(boxes: Vec<BoxScore>, false_of_shape: Vec<f64>) -> PictureScore {
        PictureScore {
            boxes,
            false_of_shape,
            false_share: 0.0,
            false_share_excused: 0.0,
            infer_ms: None,
            missing: false,
            in_doubt: false,
        }
    }

    #[test]
    fn the_least_covered_come_first_then_the_widest() {
        let boxes = [rect(0.0), rect(1.0), rect(2.0), rect(3.0)];
        let one = score(vec![fared(0.5, 9.0, false), fared(0.0, 9.0, false), fared(1.0, 9.0, false)], vec![]);
        let two = score(vec![fared(0.0, 99.0, false), fared(0.9, 5.0, true)], vec![]);
        let worst = worst_misses(Class::Face, &[(&boxes, &one), (&boxes, &two)]);
        let told: Vec<(usize, usize)> = worst.iter().map(|worst| (worst.picture, worst.which)).collect();
        assert_eq!(told, [(1, 0), (0, 1), (1, 1), (0, 0)]);
        assert!(worst_misses(Class::Plate, &[(&boxes, &one)]).is_empty());
    }

    #[test]
    fn the_largest_false_masks_come_first_and_no_more_than_are_shown() {
        let shapes: Vec<Rect> = (0..40).map(|at| rect(f64::from(at))).collect();
        let shares: Vec<f64> = (0..40).map(|at| f64::from(at) / 100.0).collect();
        let worst = worst_false(&[(&shapes, &score(vec![], shares))]);
        assert_eq!((worst.len(), worst[0].which, worst[0].rect.x), (SHOWN, 39, 39.0));
    }
}
