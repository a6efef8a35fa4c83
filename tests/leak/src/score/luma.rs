//! A picture's luma, for comparing a masked picture with its original.

use super::pixels;
use crate::input::Rect;

/// One luma value a pixel, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Luma {
    /// Pixels per line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    data: Vec<u8>,
}

impl Luma {
    /// Of interleaved 8-bit RGB, by ITU-R 601-2 in 16-bit fixed point: (19595 R + 38470 G + 7471 B + 32768) / 65536, which is
    /// Pillow's `convert("L")`.
    ///
    /// # Panics
    /// When `rgb` is not `3 * width * height` bytes long.
    #[must_use]
    pub fn of_rgb(width: usize, height: usize, rgb: &[u8]) -> Self {
        assert_eq!(rgb.len(), 3 * width * height);
        let luma = |pixel: &[u8]| {
            let [r, g, b] = [0, 1, 2].map(|at| u32::from(pixel[at]));
            ((19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16) as u8
        };
        Self { width, height, data: rgb.chunks_exact(3).map(luma).collect() }
    }

    /// The mean, 0 to 255.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let sum: u64 = self.data.iter().map(|value| u64::from(*value)).sum();
        sum as f64 / self.data.len().max(1) as f64
    }

    /// Pearson's r between the two pictures' pixels in a box, -1 to 1; 0 where one of them is flat (or the box is outside).
    ///
    /// # Panics
    /// When the two are not of one size.
    #[must_use]
    pub fn correlation(&self, other: &Self, rect: Rect) -> f64 {
        assert_eq!((self.width, self.height), (other.width, other.height));
        let (a, b) = (self.window(rect), other.window(rect));
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let (mean_a, mean_b) = (mean(&a), mean(&b));
        let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
        for (a, b) in a.iter().zip(&b) {
            let (a, b) = (a - mean_a, b - mean_b);
            aa += a * a;
            bb += b * b;
            ab += a * b;
        }
        let scale = (aa * bb).sqrt();
        if scale < 1e-6 { 0.0 } else { ab / scale }
    }

    fn window(&self, rect: Rect) -> Vec<f64> {
        let (x1, y1, x2, y2) = pixels(rect, self.width, self.height, 1);
        let row = |y: usize| self.data[y * self.width..][..self.width].get(x1..x2).unwrap_or(&[]);
        (y1..y2).flat_map(row).map(|value| f64::from(*value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(values: &[u8]) -> Luma {
        let rgb: Vec<u8> = values.iter().flat_map(|value| [*value; 3]).collect();
        Luma::of_rgb(values.len(), 1, &rgb)
    }

    const WHOLE: Rect = Rect { x: 0.0, y: 0.0, w: 4.0, h: 1.0 };

    #[test]
    fn colours_weigh_as_in_pillow() {
        // Pillow 11: Image.new("RGB", (1, 1), c).convert("L").getpixel((0, 0)) for each c.
        let colours = [255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 200, 30, 255, 255, 255, 1, 2, 3];
        assert_eq!(Luma::of_rgb(6, 1, &colours).data, [76, 150, 29, 124, 255, 2]);
    }

    #[test]
    fn correlation_sees_shape_and_not_brightness() {
        let a = grey(&[0, 50, 100, 250]);
        assert!((a.correlation(&a, WHOLE) - 1.0).abs() < 1e-12);
        assert!((a.correlation(&grey(&[5, 30, 55, 130]), WHOLE) - 1.0).abs() < 1e-12);
        assert!((a.correlation(&grey(&[255, 205, 155, 5]), WHOLE) + 1.0).abs() < 1e-12);
        assert_eq!(a.correlation(&grey(&[128; 4]), WHOLE), 0.0);
        assert!((a.correlation(&grey(&[50, 0, 250, 100]), WHOLE) - 2.0 / 7.0).abs() < 1e-12);
    }

    #[test]
    fn correlation_looks_only_into_the_box() {
        let (a, b) = (grey(&[0, 50, 7, 7]), grey(&[10, 90, 200, 3]));
        assert!((a.correlation(&b, Rect { x: 0.0, y: 0.0, w: 2.0, h: 1.0 }) - 1.0).abs() < 1e-12);
        assert_eq!(a.correlation(&b, Rect { x: 40.0, y: 0.0, w: 2.0, h: 1.0 }), 0.0);
    }

    #[test]
    fn the_mean_is_of_all_pixels() {
        assert_eq!(grey(&[0, 50, 100, 250]).mean(), 100.0);
    }
}
