//! The detector on a thread of its own, so that a late answer costs certainty and not the frame.
//!
//! The frame road hands in a prepared picture and waits for at most its patience; a later answer is not lost but belongs to an older frame, and the
//! road goes on with predicted masks meanwhile (ladder `cautious`, then `covered`). Two buffers go back and forth; nothing is allocated per frame.

use crate::handover::{Giver, Nothing, Refused, Taker, handover};
use crate::watchdog::{Stage, Vital, Watchdog};
use board_hal::Detector;
use detect::{Decoding, Detections, LetterboxMap};
use mask::FrameId;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Whose picture it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// The camera's: the answer moves tracks.
    Camera,
    /// The self-test's: the answer goes to it and nowhere else.
    SelfTest,
}

/// A picture to look at.
struct Job {
    of: Of,
    ticket: u64,
    frame: FrameId,
    captured_us: u64,
    input: Box<[i8]>,
    map: LetterboxMap,
}

/// An answer and the buffer back.
struct Done {
    of: Of,
    ticket: u64,
    captured_us: u64,
    input: Box<[i8]>,
    found: Result<Box<Detections>, String>,
    took: Duration,
}

/// Places for what was found: one shown, one on its way, and the self-test's two.
const BOXES: usize = 4;

/// What came of asking.
pub enum Answer<'a> {
    /// Of this very frame.
    Fresh(&'a Detections),
    /// Of an earlier frame, captured then (monotonic microseconds); this one's is late.
    Older(&'a Detections, u64),
    /// The detector is still busy.
    Late,
    /// It failed.
    Failed(String),
}

/// What came of handing in a picture of the self-test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handed {
    /// The detector has it.
    In,
    /// It is busy; nothing happened.
    Busy,
    /// It cannot be handed in.
    Failed(String),
}

/// The answer to a picture of the self-test.
pub struct Probed<'a> {
    /// What was found, or why nothing was.
    pub found: Result<&'a Detections, &'a str>,
    /// How long inference and decoding took.
    pub took: Duration,
}

/// The frame road's side.
pub struct Inference {
    jobs: Giver<Job, 1>,
    done: Taker<Done, 2>,
    spare: Vec<Box<[i8]>>,
    busy: bool,
    /// Counts questions. Answers are matched by it and not by frame number, which begins anew with a reopened camera.
    ticket: u64,
    last: Option<(u64, Box<Detections>)>,
    /// The newest answer to the self-test, and whether it was collected.
    probe: Option<(Result<Box<Detections>, String>, Duration)>,
    probe_is_new: bool,
    boxes: Giver<Box<Detections>, BOXES>,
    took: Duration,
}

impl Inference {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the thread cannot be made.
    pub fn start(
        mut detector: Box<dyn Detector>,
        decoding: Decoding,
        watchdog: Arc<Watchdog>,
        hang: Duration,
    ) -> std::io::Result<Self> {
        let spec = detector.spec();
        let pixels = spec.width * spec.height * 3;
        let (jobs, take) = handover::<Job, 1>();
        let (give, done) = handover::<Done, 2>();
        let (boxes, recycled) = handover::<Box<Detections>, BOXES>();
        for _ in 0..BOXES {
            let _ = boxes.try_give(Box::new(Detections::none(FrameId(0))));
        }
        std::thread::Builder::new().name("detector".into()).spawn(move || {
            let _vital = Vital("detector");
            while let Some(Job { of, ticket, frame, captured_us, input, map }) = take.take() {
                let start = Instant::now();
                let mut found = recycled.try_take().unwrap_or_else(|_| Box::new(Detections::none(frame)));
                let result = {
                    let _watched = watchdog.enter(Stage::Inference, hang);
                    detector.infer(&input)
                };
                let found = match result {
                    Ok(()) => {
                        detect::decode(&|role| detector.output(role), &decoding, &map, frame, &mut found);
                        Ok(found)
                    }
                    Err(error) => Err(error.to_string()),
                };
                if give.give(Done { of, ticket, captured_us, input, found, took: start.elapsed() }).is_err() {
                    return;
                }
            }
        })?;
        let spare = (0..2).map(|_| vec![0_i8; pixels].into_boxed_slice()).collect();
        Ok(Self {
            jobs,
            done,
            spare,
            busy: false,
            ticket: 0,
            last: None,
            probe: None,
            probe_is_new: false,
            boxes,
            took: Duration::ZERO,
        })
    }

    /// Asks about a frame and waits for at most `patience`. `prepare` fills the network's input; it is not called while the detector is busy with
    /// an older frame.
    pub fn ask(
        &mut self,
        frame: FrameId,
        captured_us: u64,
        map: LetterboxMap,
        patience: Duration,
        prepare: impl FnOnce(&mut [i8]) -> Result<(), String>,
    ) -> Answer<'_> {
        let until = Instant::now() + patience;
        let mut older = false;
        if self.busy {
            // An earlier frame's answer: it moves the tracks, but it is not this frame's. One to the self-test says nothing of any frame.
            match self.done.take_within(patience) {
                Ok(done) => match self.settle(done) {
                    Ok(of) => older = of == Of::Camera,
                    Err(cause) => return Answer::Failed(cause),
                },
                Err(Nothing::Yet) => return Answer::Late,
                Err(Nothing::Ever) => return Answer::Failed("the detector's thread is gone".into()),
            }
        }
        match self.hand_in(Of::Camera, frame, captured_us, map, prepare) {
            Handed::In => {}
            Handed::Busy => return Answer::Late,
            Handed::Failed(cause) => return Answer::Failed(cause),
        }
        let ticket = self.ticket;
        let fresh = match self.done.take_within(until.saturating_duration_since(Instant::now())) {
            Ok(done) => {
                let answered = done.ticket;
                match self.settle(done) {
                    Ok(_) => answered == ticket,
                    Err(cause) => return Answer::Failed(cause),
                }
            }
            Err(Nothing::Yet) => false,
            Err(Nothing::Ever) => return Answer::Failed("the detector's thread is gone".into()),
        };
        match &self.last {
            Some((_, found)) if fresh => Answer::Fresh(found),
            Some((captured_us, found)) if older => Answer::Older(found, *captured_us),
            _ => Answer::Late,
        }
    }

    /// How long the newest inference and decoding took.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.took
    }

    /// Hands in a picture of the self-test, unless the detector is busy. Does not wait. `prepare` fills the network's input. With `insist` the answer
    /// to a frame that nobody waits for any more is given up; without, it is left to move the tracks.
    pub fn probe(
        &mut self,
        map: LetterboxMap,
        insist: bool,
        prepare: impl FnOnce(&mut [i8]) -> Result<(), String>,
    ) -> Handed {
        if insist
            && self.busy
            && let Ok(done) = self.done.try_take()
            && let Err(cause) = self.settle(done)
        {
            return Handed::Failed(cause);
        }
        if self.busy {
            return Handed::Busy;
        }
        self.hand_in(Of::SelfTest, FrameId(0), 0, map, prepare)
    }

    /// The answer to it, once: waits for at most `patience`. [`Inference::ask`] may have received it meanwhile.
    pub fn probed(&mut self, patience: Duration) -> Option<Probed<'_>> {
        if self.busy && !self.probe_is_new {
            let done = match self.done.take_within(patience) {
                Ok(done) => done,
                Err(Nothing::Yet) => return None,
                Err(Nothing::Ever) => {
                    return Some(Probed { found: Err("the detector's thread is gone"), took: Duration::ZERO });
                }
            };
            // While the self-test's picture is at the detector no frame is: nothing but its own answer comes back here.
            let _ = self.settle(done);
        }
        if !std::mem::take(&mut self.probe_is_new) {
            return None;
        }
        let (found, took) = self.probe.as_ref()?;
        Some(Probed { found: found.as_deref().map_err(String::as_str), took: *took })
    }

    fn hand_in(
        &mut self,
        of: Of,
        frame: FrameId,
        captured_us: u64,
        map: LetterboxMap,
        prepare: impl FnOnce(&mut [i8]) -> Result<(), String>,
    ) -> Handed {
        let Some(mut input) = self.spare.pop() else { return Handed::Failed("no input buffer is free".into()) };
        if let Err(cause) = prepare(&mut input) {
            self.spare.push(input);
            return Handed::Failed(cause);
        }
        self.ticket += 1;
        match self.jobs.try_give(Job { of, ticket: self.ticket, frame, captured_us, input, map }) {
            Ok(()) => {
                self.busy = true;
                Handed::In
            }
            Err(Refused::Full(job) | Refused::Gone(job)) => {
                self.spare.push(job.input);
                Handed::Failed("the detector's thread takes no work".into())
            }
        }
    }

    /// Takes an answer in and says whose it was. `Err` is a frame's that failed.
    fn settle(&mut self, done: Done) -> Result<Of, String> {
        self.busy = false;
        self.spare.push(done.input);
        match done.of {
            Of::SelfTest => {
                if let Some((Ok(old), _)) = self.probe.replace((done.found, done.took)) {
                    let _ = self.boxes.try_give(old);
                }
                self.probe_is_new = true;
            }
            Of::Camera => {
                self.took = done.took;
                if let Some((_, old)) = self.last.replace((done.captured_us, done.found?)) {
                    let _ = self.boxes.try_give(old);
                }
            }
        }
        Ok(done.of)
    }
}
