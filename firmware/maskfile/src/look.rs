//! The eye's road from a raw frame to a masked one, with the time that each stage takes: prepare, network, decode, plan, apply.

use crate::report::{Found, Line, Millis, Shape};
use board_hal::Detector;
use contract::{Filter, Rung};
use detect::{Decoding, Detections, LetterboxMap, Prepare, Tracker, decode};
use mask::plan::{Scene, decide};
use mask::{
    Change, ColourRange, FrameId, Geometry, HeldForms, MaskedFrame, Objects, Painter, Plan, RawFrame, SceneCut,
    SceneCutSettings, apply,
};
use std::time::Instant;

/// The detector with all that a frame needs, ready for frames of any size.
pub struct Looker {
    detector: Box<dyn Detector>,
    decoding: Decoding,
    pad: u8,
    prepare: Option<((Geometry, ColourRange), Prepare)>,
    input: Vec<i8>,
    detections: Detections,
    cut: SceneCut,
    forms: HeldForms,
    painter: Painter,
    filter: Filter,
    largest_face: Option<f32>,
}

/// A masked frame and what is said of it.
pub struct Looked {
    /// The frame.
    pub masked: MaskedFrame,
    /// What was painted.
    pub plan: Plan,
    /// How long it took.
    pub millis: Millis,
}

impl Looked {
    /// The report's line. `width` and `height` are the picture's own, without the border of an odd one.
    #[must_use]
    pub fn line<'a>(&self, image: &'a str, frame: u64, width: usize, height: usize) -> Line<'a> {
        let geometry = &self.masked.info().geometry;
        Line {
            image,
            frame,
            width,
            height,
            objects: self.plan.objects().iter().filter_map(|o| Found::within(o, width, height)).collect(),
            mask: self.plan.areas(geometry).iter().filter_map(|area| Shape::within(*area, width, height)).collect(),
            ladder: self.plan.rung().name(),
            millis: self.millis,
        }
    }
}

impl Looker {
    /// Looks with `detector`, whose answers `decoding` reads and whose input is filled up with `pad`. `largest_face` is the width of the largest face
    /// possible, as a share of the picture's; without it doubt is dark.
    #[must_use]
    pub fn new(
        detector: Box<dyn Detector>,
        decoding: Decoding,
        pad: u8,
        filter: Filter,
        largest_face: Option<f32>,
    ) -> Self {
        let spec = detector.spec();
        let input = vec![0; spec.width * spec.height * 3];
        Self {
            detector,
            decoding,
            pad,
            prepare: None,
            input,
            detections: Detections::none(FrameId(0)),
            cut: SceneCut::new(SceneCutSettings::default()),
            forms: HeldForms::new(),
            painter: Painter::new(),
            filter,
            largest_face,
        }
    }

    /// How masks look.
    #[must_use]
    pub fn filter(&self) -> Filter {
        self.filter
    }

    /// Finds and masks. With a tracker what it holds is masked too; without one, what is found in this very frame.
    ///
    /// # Errors
    /// What failed, in words; the frame is gone.
    pub fn look(&mut self, frame: RawFrame, tracker: Option<&mut Tracker>) -> Result<Looked, String> {
        let start = Instant::now();
        let info = *frame.info();
        let map = self.prepare(&frame, info.geometry, info.range)?;
        let prepared = Instant::now();
        self.detector.infer(&self.input).map_err(|error| error.to_string())?;
        let detector = &*self.detector;
        decode(&|role| detector.output(role), &self.decoding, &map, info.id, &mut self.detections);
        let inferred = Instant::now();
        let objects = match tracker {
            Some(tracker) => tracker.step(info.id, info.captured.monotonic_us, Some(&self.detections)),
            None => self.detections.found.clone(),
        };
        self.paint(frame, &objects, [start, prepared, inferred])
    }

    /// Masks what `tracker` predicts, as where the detector has no time for a frame.
    ///
    /// # Errors
    /// What failed, in words; the frame is gone.
    pub fn predict(&mut self, frame: RawFrame, tracker: &mut Tracker) -> Result<Looked, String> {
        let start = Instant::now();
        let info = *frame.info();
        let objects = tracker.step(info.id, info.captured.monotonic_us, None);
        self.paint(frame, &objects, [start; 3])
    }

    fn paint(&mut self, frame: RawFrame, objects: &Objects, at: [Instant; 3]) -> Result<Looked, String> {
        let [start, prepared, inferred] = at;
        let width = frame.info().geometry.width as f32;
        let scene = Scene { largest_face_px: self.largest_face.map(|share| share * width), ..Scene::unknown() };
        if self.cut.look(&frame) != Change::None {
            self.painter.forget();
        }
        let captured_us = frame.info().captured.monotonic_us;
        let mut plan = decide(frame.info().id, Some(objects), Rung::Clear, self.filter, &scene);
        self.forms.hold(&mut plan, captured_us);
        let painting = Instant::now();
        let masked = apply(frame, &plan, &mut self.painter).map_err(|error| error.to_string())?;
        let end = Instant::now();
        let ms = |from: Instant, to: Instant| ((to - from).as_secs_f64() * 1e6).round() / 1e3;
        let millis = Millis {
            prepare: ms(start, prepared),
            infer: ms(prepared, inferred),
            mask: ms(painting, end),
            total: ms(start, end),
        };
        Ok(Looked { masked, plan, millis })
    }

    /// What the detector saw in the last frame that was looked at.
    #[must_use]
    pub fn seen(&self) -> &Detections {
        &self.detections
    }

    /// Fills the network's input.
    fn prepare(&mut self, frame: &RawFrame, geometry: Geometry, range: ColourRange) -> Result<LetterboxMap, String> {
        let spec = self.detector.spec();
        if self.prepare.as_ref().is_none_or(|(before, _)| *before != (geometry, range)) {
            let prepare =
                Prepare::new(geometry, range, spec.width, spec.height, self.pad).map_err(|e| e.to_string())?;
            self.prepare = Some(((geometry, range), prepare));
        }
        let (_, prepare) = self.prepare.as_mut().ok_or("the picture was not prepared")?;
        prepare.run(frame.planes(), &mut self.input).map_err(|error| error.to_string())?;
        Ok(prepare.map())
    }

    /// Forgets the forms and cells of the last clip's tracks, and its still scene.
    pub fn begin_clip(&mut self) {
        self.cut = SceneCut::new(SceneCutSettings::default());
        self.forms = HeldForms::new();
        self.painter = Painter::new();
    }
}
