//! The frame road: capture → prepare → detect → tracks → ladder → plan → mask → encode → link, one frame at a time, without allocating.
//!
//! It knows nothing of tokens: before anything is encoded, and again before a picture leaves, it asks the [`Desk`] whether a share is open (P1). A camera
//! that is gone, an encoder that fails, a detector that cannot tell: each leads to more masking or to the slate, never to less (P3, P12).

mod desk;
mod encoding;
mod lane;
mod look;
mod pace;
mod parts;
mod stillness;

pub use desk::{CameraStanding, Desk, Order, Painted, Picture, Report};
pub use parts::{MakeEncoder, OpenCamera, Parts};

use crate::selftest::Moment;
use crate::sight::Sight;
use crate::watchdog::{Stage, Watchdog};
use board_hal::{Aiming, CameraError, CameraFormat, CameraSource, Clock};
use contract::Rung;
use encoding::Encoding;
use lane::{Lane, Masked};
use look::look;
use mask::ladder::{Event, Fault, Ladder};
use mask::scene_cut::{Change, SceneCut, SceneCutSettings};
use mask::{CaptureTime, FrameId, HeldForms, Painter, Plan, RawFrame};
use pace::{BackOff, RateCap};
use std::sync::Arc;
use std::time::Duration;
use stillness::Stillness;

/// How long the road waits for a frame before it looks round.
const FRAME_PATIENCE: Duration = Duration::from_millis(250);
/// Without a frame for so long there is no camera; a slow one may take two intervals and a half.
const SILENCE_US: u64 = 1_000_000;
/// A camera that is silent for so much longer is opened anew, as if it had said that it is gone.
const SILENT_REOPEN_US: u64 = 5_000_000;
/// Opening or closing a camera that takes longer than this hangs in its driver; USB cameras take seconds to time out.
const OPEN_LIMIT: Duration = Duration::from_secs(20);
/// So does waiting for a frame.
const NEXT_LIMIT: Duration = Duration::from_secs(5);

/// The road, ready to take frames.
pub struct Road {
    open_camera: OpenCamera,
    camera: Option<Box<dyn CameraSource>>,
    reopen: BackOff,
    stillness: Stillness,
    aiming: Option<Arc<dyn Aiming>>,
    standing: CameraStanding,
    watchdog: Arc<Watchdog>,
    format: Option<CameraFormat>,
    sight: Sight,
    cut: SceneCut,
    ladder: Ladder,
    forms: HeldForms,
    painter: Painter,
    lane: Lane,
    desk: Arc<dyn Desk>,
    clock: Arc<dyn Clock>,
    next_id: FrameId,
    captured: u64,
    dropped_before: u64,
    shapes_painted: u64,
    last_frame_us: u64,
    rate: RateCap,
    key_next: bool,
    was_open: bool,
    /// The privacy switch was on a moment ago.
    was_private: bool,
}

impl Road {
    /// A road without a camera yet; the first [`Road::step`] opens it.
    ///
    /// # Errors
    /// When the encoder's thread cannot be made.
    pub fn new(parts: Parts) -> std::io::Result<Self> {
        let Parts { camera, encoder, encode_hang, frozen_after, aiming, sight, desk, clock, watchdog, ladder, painter } =
            parts;
        let now_us = clock.monotonic_us();
        let mut ladder = Ladder::new(ladder, now_us);
        if let Some(proof) = sight.proof() {
            ladder.handle(Event::SelfTest(proof));
        }
        let encoding = Encoding::new(encoder, Arc::clone(&watchdog), encode_hang);
        let lane = Lane::start(encoding, Arc::clone(&desk), Arc::clone(&clock))?;
        Ok(Self {
            open_camera: camera,
            camera: None,
            reopen: BackOff::new(),
            stillness: Stillness::new(frozen_after),
            aiming,
            standing: CameraStanding::Awaited,
            watchdog,
            format: None,
            sight,
            cut: SceneCut::new(SceneCutSettings::default()),
            ladder,
            forms: HeldForms::new(),
            painter,
            lane,
            desk,
            clock,
            next_id: FrameId(0),
            captured: 0,
            dropped_before: 0,
            shapes_painted: 0,
            last_frame_us: now_us,
            rate: RateCap::default(),
            key_next: true,
            was_open: false,
            was_private: false,
        })
    }

    /// One frame, or one look round when there is none. Blocks for at most about a quarter of a second.
    pub fn step(&mut self) {
        if self.camera.is_none() && self.reopen.is_due(self.clock.monotonic_us()) {
            self.open();
        }
        if self.lane.wants_slate() {
            self.lane.make_slate();
        }
        let Some(camera) = self.camera.as_mut() else {
            self.clock.pause(self.reopen.left(self.clock.monotonic_us()).min(FRAME_PATIENCE));
            self.without_frame();
            return;
        };
        let watched = self.watchdog.enter(Stage::Camera, NEXT_LIMIT);
        let next = camera.next(FRAME_PATIENCE);
        drop(watched);
        match next {
            Ok(frame) if self.is_as_agreed(&frame) => self.frame(frame),
            Ok(frame) => {
                tracing::warn!(geometry = ?frame.info().geometry, "a frame is not of the format that was agreed on");
                drop(frame);
                self.dropped_before += 1;
                self.without_frame();
            }
            Err(CameraError::Timeout(_)) => self.without_frame(),
            Err(error @ CameraError::BadFrame { .. }) => {
                tracing::warn!(%error, "a frame was refused");
                self.dropped_before += 1;
                self.without_frame();
            }
            Err(error) => {
                tracing::warn!(%error, "the camera is lost; trying to open it anew");
                self.close();
                self.without_frame();
            }
        }
    }

    fn open(&mut self) {
        let watched = self.watchdog.enter(Stage::Camera, OPEN_LIMIT);
        let opened = (self.open_camera)(self.next_id);
        drop(watched);
        match opened {
            Ok(camera) => self.begin(camera),
            Err(error) => {
                self.lost();
                let again = self.reopen.failed(self.clock.monotonic_us());
                tracing::warn!(%error, ?again, "the camera cannot be opened");
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
            self.expect_format(format);
        }
        // Whatever it looks at now, nobody has watched it since the last frame.
        self.painter.forget();
        self.camera = Some(camera);
        self.last_frame_us = self.clock.monotonic_us();
    }

    /// Tells the road how large pictures will be before a camera is there, so that there is a slate from the start.
    pub fn expect_format(&mut self, format: CameraFormat) {
        self.sight.set_format(&format);
        self.lane.format(&format);
        self.format = Some(format);
    }

    /// Waits until every picture that was handed to the encoder is on its way.
    pub fn settle(&self) {
        self.lane.settle();
    }

    fn close(&mut self) {
        if let Some(camera) = self.camera.take() {
            self.dropped_before += camera.dropped();
            let watched = self.watchdog.enter(Stage::Camera, OPEN_LIMIT);
            drop(camera);
            drop(watched);
        }
        self.lost();
        self.reopen.failed(self.clock.monotonic_us());
    }

    /// Dark, until there is a frame.
    fn lost(&mut self) {
        self.ladder.handle(Event::Broken(Fault::CameraLost));
        if self.standing != CameraStanding::Frozen {
            self.standing = CameraStanding::Lost;
        }
    }

    /// Detector and masks know where things are in pictures of one layout only.
    fn is_as_agreed(&self, frame: &RawFrame) -> bool {
        let info = frame.info();
        self.format.as_ref().is_some_and(|format| {
            (format.geometry, format.range, format.matrix) == (info.geometry, info.range, info.matrix)
        })
    }

    /// What is wanted now. Whoever begins to watch begins with a key picture, and is not bound by what others saw before.
    fn order(&mut self) -> Order {
        let order = self.desk.order();
        if order.open && !self.was_open {
            self.rate = RateCap::default();
        }
        self.key_next |= order.key_wanted || (order.open && !self.was_open);
        self.was_open = order.open;
        order
    }

    /// The next step of the self-test. The detector is free until the next frame, and what comes of it counts from this one on.
    fn prove(&mut self) {
        self.sight.prove(Moment { monotonic_us: self.clock.monotonic_us(), utc_us: self.clock.utc_us() });
        if let Some(proof) = self.sight.proof() {
            self.ladder.handle(Event::SelfTest(proof));
        }
    }

    /// Nothing came: after a while there is no camera, and whoever watches sees the slate.
    fn without_frame(&mut self) {
        let now_us = self.clock.monotonic_us();
        let private = self.is_private(now_us);
        self.prove();
        let silent_us = now_us.saturating_sub(self.last_frame_us);
        if silent_us > self.silence_us() {
            self.lost();
            if self.camera.is_some() && silent_us > self.silence_us() + SILENT_REOPEN_US {
                tracing::warn!(silent_s = silent_us / 1_000_000, "the camera says nothing; trying to open it anew");
                self.close();
            }
            self.ladder.frame(now_us);
        } else if private || self.camera.is_none() || self.ladder.verdict().rung == Rung::Dark {
            self.ladder.frame(now_us);
        } else {
            self.ladder.count(now_us);
        }
        let order = self.order();
        if order.open && self.ladder.verdict().rung == Rung::Dark {
            self.lane.slate(CaptureTime { monotonic_us: now_us, utc_us: self.clock.utc_us() });
        }
        self.report();
    }

    /// Whether the privacy switch is on. Dark from that moment on; when it is off again nothing that was known of the scene counts any more.
    fn is_private(&mut self, at_us: u64) -> bool {
        let private = self.desk.is_private();
        if private {
            self.ladder.handle(Event::Broken(Fault::PrivacySwitch));
        } else if self.was_private {
            self.ladder.handle(Event::Mended { fault: Fault::PrivacySwitch, at_us });
            self.painter.forget();
        }
        self.was_private = private;
        private
    }

    /// A frame came while the privacy switch is on: the camera is there, and that is all that is taken from it. The self-test goes on with its drawn
    /// pictures.
    fn without_look(&mut self, at_us: u64) {
        if self.standing != CameraStanding::Frozen {
            self.standing = CameraStanding::Delivering;
            self.ladder.handle(Event::Mended { fault: Fault::CameraLost, at_us });
        }
        self.prove();
        self.ladder.frame(at_us);
        let order = self.order();
        if order.open {
            self.lane.slate(CaptureTime { monotonic_us: at_us, utc_us: self.clock.utc_us() });
        }
        self.report();
    }

    fn silence_us(&self) -> u64 {
        let slow_us = self.format.as_ref().map_or(0, |format| (2_500_000.0 / format.fps.max(0.1)) as u64);
        SILENCE_US.max(slow_us)
    }

    fn frame(&mut self, frame: RawFrame) {
        let info = *frame.info();
        let at_us = info.captured.monotonic_us;
        self.captured += 1;
        self.next_id = FrameId(info.id.0 + 1);
        self.last_frame_us = self.clock.monotonic_us();
        if self.is_private(at_us) {
            drop(frame);
            return self.without_look(at_us);
        }
        if self.stillness.look(&frame, at_us) {
            drop(frame);
            self.frozen();
            return;
        }
        self.reopen.worked();
        self.standing = CameraStanding::Delivering;
        for fault in [Fault::CameraFrozen, Fault::CameraLost] {
            self.ladder.handle(Event::Mended { fault, at_us });
        }
        let change = self.cut.look(&frame);
        let objects = look(&mut self.sight, &mut self.ladder, &frame);
        self.prove();
        // Told last: the look at this very frame must not vouch for a scene that has just begun.
        match change {
            Change::None => {}
            Change::Cut => self.ladder.handle(Event::SceneCut { captured_us: at_us }),
            Change::Moved => self.ladder.handle(Event::CameraMoved { captured_us: at_us }),
        }
        // Before the verdict: a grant that begins at this moment may have sent the camera away.
        let order = self.order();
        let moved = self.turned(at_us);
        if moved || change != Change::None {
            self.painter.forget();
        }
        let verdict = self.ladder.frame(at_us);
        if order.open {
            let mut plan = mask::plan::decide(info.id, Some(&objects), verdict.rung, order.filter, &order.scene);
            self.forms.hold(&mut plan, at_us);
            let painted = Painted { filter: order.filter, scene: order.scene };
            self.share(frame, &plan, painted, order.fps_cap);
        }
        self.report();
    }

    /// What a camera that turns means for the frame taken at `at_us`; whether it may show another view than the last.
    fn turned(&mut self, at_us: u64) -> bool {
        let Some(aiming) = &self.aiming else { return false };
        let fault = Fault::AimLeft;
        self.ladder.handle(if aiming.is_aimed() { Event::Mended { fault, at_us } } else { Event::Broken(fault) });
        let moved = at_us <= aiming.moved_until_us();
        if moved {
            self.ladder.handle(Event::CameraMoved { captured_us: at_us });
        }
        moved
    }

    /// The picture does not change any more: dark, and the camera is opened anew until it shows another one.
    fn frozen(&mut self) {
        if self.standing != CameraStanding::Frozen {
            tracing::warn!("the camera delivers the same picture again and again; trying to open it anew");
        }
        self.standing = CameraStanding::Frozen;
        self.ladder.handle(Event::Broken(Fault::CameraFrozen));
        self.close();
        self.without_frame();
    }

    /// Masks one frame while a share is open, and hands it to the encoder.
    fn share(&mut self, frame: RawFrame, plan: &Plan, painted: Painted, fps_cap: Option<u8>) {
        let (captured, geometry) = (frame.info().captured, frame.info().geometry);
        if plan.rung() == Rung::Dark {
            drop(frame);
            self.lane.slate(captured);
            return;
        }
        if !self.rate.allows(captured.monotonic_us, fps_cap) {
            return;
        }
        let masked = match mask::apply(frame, plan, &mut self.painter) {
            Ok(masked) => masked,
            Err(error) => {
                tracing::error!(%error, "painting failed; the picture stays dark");
                self.ladder.handle(Event::Broken(Fault::MaskingFailed));
                return;
            }
        };
        self.shapes_painted += plan.areas(&geometry).len() as u64;
        if self.lane.picture(Masked { frame: masked, painted, rung: plan.rung(), fps_cap }, self.key_next) {
            self.key_next = false;
            self.rate.shown(captured.monotonic_us, fps_cap);
        } else {
            self.dropped_before += 1;
        }
    }

    fn report(&self) {
        let verdict = self.ladder.verdict();
        self.desk.report(&Report {
            rung: verdict.rung,
            reason: verdict.reason,
            camera: self.standing,
            captured: self.captured,
            dropped: self.dropped_before + self.camera.as_ref().map_or(0, |camera| camera.dropped()),
            objects_masked: self.sight.tracks_started(),
            misses_bridged: self.sight.misses_bridged(),
            shapes_painted: self.shapes_painted,
            rung_us: Rung::ALL.map(|rung| self.ladder.spent_us(rung)),
            inference: self.sight.inference_took(),
            selftest: self.sight.standing(),
        });
    }
}
