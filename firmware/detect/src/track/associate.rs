//! Which detection continues which track: the best pairs first, by overlap, or by distance where nothing overlaps.

use super::{MAX_TRACKS, TrackSettings, state::Track};
use heapless::Vec;
use mask::{Object, Rect};

/// Most pairs that are weighed; further ones start tracks of their own, which only adds masks.
const MAX_PAIRS: usize = 1024;
/// Most detections in one call.
const MAX_DETECTIONS: usize = crate::MAX_CANDIDATES;
/// Areas further apart than this factor belong to different objects.
const MAX_AREA_RATIO: f32 = 5.0;

/// How near to a track's prediction a detection must lie to continue it.
#[derive(Clone, Copy)]
pub(super) struct Gate {
    /// Centre distance over the larger of the two sizes, at most.
    distance: f32,
    /// Where the look before missed the track: intersection over union, at least.
    regained: f32,
}
/// For what was found.
pub(super) const FOUND: Gate = Gate { distance: 1.0, regained: 0.0 };
/// For weak candidates, which must lie *on* the track that they support. What is hidden is covered where it should be: a weak sight beside that must not take
/// the mask away from there. If it was the object after all, it comes again and starts a track of its own.
pub(super) const CANDIDATE: Gate = Gate { distance: 0.4, regained: 0.3 };

const _: () = assert!(
    MAX_DETECTIONS >= mask::MAX_OBJECTS && MAX_TRACKS <= u16::MAX as usize && MAX_DETECTIONS <= u16::MAX as usize
);

struct Pair {
    cost: f32,
    track: u16,
    detection: u16,
}

/// Keeps its lists from step to step, so that a step allocates nothing.
pub(super) struct Matcher {
    pairs: Vec<Pair, MAX_PAIRS>,
    seen: Vec<bool, MAX_TRACKS>,
    taken: Vec<bool, MAX_DETECTIONS>,
    bridged: u64,
}

impl Matcher {
    pub(super) fn new() -> Self {
        Self { pairs: Vec::new(), seen: Vec::new(), taken: Vec::new(), bridged: 0 }
    }
    /// A new step, with so many tracks, none of them seen yet.
    pub(super) fn begin(&mut self, tracks: usize) {
        self.seen.clear();
        let _ = self.seen.resize(tracks.min(MAX_TRACKS), false);
    }
    /// A track was begun in this step; it counts as seen.
    pub(super) fn begun(&mut self) {
        let _ = self.seen.push(true);
    }
    /// Looks at which tracks were missed that were seen again later.
    pub(super) fn bridged(&self) -> u64 {
        self.bridged
    }
    /// Whether track `index` was seen in this step.
    pub(super) fn is_seen(&self, index: usize) -> bool {
        self.seen.get(index).is_some_and(|seen| *seen)
    }
    /// Whether detection `index` of the last [`Matcher::pair`] continues a track.
    pub(super) fn is_taken(&self, index: usize) -> bool {
        self.taken.get(index).is_some_and(|taken| *taken)
    }

    /// Gives the detections, made at `at_us`, to the tracks that were not seen yet. False when a detection is unsound.
    pub(super) fn pair(
        &mut self,
        tracks: &mut [Track],
        detections: &[Object],
        at_us: u64,
        gate: Gate,
        settings: &TrackSettings,
    ) -> bool {
        self.pairs.clear();
        self.taken.clear();
        let _ = self.taken.resize(detections.len().min(MAX_DETECTIONS), false);
        for (t, track) in tracks.iter().enumerate() {
            // What is older than the track's last sighting would move it back: it may start a track of its own.
            if self.is_seen(t) || track.seen_us() > at_us {
                continue;
            }
            let expected = track.predicted(at_us);
            for (d, object) in detections.iter().enumerate().filter(|(_, object)| object.class == track.class()) {
                let strays = track.missed_looks() > 0 && expected.iou(object.rect) < gate.regained;
                if !strays && let Some(cost) = cost(expected, object.rect, gate.distance) {
                    let _ = self.pairs.push(Pair { cost, track: t as u16, detection: d as u16 });
                }
            }
        }
        self.pairs.sort_unstable_by(|a, b| {
            a.cost.total_cmp(&b.cost).then(a.track.cmp(&b.track)).then(a.detection.cmp(&b.detection))
        });
        for Pair { track, detection, .. } in &self.pairs {
            let (t, d) = (usize::from(*track), usize::from(*detection));
            let (Some(seen), Some(taken)) = (self.seen.get_mut(t), self.taken.get_mut(d)) else { continue };
            if !*seen && !*taken {
                (*seen, *taken) = (true, true);
                self.bridged += u64::from(tracks[t].missed_looks());
                tracks[t].seen(&detections[d], at_us, settings);
            }
        }
        detections.iter().all(|object| object.rect.is_sound())
    }
}

/// 0 for the same box, below 1 for boxes that overlap, above for boxes that do not; `None` when they cannot be the same object.
fn cost(expected: Rect, found: Rect, limit: f32) -> Option<f32> {
    let size = expected.w.max(expected.h).max(found.w).max(found.h);
    let dx = (expected.x + expected.w / 2.0) - (found.x + found.w / 2.0);
    let dy = (expected.y + expected.h / 2.0) - (found.y + found.h / 2.0);
    let distance = dx.hypot(dy) / size;
    let ratio = expected.area() / found.area();
    // Written so that anything that is not a number fails.
    if !(distance <= limit && (1.0 / MAX_AREA_RATIO..=MAX_AREA_RATIO).contains(&ratio) && found.is_sound()) {
        return None;
    }
    let overlap = expected.iou(found);
    Some(if overlap > 0.0 { 1.0 - overlap } else { 1.0 + distance })
}
