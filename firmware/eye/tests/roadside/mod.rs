//! A frame road whose camera, detector, encoder, clock and desk are twins in the test's hand. One [`Roadside::step`] is one frame.

// Each test program uses a part of this; a helper that fails fails the test.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod desk;
pub mod twin;

use board_hal::{CameraError, CameraSource, Clock, Codec, DetectorSpec, EncodeError, Encoder, EncoderSettings};
use board_sim::{
    CameraStep, DetectorStep, EncoderStep, Found, Gate, Script, Seen, SimCamera, SimClock, SimDetector, SimEncoder,
    SimUnit, Witness,
};
use contract::Rung;
use desk::{Delivery, FakeDesk, Shown};
use detect::{Decoding, HeadGrowth, PerClass, PlateGrowth, Thresholds, TrackSettings, Tracker};
use eye::inference::Inference;
use eye::road::{Parts, Report, Road};
use eye::sight::Sight;
use eye::watchdog::Watchdog;
use mask::ladder::LadderSettings;
use mask::{FrameId, Painter, Rect};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use twin::Twin;

/// Pixels of the camera.
pub const SIZE: (usize, usize) = (256, 192);
/// Pixels of the network: half the camera's.
pub const NET: (usize, usize) = (128, 96);
/// Microseconds from frame to frame.
pub const FRAME_US: u64 = 40_000;
/// A run of so many good frames climbs down.
pub const GOOD_FRAMES: u32 = 4;
/// The view's largest face in pixels, and the cells that follow from it.
pub const LARGEST_FACE_PX: f32 = 45.0;
pub const CELL_PX: usize = 102;
/// How long a frame waits for a detector that is not scripted to be late: for ever, as tests go.
pub const PATIENT: Duration = Duration::from_secs(60);
/// How long it waits for one that is.
pub const HURRIED: Duration = Duration::from_millis(100);

/// What a road is built with.
pub struct Setup {
    pub patience: Duration,
    pub fps: f32,
    pub painter: Painter,
    pub frozen_after: Option<Duration>,
    /// A camera that turns.
    pub aiming: Option<Arc<dyn board_hal::Aiming>>,
    /// In place of the scripted detector: one that is held to the golden pictures, each looked at once within the time given.
    pub twin: Option<(Twin, Duration)>,
}

impl Default for Setup {
    /// No overlay, so that what is not masked can be told from what is.
    fn default() -> Self {
        Self {
            patience: PATIENT,
            fps: 1e6 / FRAME_US as f32,
            painter: Painter::new(),
            frozen_after: None,
            aiming: None,
            twin: None,
        }
    }
}

/// A road under test.
pub struct Roadside {
    pub road: Road,
    pub desk: Arc<FakeDesk>,
    pub clock: SimClock,
    pub camera: Script<CameraStep>,
    pub detector: Script<DetectorStep>,
    pub encoder: Script<EncoderStep>,
    pub witness: Witness,
    pub watchdog: Arc<Watchdog>,
    /// While false the camera cannot be opened.
    pub plugged: Arc<AtomicBool>,
    /// Pixels of the camera that is opened next.
    pub size: Arc<Mutex<(usize, usize)>>,
    /// While false no encoder can be built.
    pub encoder_there: Arc<AtomicBool>,
    /// Encoders built.
    pub encoders: Arc<AtomicU64>,
    /// Attempts to open the camera: when, and from which frame number on.
    pub openings: Arc<Mutex<Vec<(u64, FrameId)>>>,
}

impl Roadside {
    /// A still scene, a detector that finds nothing and answers in time, no open order.
    pub fn new() -> Self {
        Self::build(Setup::default())
    }

    /// The same, but a frame waits only a moment for its answer.
    pub fn hurried() -> Self {
        Self::build(Setup { patience: HURRIED, ..Setup::default() })
    }

    pub fn build(setup: Setup) -> Self {
        let Setup { patience, fps, painter, frozen_after, aiming, twin } = setup;
        let clock = SimClock::new(1_800_000_000_000_000);
        let (camera, detector, encoder) = scripts();
        let witness = Witness::new();
        let (plugged, encoder_there) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(true)));
        let (encoders, openings) = (Arc::<AtomicU64>::default(), Arc::<Mutex<Vec<_>>>::default());
        let size = Arc::new(Mutex::new(SIZE));
        let desk = Arc::new(FakeDesk::new(clock.clone()));
        let watchdog = Watchdog::new();
        let sight = match twin {
            Some((twin, every)) => twin.sight(patience, every, &watchdog),
            None => sight(&detector, patience, &watchdog),
        };
        let open = {
            let (clock, script) = (clock.clone(), camera.clone());
            let (plugged, openings, size) = (Arc::clone(&plugged), Arc::clone(&openings), Arc::clone(&size));
            move |first| {
                openings.lock().unwrap().push((clock.monotonic_us(), first));
                if !plugged.load(Ordering::SeqCst) {
                    return Err(CameraError::Missing { device: "simulated".into(), cause: "unplugged".into() });
                }
                let (width, height) = *size.lock().unwrap();
                let camera = SimCamera::new(clock.clone(), width, height, fps, script.clone()).number_from(first);
                Ok(Box::new(camera) as Box<dyn CameraSource>)
            }
        };
        let make = {
            let (script, witness) = (encoder.clone(), witness.clone());
            let (there, encoders) = (Arc::clone(&encoder_there), Arc::clone(&encoders));
            move |format: &board_hal::CameraFormat| {
                encoders.fetch_add(1, Ordering::SeqCst);
                if !there.load(Ordering::SeqCst) {
                    return Err(EncodeError::Settings("there is none".into()));
                }
                let (width, height) = (format.geometry.width, format.geometry.height);
                let settings = EncoderSettings {
                    codec: Codec::H264,
                    width,
                    height,
                    fps: format.fps,
                    bitrate_bps: 1_000_000,
                    key_interval: 10_000,
                };
                let encoder = SimEncoder::new(settings, script.clone()).shown_to(witness.clone());
                Ok(Box::new(encoder) as Box<dyn Encoder>)
            }
        };
        let road = Road::new(Parts {
            camera: Box::new(open),
            encoder: Box::new(make),
            frozen_after,
            aiming,
            sight,
            desk: Arc::<FakeDesk>::clone(&desk),
            clock: Arc::new(clock.clone()),
            watchdog: Arc::clone(&watchdog),
            encode_hang: Duration::from_millis(1_500),
            ladder: LadderSettings { cautious_ms: 250, good_frames: GOOD_FRAMES },
            painter,
        })
        .unwrap();
        Self {
            road,
            desk,
            clock,
            camera,
            detector,
            encoder,
            witness,
            watchdog,
            plugged,
            size,
            encoder_there,
            encoders,
            openings,
        }
    }

    /// One step of the road; what it delivered.
    pub fn step(&mut self) -> Option<Delivery> {
        let before = self.desk.count();
        self.road.step();
        self.road.settle();
        let delivered = self.desk.since(before);
        assert!(delivered.len() <= 1, "one step delivered {delivered:?}");
        delivered.into_iter().next()
    }

    /// So many steps; what they delivered.
    pub fn steps(&mut self, count: usize) -> Vec<Delivery> {
        (0..count).filter_map(|_| self.step()).collect()
    }

    /// Steps until so much simulated time has gone by; what was delivered.
    pub fn steps_for(&mut self, time: Duration) -> Vec<Delivery> {
        let until_us = self.clock.monotonic_us() + time.as_micros() as u64;
        let mut delivered = Vec::new();
        while self.clock.monotonic_us() < until_us {
            delivered.extend(self.step());
        }
        delivered
    }

    /// Steps until the road is sure of its masking.
    pub fn until_clear(&mut self) {
        for _ in 0..500 {
            self.step();
            if self.report().rung == Rung::Clear {
                return;
            }
        }
        panic!("never clear: {:?}", self.report());
    }

    /// An open share, and a road that is sure of its masking.
    pub fn sharing(mut self) -> Self {
        self.desk.open();
        self.until_clear();
        self
    }

    /// One step that must show a camera's picture: which unit it was, its rung, and the pixels that were encoded.
    pub fn picture(&mut self) -> (SimUnit, Rung, Seen) {
        let Some(Delivery { shown: Shown::Picture(unit), rung, .. }) = self.step() else {
            panic!("no picture; {:?}", self.report())
        };
        let seen = self.witness.seen().expect("an encoder saw it");
        assert_eq!(seen.frame, unit.frame, "the newest frame encoded is the one delivered");
        (unit, rung, seen)
    }

    pub fn report(&self) -> Report {
        self.desk.report().expect("every step reports")
    }
}

pub fn scripts() -> (Script<CameraStep>, Script<DetectorStep>, Script<EncoderStep>) {
    let nothing = DetectorStep::Find(vec![]);
    (Script::always(CameraStep::Still), Script::always(nothing), Script::always(EncoderStep::Unit))
}

/// Real inference, decoding and tracks around a scripted network.
pub fn sight(script: &Script<DetectorStep>, patience: Duration, watchdog: &Arc<Watchdog>) -> Sight {
    let network = Box::new(SimDetector::new(NET.0, NET.1, script.clone()));
    let inference = Inference::start(network, decoding(), Arc::clone(watchdog), Duration::from_secs(3_600)).unwrap();
    let spec = DetectorSpec { name: "simulated".into(), sha256: "0".repeat(64), width: NET.0, height: NET.1 };
    Sight::new(inference, Tracker::new(TrackSettings::default()), spec, 114, patience)
}

/// Boxes are taken as they are.
pub fn decoding() -> Decoding {
    Decoding {
        thresholds: Thresholds { head: 0.5, plate: 0.5, head_candidate: 0.3, plate_candidate: 0.3 },
        nms_iou: PerClass { head: 0.4, plate: 0.4 },
        plate_growth: PlateGrowth { x: 0.0, y: 0.0 },
        plate_by_width: None,
        head_by_width: None,
        head_growth: HeadGrowth { side: [0.0; 8], top: [0.0; 8], bottom: [0.0; 8], min: 0.0, max: 0.0 },
    }
}

/// A head whose box in the camera's picture is `rect`, as the network reports it.
pub fn head(rect: Rect) -> Found {
    let half = |v: f32| v / 2.0;
    let (w, h) = (half(rect.w), half(rect.h));
    Found { plate: false, score: 0.9, cx: half(rect.x) + w / 2.0, cy: half(rect.y) + h / 2.0, w, h }
}

/// A detector step that hangs until the gate is opened.
pub fn hang() -> (Gate, DetectorStep) {
    let gate = Gate::new();
    (gate.clone(), DetectorStep::Hang(gate))
}

/// How many pixels inside and outside `rect` show the still scene.
pub fn shown_pixels(seen: &Seen, rect: Rect) -> (usize, usize) {
    let (mut inside, mut outside) = (0, 0);
    let (width, height) = seen.size();
    for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
        let shown = seen.luma(x, y) == SimCamera::still_luma(x, y);
        let (fx, fy) = (x as f32, y as f32);
        let within = fx >= rect.x && fy >= rect.y && fx < rect.x + rect.w && fy < rect.y + rect.h;
        *(if within { &mut inside } else { &mut outside }) += usize::from(shown);
    }
    (inside, outside)
}

/// Whether every pixel is that of the still scene.
pub fn is_bare(seen: &Seen) -> bool {
    let (width, height) = seen.size();
    (0..height).all(|y| (0..width).all(|x| seen.luma(x, y) == SimCamera::still_luma(x, y)))
}

/// Covered as the view's largest face asks: cells, and nothing finer.
pub fn is_covered(seen: &Seen) -> bool {
    seen.is_coarse(CELL_PX) && !is_bare(seen)
}
