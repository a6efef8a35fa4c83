//! One track: where its object was last seen, how it moves, what must be masked now.

use super::TrackSettings;
use mask::{Class, Object, Rect};

/// Over so long the speed is measured, seconds: boxes tremble, and a speed of two frames is mostly that.
const SPEED_OVER_S: f32 = 0.2;
/// The same for what tells standing from moving.
const DRIFT_OVER_S: f32 = 0.5;
/// Two sightings closer than this say nothing about speed, seconds.
const MIN_SPEED_INTERVAL_S: f32 = 0.005;
/// Nothing moves faster than this many times its own size in a second.
const MAX_SPEED_SIZES: f32 = 20.0;
/// Of what it may have moved, so much is added as doubt about its speed.
const SPEED_DOUBT: f32 = 0.15;
/// An object seen once may move by this many times its own size (the longer side: plates move up and down as fast as sideways) in a second.
const UNKNOWN_SPEED_SIZES: f32 = 2.0;
/// However few frames come in a second, a track is held through so many misses.
const HELD_LOOKS: u8 = 2;
/// A track seen less often than this is new: it may be something that only flickered.
const NEW_BELOW: u32 = 3;
/// So is one whose scores do not come to this together.
const NEW_BELOW_SCORE: f32 = 2.6;
/// And one that the detector was never sure of, however often it came: its scores are below this in the mean.
const NEW_BELOW_MEAN: f32 = 0.11;
/// One whose scores do not even come to this is held through [`HELD_LOOKS`] and no longer.
const WEAK_BELOW_SCORE: f32 = 0.8;
/// What is old and stands still is doubted no more after this, seconds.
const STILL_DOUBT_S: f32 = 0.5;
/// What moves by no more than this many times its own size in a second stands still.
const STILL_SIZES: f32 = 0.3;
/// A track seen for so long is old, seconds: the time from look to look counts, not what was missed, whatever the rate of looks.
const OLD_FROM_S: f32 = 0.6;
/// And so often: few looks far apart are no proof of anything.
const OLD_FROM: u32 = 5;
/// A look stands for this long at most, seconds.
const MAX_LOOK_S: f32 = 0.25;
/// Masks grow by at most this many times the object's size on each side.
const MAX_MARGIN: f32 = 4.0;

/// A point or an extent, pixels (or pixels per second).
type Pair = [f32; 2];

/// A track.
pub(super) struct Track {
    id: u32,
    class: Class,
    score: f32,
    centre: Pair,
    size: Pair,
    /// Pixels per second.
    speed: Pair,
    /// The same over a longer time.
    drift: Pair,
    /// Scores so far.
    scores: f32,
    seen_us: u64,
    missed_us: u64,
    missed_looks: u8,
    seen_once: bool,
    /// Sightings so far.
    sightings: u32,
    /// The time from look to look, of all the looks at which it was seen but the first.
    seen_for_s: f32,
}

impl Track {
    pub(super) fn begin(id: u32, object: &Object, at_us: u64) -> Self {
        let (centre, size) = centre_and_size(object.rect);
        Self {
            id,
            class: object.class,
            score: object.score,
            centre,
            size,
            speed: [0.0; 2],
            drift: [0.0; 2],
            scores: object.score,
            seen_us: at_us,
            missed_us: 0,
            missed_looks: 0,
            seen_once: true,
            sightings: 1,
            seen_for_s: 0.0,
        }
    }

    pub(super) fn class(&self) -> Class {
        self.class
    }

    pub(super) fn seen_us(&self) -> u64 {
        self.seen_us
    }

    /// Looks at which a working detector has missed it since it was last seen.
    pub(super) fn missed_looks(&self) -> u8 {
        self.missed_looks
    }

    /// Where the object should be at `at_us`, without any margin.
    pub(super) fn predicted(&self, at_us: u64) -> Rect {
        let (age_s, speed) = (self.age_s(at_us), self.speed());
        rect([0, 1].map(|axis| self.centre[axis] + speed[axis] * age_s), self.size)
    }

    /// Seen at `at_us`, which is not before the last sighting.
    pub(super) fn seen(&mut self, object: &Object, at_us: u64, settings: &TrackSettings) {
        let interval_s = self.age_s(at_us);
        let (centre, size) = centre_and_size(object.rect);
        let shrink_per_s = settings.of(self.class).shrink_per_s;
        for axis in [0, 1] {
            if interval_s >= MIN_SPEED_INTERVAL_S {
                let limit = MAX_SPEED_SIZES * size[axis].max(self.size[axis]);
                let measured = ((centre[axis] - self.centre[axis]) / interval_s).max(-limit).min(limit);
                let weight = |over_s: f32| if self.seen_once { 1.0 } else { interval_s / (interval_s + over_s) };
                self.speed[axis] += (measured - self.speed[axis]) * weight(SPEED_OVER_S);
                self.drift[axis] += (measured - self.drift[axis]) * weight(DRIFT_OVER_S);
            }
            let least = self.size[axis] * (1.0 - (shrink_per_s * interval_s).min(1.0));
            self.size[axis] = size[axis].max(least);
            self.centre[axis] = centre[axis];
        }
        self.seen_once &= interval_s < MIN_SPEED_INTERVAL_S;
        self.sightings = self.sightings.saturating_add(1);
        self.seen_for_s += (interval_s / (f32::from(self.missed_looks) + 1.0)).min(MAX_LOOK_S);
        self.scores += object.score;
        self.score = object.score;
        self.seen_us = at_us;
        (self.missed_us, self.missed_looks) = (0, 0);
    }

    /// Missed by a working detector for another `looked_us`; true when the track is over.
    pub(super) fn missed(&mut self, looked_us: u64, settings: &TrackSettings) -> bool {
        let class = settings.of(self.class);
        let sure = self.scores >= NEW_BELOW_SCORE && self.scores >= NEW_BELOW_MEAN * self.sightings as f32;
        let new = self.sightings < NEW_BELOW || !sure;
        let hold_ms = match self.scores {
            ..WEAK_BELOW_SCORE => 0,
            _ if new => class.hold_new_ms.min(class.hold_ms),
            _ if self.old_and_still() => class.hold_old_ms.max(class.hold_ms),
            _ => class.hold_ms,
        };
        self.missed_us += looked_us;
        self.missed_looks = self.missed_looks.saturating_add(1);
        self.missed_us > u64::from(hold_ms) * 1000 && self.missed_looks > HELD_LOOKS
    }

    /// What to mask at `now_us`: everything from where it was seen to where it should be by now, and a margin that grows with age and speed.
    pub(super) fn object(&self, now_us: u64, settings: &TrackSettings) -> Object {
        let class = settings.of(self.class);
        let age_s = self.age_s(now_us);
        let (seen, expected) = (rect(self.centre, self.size), self.predicted(now_us));
        let speed = self.speed();
        let doubt_s = if self.old_and_still() { age_s.min(STILL_DOUBT_S) } else { age_s };
        let longer = self.size[0].max(self.size[1]);
        let margin = [0, 1].map(|axis| {
            let size = self.size[axis];
            let unknown = if self.seen_once { UNKNOWN_SPEED_SIZES * longer * age_s } else { 0.0 };
            let of_size = size * (class.margin + class.margin_per_s * doubt_s);
            let of_speed = speed[axis].abs() * SPEED_DOUBT * doubt_s;
            (of_size + of_speed + unknown).min(MAX_MARGIN * longer)
        });
        let x = seen.x.min(expected.x) - margin[0];
        let y = seen.y.min(expected.y) - margin[1];
        let right = (seen.x + seen.w).max(expected.x + expected.w) + margin[0];
        let bottom = (seen.y + seen.h).max(expected.y + expected.h) + margin[1];
        let size = [right - x, bottom - y];
        // What it would be masked with if it had been seen just now.
        let fresh = self.size.map(|size| size * (1.0 + 2.0 * class.margin));
        Object {
            class: self.class,
            score: self.score,
            rect: Rect { x, y, w: size[0], h: size[1] },
            track: self.id,
            grown: [0, 1].map(|axis| (size[axis] - fresh[axis]).max(0.0)),
        }
    }

    /// Was seen for long and hardly moves, for its size: a prediction of it stays true for long.
    fn old_and_still(&self) -> bool {
        let limit = STILL_SIZES * self.size[0].max(self.size[1]);
        let old = self.sightings >= OLD_FROM && self.seen_for_s >= OLD_FROM_S;
        old && self.drift.iter().all(|speed| speed.abs() <= limit)
    }

    /// How it goes on.
    fn speed(&self) -> Pair {
        if self.old_and_still() { self.drift } else { self.speed }
    }

    fn age_s(&self, at_us: u64) -> f32 {
        at_us.saturating_sub(self.seen_us) as f32 * 1e-6
    }
}

fn centre_and_size(rect: Rect) -> (Pair, Pair) {
    ([rect.x + rect.w / 2.0, rect.y + rect.h / 2.0], [rect.w, rect.h])
}

fn rect([x, y]: Pair, [w, h]: Pair) -> Rect {
    Rect { x: x - w / 2.0, y: y - h / 2.0, w, h }
}
