//! The ladder: how sure the board is of its masking, from events whose times are arguments.
//!
//! **Anything that raises doubt takes effect on the very next frame; trust comes back only after a run of good frames.** It decides the rung that
//! [`crate::plan::decide`] is asked for; it paints nothing and reads no clock.
//!
//! ```
//! use mask::ladder::{Event, Ladder, LadderSettings, RungReason};
//! use contract::Rung;
//! let mut ladder = Ladder::new(LadderSettings { good_frames: 2, ..LadderSettings::default() }, 0);
//! assert_eq!(ladder.frame(40_000).rung, Rung::Covered);
//! for captured_us in [80_000, 120_000] {
//!     ladder.handle(Event::Detected { captured_us });
//!     ladder.handle(Event::LookedEverywhere { since_us: captured_us });
//!     ladder.frame(captured_us);
//! }
//! assert_eq!(ladder.verdict().rung, Rung::Clear);
//! ```

use contract::Rung;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Thresholds; configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LadderSettings {
    /// Detections up to this old are held and grown (`cautious`); older ones cover, milliseconds.
    pub cautious_ms: u32,
    /// How many good frames in a row it takes to climb down.
    pub good_frames: u32,
}

impl Default for LadderSettings {
    fn default() -> Self {
        Self { cautious_ms: 250, good_frames: 12 }
    }
}

/// Why the ladder stands where it does; published with the rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RungReason {
    /// Nothing is in doubt.
    Detected,
    /// The newest detections are of an earlier frame, or of one too early.
    DetectionsOld,
    /// Doubt is over; the run of good frames is not long enough yet.
    Recovering,
    /// The eye has just started and the detector has not looked everywhere.
    Started,
    /// The picture changed altogether and the detector has not looked everywhere since.
    SceneCut,
    /// The camera moves, or has moved and the detector has not looked everywhere since.
    CameraMoved,
    /// More objects than fit, or an unsound answer.
    Doubtful,
    /// The detector failed.
    DetectorFailed,
    /// The detector is still to prove itself on the golden pictures.
    SelfTestRunning,
    /// The detector did not find what is drawn in the golden pictures.
    SelfTestFailed,
    /// There is no camera.
    CameraLost,
    /// The camera delivers the same picture again and again.
    CameraFrozen,
    /// Painting failed.
    MaskingFailed,
    /// The aim has left the granted view.
    AimLeft,
    /// The privacy switch at the camera is on, or cannot be read.
    PrivacySwitch,
}

impl RungReason {
    /// In words, for state and log.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            RungReason::Detected => "detections are of this frame",
            RungReason::DetectionsOld => "detections are old",
            RungReason::Recovering => "waiting for a run of good frames",
            RungReason::Started => "just started; the detector has not looked everywhere yet",
            RungReason::SceneCut => "the scene changed; the detector has not looked everywhere since",
            RungReason::CameraMoved => "the camera moved; the detector has not looked everywhere since",
            RungReason::Doubtful => "more objects than can be masked one by one, or an unsound answer",
            RungReason::DetectorFailed => "the detector failed",
            RungReason::SelfTestRunning => "the detector's self-test is not over yet",
            RungReason::SelfTestFailed => "the detector's self-test failed",
            RungReason::CameraLost => "no camera",
            RungReason::CameraFrozen => "the camera's picture does not change any more",
            RungReason::MaskingFailed => "masking failed",
            RungReason::AimLeft => "the aim has left the granted view",
            RungReason::PrivacySwitch => "the privacy switch is on, or cannot be read",
        }
    }
}

impl fmt::Display for RungReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// What makes the picture dark until it is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// There is no camera.
    CameraLost,
    /// The camera delivers the same picture again and again.
    CameraFrozen,
    /// Painting failed.
    MaskingFailed,
    /// The aim has left the granted view.
    AimLeft,
    /// The privacy switch at the camera is on, or cannot be read.
    PrivacySwitch,
}

impl Fault {
    /// Dearest first.
    const ALL: [Fault; 5] =
        [Fault::MaskingFailed, Fault::PrivacySwitch, Fault::CameraFrozen, Fault::CameraLost, Fault::AimLeft];
    fn reason(self) -> RungReason {
        match self {
            Fault::CameraLost => RungReason::CameraLost,
            Fault::CameraFrozen => RungReason::CameraFrozen,
            Fault::MaskingFailed => RungReason::MaskingFailed,
            Fault::AimLeft => RungReason::AimLeft,
            Fault::PrivacySwitch => RungReason::PrivacySwitch,
        }
    }
    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// What the self-test says of the detector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Nothing yet.
    Running,
    /// It finds what it must.
    Passed,
    /// It does not.
    Failed,
}

/// What happened. Times are capture times on the board's monotonic clock, microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A sound, complete answer of the detector about the frame captured then.
    Detected {
        /// When that frame was captured.
        captured_us: u64,
    },
    /// The detector has looked at every part of the picture, all in frames captured at or after `since_us`.
    LookedEverywhere {
        /// Capture time of the oldest frame of that round.
        since_us: u64,
    },
    /// An answer that overflowed or was unsound, about the frame captured then.
    Doubtful {
        /// When that frame was captured.
        captured_us: u64,
    },
    /// No answer: the detector failed on the frame captured then.
    DetectorFailed {
        /// When that frame was captured.
        captured_us: u64,
    },
    /// The picture changed altogether with the frame captured then.
    SceneCut {
        /// When that frame was captured.
        captured_us: u64,
    },
    /// The camera was moving when the frame was captured.
    CameraMoved {
        /// When that frame was captured.
        captured_us: u64,
    },
    /// The self-test's newest word. Anything but [`Proof::Passed`] covers until that is said; a ladder that is told nothing asks for none.
    SelfTest(Proof),
    /// Dark from now on.
    Broken(Fault),
    /// That fault is over; the detector must look everywhere again, in frames captured at or after `at_us`.
    Mended {
        /// Which.
        fault: Fault,
        /// When it was over.
        at_us: u64,
    },
}

/// The ladder's word on one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// The rung.
    pub rung: Rung,
    /// Why.
    pub reason: RungReason,
}

/// The state machine. Feed it events as they happen and call [`Ladder::frame`] once for each frame, before its plan is made.
#[derive(Debug, Clone)]
pub struct Ladder {
    settings: LadderSettings,
    /// Bits of [`Fault`].
    faults: u8,
    detected_us: Option<u64>,
    /// Doubt about an answer lasts until a sound one about a later frame.
    doubt: Option<(u64, RungReason)>,
    /// Until the detector has looked everywhere since then.
    unseen: Option<(u64, RungReason)>,
    /// Until the self-test has passed.
    unproven: Option<RungReason>,
    verdict: Verdict,
    good_run: u32,
    /// The worst rung that the run of good frames allowed.
    run_worst: Verdict,
    counted_us: u64,
    rung_us: [u64; 4],
}

impl Ladder {
    /// Starts at `covered`. `now_us` is where the count of seconds begins.
    #[must_use]
    pub fn new(settings: LadderSettings, now_us: u64) -> Self {
        let verdict = Verdict { rung: Rung::Covered, reason: RungReason::Started };
        Self {
            settings,
            faults: 0,
            detected_us: None,
            doubt: None,
            unseen: Some((0, RungReason::Started)),
            unproven: None,
            verdict,
            good_run: 0,
            run_worst: verdict,
            counted_us: now_us,
            rung_us: [0; 4],
        }
    }

    /// Takes note of an event. Effective with the next [`Ladder::frame`].
    pub fn handle(&mut self, event: Event) {
        match event {
            Event::Detected { captured_us } => {
                if self.detected_us.is_none_or(|before| captured_us > before) {
                    self.detected_us = Some(captured_us);
                }
                if self.doubt.is_some_and(|(since_us, _)| captured_us > since_us) {
                    self.doubt = None;
                }
            }
            Event::LookedEverywhere { since_us } => {
                if self.unseen.is_some_and(|(from_us, _)| since_us >= from_us) {
                    self.unseen = None;
                }
            }
            Event::Doubtful { captured_us } => later(&mut self.doubt, captured_us, RungReason::Doubtful),
            Event::DetectorFailed { captured_us } => later(&mut self.doubt, captured_us, RungReason::DetectorFailed),
            Event::SceneCut { captured_us } => later(&mut self.unseen, captured_us, RungReason::SceneCut),
            Event::CameraMoved { captured_us } => later(&mut self.unseen, captured_us, RungReason::CameraMoved),
            Event::SelfTest(proof) => {
                self.unproven = match proof {
                    Proof::Running => Some(RungReason::SelfTestRunning),
                    Proof::Passed => None,
                    Proof::Failed => Some(RungReason::SelfTestFailed),
                }
            }
            Event::Broken(fault) => self.faults |= fault.bit(),
            Event::Mended { fault, at_us } => {
                if self.faults & fault.bit() != 0 {
                    self.faults &= !fault.bit();
                    later(&mut self.unseen, at_us, RungReason::Started);
                }
            }
        }
    }

    /// The rung for the frame captured at `captured_us`.
    pub fn frame(&mut self, captured_us: u64) -> Verdict {
        self.count(captured_us);
        let wanted = self.wanted(captured_us);
        if wanted.rung >= self.verdict.rung {
            self.verdict = wanted;
            self.good_run = 0;
        } else {
            if self.good_run == 0 || wanted.rung > self.run_worst.rung {
                self.run_worst = wanted;
            }
            self.good_run += 1;
            if self.good_run >= self.settings.good_frames {
                self.verdict = self.run_worst;
                self.good_run = 0;
            } else {
                self.verdict.reason = RungReason::Recovering;
            }
        }
        self.verdict
    }

    /// The newest verdict.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Adds the time since the last frame to the rung in effect. [`Ladder::frame`] does so itself; call this where no frames come.
    pub fn count(&mut self, now_us: u64) {
        let index = self.verdict.rung as usize;
        self.rung_us[index] = self.rung_us[index].saturating_add(now_us.saturating_sub(self.counted_us));
        self.counted_us = self.counted_us.max(now_us);
    }

    /// Microseconds spent on `rung` since the start.
    #[must_use]
    pub fn spent_us(&self, rung: Rung) -> u64 {
        self.rung_us[rung as usize]
    }

    /// What the facts alone say, before the run of good frames is asked for.
    fn wanted(&self, captured_us: u64) -> Verdict {
        if let Some(fault) = Fault::ALL.into_iter().find(|fault| self.faults & fault.bit() != 0) {
            return Verdict { rung: Rung::Dark, reason: fault.reason() };
        }
        if let Some(reason) = self.unproven.or(self.doubt.or(self.unseen).map(|(_, reason)| reason)) {
            return Verdict { rung: Rung::Covered, reason };
        }
        let age_us = self.detected_us.map_or(u64::MAX, |detected_us| captured_us.abs_diff(detected_us));
        let (rung, reason) = match age_us {
            0 => (Rung::Clear, RungReason::Detected),
            age if age <= u64::from(self.settings.cautious_ms) * 1000 => (Rung::Cautious, RungReason::DetectionsOld),
            _ => (Rung::Covered, RungReason::DetectionsOld),
        };
        Verdict { rung, reason }
    }
}

/// Keeps the later of two; at the same time, the new one.
fn later(kept: &mut Option<(u64, RungReason)>, at_us: u64, reason: RungReason) {
    if kept.is_none_or(|(since_us, _)| at_us >= since_us) {
        *kept = Some((at_us, reason));
    }
}
