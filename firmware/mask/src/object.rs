//! What the detector and the tracks say is in a frame.

use crate::FrameId;
use heapless::Vec;
use serde::{Deserialize, Serialize};

/// Most objects in one frame; more is doubt (P3).
pub const MAX_OBJECTS: usize = 64;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A whole head: hair, helmet and all.
    Head,
    /// A licence plate.
    Plate,
}

/// A rectangle in pixels of the frame, origin top left; may reach beyond the picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width.
    pub w: f32,
    /// Height.
    pub h: f32,
}

impl Rect {
    /// Grown by `share` of its own size on every side.
    #[must_use]
    pub fn grown(self, share: f32) -> Self {
        Rect {
            x: self.x - self.w * share,
            y: self.y - self.h * share,
            w: self.w * (1.0 + 2.0 * share),
            h: self.h * (1.0 + 2.0 * share),
        }
    }
    /// Area; zero for a rectangle turned inside out.
    #[must_use]
    pub fn area(self) -> f32 {
        self.w.max(0.0) * self.h.max(0.0)
    }
    /// The area shared with `other`.
    #[must_use]
    pub fn overlap(self, other: Rect) -> f32 {
        let w = (self.x + self.w).min(other.x + other.w) - self.x.max(other.x);
        let h = (self.y + self.h).min(other.y + other.h) - self.y.max(other.y);
        w.max(0.0) * h.max(0.0)
    }
    /// Intersection over union, 0 to 1.
    #[must_use]
    pub fn iou(self, other: Rect) -> f32 {
        let shared = self.overlap(other);
        let union = self.area() + other.area() - shared;
        if union > 0.0 { shared / union } else { 0.0 }
    }
    /// Whether every number is finite and the size is above zero.
    #[must_use]
    pub fn is_sound(self) -> bool {
        [self.x, self.y, self.w, self.h].iter().all(|v| v.is_finite()) && self.w > 0.0 && self.h > 0.0
    }
}

/// One thing to mask.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// Head or plate.
    pub class: Class,
    /// The detector's confidence, 0 to 1; of a held track, its last.
    pub score: f32,
    /// Where.
    pub rect: Rect,
    /// Identity over time, unique since start; 0 for a detection without a track.
    pub track: u32,
    /// Of `rect`'s width and height, what a track has grown by since it was last seen, pixels; 0 for what is seen in this very frame.
    #[serde(default)]
    pub grown: [f32; 2],
}

/// Everything to mask in one frame.
#[derive(Debug, Clone)]
pub struct Objects {
    /// Whose they are.
    pub frame: FrameId,
    /// The objects.
    pub list: Vec<Object, MAX_OBJECTS>,
    /// More were found than fit, or something about the answer was unsound: the frame must be covered.
    pub doubtful: bool,
}

impl Objects {
    /// None found, in `frame`.
    #[must_use]
    pub fn none(frame: FrameId) -> Self {
        Self { frame, list: Vec::new(), doubtful: false }
    }
    /// Adds one; when the list is full or the object is unsound the whole answer becomes doubtful.
    pub fn push(&mut self, object: Object) {
        if !object.rect.is_sound() || self.list.push(object).is_err() {
            self.doubtful = true;
        }
    }
}
