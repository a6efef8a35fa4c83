//! Y'CbCr to R'G'B', by ITU-R BT.601-7, BT.709-6 or BT.2020-2; limited or full range.

use mask::{ColourMatrix, ColourRange};

/// Fractional bits of the coefficients.
const BITS: u32 = 13;

/// The conversion as integers.
pub(super) struct Colour {
    luma_zero: i32,
    luma: i32,
    red_cr: i32,
    green_cb: i32,
    green_cr: i32,
    blue_cb: i32,
}

impl Colour {
    pub(super) fn new(matrix: ColourMatrix, range: ColourRange) -> Self {
        let (kr, kb) = matrix.red_and_blue();
        let kg = 1.0 - kr - kb;
        let (luma_zero, luma, chroma) = match range {
            ColourRange::Limited => (16, 255.0 / 219.0, 255.0 / 224.0),
            ColourRange::Full => (0, 1.0, 1.0),
        };
        let fixed = |value: f64| (value * f64::from(1 << BITS)).round() as i32;
        Self {
            luma_zero,
            luma: fixed(luma),
            red_cr: fixed(2.0 * (1.0 - kr) * chroma),
            green_cb: fixed(-2.0 * kb * (1.0 - kb) / kg * chroma),
            green_cr: fixed(-2.0 * kr * (1.0 - kr) / kg * chroma),
            blue_cb: fixed(2.0 * (1.0 - kb) * chroma),
        }
    }

    /// Converts one line; each result is `v - 128`. All lines are equally long.
    pub(super) fn convert(&self, [y, cb, cr]: [&[u8]; 3], [red, green, blue]: [&mut [i8]; 3]) {
        let half = 1 << (BITS - 1);
        let level = |sum: i32| (((sum + half) >> BITS).clamp(0, 255) - 128) as i8;
        let count = y.len();
        let (cb, cr) = (&cb[..count], &cr[..count]);
        let (red, green, blue) = (&mut red[..count], &mut green[..count], &mut blue[..count]);
        for i in 0..count {
            let luma = (i32::from(y[i]) - self.luma_zero) * self.luma;
            let (b, r) = (i32::from(cb[i]) - 128, i32::from(cr[i]) - 128);
            red[i] = level(luma + r * self.red_cr);
            green[i] = level(luma + b * self.green_cb + r * self.green_cr);
            blue[i] = level(luma + b * self.blue_cb);
        }
    }
}
