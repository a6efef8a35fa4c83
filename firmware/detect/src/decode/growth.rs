//! From the box that the network gives to the box that must be masked.

use crate::decoding::{GROWTH_FEATURES, HeadGrowth, PlateGrowth};

/// The whole head around a face: linear in eight features of the face, mirrored for its right side.
///
/// `landmarks` are y, x of left eye, right eye, nose and the two mouth corners, relative to the face box.
pub(super) fn head_box([x1, y1, x2, y2]: [f32; 4], landmarks: [f32; 10], growth: &HeadGrowth) -> [f32; 4] {
    let (w, h) = (x2 - x1, y2 - y1);
    let (y, x) = (|i: usize| landmarks[2 * i], |i: usize| landmarks[2 * i + 1]);
    let nose_x = x(2) - 0.5;
    let left = [
        1.0,
        (h / w).ln(),
        nose_x,
        nose_x.abs(),
        y(2) - 0.5,
        f32::midpoint(y(0), y(1)),
        f32::midpoint(y(3), y(4)),
        x(1) - x(0),
    ];
    let mut right = left;
    right[2] = -nose_x;
    let amount = |row: &[f32; GROWTH_FEATURES], features: &[f32; GROWTH_FEATURES]| {
        let sum: f32 = row.iter().zip(features).map(|(c, f)| c * f).sum();
        // Not `clamp`, which panics on bounds out of order; and what is no number stays none, for the caller to doubt.
        if sum.is_nan() { sum } else { sum.max(growth.min).min(growth.max) }
    };
    [
        x1 - amount(&growth.side, &left) * w,
        y1 - amount(&growth.top, &left) * h,
        x2 + amount(&growth.side, &right) * w,
        y2 + amount(&growth.bottom, &left) * h,
    ]
}

/// A plate with its rim.
pub(super) fn plate_box([x1, y1, x2, y2]: [f32; 4], growth: &PlateGrowth) -> [f32; 4] {
    let (gx, gy) = (growth.x * (x2 - x1), growth.y * (y2 - y1));
    [x1 - gx, y1 - gy, x2 + gx, y2 + gy]
}
