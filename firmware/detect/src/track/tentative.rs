//! Candidates that no track wanted: what comes again and again in the same place is masked before the detector is sure of it.
//!
//! A place gathers the scores of its candidates, and forgets a tenth of them from look to look. Two strong ones in a row are enough, or many weak ones.

use super::ClassSettings;
use crate::MAX_CANDIDATES;
use heapless::Vec;
use mask::{Object, Rect};

/// What a place keeps of its scores from look to look.
const KEPT: f32 = 0.9;
/// A place whose scores have fallen below this is forgotten.
const FORGOTTEN_BELOW: f32 = 0.02;
/// Boxes whose middles are apart by no more than this many times the longer of their sides are of one place: a camera that pans moves places, too.
const SAME_PLACE: f32 = 0.3;
/// Unless their areas differ by more than this factor.
const MAX_AREA_RATIO: f32 = 2.5;

/// Where candidates came.
struct Place {
    newest: Object,
    scores: f32,
    /// Something came there in this look.
    met: bool,
}

/// All places.
pub(super) struct Tentative {
    before: Vec<Place, MAX_CANDIDATES>,
    now: Vec<Place, MAX_CANDIDATES>,
}

impl Tentative {
    pub(super) fn new() -> Self {
        Self { before: Vec::new(), now: Vec::new() }
    }

    /// A candidate came. Whether it is to start a track: something came there before, and their scores suffice. The order of a look's candidates says
    /// nothing: all of them meet the places of the looks before.
    pub(super) fn comes(&mut self, candidate: &Object, settings: &ClassSettings) -> bool {
        if !candidate.rect.is_sound() {
            return false;
        }
        let mut scores: Option<f32> = None;
        let class = candidate.class;
        for place in self.before.iter_mut().filter(|place| place.newest.class == class) {
            if same_place(place.newest.rect, candidate.rect) {
                place.met = true;
                scores = Some(scores.unwrap_or(0.0).max(place.scores));
            }
        }
        let sum = scores.unwrap_or(0.0) * KEPT + candidate.score;
        // As many places as a look can have candidates.
        let _ = self.now.push(Place { newest: *candidate, scores: sum, met: false });
        scores.is_some() && sum >= settings.start_score
    }

    /// The look is over; places where nothing came in it are remembered for some looks.
    pub(super) fn turn(&mut self) {
        for place in self.before.iter().filter(|place| !place.met) {
            let scores = place.scores * KEPT;
            if scores >= FORGOTTEN_BELOW {
                let _ = self.now.push(Place { newest: place.newest, scores, met: false });
            }
        }
        core::mem::swap(&mut self.before, &mut self.now);
        self.now.clear();
    }
}

fn same_place(a: Rect, b: Rect) -> bool {
    let longer = a.w.max(a.h).max(b.w).max(b.h);
    let (dx, dy) = ((a.x + a.w / 2.0) - (b.x + b.w / 2.0), (a.y + a.h / 2.0) - (b.y + b.h / 2.0));
    let ratio = a.area() / b.area();
    dx.abs().max(dy.abs()) <= SAME_PLACE * longer && (1.0 / MAX_AREA_RATIO..=MAX_AREA_RATIO).contains(&ratio)
}
