//! Candidates that no track wanted: one that comes twice in the same place is masked before the detector is sure of it.

use crate::MAX_CANDIDATES;
use heapless::Vec;
use mask::Object;

/// Two boxes that overlap by more than this (intersection over union) are of one place.
const SAME_PLACE: f32 = 0.3;

/// What was left over at the look before, and at this one.
pub(super) struct Tentative {
    before: Vec<Object, MAX_CANDIDATES>,
    now: Vec<Object, MAX_CANDIDATES>,
}

impl Tentative {
    pub(super) fn new() -> Self {
        Self { before: Vec::new(), now: Vec::new() }
    }

    /// Whether the look before left something of the same class in the same place. If not, it is remembered for the next.
    pub(super) fn comes_again(&mut self, candidate: &Object) -> bool {
        if !candidate.rect.is_sound() {
            return false;
        }
        let again =
            self.before.iter().any(|one| one.class == candidate.class && one.rect.iou(candidate.rect) > SAME_PLACE);
        if !again {
            // As many places as a look can have candidates.
            let _ = self.now.push(*candidate);
        }
        again
    }

    /// The look is over.
    pub(super) fn turn(&mut self) {
        core::mem::swap(&mut self.before, &mut self.now);
        self.now.clear();
    }
}
