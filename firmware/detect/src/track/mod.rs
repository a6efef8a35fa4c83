//! Tracks: what was found is masked at once, held and predicted while it is missed, and let go late.
//!
//! **A track never ends because nobody looked: without detections it is held, predicted and grown.** What is found starts a track at once; a candidate, too weak to be
//! found, keeps the track that it lies on, and starts one when it comes again and again in the same place. Time is an argument; steps that stand still, run
//! backwards or jump only make tracks live longer. Identities say "probably the same object"; nothing about privacy rests on them.

mod associate;
mod settings;
mod state;
mod tentative;

pub use settings::{ClassSettings, TrackSettings};

use crate::Detections;
use associate::Matcher;
use heapless::{Deque, Vec};
use mask::{FrameId, MAX_OBJECTS, Object, Objects};
use state::Track;
use tentative::Tentative;

/// Most tracks at once; one more is doubt.
pub const MAX_TRACKS: usize = MAX_OBJECTS;
/// Frames back to which late detections can still be placed in time.
const HISTORY: usize = 32;
/// A step counts as this at most, so that a jump of the clock ends no track.
const MAX_STEP_US: u64 = 250_000;
/// Candidates start no tracks beyond so many, so that there is room for what is found. That is no doubt: alone they are no reason to mask.
const ROOM_FOR_CANDIDATES: usize = MAX_TRACKS / 4 * 3;
/// A candidate that overlaps a track by more than this (intersection over union) is that track's.
const ON_A_TRACK: f32 = 0.1;

/// All tracks of one camera.
pub struct Tracker {
    settings: TrackSettings,
    tracks: Vec<Track, MAX_TRACKS>,
    matcher: Matcher,
    tentative: Tentative,
    started: u64,
    last_id: u32,
    /// Time that the tracker has lived through: captured time without its jumps.
    now_us: u64,
    captured_us: Option<u64>,
    /// When the frame of the newest sound detections was taken, on `now_us`'s scale; `None` before the first.
    seen_us: Option<u64>,
    /// When the detector last looked, soundly or not, on `now_us`'s scale.
    looked_us: u64,
    history: Deque<(FrameId, u64), HISTORY>,
}

impl Tracker {
    /// Without tracks.
    #[must_use]
    pub fn new(settings: TrackSettings) -> Self {
        Self {
            settings,
            tracks: Vec::new(),
            matcher: Matcher::new(),
            tentative: Tentative::new(),
            started: 0,
            last_id: 0,
            now_us: 0,
            captured_us: None,
            seen_us: None,
            looked_us: 0,
            history: Deque::new(),
        }
    }

    /// Tracks begun since the start.
    #[must_use]
    pub fn tracks_started(&self) -> u64 {
        self.started
    }

    /// Times that the detector looked and missed an object which a track covered meanwhile, until it was seen again: what tracks were worth. A track
    /// that ends unseen counts nothing, for its object may have been gone.
    #[must_use]
    pub fn misses_bridged(&self) -> u64 {
        self.matcher.bridged()
    }

    /// Says what to mask in the frame `frame`, captured at `captured_us` (monotonic).
    ///
    /// `detections` are this frame's, or those of one of the last 32 that came late; `None` when the detector is late or failed. The answer is
    /// doubtful when the detections are, when they belong to no frame that the tracker knows, when there is no room for a new track, and when no
    /// sound detections have come for [`TrackSettings::blind_limit_ms`].
    pub fn step(&mut self, frame: FrameId, captured_us: u64, detections: Option<&Detections>) -> Objects {
        let step_us = self.captured_us.map_or(0, |last| captured_us.saturating_sub(last)).min(MAX_STEP_US);
        self.captured_us = Some(captured_us);
        self.now_us += step_us;
        if self.history.is_full() {
            self.history.pop_front();
        }
        let _ = self.history.push_back((frame, self.now_us));

        let mut answer = Objects::none(frame);
        if let Some(detections) = detections {
            let seen_us = self.history.iter().rev().find(|(id, _)| *id == detections.frame()).map(|(_, at)| *at);
            let sound = self.observe(detections, seen_us.unwrap_or(self.now_us));
            if sound && seen_us.is_some() {
                self.seen_us = self.seen_us.max(seen_us);
            } else {
                answer.doubtful = true;
            }
        }
        let blind_limit_us = u64::from(self.settings.blind_limit_ms) * 1000;
        if self.seen_us.is_none_or(|at| self.now_us - at > blind_limit_us) {
            answer.doubtful = true;
        }
        for track in &self.tracks {
            answer.push(track.object(self.now_us, &self.settings));
        }
        answer
    }

    /// Takes detections of a frame taken at `at_us` over; false is doubt.
    fn observe(&mut self, detections: &Detections, at_us: u64) -> bool {
        let settings = self.settings;
        // All the time since it last looked was missed, not only the last frame's; but no more than one long step, whatever the clock did.
        let missed_us = (self.now_us - self.looked_us).min(MAX_STEP_US);
        self.looked_us = self.now_us;
        let mut sound = !detections.found.doubtful;
        self.matcher.begin(self.tracks.len());
        sound &= self.matcher.pair(&mut self.tracks, &detections.found.list, at_us, associate::FOUND, &settings);
        for (index, object) in detections.found.list.iter().enumerate() {
            if self.matcher.is_taken(index) {
                continue;
            }
            // One-frame certainty: whatever is found is masked in this very frame.
            sound &= object.rect.is_sound() && self.begin_track(object, at_us);
        }
        sound &= self.matcher.pair(&mut self.tracks, &detections.candidates, at_us, associate::CANDIDATE, &settings);
        for (index, candidate) in detections.candidates.iter().enumerate() {
            let of_track = |track: &Track| {
                track.class() == candidate.class && track.predicted(at_us).iou(candidate.rect) > ON_A_TRACK
            };
            let spare = !self.matcher.is_taken(index) && !self.tracks.iter().any(of_track);
            if spare
                && self.tentative.comes(candidate, settings.of(candidate.class))
                && self.tracks.len() < ROOM_FOR_CANDIDATES
            {
                sound &= self.begin_track(candidate, at_us);
            }
        }
        self.tentative.turn();
        let matcher = &self.matcher;
        let mut index = 0;
        self.tracks.retain_mut(|track| {
            let seen = matcher.is_seen(index);
            index += 1;
            seen || !track.missed(missed_us, &settings)
        });
        sound
    }

    fn begin_track(&mut self, object: &Object, at_us: u64) -> bool {
        let id = self.last_id.checked_add(1).unwrap_or(1);
        let begun = self.tracks.push(Track::begin(id, object, at_us)).is_ok();
        if begun {
            self.last_id = id;
            self.started += 1;
            self.matcher.begun();
        }
        begun
    }
}
