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
    form: Size,
    /// The largest that was to be covered since `since_us`.
    needed: Size,
    since_us: u64,
    seen_us: u64,
}

impl Held {
    /// Takes note of what is to be covered at `now_us`.
    fn step(&mut self, size: Size, now_us: u64) {
        self.needed = [self.needed[0].max(size[0]), self.needed[1].max(size[1])];
        if !covers(self.form, size) {
            // What was needed lately may be needed again.
            self.form = form_of(self.needed);
        }
        // A clock that ran backwards tells nothing of how long it was.
        if now_us < self.since_us {
            self.since_us = now_us;
        } else if now_us - self.since_us >= HOLD_FORM_US {
            self.form = form_of(self.needed);
            (self.needed, self.since_us) = (size, now_us);
        }
        self.seen_us = now_us;
    }
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
            mask.rect = around(&outline, self.of(object.track, size_of(&outline), now_us));
        }
    }

    /// The form of `track`, of which `size` is to be covered.
    fn of(&mut self, track: u32, size: Size, now_us: u64) -> Size {
        if let Some(held) = self.held.iter_mut().find(|held| held.track == track) {
            held.step(size, now_us);
            return held.form;
        }
        let fresh = Held { track, form: form_of(size), needed: size, since_us: now_us, seen_us: now_us };
        if self.held.push(fresh).is_err()
            && let Some(oldest) = self.held.iter_mut().min_by_key(|held| held.seen_us)
        {
            *oldest = fresh;
        }
        fresh.form
    }
}
