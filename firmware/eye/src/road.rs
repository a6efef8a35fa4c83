//! The frame road: capture → prepare → detect → tracks → ladder → plan → mask → encode → link, one frame at a time, without allocating.
//!
//! It knows nothing of tokens: before anything is encoded, and again before a picture leaves, it asks the [`Desk`] whether a share is open (P1). A camera
//! that is gone, an encoder that fails, a detector that cannot tell: each leads to more masking or to the slate, never to less (P3, P12).

use crate::inference::Answer;
use crate::sight::Sight;
use crate::slate::Slate;
use crate::watchdog::{Stage, Watchdog};
use board_hal::{CameraError, CameraFormat, CameraSource, Clock, EncodeError, EncodedUnit, Encoder};
use contract::{Filter, Rung};
use mask::ladder::{Event, Fault, Ladder, LadderSettings, RungReason};
use mask::{CaptureTime, FrameId, Objects, Painter, Plan, RawFrame, Scene};
use std::sync::Arc;
use std::time::Duration;

/// How long the road waits for a frame before it looks round.
const FRAME_PATIENCE: Duration = Duration::from_millis(250);
/// Without a frame for so long there is no camera.
const SILENCE_US: u64 = 1_000_000;
/// The slate is repeated at this interval, so that a viewer who joins sees it.
const SLATE_EVERY_US: u64 = 500_000;
/// Between attempts to open the camera: doubles from the first to the second.
const REOPEN_US: (u64, u64) = (250_000, 8_000_000);
/// An encoder that takes longer than this for one picture is hung.
const ENCODE_LIMIT: Duration = Duration::from_millis(1_500);

/// What is wanted of the road at this moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Whether any share is open; otherwise nothing is encoded.
    pub open: bool,
    /// The strongest filter of the open shares.
    pub filter: Filter,
    /// The granted view.
    pub scene: Scene,
    /// Most pictures per second.
    pub fps_cap: Option<u8>,
    /// A viewer waits for a picture to begin with.
    pub key_wanted: bool,
}

/// One picture on its way out.
pub struct Picture<'a> {
    /// Annex B access unit.
    pub data: &'a [u8],
    /// Whether decoding can start here.
    pub key: bool,
    /// When the frame was taken.
    pub captured: CaptureTime,
    /// How sure the road is of its masking.
    pub rung: Rung,
}

/// What the road asks of the authority.
pub trait Desk: Send + Sync {
    /// What is wanted now.
    fn order(&self) -> Order;
    /// Hands over a picture. It goes nowhere unless a share is open at this very moment. Returns whether the next one should be a key picture.
    fn deliver(&self, picture: &Picture<'_>) -> bool;
    /// The camera's format is known, or has changed, and with it the slate.
    fn format(&self, format: &CameraFormat, slate: &[u8]);
    /// How it goes, after each frame.
    fn report(&self, report: &Report);
}

/// How it goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// Rung in effect.
    pub rung: Rung,
    /// Why.
    pub reason: RungReason,
    /// Frames that the camera delivered.
    pub captured: u64,
    /// Frames that nobody had time for.
    pub dropped: u64,
    /// Tracks that were masked, each once.
    pub objects_masked: u64,
    /// Shapes painted.
    pub shapes_painted: u64,
    /// Microseconds on each rung.
    pub rung_us: [u64; 4],
    /// Newest inference.
    pub inference: Duration,
}

/// Opens the camera, anew after each loss; its frames are numbered from the id given, so that no number comes twice.
pub type OpenCamera = Box<dyn FnMut(FrameId) -> Result<Box<dyn CameraSource>, CameraError> + Send>;
/// Builds an encoder for a camera format.
pub type MakeEncoder = Box<dyn FnMut(&CameraFormat) -> Result<Box<dyn Encoder>, EncodeError> + Send>;

/// What the road is built from.
pub struct Parts {
    /// Opens the camera.
    pub camera: OpenCamera,
    /// Builds the encoder.
    pub encoder: MakeEncoder,
    /// Detector and tracks.
    pub sight: Sight,
    /// The authority's desk.
    pub desk: Arc<dyn Desk>,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// Watches the C calls.
    pub watchdog: Arc<Watchdog>,
    /// Thresholds of the ladder.
    pub ladder: LadderSettings,
    /// What is written on every picture, and the painting buffers.
    pub painter: Painter,
}

/// The road, ready to take frames.
pub struct Road {
    parts: Parts,
    camera: Option<Box<dyn CameraSource>>,
    encoder: Option<Box<dyn Encoder>>,
    format: Option<CameraFormat>,
    slate: Slate,
    unit: EncodedUnit,
    ladder: Ladder,
    cut: mask::scene_cut::SceneCut,
    next_id: FrameId,
    captured: u64,
    dropped_before: u64,
    shapes_painted: u64,
    last_frame_us: u64,
    last_slate_us: u64,
    last_picture_us: u64,
    reopen_at_us: u64,
    reopen_wait_us: u64,
    key_next: bool,
    was_open: bool,
}

impl Road {
    /// A road without a camera yet; the first [`Road::step`] opens it.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let now_us = parts.clock.monotonic_us();
        let ladder = Ladder::new(parts.ladder.clone(), now_us);
        Self {
            parts,
            camera: None,
            encoder: None,
            format: None,
            slate: Slate::default(),
            unit: EncodedUnit::default(),
            ladder,
            cut: mask::scene_cut::SceneCut::new(mask::scene_cut::SceneCutSettings::default()),
            next_id: FrameId(0),
            captured: 0,
            dropped_before: 0,
            shapes_painted: 0,
            last_frame_us: now_us,
            last_slate_us: 0,
            last_picture_us: 0,
            reopen_at_us: now_us,
            reopen_wait_us: REOPEN_US.0,
            key_next: true,
            was_open: false,
        }
    }

    /// One frame, or one look round when there is none. Blocks for at most about a quarter of a second.
    pub fn step(&mut self) {
        let now_us = self.parts.clock.monotonic_us();
        if self.camera.is_none() && now_us >= self.reopen_at_us {
            self.open(now_us);
        }
        let Some(camera) = self.camera.as_mut() else {
            std::thread::sleep(Duration::from_micros(self.reopen_at_us.saturating_sub(now_us)).min(FRAME_PATIENCE));
            self.without_frame();
            return;
        };
        match camera.next(FRAME_PATIENCE) {
            Ok(frame) => self.frame(frame),
            Err(CameraError::Timeout(_)) => self.without_frame(),
            Err(error @ CameraError::BadFrame { .. }) => {
                tracing::warn!(%error, "a frame was refused");
                self.dropped_before += 1;
            }
            Err(error) => {
                tracing::warn!(%error, "the camera is lost; trying to open it anew");
                self.close();
                self.without_frame();
            }
        }
    }

    fn open(&mut self, now_us: u64) {
        match (self.parts.camera)(self.next_id) {
            Ok(camera) => self.begin(camera),
            Err(error) => {
                tracing::warn!(%error, again_in_ms = self.reopen_wait_us / 1_000, "the camera cannot be opened");
                self.ladder.handle(Event::Broken(Fault::CameraLost));
                self.reopen_at_us = now_us + self.reopen_wait_us;
                self.reopen_wait_us = (self.reopen_wait_us * 2).min(REOPEN_US.1);
            }
        }
    }

    /// Takes frames from a camera that has just been opened. When its format is new, so are the encoder and the slate.
    pub fn begin(&mut self, camera: Box<dyn CameraSource>) {
        let format = camera.format().clone();
        tracing::info!(
            wire = format.wire,
            width = format.geometry.width,
            height = format.geometry.height,
            fps = format.fps,
            "the camera is open"
        );
        if self.format.as_ref() != Some(&format) {
            self.encoder = None;
            self.parts.sight.set_format(&format);
            self.format = Some(format);
            self.make_slate();
        }
        self.camera = Some(camera);
        self.last_frame_us = self.parts.clock.monotonic_us();
        self.reopen_wait_us = REOPEN_US.0;
    }

    /// Tells the road how large pictures will be before a camera is there, so that there is a slate from the start.
    pub fn expect_format(&mut self, format: CameraFormat) {
        self.parts.sight.set_format(&format);
        self.format = Some(format);
        self.make_slate();
    }

    fn make_slate(&mut self) {
        let Some(format) = self.format.clone() else { return };
        if self.encoder.is_none() {
            self.make_encoder(&format);
        }
        let Some(encoder) = self.encoder.as_mut() else { return };
        let watched = self.parts.watchdog.enter(Stage::Encode, ENCODE_LIMIT);
        let made = Slate::encode(encoder.as_mut(), &format, &mut self.unit);
        drop(watched);
        match made {
            Ok(slate) => {
                self.slate = slate;
                self.parts.desk.format(&format, self.slate.data());
            }
            Err(error) => tracing::error!(%error, "the slate cannot be made"),
        }
        self.key_next = true;
    }

    fn make_encoder(&mut self, format: &CameraFormat) {
        match (self.parts.encoder)(format) {
            Ok(encoder) => self.encoder = Some(encoder),
            Err(error) => tracing::error!(%error, "no encoder"),
        }
        self.key_next = true;
    }

    fn close(&mut self) {
        if let Some(camera) = self.camera.take() {
            self.dropped_before += camera.dropped();
        }
        self.ladder.handle(Event::Broken(Fault::CameraLost));
        self.reopen_at_us = self.parts.clock.monotonic_us() + self.reopen_wait_us;
    }

    /// Nothing came: after a while there is no camera, and whoever watches sees the slate.
    fn without_frame(&mut self) {
        let now_us = self.parts.clock.monotonic_us();
        if now_us.saturating_sub(self.last_frame_us) > SILENCE_US {
            self.ladder.handle(Event::Broken(Fault::CameraLost));
        }
        if self.ladder_is_broken() {
            let verdict = self.ladder.frame(now_us);
            let order = self.parts.desk.order();
            if order.open && verdict.rung == Rung::Dark {
                self.show_slate(CaptureTime { monotonic_us: now_us, utc_us: self.parts.clock.utc_us() });
            }
        } else {
            self.ladder.count(now_us);
        }
        self.report();
    }

    fn ladder_is_broken(&self) -> bool {
        self.camera.is_none() || self.parts.clock.monotonic_us().saturating_sub(self.last_frame_us) > SILENCE_US
    }

    fn frame(&mut self, frame: RawFrame) {
        let info = *frame.info();
        let at_us = info.captured.monotonic_us;
        self.captured += 1;
        self.next_id = FrameId(info.id.0 + 1);
        self.last_frame_us = self.parts.clock.monotonic_us();
        self.ladder.handle(Event::Mended { fault: Fault::CameraLost, at_us });
        match self.cut.look(&frame) {
            mask::scene_cut::Change::None => {}
            mask::scene_cut::Change::Cut => self.ladder.handle(Event::SceneCut { captured_us: at_us }),
            mask::scene_cut::Change::Moved => self.ladder.handle(Event::CameraMoved { captured_us: at_us }),
        }
        let objects = look(&mut self.parts.sight, &mut self.ladder, &frame);
        let verdict = self.ladder.frame(at_us);
        let order = self.parts.desk.order();
        if order.open {
            let plan = mask::plan::decide(info.id, Some(&objects), verdict.rung, order.filter, &order.scene);
            self.share(frame, &plan, &order);
        }
        self.was_open = order.open;
        self.report();
    }

    /// Masks, encodes and delivers one frame while a share is open.
    fn share(&mut self, frame: RawFrame, plan: &Plan, order: &Order) {
        let captured = frame.info().captured;
        if !self.was_open || order.key_wanted {
            self.key_next = true;
        }
        if plan.rung() == Rung::Dark {
            drop(frame);
            self.show_slate(captured);
            return;
        }
        if !self.key_next && too_soon(captured.monotonic_us, self.last_picture_us, order.fps_cap) {
            return;
        }
        self.shapes_painted += plan.areas(&frame.info().geometry).len() as u64;
        let masked = match mask::apply(frame, plan, &mut self.parts.painter) {
            Ok(masked) => masked,
            Err(error) => {
                tracing::error!(%error, "painting failed; the picture stays dark");
                self.ladder.handle(Event::Broken(Fault::MaskingFailed));
                return;
            }
        };
        if self.encoder.is_none()
            && let Some(format) = self.format.clone()
        {
            self.make_encoder(&format);
        }
        let Some(encoder) = self.encoder.as_mut() else {
            self.show_slate(captured);
            return;
        };
        let watched = self.parts.watchdog.enter(Stage::Encode, ENCODE_LIMIT);
        let encoded = encoder.encode(masked, self.key_next, &mut self.unit);
        drop(watched);
        if let Err(error) = encoded {
            tracing::error!(%error, "the encoder is built anew");
            self.encoder = None;
            self.show_slate(captured);
            return;
        }
        self.last_picture_us = captured.monotonic_us;
        let picture = Picture { data: &self.unit.data, key: self.unit.key, captured, rung: plan.rung() };
        self.key_next = self.parts.desk.deliver(&picture);
    }

    /// Shows the slate at its slow pace; the picture that follows it must be a key picture.
    fn show_slate(&mut self, at: CaptureTime) {
        self.key_next = true;
        if at.monotonic_us.saturating_sub(self.last_slate_us) < SLATE_EVERY_US || self.slate.data().is_empty() {
            return;
        }
        self.last_slate_us = at.monotonic_us;
        let picture = Picture { data: self.slate.data(), key: true, captured: at, rung: Rung::Dark };
        let _ = self.parts.desk.deliver(&picture);
    }

    fn report(&self) {
        let verdict = self.ladder.verdict();
        self.parts.desk.report(&Report {
            rung: verdict.rung,
            reason: verdict.reason,
            captured: self.captured,
            dropped: self.dropped_before + self.camera.as_ref().map_or(0, |camera| camera.dropped()),
            objects_masked: self.parts.sight.tracks_started(),
            shapes_painted: self.shapes_painted,
            rung_us: Rung::ALL.map(|rung| self.ladder.spent_us(rung)),
            inference: self.parts.sight.inference_took(),
        });
    }
}

/// Detects, tracks, and tells the ladder how sure that was.
fn look(sight: &mut Sight, ladder: &mut Ladder, frame: &RawFrame) -> Objects {
    let captured_us = frame.info().captured.monotonic_us;
    sight.look(frame, |answer| match answer {
        Answer::Fresh(found) if found.found.doubtful => ladder.handle(Event::Doubtful { captured_us }),
        Answer::Older(found, of_us) if found.found.doubtful => ladder.handle(Event::Doubtful { captured_us: *of_us }),
        Answer::Older(_, of_us) => ladder.handle(Event::Detected { captured_us: *of_us }),
        Answer::Fresh(_) => {
            ladder.handle(Event::Detected { captured_us });
            ladder.handle(Event::LookedEverywhere { since_us: captured_us });
        }
        Answer::Late => {}
        Answer::Failed(cause) => {
            tracing::error!(cause, "no detections");
            ladder.handle(Event::DetectorFailed { captured_us });
        }
    })
}

/// Whether a picture now would exceed the cap, with a tenth of an interval of tolerance for the camera's own jitter.
fn too_soon(now_us: u64, last_us: u64, fps_cap: Option<u8>) -> bool {
    fps_cap.is_some_and(|fps| now_us.saturating_sub(last_us) < 900_000 / u64::from(fps.max(1)))
}
