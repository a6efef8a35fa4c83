//! A small network of 8 x 12 cells made by hand, and detections made by hand.

use board_hal::{OutputRole, QuantisedTensor};
use detect::{Decoding, Detections, LetterboxMap};
use mask::{Class, FrameId, Object, Rect};

pub(crate) const FRAME: FrameId = FrameId(7);

/// Tensors that own their numbers; indexed as [`OutputRole::ALL`].
#[derive(Clone)]
pub(crate) struct Tensors {
    pub(crate) data: [Vec<i8>; 7],
    pub(crate) scale: [f32; 7],
    pub(crate) zero_point: [i32; 7],
    pub(crate) rows: usize,
    pub(crate) cols: usize,
}

pub(crate) fn place(role: OutputRole) -> usize {
    OutputRole::ALL.iter().position(|r| *r == role).unwrap()
}

impl Tensors {
    /// Nothing found anywhere.
    pub(crate) fn empty(rows: usize, cols: usize) -> Self {
        let filled = |role: OutputRole| {
            let value = if role.channels() == 1 { -128 } else { 0 };
            vec![value; rows * cols * role.channels()]
        };
        let of_heat = |role: OutputRole| role.channels() == 1;
        Self {
            data: OutputRole::ALL.map(filled),
            scale: OutputRole::ALL.map(|role| if of_heat(role) { 1.0 / 256.0 } else { 0.02 }),
            zero_point: OutputRole::ALL.map(|role| if of_heat(role) { -128 } else { 0 }),
            rows,
            cols,
        }
    }
    pub(crate) fn heat(&mut self, role: OutputRole, row: usize, col: usize, q: i8) -> &mut Self {
        self.data[place(role)][row * self.cols + col] = q;
        self
    }
    pub(crate) fn tensor(&self, role: OutputRole) -> QuantisedTensor<'_> {
        let i = place(role);
        QuantisedTensor {
            data: &self.data[i],
            height: self.rows,
            width: self.cols,
            channels: role.channels(),
            scale: self.scale[i],
            zero_point: self.zero_point[i],
        }
    }
    pub(crate) fn decode(&self, decoding: &Decoding, map: &LetterboxMap) -> Detections {
        let mut found = Detections::none(FrameId(0));
        detect::decode(&|role| self.tensor(role), decoding, map, FRAME, &mut found);
        found
    }
}

/// The released numbers would do; these are the golden file's.
pub(crate) fn decoding() -> Decoding {
    let text = include_str!("../../../../models/golden/decode.json");
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    serde_json::from_value(value["model"].clone()).unwrap()
}

/// One picture pixel per network pixel.
pub(crate) fn map(tensors: &Tensors) -> LetterboxMap {
    let (width, height) = (tensors.cols * 4, tensors.rows * 4);
    LetterboxMap::new(width, height, width, height)
}

pub(crate) fn head(x: f32, y: f32, side: f32) -> Object {
    Object { class: Class::Head, score: 0.9, rect: Rect { x, y, w: side, h: side }, track: 0, grown: [0.0; 2] }
}

pub(crate) fn detections(frame: u64, found: &[Object]) -> Detections {
    let mut all = Detections::none(FrameId(frame));
    for object in found {
        all.found.push(*object);
    }
    all
}

/// Whether `inner` lies within `outer`, to a hundredth of a pixel.
pub(crate) fn covers(outer: Rect, inner: Rect) -> bool {
    let slack = 0.01 + inner.w.max(inner.h) * 1e-4;
    outer.x <= inner.x + slack
        && outer.y <= inner.y + slack
        && outer.x + outer.w >= inner.x + inner.w - slack
        && outer.y + outer.h >= inner.y + inner.h - slack
}
