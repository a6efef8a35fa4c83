//! A detector that knows the golden pictures by their pixels and answers as the test has it: rightly, or wrongly in one particular way.

use super::{NET, decoding};
use board_hal::{Detector, DetectorError, DetectorSpec, OutputRole, QuantisedTensor};
use board_sim::{DetectorStep, Found, Script, SimDetector};
use detect::{Decoding, Prepare, Thresholds, TrackSettings, Tracker};
use eye::inference::Inference;
use eye::selftest::{Golden, GoldenSet, SelfTest};
use eye::sight::Sight;
use eye::watchdog::Watchdog;
use mask::{Class, ColourRange};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Fills the network's input beside the picture.
const PAD: u8 = 114;

/// How it answers the golden pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mind {
    /// What was drawn.
    Right,
    /// Nothing.
    Nothing,
    /// What was drawn, and heads all over the picture.
    Everything,
    /// What was drawn in the picture before.
    Yesterday,
    /// What was drawn, so many network pixels to the right of where it was.
    Shifted(u8),
    /// What was drawn, in boxes so many times as large.
    Larger(u8),
    /// Tensors that mean nothing.
    Garbage,
    /// It fails.
    Fails,
}

/// The test's hand on the detector.
#[derive(Clone)]
pub struct Hand(Arc<Mutex<Told>>);

struct Told {
    mind: Mind,
    /// Inferences of the camera's pictures fail.
    frames_fail: bool,
    /// So long an inference of the camera's pictures takes.
    frames_take: Duration,
    asked: usize,
}

impl Hand {
    /// From now on it answers the golden pictures like this.
    pub fn think(&self, mind: Mind) {
        self.0.lock().unwrap().mind = mind;
    }
    pub fn frames_fail(&self, fail: bool) {
        self.0.lock().unwrap().frames_fail = fail;
    }
    pub fn frames_take(&self, time: Duration) {
        self.0.lock().unwrap().frames_take = time;
    }
    /// Golden pictures that it was asked about.
    pub fn asked(&self) -> usize {
        self.0.lock().unwrap().asked
    }
}

/// See the module.
pub struct Twin {
    sim: SimDetector,
    script: Script<DetectorStep>,
    known: Vec<(Vec<i8>, Vec<Found>)>,
    hand: Hand,
}

impl Twin {
    pub fn new(mind: Mind) -> (Self, Hand) {
        let set = GoldenSet::built_in().unwrap();
        let mut prepare = Prepare::new(set.geometry(), ColourRange::Limited, NET.0, NET.1, PAD).unwrap();
        let known = set.pictures().iter().map(|picture| {
            let mut input = vec![0; prepare.input_len()];
            prepare.run(picture.planes(), &mut input).unwrap();
            (input, drawn(picture, prepare.map().kx, prepare.map().ky))
        });
        let known: Vec<_> = known.collect();
        let script = Script::always(DetectorStep::Find(vec![]));
        let hand = Hand(Arc::new(Mutex::new(Told { mind, frames_fail: false, frames_take: Duration::ZERO, asked: 0 })));
        (Self { sim: SimDetector::new(NET.0, NET.1, script.clone()), script, known, hand: hand.clone() }, hand)
    }

    /// Real inference, decoding, tracks and self-test around it; everything is probed once within `every`.
    pub fn sight(self, patience: Duration, every: Duration, watchdog: &Arc<Watchdog>) -> Sight {
        let spec = self.sim.spec().clone();
        let selftest = SelfTest::new(GoldenSet::built_in().unwrap(), &spec, PAD, asking().thresholds, every).unwrap();
        let hang = Duration::from_secs(3_600);
        let inference = Inference::start(Box::new(self), asking(), Arc::clone(watchdog), hang).unwrap();
        Sight::new(inference, Tracker::new(TrackSettings::default()), spec, PAD, patience).held_to(selftest)
    }

    fn answer(&self, which: usize, mind: Mind) -> DetectorStep {
        let own = || self.known[which].1.iter().copied();
        let found = match mind {
            Mind::Right => own().collect(),
            Mind::Nothing => vec![],
            Mind::Everything => own().chain(everywhere()).collect(),
            Mind::Yesterday => self.known[(which + self.known.len() - 1) % self.known.len()].1.clone(),
            Mind::Shifted(px) => own().map(|found| Found { cx: found.cx + f32::from(px), ..found }).collect(),
            Mind::Larger(times) => {
                let times = f32::from(times);
                own().map(|found| Found { w: found.w * times, h: found.h * times, ..found }).collect()
            }
            Mind::Garbage => return DetectorStep::Garbage,
            Mind::Fails => return DetectorStep::Fail,
        };
        DetectorStep::Find(found)
    }
}

impl Detector for Twin {
    fn spec(&self) -> &DetectorSpec {
        self.sim.spec()
    }
    fn infer(&mut self, input: &[i8]) -> Result<(), DetectorError> {
        let (step, takes) = {
            let mut told = self.hand.0.lock().unwrap();
            match self.known.iter().position(|(known, _)| known == input) {
                Some(which) => {
                    told.asked += 1;
                    (self.answer(which, told.mind), Duration::ZERO)
                }
                None if told.frames_fail => (DetectorStep::Fail, told.frames_take),
                None => (DetectorStep::Find(vec![]), told.frames_take),
            }
        };
        // A detector that is slow: the time passes in its own thread.
        std::thread::sleep(takes);
        self.script.from_now(step);
        self.sim.infer(input)
    }
    fn output(&self, role: OutputRole) -> QuantisedTensor<'_> {
        self.sim.output(role)
    }
}

/// Boxes are taken as they are, at scores that a manifest may ask.
fn asking() -> Decoding {
    let thresholds = Thresholds { head: 0.3, plate: 0.3, head_candidate: 0.2, plate_candidate: 0.2 };
    Decoding { thresholds, ..decoding() }
}

/// What is drawn in a picture, in network pixels.
fn drawn(picture: &Golden, kx: f32, ky: f32) -> Vec<Found> {
    let found = |object: &eye::selftest::Expected| {
        let (w, h) = (object.rect.w / kx, object.rect.h / ky);
        let (cx, cy) = (object.rect.x / kx + w / 2.0, object.rect.y / ky + h / 2.0);
        Found { plate: object.class == Class::Plate, score: 0.9, cx, cy, w, h }
    };
    picture.objects.iter().map(found).collect()
}

/// Small heads in rows, too few to overflow.
fn everywhere() -> impl Iterator<Item = Found> {
    let place = |n: usize| ((n % 8) as f32 * 16.0 + 6.0, (n / 8) as f32 * 16.0 + 6.0);
    (0..32).map(place).map(|(cx, cy)| Found { plate: false, score: 0.9, cx, cy, w: 6.0, h: 6.0 })
}
