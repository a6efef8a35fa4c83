//! The form of a mask: one of few, so that it does not tell whose head is under it.
//!
//! A box around a head follows hair, skull and chin: its width and height alone name one of forty people four to five times as often as chance does
//! (models/attack). So a head's mask has one of three proportions (upright, or lying or standing where what moves is long) and one of three sizes an octave,
//! **never smaller than what is to be covered.** [`HeldForms`] holds the form of a track, so that sizes neither flicker nor tell by how they change.
//!
//! A plate's mask follows its outline: that tells angle, distance and kind of plate, which the picture around it tells as well, and not what is written on it.
//! The middle of a mask stays where the middle of the box is; to use it one would have to know where the face is.

use crate::area::Outline;
use crate::{Class, MAX_OBJECTS, Object, Plan, Rect};
use heapless::Vec;

/// Sides of forms, pixels: even, three an octave.
const SIDES: [i64; 27] = [
    8, 10, 12, 16, 20, 26, 32, 40, 50, 64, 80, 102, 128, 162, 204, 256, 322, 406, 512, 646, 812, 1024, 1290, 1626,
    2048, 2580, 3250,
];
/// Sides an octave.
const OCTAVE: usize = 3;
/// How long a smaller form must have sufficed before a track gets it, microseconds of capture time.
pub const HOLD_FORM_US: u64 = 1_000_000;
/// That is counted in spans of half as long: a form is held for two of them at least, and for three at most.
const SPAN_US: u64 = HOLD_FORM_US / 2;
const SPANS: usize = 3;
/// Tracks remembered: twice what one frame can hold, so that no visible track is forgotten.
const MAX_TRACKS: usize = 2 * MAX_OBJECTS;

/// Width and height, pixels.
type Size = [i64; 2];

/// What is painted over `object`: its form around the same middle. What is larger than any form stays as it is.
pub(crate) fn mask_of(object: &Object) -> Object {
    let outline = Outline::outward(object.rect);
    match object.class {
        Class::Head => Object { rect: around(&outline, form_of(size_of(&outline))), ..*object },
        Class::Plate => *object,
    }
}

/// The smallest form that covers `size`.
fn form_of(size: Size) -> Size {
    let upright = SIDES.iter().map(|&side| [side, (side * 9 + 15) / 16 * 2]);
    let long = SIDES.iter().zip(&SIDES[OCTAVE..]).flat_map(|(&side, &twice)| [[twice, side], [side, twice]]);
    let covering = upright.chain(long).filter(|form| covers(*form, size));
    covering.min_by_key(|[w, h]| w * h).unwrap_or(size)
}

fn covers(form: Size, size: Size) -> bool {
    form[0] >= size[0] && form[1] >= size[1]
}

fn size_of(outline: &Outline) -> Size {
    [outline.width(), outline.height()]
}

/// `outline` grown to `form` on both sides alike, to even edges.
fn around(outline: &Outline, form: Size) -> Rect {
    let before = |slack: i64| slack / 4 * 2;
    let left = outline.left - before(form[0] - outline.width());
    let top = outline.top - before(form[1] - outline.height());
    Rect { x: left as f32, y: top as f32, w: form[0] as f32, h: form[1] as f32 }
}

/// The form of one track.
#[derive(Debug, Clone, Copy)]
struct Held {
    track: u32,
    /// The largest that was to be covered in each of the last spans of [`SPAN_US`], newest first. What a track grows by while it is not seen does not count:
    /// it is covered as long as it lasts, and tells of the detector, not of the head.
    needed: [Size; SPANS],
    /// When the newest span began.
    since_us: u64,
    seen_us: u64,
}

impl Held {
    /// The form for `size`, of which `lasting` was there when it was last seen, at `now_us`.
    fn step(&mut self, size: Size, lasting: Size, now_us: u64) -> Size {
        // A clock that ran backwards tells nothing of how long it was.
        self.since_us = self.since_us.min(now_us);
        for _ in 0..SPANS {
            if now_us - self.since_us < SPAN_US {
                break;
            }
            self.needed.rotate_right(1);
            self.needed[0] = [0; 2];
            self.since_us += SPAN_US;
        }
        if now_us - self.since_us >= SPAN_US {
            self.since_us = now_us;
        }
        self.needed[0] = larger(self.needed[0], lasting);
        self.seen_us = now_us;
        let held = self.needed.into_iter().fold([0; 2], larger);
        let form = form_of(held);
        // What was needed lately may be needed again.
        if covers(form, size) { form } else { form_of(larger(held, size)) }
    }
}

fn larger(a: Size, b: Size) -> Size {
    [a[0].max(b[0]), a[1].max(b[1])]
}

/// The forms of the tracks seen lately. One per stream.
#[derive(Debug, Default)]
pub struct HeldForms {
    held: Vec<Held, MAX_TRACKS>,
}

impl HeldForms {
    /// None held.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the tracked heads in `plan` the forms held for them, which cover them too. The frame was captured at `now_us` (monotonic).
    pub fn hold(&mut self, plan: &mut Plan, now_us: u64) {
        for (object, mask) in plan.objects.iter().zip(&mut plan.masks) {
            if object.class != Class::Head || object.track == 0 {
                continue;
            }
            let outline = Outline::outward(object.rect);
            let size = size_of(&outline);
            let lasting = [0, 1].map(|axis| size[axis] - (object.grown[axis] as i64).clamp(0, size[axis]));
            mask.rect = around(&outline, self.of(object.track, size, lasting, now_us));
        }
    }

    /// The form of `track`, of which `size` is to be covered, and `lasting` is held.
    fn of(&mut self, track: u32, size: Size, lasting: Size, now_us: u64) -> Size {
        if let Some(held) = self.held.iter_mut().find(|held| held.track == track) {
            return held.step(size, lasting, now_us);
        }
        let mut fresh = Held { track, needed: [[0; 2]; SPANS], since_us: now_us, seen_us: now_us };
        let form = fresh.step(size, lasting, now_us);
        if self.held.push(fresh).is_err()
            && let Some(oldest) = self.held.iter_mut().min_by_key(|held| held.seen_us)
        {
            *oldest = fresh;
        }
        form
    }
}
