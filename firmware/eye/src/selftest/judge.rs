//! Whether what was found in a golden picture is what was drawn in it. Pure.
//!
//! What is asked is what masking needs, with room for what differs between good models: the mask over a drawn object hides nearly all of it and is not
//! many times its size; a few masks where nothing was drawn do no harm; dozens mean that the detector sees what is not there.

use super::Golden;
use detect::{LetterboxMap, Thresholds};
use mask::{Class, Objects, Rect};
use std::fmt;

/// Share of a drawn object that one mask must hide.
const HIDDEN: f32 = 0.8;
/// Share of a drawn object's central 60 % (in width and height) that it must hide.
const CORE_HIDDEN: f32 = 0.95;
/// Intersection over union of mask and drawn object; a head's mask reaches well beyond the drawn outline.
const OVERLAP: f32 = 0.2;
/// Masks that touch nothing that was drawn.
const STRAYS: usize = 2;
/// How far a flat colour may be from the drawn one when it reaches the network, 0 to 255.
const COLOUR_TOLERANCE: i32 = 12;
/// Highest score that may be asked of a head and of a narrow plate; above, most real ones go unmasked.
const THRESHOLD_HEAD: f32 = 0.4;
/// See [`THRESHOLD_HEAD`].
const THRESHOLD_PLATE: f32 = 0.5;

/// Which picture, and why it counts as missed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Miss {
    /// Its name.
    pub picture: &'static str,
    /// Why.
    pub cause: MissCause,
}

/// A drawn object: which class, and which one of the picture, from 1, in the order of `models/selftest/expected.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawn {
    /// Head or plate.
    pub class: Class,
    /// Its place in the picture's list.
    pub number: usize,
}

impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = match self.class {
            Class::Head => "head",
            Class::Plate => "plate",
        };
        write!(f, "object {} (a {class})", self.number)
    }
}

/// Why a picture counts as missed.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum MissCause {
    /// The inference failed.
    #[error("the detector gave no answer")]
    NoAnswer,
    /// The answer overflowed or cannot be meant.
    #[error("the detector's answer cannot be meant")]
    Doubtful,
    /// No mask hides a drawn object.
    #[error("{0} is not hidden: the best mask covers {1} % of it")]
    NotHidden(Drawn, u8),
    /// The mask that hides it is far larger.
    #[error("{0} is hidden by a mask of the wrong size or place: they overlap by {1} %")]
    Misplaced(Drawn, u8),
    /// Masks where nothing was drawn.
    #[error("{0} masks lie where nothing was drawn, at most {STRAYS} may")]
    Strays(usize),
    /// A colour does not reach the network as it was drawn.
    #[error("colours reach the network altered: {found:?} instead of {drawn:?} (red, green, blue)")]
    Altered {
        /// As drawn.
        drawn: [u8; 3],
        /// As in the network's input.
        found: [u8; 3],
    },
    /// The manifest asks for scores that most real objects do not reach.
    #[error(
        "the model manifest asks a score of {0} for heads and {1} for plates, at most {THRESHOLD_HEAD} and {THRESHOLD_PLATE} may be"
    )]
    Thresholds(f32, f32),
}

/// Whether the scores asked for are such that an object is found at all.
pub(super) fn check_thresholds(asked: &Thresholds) -> Result<(), MissCause> {
    if asked.head <= THRESHOLD_HEAD && asked.plate <= THRESHOLD_PLATE {
        Ok(())
    } else {
        Err(MissCause::Thresholds(asked.head, asked.plate))
    }
}

/// Whether the flat colours of `picture` lie in the network's input where and as they were drawn. `input` is height x width x RGB, each less 128;
/// `width` is the network's.
pub(super) fn check_input(picture: &Golden, input: &[i8], width: usize, map: &LetterboxMap) -> Result<(), MissCause> {
    for flat in &picture.flats {
        let (x, y) = ((flat.x as f32 / map.kx) as usize, (flat.y as f32 / map.ky) as usize);
        let at = (y * width + x) * 3;
        let pixel = input.get(at..at + 3).unwrap_or_default();
        let mut found = [0; 3];
        for (value, channel) in found.iter_mut().zip(pixel) {
            *value = (*channel as u8) ^ 0x80;
        }
        let off = |(a, b): (&u8, &u8)| (i32::from(*a) - i32::from(*b)).abs() > COLOUR_TOLERANCE;
        if flat.rgb.iter().zip(&found).any(off) {
            return Err(MissCause::Altered { drawn: flat.rgb, found });
        }
    }
    Ok(())
}

/// Whether `found` is what was drawn in `picture`.
pub(super) fn judge(picture: &Golden, found: &Objects) -> Result<(), MissCause> {
    if found.doubtful {
        return Err(MissCause::Doubtful);
    }
    for (index, drawn) in picture.objects.iter().enumerate() {
        let which = Drawn { class: drawn.class, number: index + 1 };
        let masks = || found.list.iter().filter(|mask| mask.class == drawn.class).map(|mask| mask.rect);
        let hides = |mask: &Rect| share(drawn.rect, *mask) >= HIDDEN && share(core(drawn.rect), *mask) >= CORE_HIDDEN;
        let Some(closest) = masks().filter(hides).map(|mask| overlap(drawn.rect, mask)).max_by(f32::total_cmp) else {
            let best = masks().map(|mask| share(drawn.rect, mask)).max_by(f32::total_cmp).unwrap_or(0.0);
            return Err(MissCause::NotHidden(which, percent(best)));
        };
        if closest < OVERLAP {
            return Err(MissCause::Misplaced(which, percent(closest)));
        }
    }
    let touches = |mask: Rect| picture.objects.iter().any(|drawn| common(drawn.rect, mask) > 0.0);
    let strays = found.list.iter().filter(|mask| !touches(mask.rect)).count();
    if strays > STRAYS { Err(MissCause::Strays(strays)) } else { Ok(()) }
}

/// The central 60 % in width and height.
fn core(Rect { x, y, w, h }: Rect) -> Rect {
    Rect { x: x + 0.2 * w, y: y + 0.2 * h, w: 0.6 * w, h: 0.6 * h }
}

/// Area that two rectangles have in common.
fn common(a: Rect, b: Rect) -> f32 {
    let w = (a.x + a.w).min(b.x + b.w) - a.x.max(b.x);
    let h = (a.y + a.h).min(b.y + b.h) - a.y.max(b.y);
    w.max(0.0) * h.max(0.0)
}

/// Share of `drawn` under `mask`.
fn share(drawn: Rect, mask: Rect) -> f32 {
    common(drawn, mask) / (drawn.w * drawn.h)
}

/// Intersection over union.
fn overlap(a: Rect, b: Rect) -> f32 {
    let both = common(a, b);
    both / (a.w * a.h + b.w * b.h - both)
}

fn percent(share: f32) -> u8 {
    (share * 100.0).round().clamp(0.0, 100.0) as u8
}
