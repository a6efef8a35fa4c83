//! Where the picture lies in the network's input, and the way back.
//!
//! s = min(W/w, H/h); the picture becomes round(w s) x round(h s) pixels at the top left, the rest is padding (`models/README.md`, "Picture to input").

use mask::Rect;

/// Maps network pixels to picture pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LetterboxMap {
    /// Picture pixels per network pixel, across.
    pub kx: f32,
    /// Picture pixels per network pixel, down.
    pub ky: f32,
    /// Width of the picture, pixels.
    pub picture_width: usize,
    /// Height of the picture, pixels.
    pub picture_height: usize,
    /// Width of the picture within the input, network pixels.
    pub content_width: usize,
    /// Height of the picture within the input, network pixels.
    pub content_height: usize,
}

impl LetterboxMap {
    /// For a picture and an input of the given sizes, all above zero.
    #[must_use]
    pub fn new(picture_width: usize, picture_height: usize, net_width: usize, net_height: usize) -> Self {
        let (w, h) = (picture_width as f64, picture_height as f64);
        let scale = (net_width as f64 / w).min(net_height as f64 / h);
        // Ties to even, as the reference rounds.
        let fit = |side: f64, most: usize| ((side * scale).round_ties_even() as usize).clamp(1, most.max(1));
        let (content_width, content_height) = (fit(w, net_width), fit(h, net_height));
        Self {
            kx: (w / content_width as f64) as f32,
            ky: (h / content_height as f64) as f32,
            picture_width,
            picture_height,
            content_width,
            content_height,
        }
    }

    /// A box in network pixels `(x1, y1, x2, y2)` as a rectangle in the picture, cut off at its edges; `None` when nothing of it lies inside.
    #[must_use]
    pub fn to_picture(&self, [x1, y1, x2, y2]: [f32; 4]) -> Option<Rect> {
        let (left, top) = ((x1 * self.kx).max(0.0), (y1 * self.ky).max(0.0));
        let right = (x2 * self.kx).min(self.picture_width as f32);
        let bottom = (y2 * self.ky).min(self.picture_height as f32);
        (right > left && bottom > top).then_some(Rect { x: left, y: top, w: right - left, h: bottom - top })
    }
}
