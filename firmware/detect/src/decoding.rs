//! The numbers that turn tensors into boxes, as `models/manifest.toml` states them for each model.
//!
//! They are data, not code: only a signed update changes them (P6). [`Decoding::check`] refuses what cannot be meant.

use crate::LetterboxMap;
use mask::{Class, Rect};
use serde::{Deserialize, Serialize};

/// Features of one face that the head growth is a linear function of (`models/README.md`, "Decoding", step 4).
pub const GROWTH_FEATURES: usize = 8;

/// A box this near to the picture's edge is cut by it, picture pixels.
const AT_EDGE_PX: f32 = 0.5;

/// Scores from which a cell counts, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// A head is masked from here.
    pub head: f32,
    /// A plate is masked from here.
    pub plate: f32,
    /// A head that keeps a track alive, from here.
    pub head_candidate: f32,
    /// A plate that keeps a track alive, from here.
    pub plate_candidate: f32,
}

impl Thresholds {
    /// `(candidate, found)` for a class.
    #[must_use]
    pub fn of(&self, class: Class) -> (f32, f32) {
        match class {
            Class::Head => (self.head_candidate, self.head),
            Class::Plate => (self.plate_candidate, self.plate),
        }
    }
}

/// One number for each class.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerClass {
    /// For heads.
    pub head: f32,
    /// For plates.
    pub plate: f32,
}

impl PerClass {
    /// The number for a class.
    #[must_use]
    pub fn of(&self, class: Class) -> f32 {
        match class {
            Class::Head => self.head,
            Class::Plate => self.plate,
        }
    }
}

/// How far a plate's box is grown, as a share of its own size, on each side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlateGrowth {
    /// Left and right, share of the width.
    pub x: f32,
    /// Above and below, share of the height.
    pub y: f32,
}

/// The score that a plate needs rises with its width: a plate seen large is seen clearly, while walls, fences and bare road are at times
/// taken for a large one. Below what is asked a box only keeps a track alive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreByWidth {
    /// Up to this width of the network's own box, in network pixels, `thresholds.plate` is enough.
    pub from: f32,
    /// From this width on `score` is asked; linear between.
    pub to: f32,
    /// What the widest need.
    pub score: f32,
    /// What the widest need to keep a track alive; absent: no more than narrow ones. Large masks cost much, and weak candidates are many.
    #[serde(default)]
    pub candidate: Option<f32>,
}

impl ScoreByWidth {
    /// The score asked of a box `width` network pixels wide, where narrow ones need `narrow`.
    #[must_use]
    pub fn asked(&self, width: f32, narrow: f32) -> f32 {
        self.between(width, narrow, self.score)
    }
    /// The same for a candidate.
    #[must_use]
    pub fn asked_of_candidate(&self, width: f32, narrow: f32) -> f32 {
        self.between(width, narrow, self.candidate.unwrap_or(narrow))
    }
    fn between(&self, width: f32, narrow: f32, wide: f32) -> f32 {
        let share = ((width - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        narrow + share * (wide - narrow)
    }
}

/// The score that a candidate for a head needs rises with its width: large heads are seen clearly, while windows, lamps and wheels are at times taken for a
/// large weak one again and again, and kept as tracks they cost most of the area that is masked in vain. What is found stays found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CandidateByWidth {
    /// Up to this width of the whole head's box as far as it lies in the picture, in network pixels, `thresholds.head_candidate` is enough.
    pub from: f32,
    /// From this width on `score` is asked; linear between.
    pub to: f32,
    /// What the widest need; at most `thresholds.head`.
    pub score: f32,
    /// Of the width of a box that the picture's edge cuts so much counts, 0 to 1: half a head is a weak one.
    pub at_edge: f32,
}

impl CandidateByWidth {
    /// The score asked of a candidate that lies at `rect` in the picture, where narrow ones need `narrow`.
    #[must_use]
    pub fn asked(&self, rect: Rect, map: &LetterboxMap, narrow: f32) -> f32 {
        let (right, bottom) = (map.picture_width as f32 - rect.x - rect.w, map.picture_height as f32 - rect.y - rect.h);
        let cut = [rect.x, rect.y, right, bottom].iter().any(|beyond| *beyond < AT_EDGE_PX);
        let width = rect.w / map.kx * if cut { self.at_edge } else { 1.0 };
        narrow + ((width - self.from) / (self.to - self.from)).clamp(0.0, 1.0) * (self.score - narrow)
    }
}

/// How far a whole head reaches beyond the face that the network boxes: linear in eight features of the face.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadGrowth {
    /// Left and (with the face mirrored) right, share of the width.
    pub side: [f32; GROWTH_FEATURES],
    /// Above, share of the height.
    pub top: [f32; GROWTH_FEATURES],
    /// Below, share of the height.
    pub bottom: [f32; GROWTH_FEATURES],
    /// Never less than this share.
    pub min: f32,
    /// Never more than this share.
    pub max: f32,
}

/// Everything that decoding needs besides the tensors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Decoding {
    /// Scores from which a cell counts.
    pub thresholds: Thresholds,
    /// A box that overlaps a better one by more than this (intersection over union) is the same object.
    pub nms_iou: PerClass,
    /// Plate box to mask box.
    pub plate_growth: PlateGrowth,
    /// How much surer a wide plate must be; absent: no surer.
    #[serde(default)]
    pub plate_by_width: Option<ScoreByWidth>,
    /// How much surer a candidate for a wide head must be; absent: no surer.
    #[serde(default)]
    pub head_by_width: Option<CandidateByWidth>,
    /// Face box to head box.
    pub head_growth: HeadGrowth,
}

/// A number that cannot be meant.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{field} is {value}: must be {must}")]
pub struct DecodingError {
    /// Which, as written in the manifest.
    pub field: &'static str,
    /// What it is.
    pub value: f32,
    /// What it should be.
    pub must: &'static str,
}

impl Decoding {
    /// Refuses thresholds outside 0..1, candidates above their threshold, and coefficients that are not numbers.
    ///
    /// # Errors
    /// [`DecodingError`] names the first bad field.
    pub fn check(&self) -> Result<(), DecodingError> {
        let refuse = |field, value, must| Err(DecodingError { field, value, must });
        let t = &self.thresholds;
        for (field, value, top) in [
            ("thresholds.head", t.head, 1.0),
            ("thresholds.plate", t.plate, 1.0),
            ("thresholds.head_candidate", t.head_candidate, t.head),
            ("thresholds.plate_candidate", t.plate_candidate, t.plate),
        ] {
            if !(value > 0.0 && value <= top && value < 1.0) {
                return refuse(field, value, "above 0, below 1, and for a candidate not above its threshold");
            }
        }
        for (field, value) in [("nms_iou.head", self.nms_iou.head), ("nms_iou.plate", self.nms_iou.plate)] {
            if !(value > 0.0 && value <= 1.0) {
                return refuse(field, value, "above 0 and at most 1");
            }
        }
        for (field, value) in [("plate_growth.x", self.plate_growth.x), ("plate_growth.y", self.plate_growth.y)] {
            if !(0.0..=4.0).contains(&value) {
                return refuse(field, value, "0 to 4");
            }
        }
        if let Some(wide) = &self.plate_by_width {
            if !(wide.from >= 0.0 && wide.from.is_finite()) {
                return refuse("plate_by_width.from", wide.from, "0 or more");
            }
            if !(wide.to > wide.from && wide.to.is_finite()) {
                return refuse("plate_by_width.to", wide.to, "above plate_by_width.from");
            }
            if !(wide.score >= t.plate && wide.score < 1.0) {
                return refuse("plate_by_width.score", wide.score, "thresholds.plate or more, below 1");
            }
            if let Some(candidate) = wide.candidate.filter(|score| !(t.plate_candidate..=wide.score).contains(score)) {
                let must = "thresholds.plate_candidate to plate_by_width.score";
                return refuse("plate_by_width.candidate", candidate, must);
            }
        }
        if let Some(wide) = &self.head_by_width {
            if !(wide.from >= 0.0 && wide.from.is_finite()) {
                return refuse("head_by_width.from", wide.from, "0 or more");
            }
            if !(wide.to > wide.from && wide.to.is_finite()) {
                return refuse("head_by_width.to", wide.to, "above head_by_width.from");
            }
            if !(t.head_candidate..=t.head).contains(&wide.score) {
                return refuse("head_by_width.score", wide.score, "thresholds.head_candidate to thresholds.head");
            }
            if !(0.0..=1.0).contains(&wide.at_edge) {
                return refuse("head_by_width.at_edge", wide.at_edge, "0 to 1");
            }
        }
        let g = &self.head_growth;
        if !(0.0..=4.0).contains(&g.min) {
            return refuse("head_growth.min", g.min, "0 to 4");
        }
        if !(g.min..=4.0).contains(&g.max) {
            return refuse("head_growth.max", g.max, "head_growth.min to 4");
        }
        for (field, row) in [("head_growth.side", g.side), ("head_growth.top", g.top), ("head_growth.bottom", g.bottom)]
        {
            if let Some(value) = row.into_iter().find(|v| !v.is_finite()) {
                return refuse(field, value, "finite numbers");
            }
        }
        Ok(())
    }
}
