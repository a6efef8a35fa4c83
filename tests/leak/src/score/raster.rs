//! A picture's pixels as yes or no: masked or not, truth or not.

use super::pixels;
use crate::input::{Kind, Rect, Shape};

/// One yes or no a pixel, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    width: usize,
    height: usize,
    set: Vec<bool>,
}

impl Raster {
    /// All no, for a picture of `width` by `height` pixels.
    #[must_use]
    pub fn new(width: usize, height: usize) -> Self {
        Self { width, height, set: vec![false; width * height] }
    }

    /// Sets a box, edges rounded to pixels. What lies outside the picture is left out.
    pub fn paint(&mut self, rect: Rect) {
        let (x1, y1, x2, y2) = pixels(rect, self.width, self.height, 0);
        for y in y1..y2 {
            if x1 < x2 {
                self.set[y * self.width + x1..y * self.width + x2].fill(true);
            }
        }
    }

    /// Sets a shape; of an ellipse those pixels whose centre is in it.
    pub fn paint_shape(&mut self, shape: &Shape) {
        let rect = shape.rect;
        if shape.shape == Kind::Rect {
            return self.paint(rect);
        }
        let (x1, y1, x2, y2) = pixels(rect, self.width, self.height, 0);
        let (half_w, half_h) = (rect.w / 2.0, rect.h / 2.0);
        for y in y1..y2 {
            for x in x1..x2 {
                let dx = (x as f64 + 0.5 - rect.x - half_w) / half_w;
                let dy = (y as f64 + 0.5 - rect.y - half_h) / half_h;
                if dx * dx + dy * dy <= 1.0 {
                    self.set[y * self.width + x] = true;
                }
            }
        }
    }

    /// The share (0 to 1) of a box's pixels that are set. At least one pixel is looked at; a box that lies outside the
    /// picture has a share of 0.
    #[must_use]
    pub fn share_of(&self, rect: Rect) -> f64 {
        let (x1, y1, x2, y2) = pixels(rect, self.width, self.height, 1);
        if x2 <= x1 || y2 <= y1 {
            return 0.0;
        }
        let rows = (y1..y2).map(|y| &self.set[y * self.width + x1..y * self.width + x2]);
        let set: usize = rows.map(|row| row.iter().filter(|set| **set).count()).sum();
        set as f64 / ((x2 - x1) * (y2 - y1)) as f64
    }

    /// The share (0 to 1) of the picture that is set here and not in `other`.
    ///
    /// # Panics
    /// When the two are not of one size.
    #[must_use]
    pub fn share_outside(&self, other: &Self) -> f64 {
        assert_eq!((self.width, self.height), (other.width, other.height));
        let outside = self.set.iter().zip(&other.set).filter(|(here, there)| **here && !**there).count();
        outside as f64 / self.set.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect(x: f64, y: f64, w: f64, h: f64) -> Rect {
        Rect { x, y, w, h }
    }

    fn count(raster: &Raster) -> usize {
        raster.set.iter().filter(|set| **set).count()
    }

    #[test]
    fn edges_round_half_to_even() {
        // 0.5 -> 0, 2.5 -> 2: two columns; away from zero it would be 1 to 3.
        let mut raster = Raster::new(6, 1);
        raster.paint(rect(0.5, 0.0, 2.0, 1.0));
        assert_eq!(raster.set, [true, true, false, false, false, false]);
        // 1.5 -> 2, 3.5 -> 4.
        let mut raster = Raster::new(6, 1);
        raster.paint(rect(1.5, 0.0, 2.0, 1.0));
        assert_eq!(raster.set, [false, false, true, true, false, false]);
    }

    #[test]
    fn what_lies_outside_is_left_out() {
        let mut raster = Raster::new(4, 4);
        raster.paint(rect(-3.0, -3.0, 5.0, 5.0));
        assert_eq!(count(&raster), 4);
        raster.paint(rect(9.0, 9.0, 5.0, 5.0));
        raster.paint(rect(2.2, 2.2, 0.1, 0.1));
        raster.paint(rect(-9.0, 1.0, 4.0, 2.0));
        assert_eq!(count(&raster), 4);
        raster.paint(rect(-1e300, -1e300, 1e301, 1e301));
        assert_eq!(count(&raster), 16);
    }

    #[test]
    fn an_ellipse_leaves_its_corners() {
        let mut raster = Raster::new(10, 10);
        raster.paint_shape(&Shape { shape: Kind::Ellipse, rect: rect(0.0, 0.0, 10.0, 10.0) });
        let corner = raster.set[0];
        let middle = raster.set[55];
        assert!(!corner && middle);
        // The circle of 10 pixels across, by pixel centres.
        assert_eq!(count(&raster), 80);
    }

    #[test]
    fn a_share_looks_at_one_pixel_at_the_least() {
        let mut raster = Raster::new(8, 8);
        raster.paint(rect(2.0, 2.0, 2.0, 2.0));
        assert_eq!(raster.share_of(rect(2.0, 2.0, 4.0, 2.0)), 0.5);
        assert_eq!(raster.share_of(rect(3.1, 3.1, 0.2, 0.2)), 1.0);
        assert_eq!(raster.share_of(rect(20.0, 2.0, 4.0, 2.0)), 0.0);
        // Overlapping masks count once.
        raster.paint(rect(2.0, 2.0, 2.0, 2.0));
        assert_eq!(raster.share_of(rect(0.0, 0.0, 8.0, 8.0)), 4.0 / 64.0);
    }

    #[test]
    fn outside_is_what_only_the_first_has() {
        let (mut mask, mut truth) = (Raster::new(10, 10), Raster::new(10, 10));
        mask.paint(rect(0.0, 0.0, 4.0, 10.0));
        truth.paint(rect(2.0, 0.0, 8.0, 10.0));
        assert_eq!(mask.share_outside(&truth), 0.2);
    }
}
