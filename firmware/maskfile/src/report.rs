//! The report: one JSON line per picture or frame, coordinates in pixels of that picture, origin top left.

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
}

impl<W: Write> Report<W> {
    /// Onto `out`.
    pub fn new(out: W) -> Self {
        Self { out }
    }
    /// Writes one line ([`Line`] or [`Failure`]).
    ///
    /// # Errors
    /// What the system said.
    pub fn write(&mut self, line: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, line)?;
        self.out.write_all(b"\n")
    }
    /// Makes sure that all lines are out.
    ///
    /// # Errors
    /// What the system said.
    pub fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
