//! Puts the eye together from its configuration and runs it until it is told to end.

use crate::config::{Config, Source};
use crate::confine;
use crate::cores;
use crate::encoders;
use crate::inference::Inference;
use crate::kick::Kick;
use crate::office::{Office, OfficeError};
use crate::road::{Desk, OpenCamera, Parts, Road};
use crate::selftest::{GoldenError, GoldenSet, Moment, SelfTest, Standing};
use crate::server;
use crate::sight::Sight;
use crate::store::{Store, StoreError};
use crate::watchdog::Watchdog;
use board_clock::SystemClock;
use board_hal::{Aiming, CameraError, CameraFormat, CameraSource, Clock, Detector, DetectorSpec, EncodeError, Pins};
use board_pins::BoardPins;
use board_sim::{ClipOptions, ClipSource};
use contract::body::SelfTestResult;
use mask::{ColourMatrix, ColourRange, FrameId, Geometry, Overlay, Painter};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// Messages from the voice that may wait for the office.
const LINK_QUEUE: usize = 64;

/// Why the eye does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Confinement failed.
    #[error(transparent)]
    Confine(#[from] confine::ConfineError),
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] board_hal::DetectorError),
    /// No encoder of those that were asked for.
    #[error(transparent)]
    Encoder(#[from] EncodeError),
    /// The pictures of the self-test.
    #[error(transparent)]
    Golden(#[from] GoldenError),
    /// The model takes no picture of theirs.
    #[error("self-test: {0}")]
    Prepare(#[from] detect::PrepareError),
    /// A clip cannot be played.
    #[error(transparent)]
    Clip(CameraError),
    /// The camera that turns.
    #[error(transparent)]
    Ptz(#[from] board_hal::PtzError),
    /// The state folder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Policy or journal.
    #[error(transparent)]
    Office(#[from] OfficeError),
    /// The link's socket.
    #[error(transparent)]
    Link(#[from] server::ServeError),
    /// A thread or a signal handler.
    #[error("the system refuses a thread or signal handler: {0}")]
    System(#[from] std::io::Error),
}

/// Runs the eye until SIGTERM or SIGINT. Call single-threaded: confinement comes first.
///
/// # Errors
/// [`StartError`] when it cannot start; once it runs it does not end by itself.
pub fn run(config: &Config) -> Result<(), StartError> {
    let confinement = confine::before_camera()?;
    tracing::info!(%confinement, "confined");
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let clock: Arc<dyn Clock> = Arc::new(if config.clock.assume_synchronised {
        SystemClock::assume_synchronised()
    } else {
        SystemClock::new()
    });
    let watchdog = Watchdog::new();
    let (sight, model) = sight(config, &watchdog)?;
    let encoder = encoders::find(config)?;
    let mut camera = camera(config, Arc::clone(&clock));
    let opened = first_camera(config, &mut camera)?;
    let pins: Arc<dyn Pins> = Arc::new(BoardPins::open(config.pins(), config.watchdog().cloned()));
    let store = Store::open(&config.state.dir)?;
    let (events, from_link) = sync_channel(LINK_QUEUE);
    let outbox = server::serve(&config.link.socket, config.link.voice_uid, events)?;
    let office = Office::open(config, model, store, outbox, Arc::clone(&clock))?.on_board(Arc::clone(&pins));
    let office = Arc::new(office);
    confine::after_camera()?;
    watchdog.guard()?;
    let attending = Arc::clone(&office);
    std::thread::Builder::new().name("office".into()).spawn(move || attending.run(&from_link))?;
    let watching = Arc::clone(&office);
    std::thread::Builder::new().name("pins".into()).spawn(move || watching.watch_pins())?;
    let mut kick = Kick::new(pins, Arc::clone(&clock));

    let desk: Arc<dyn Desk> = Arc::<Office>::clone(&office);
    let painter = Painter::with_overlay(Overlay::new(config.camera.as_str())).silhouette(config.silhouette.clone());
    let frozen_after = frozen_after(config);
    let aiming = aiming(config, &clock)?;
    if let Some(aiming) = &aiming {
        office.aim_with(Arc::clone(aiming));
    }
    let parts = Parts {
        camera,
        encoder,
        encode_hang: Duration::from_millis(config.encoder.hang_ms),
        frozen_after,
        aiming,
        sight,
        desk,
        clock,
        watchdog,
        ladder: config.ladder.clone(),
        painter,
    };
    let mut road = Road::new(parts)?;
    match opened {
        Some(camera) => road.begin(camera),
        None => road.expect_format(expected(config)),
    }
    tracing::info!("the eye is open");
    while !stop.load(Ordering::Acquire) {
        road.step();
        kick.step(office.came_round_ms());
    }
    office.close();
    tracing::info!("the eye is closed");
    Ok(())
}

/// What looks: a loaded network on its thread, and the self-test that it is held to.
struct Looking {
    inference: Inference,
    selftest: SelfTest,
    spec: DetectorSpec,
    pad: u8,
}

/// Which network, and how it is run.
struct Network<'a> {
    manifest: &'a Path,
    setting: &'a str,
    threads: usize,
    cores: &'a [u8],
    hang: Duration,
    every: Duration,
}

impl<'a> Network<'a> {
    fn of(config: &'a Config) -> Self {
        Self {
            manifest: &config.detector.manifest,
            setting: config.setting(),
            threads: config.threads(),
            cores: config.cores(),
            hang: Duration::from_millis(config.detector.hang_ms),
            every: Duration::from_secs(60 * config.selftest.every_min),
        }
    }
}

fn looking(network: &Network<'_>, watchdog: &Arc<Watchdog>) -> Result<Looking, StartError> {
    let Network { manifest, setting, threads, cores, hang, every } = *network;
    let detector = cores::during(cores, || board_tflite::TfliteDetector::open(manifest, setting, threads))?;
    let (decoding, pad, spec) = (detector.decoding(), detector.pad(), detector.spec().clone());
    tracing::info!(model = spec.name, sha256 = spec.sha256, setting, threads, ?cores, "the model is loaded");
    let selftest = SelfTest::new(GoldenSet::built_in()?, &spec, pad, decoding.thresholds, every)?;
    let inference =
        cores::during(cores, || Inference::start(Box::new(detector), decoding, Arc::clone(watchdog), hang))?;
    Ok(Looking { inference, selftest, spec, pad })
}

/// Detector, tracks, and the model's name and hash.
fn sight(config: &Config, watchdog: &Arc<Watchdog>) -> Result<(Sight, (String, String)), StartError> {
    let profile = config.profile.as_ref().map_or("none", |profile| profile.name.as_str());
    tracing::info!(profile, "the board");
    let Looking { inference, selftest, spec, pad } = looking(&Network::of(config), watchdog)?;
    let model = (spec.name.clone(), spec.sha256.clone());
    let patience = config.wait();
    let tracker = detect::Tracker::new(detect::TrackSettings::default());
    Ok((Sight::new(inference, tracker, spec, pad, patience).held_to(selftest), model))
}

/// What one round of the self-test came to.
pub struct Tested {
    /// The model's name and sha256.
    pub model: (String, String),
    /// Passed or failed.
    pub standing: Standing,
}

/// Runs the self-test once, with the configured model and nothing else of the eye: no camera, no socket, no journal. An inference that hangs ends the
/// process, as it does on the road.
///
/// # Errors
/// [`StartError`] when the model cannot be used at all.
pub fn self_test(config: &Config) -> Result<Tested, StartError> {
    self_test_with(&Network::of(config))
}

/// As [`self_test`], of a model that no configuration names yet.
///
/// # Errors
/// As [`self_test`].
pub fn self_test_of(manifest: &Path, setting: &str, threads: usize, cores: &[u8]) -> Result<Tested, StartError> {
    let (hang, every) = (Duration::from_secs(10), Duration::from_secs(300));
    self_test_with(&Network { manifest, setting, threads, cores, hang, every })
}

fn self_test_with(network: &Network<'_>) -> Result<Tested, StartError> {
    let watchdog = Watchdog::new();
    let Looking { mut inference, mut selftest, spec, .. } = looking(network, &watchdog)?;
    watchdog.guard()?;
    let clock = SystemClock::new();
    while selftest.standing().result == SelfTestResult::Running {
        let now = Moment { monotonic_us: clock.monotonic_us(), utc_us: clock.utc_us() };
        selftest.wait(&mut inference, now, network.hang);
    }
    Ok(Tested { model: (spec.name, spec.sha256), standing: selftest.standing() })
}

fn camera(config: &Config, clock: Arc<dyn Clock>) -> OpenCamera {
    match config.source.clone() {
        Source::Clip { file, again } => {
            let options = ClipOptions { loop_forever: again, ..ClipOptions::default() };
            Box::new(move |first| {
                let clip = ClipSource::open(&file, &options, Arc::clone(&clock))?.number_from(first);
                Ok(Box::new(clip) as Box<dyn CameraSource>)
            })
        }
        Source::V4l2 { device, width, height, fps, controls, .. } => {
            let isp = config.profile.as_ref().map(|profile| profile.isp.clone()).unwrap_or_default();
            let wish = board_v4l2::Options {
                controls: controls.into_iter().collect(),
                ..board_v4l2::Options::new(width as usize, height as usize, fps as f32)
            };
            Box::new(move |first| {
                if let Some(graph) = &isp.media {
                    // Anew each time: a sensor that was away comes back as it was made.
                    board_media::setup(graph).map_err(|error| CameraError::Missing {
                        device: device.display().to_string(),
                        cause: error.to_string(),
                    })?;
                }
                let camera = board_v4l2::V4l2Camera::open(&device, &wish, Arc::clone(&clock))?;
                Ok(Box::new(camera.number_from(first)) as Box<dyn CameraSource>)
            })
        }
    }
}

/// Opens the camera before the last confinement, because a clip's decoder is a program. A clip that cannot be played is an error at once; a
/// camera that is not there may still come.
fn first_camera(config: &Config, open: &mut OpenCamera) -> Result<Option<Box<dyn CameraSource>>, StartError> {
    match open(FrameId(0)) {
        Ok(camera) => Ok(Some(camera)),
        Err(error) if matches!(config.source, Source::Clip { .. }) => Err(StartError::Clip(error)),
        Err(error) => {
            tracing::warn!(%error, "no camera yet; trying again until there is one");
            Ok(None)
        }
    }
}

/// Opens what a camera that turns is told over.
fn aiming(config: &Config, clock: &Arc<dyn Clock>) -> Result<Option<Arc<dyn Aiming>>, StartError> {
    let Some(ptz) = &config.ptz else { return Ok(None) };
    let presets = ptz.presets.iter().map(|(view, preset)| (view.clone(), preset.target())).collect();
    let aimer = board_ptz::Aimer::start(ptz.open()?, presets, ptz.pace(), Arc::clone(clock))?;
    tracing::info!(presets = ptz.presets.len(), "the camera turns to the granted view");
    Ok(Some(Arc::new(aimer)))
}

/// How long a picture may stay the same to the last bit; a clip may for ever.
fn frozen_after(config: &Config) -> Option<Duration> {
    match config.source {
        Source::V4l2 { frozen_s, .. } if frozen_s > 0 => Some(Duration::from_secs(frozen_s.into())),
        _ => None,
    }
}

/// What a camera that is not there yet will probably deliver.
fn expected(config: &Config) -> CameraFormat {
    let (width, height, fps) = match config.source {
        Source::V4l2 { width, height, fps, .. } => (width, height, fps),
        Source::Clip { .. } => (1280, 720, 25),
    };
    CameraFormat {
        geometry: Geometry::packed(width as usize & !1, height as usize & !1),
        range: ColourRange::Limited,
        matrix: ColourMatrix::usual(height as usize),
        fps: fps as f32,
        wire: "expected".into(),
    }
}
