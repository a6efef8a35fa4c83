//! The report: one JSON line per picture or frame, coordinates in pixels of that picture, origin top left.

use detect::Detections;
use mask::{Area, Class, Object};
use serde::Serialize;
use std::io::{self, Write};

/// One picture or frame.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    /// The file, relative to the folder that was given.
    pub image: &'a str,
    /// Frame of the clip, from 0; 0 for a picture.
    pub frame: u64,
    /// Pixels per line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// What was to be masked.
    pub objects: Vec<Found>,
    /// What was painted.
    pub mask: Vec<Shape>,
    /// The rung in effect.
    pub ladder: &'static str,
    /// How long it took.
    pub millis: Millis,
}

/// What the detector saw in one frame of a clip, weak candidates too, before tracks and uncut: with these the tracker can be played again without the
/// network (`cargo run -p leak --example replay`).
#[derive(Debug, Serialize)]
pub struct Sight<'a> {
    /// The file, as in [`Line`].
    pub image: &'a str,
    /// Frame of the clip, from 0.
    pub frame: u64,
    /// Pixels per line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// When it was taken, microseconds; only differences mean something.
    pub captured_us: u64,
    /// Whether it was more than could be told.
    pub doubtful: bool,
    /// What is masked at first sight.
    pub found: Vec<Found>,
    /// What only supports a track.
    pub candidates: Vec<Found>,
}

impl<'a> Sight<'a> {
    /// Of `seen` in frame `frame` of `image`, `width` by `height` pixels.
    #[must_use]
    pub fn new(
        image: &'a str,
        frame: u64,
        (width, height): (usize, usize),
        captured_us: u64,
        seen: &Detections,
    ) -> Self {
        let all = |list: &[Object]| list.iter().map(Found::whole).collect();
        let (found, candidates) = (all(&seen.found.list), all(&seen.candidates));
        Self { image, frame, width, height, captured_us, doubtful: seen.found.doubtful, found, candidates }
    }
}

/// A file that could not be masked.
#[derive(Debug, Serialize)]
pub struct Failure<'a> {
    /// The file, relative to the folder that was given.
    pub image: &'a str,
    /// Why.
    pub error: &'a str,
}

/// One object.
#[derive(Debug, Serialize)]
pub struct Found {
    class: Class,
    score: f64,
    x: f64,
    y: f64,
    w: f64,
    h: f64,
}

impl Found {
    /// All of an object, wherever it lies.
    fn whole(object: &Object) -> Self {
        let mask::Rect { x, y, w, h } = object.rect;
        let [x, y, w, h] = [x, y, w, h].map(|value| rounded(value, 1e3));
        Self { class: object.class, score: rounded(object.score, 1e4), x, y, w, h }
    }

    /// What of an object lies in the picture of `width` by `height` pixels: a track reaches beyond its edges, and beyond those of an odd picture lies a border.
    #[must_use]
    pub fn within(object: &Object, width: usize, height: usize) -> Option<Self> {
        let rect = object.rect;
        let edge = |value: f32, most: usize| rounded(value.clamp(0.0, most as f32), 1e2);
        let (x, right) = (edge(rect.x, width), edge(rect.x + rect.w, width));
        let (y, bottom) = (edge(rect.y, height), edge(rect.y + rect.h, height));
        let (w, h) = ((right - x) * 1e2, (bottom - y) * 1e2);
        let (class, score) = (object.class, rounded(object.score, 1e4));
        (right > x && bottom > y).then(|| Self { class, score, x, y, w: w.round() / 1e2, h: h.round() / 1e2 })
    }
}

fn rounded(value: f32, per_unit: f64) -> f64 {
    (f64::from(value) * per_unit).round() / per_unit
}

/// One painted shape.
#[derive(Debug, Serialize)]
pub struct Shape {
    shape: &'static str,
    #[serde(flatten)]
    area: Area,
}

impl Shape {
    /// What of a painted area lies in the picture of `width` by `height` pixels (a picture of odd size was painted with a border).
    #[must_use]
    pub fn within(area: Area, width: usize, height: usize) -> Option<Self> {
        let (right, bottom) = (area.right().min(width), area.bottom().min(height));
        let inside = area.x < right && area.y < bottom;
        inside
            .then(|| Self { shape: "rect", area: Area { x: area.x, y: area.y, w: right - area.x, h: bottom - area.y } })
    }
}

/// How long the stages took, milliseconds. Reading and writing files is not in it: the board does neither.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Millis {
    /// Shrinking and converting to the network's input.
    pub prepare: f64,
    /// The network and reading its tensors.
    pub infer: f64,
    /// Painting.
    pub mask: f64,
    /// From the raw frame to the masked one.
    pub total: f64,
}

/// Writes the lines.
pub struct Report<W: Write> {
    out: W,
    sights: Option<W>,
}

impl<W: Write> Report<W> {
    /// Onto `out`.
    pub fn new(out: W) -> Self {
        Self { out, sights: None }
    }
    /// Writes what the detector saw onto `sights`, too.
    #[must_use]
    pub fn with_sights(self, sights: Option<W>) -> Self {
        Self { sights, ..self }
    }
    /// Writes what the detector saw in a frame, where that was asked for.
    ///
    /// # Errors
    /// What the system said.
    pub fn sight<'a>(&mut self, sight: impl FnOnce() -> Sight<'a>) -> io::Result<()> {
        self.sights.as_mut().map_or(Ok(()), |out| line(out, &sight()))
    }
    /// Writes one line ([`Line`] or [`Failure`]).
    ///
    /// # Errors
    /// What the system said.
    pub fn write(&mut self, what: &impl Serialize) -> io::Result<()> {
        line(&mut self.out, what)
    }
    /// Makes sure that all lines are out.
    ///
    /// # Errors
    /// What the system said.
    pub fn finish(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.sights.as_mut().map_or(Ok(()), Write::flush)
    }
}

fn line(out: &mut impl Write, what: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, what)?;
    out.write_all(b"\n")
}
