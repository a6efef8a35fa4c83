//! Detector and tracks as one: a frame goes in, what to mask in it comes out, together with how fresh that is.

use crate::inference::{Answer, Inference};
use crate::selftest::{Moment, SelfTest, Standing};
use board_hal::{CameraFormat, DetectorSpec};
use detect::{Prepare, Tracker};
use mask::ladder::Proof;
use mask::{Objects, RawFrame};
use std::time::Duration;

/// See the [module](self).
pub struct Sight {
    inference: Inference,
    tracker: Tracker,
    prepare: Option<Prepare>,
    spec: DetectorSpec,
    pad: u8,
    patience: Duration,
    selftest: Option<SelfTest>,
}

impl Sight {
    /// Looks with `inference`, whose network takes what `spec` and `pad` say. A frame waits for its answer for at most `patience`.
    #[must_use]
    pub fn new(inference: Inference, tracker: Tracker, spec: DetectorSpec, pad: u8, patience: Duration) -> Self {
        Self { inference, tracker, prepare: None, spec, pad, patience, selftest: None }
    }

    /// The same, held to the golden pictures. Only simulated twins, which know no pictures, go without.
    #[must_use]
    pub fn held_to(self, selftest: SelfTest) -> Self {
        Self { selftest: Some(selftest), ..self }
    }

    /// Between two frames: the next step of the self-test. Waits for nothing.
    pub fn prove(&mut self, now: Moment) {
        if let Some(selftest) = &mut self.selftest {
            selftest.step(&mut self.inference, now);
        }
    }

    /// What the self-test says of the detector; `None` without one.
    #[must_use]
    pub fn proof(&self) -> Option<Proof> {
        self.selftest.as_ref().map(SelfTest::proof)
    }

    /// Where the self-test stands; `None` without one.
    #[must_use]
    pub fn standing(&self) -> Option<Standing> {
        self.selftest.as_ref().map(SelfTest::standing)
    }

    /// Frames will look like this from now on.
    pub fn set_format(&mut self, format: &CameraFormat) {
        let (width, height) = (self.spec.width, self.spec.height);
        self.prepare = Prepare::new(format.geometry, format.range, width, height, self.pad)
            .map(|prepare| prepare.with_matrix(format.matrix))
            .inspect_err(|error| tracing::error!(%error, "the detector cannot look at such pictures; they are covered"))
            .ok();
    }

    /// What to mask in `frame`. `tell` is told how sure that is before the tracks are moved.
    pub fn look(&mut self, frame: &RawFrame, tell: impl FnOnce(&Answer<'_>)) -> Objects {
        let info = frame.info();
        let (id, captured_us) = (info.id, info.captured.monotonic_us);
        let stand_back = self.selftest.as_ref().is_some_and(SelfTest::frames_stand_back);
        let answer = match self.prepare.as_mut() {
            Some(_) if stand_back => Answer::Late,
            Some(prepare) => {
                let map = prepare.map();
                self.inference.ask(id, captured_us, map, self.patience, |input| {
                    prepare.run(frame.planes(), input).map_err(|e| e.to_string())
                })
            }
            None => Answer::Failed("the frame's format is not known".into()),
        };
        tell(&answer);
        if let (Answer::Failed(_), Some(selftest)) = (&answer, &mut self.selftest) {
            selftest.doubt();
        }
        match answer {
            Answer::Fresh(found) | Answer::Older(found, _) => self.tracker.step(id, captured_us, Some(found)),
            Answer::Late | Answer::Failed(_) => self.tracker.step(id, captured_us, None),
        }
    }

    /// Heads and plates seen since start, each track once.
    #[must_use]
    pub fn tracks_started(&self) -> u64 {
        self.tracker.tracks_started()
    }

    /// Misses of the detector during which a track kept the object masked until it was seen again.
    #[must_use]
    pub fn misses_bridged(&self) -> u64 {
        self.tracker.misses_bridged()
    }

    /// How long the newest inference took.
    #[must_use]
    pub fn inference_took(&self) -> Duration {
        self.inference.took()
    }
}
