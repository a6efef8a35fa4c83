//! The self-test: drawn heads and plates through the very detector, input and decoding that the road uses, and whether what comes out is what was drawn.
//!
//! ```text
//! golden picture ─ Prepare ─► Inference (the road's own) ─► decode ─► judge ─► Standing ─► ladder, `state`, journal
//! ```
//!
//! **Until every picture has been found as it was drawn nothing less than `covered` is shown; one miss covers again, until a whole round passes (P3).**
//! At the start, after a failed inference and after a miss the pictures follow each other, one between two frames. From then on the same pictures are looked
//! at one by one, spread evenly over [`SelfTest::every`], whether a share runs or not: a share costs one inference now and then, and no share is so long
//! that its detector goes unproven. A network that is loaded anew has an [`Inference`] and a self-test of its own, so it begins unproven.
//!
//! The pictures and what is expected of them are part of this program (`models/selftest.py` draws them), not files beside the model: whoever replaces model,
//! manifest or thresholds does not replace what they are held to, and the program itself comes by signed update only (P6).

mod golden;
mod judge;

pub use golden::{Expected, Flat, Golden, GoldenError, GoldenSet};
pub use judge::{Drawn, Miss, MissCause};

use crate::inference::{Handed, Inference, Probed};
use board_hal::DetectorSpec;
use contract::body::SelfTestResult;
use detect::{Prepare, PrepareError, Thresholds};
use mask::ColourRange;
use mask::ladder::Proof;
use std::time::Duration;

/// After a miss the next round begins so much later.
pub const AGAIN_AFTER: Duration = Duration::from_secs(10);
/// So often a due picture finds the detector busy with a frame before frames stand back.
const PATIENT_TIMES: u8 = 3;

/// Where the self-test stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// What it came to; `running` until the first round is over.
    pub result: SelfTestResult,
    /// When that was: the end of the newest whole round, or the miss. Microseconds since the Unix epoch.
    pub at_utc_us: Option<u64>,
    /// Time in the detector of the newest round, until its end or its miss.
    pub took: Duration,
    /// What was missed.
    pub miss: Option<Miss>,
}

/// The eye's clocks at one moment, microseconds.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Monotonic.
    pub monotonic_us: u64,
    /// Since the Unix epoch.
    pub utc_us: u64,
}

/// See the [module](self).
pub struct SelfTest {
    set: GoldenSet,
    prepare: Prepare,
    /// Pixels per line of the network's input.
    width: usize,
    thresholds: Thresholds,
    every: Duration,
    standing: Standing,
    /// The present round decides: its pictures follow each other.
    proving: bool,
    /// The picture that is looked at now or next.
    at: usize,
    /// It is at the detector.
    asked: bool,
    /// Its answer will not count: the picture arrived altered, or the round was broken off.
    void: bool,
    due_us: u64,
    spent: Duration,
    /// How often in this round the detector was busy with a frame when a picture was due.
    turned_away: u8,
}

impl SelfTest {
    /// Holds a network that takes what `spec` and `pad` say, read with `thresholds`, to `set`; all of it once within `every`.
    ///
    /// # Errors
    /// [`PrepareError`] when the network's input has no sensible size.
    pub fn new(
        set: GoldenSet,
        spec: &DetectorSpec,
        pad: u8,
        thresholds: Thresholds,
        every: Duration,
    ) -> Result<Self, PrepareError> {
        let prepare = Prepare::new(set.geometry(), ColourRange::Limited, spec.width, spec.height, pad)?;
        let standing = Standing { result: SelfTestResult::Running, at_utc_us: None, took: Duration::ZERO, miss: None };
        Ok(Self {
            set,
            prepare,
            width: spec.width,
            thresholds,
            every,
            standing,
            proving: true,
            at: 0,
            asked: false,
            void: false,
            due_us: 0,
            spent: Duration::ZERO,
            turned_away: 0,
        })
    }

    /// Where it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Every picture is looked at once within this time.
    #[must_use]
    pub fn every(&self) -> Duration {
        self.every
    }

    /// A detector that is slower than frames wait is always busy with one, and would never prove itself: while the picture is covered for want of that
    /// proof, frames stand back.
    #[must_use]
    pub fn frames_stand_back(&self) -> bool {
        self.proving && self.standing.result != SelfTestResult::Passed && self.turned_away >= PATIENT_TIMES
    }

    /// The detector did something that a sound one does not: it must prove itself anew.
    pub fn doubt(&mut self) {
        if !self.proving {
            self.standing.result = SelfTestResult::Running;
            self.begin(0);
        }
    }

    /// Between two frames: takes the detector's answer if there is one, hands in the next picture if it is due and the detector is free. Never waits.
    pub fn step(&mut self, inference: &mut Inference, now: Moment) {
        self.wait(inference, now, Duration::ZERO);
    }

    /// The same, but waits for an answer for at most `patience`.
    pub fn wait(&mut self, inference: &mut Inference, now: Moment, patience: Duration) {
        if self.asked {
            let Some(answer) = inference.probed(patience) else { return };
            self.asked = false;
            if !std::mem::take(&mut self.void) {
                self.spent += answer.took;
                let outcome = self.judge(&answer);
                self.note(outcome, now);
            }
        }
        if now.monotonic_us >= self.due_us {
            self.hand_in(inference, now);
        }
    }

    fn judge(&self, answer: &Probed<'_>) -> Result<(), MissCause> {
        let picture = &self.set.pictures()[self.at];
        match answer.found {
            Ok(found) => judge::judge(picture, &found.found),
            Err(cause) => {
                tracing::error!(cause, picture = picture.name, "self-test: no detections");
                Err(MissCause::NoAnswer)
            }
        }
    }

    fn hand_in(&mut self, inference: &mut Inference, now: Moment) {
        if let Err(cause) = judge::check_thresholds(&self.thresholds) {
            return self.note(Err(cause), now);
        }
        let picture = &self.set.pictures()[self.at];
        let (width, map) = (self.width, self.prepare.map());
        let insist = self.frames_stand_back();
        let prepare = &mut self.prepare;
        let mut arrived = Ok(());
        let handed = inference.probe(map, insist, |input| {
            prepare.run(picture.planes(), input).map_err(|error| error.to_string())?;
            arrived = judge::check_input(picture, input, width, &map);
            Ok(())
        });
        match handed {
            Handed::Busy => self.turned_away = self.turned_away.saturating_add(1),
            Handed::In => {
                self.asked = true;
                if let Err(cause) = arrived {
                    self.note(Err(cause), now);
                }
            }
            Handed::Failed(cause) => {
                tracing::error!(
                    cause,
                    picture = picture.name,
                    "self-test: the picture cannot be handed to the detector"
                );
                self.note(Err(MissCause::NoAnswer), now);
            }
        }
    }

    /// One picture was judged.
    fn note(&mut self, outcome: Result<(), MissCause>, now: Moment) {
        match outcome {
            Err(cause) => {
                let miss = Miss { picture: self.set.pictures()[self.at].name, cause };
                tracing::error!(picture = miss.picture, %cause, "self-test failed; the picture is covered until it passes");
                self.standing = Standing {
                    result: SelfTestResult::Failed,
                    at_utc_us: Some(now.utc_us),
                    took: self.spent,
                    miss: Some(miss),
                };
                self.begin(now.monotonic_us + AGAIN_AFTER.as_micros() as u64);
            }
            Ok(()) if self.at + 1 < self.set.pictures().len() => {
                self.at += 1;
                self.due_us = if self.proving { 0 } else { self.next_us(now) };
            }
            Ok(()) => {
                if self.proving {
                    tracing::info!(took = ?self.spent, "self-test passed");
                }
                self.standing = Standing {
                    result: SelfTestResult::Passed,
                    at_utc_us: Some(now.utc_us),
                    took: self.spent,
                    miss: None,
                };
                self.begin(self.next_us(now));
                self.proving = false;
            }
        }
    }

    /// A round that decides, from then on.
    fn begin(&mut self, due_us: u64) {
        (self.proving, self.at, self.spent, self.due_us) = (true, 0, Duration::ZERO, due_us);
        self.turned_away = 0;
        self.void = self.asked;
    }

    fn next_us(&self, now: Moment) -> u64 {
        now.monotonic_us + self.every.as_micros() as u64 / self.set.pictures().len() as u64
    }

    /// What the ladder is told.
    #[must_use]
    pub fn proof(&self) -> Proof {
        match self.standing.result {
            SelfTestResult::Running => Proof::Running,
            SelfTestResult::Passed => Proof::Passed,
            SelfTestResult::Failed => Proof::Failed,
        }
    }
}
