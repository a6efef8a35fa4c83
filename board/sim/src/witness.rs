//! Sees what an encoder is given, so that a test can look at the pixels that would have left the eye.

use mask::{FrameId, Geometry, MaskedFrame};
use std::sync::{Arc, Mutex, PoisonError};

/// Remembers the newest masked frame. Clones remember the same one.
#[derive(Clone, Default)]
pub struct Witness(Arc<Mutex<Option<Seen>>>);

/// A masked frame as it was given to the encoder.
#[derive(Clone)]
pub struct Seen {
    /// Its number.
    pub frame: FrameId,
    geometry: Geometry,
    luma: Vec<u8>,
}

impl Witness {
    /// Who has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
    /// The newest frame, if there was one.
    #[must_use]
    pub fn seen(&self) -> Option<Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    pub(crate) fn see(&self, frame: &MaskedFrame) {
        let info = frame.info();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.get_or_insert_with(|| Seen { frame: info.id, geometry: info.geometry, luma: Vec::new() });
        (seen.frame, seen.geometry) = (info.id, info.geometry);
        seen.luma.clear();
        seen.luma.extend_from_slice(&frame.planes().luma[..info.geometry.luma_len()]);
    }
}

impl Seen {
    /// Pixels per line, lines.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.geometry.width, self.geometry.height)
    }
    /// Luma at (`x`, `y`), which lies in the picture.
    #[must_use]
    pub fn luma(&self, x: usize, y: usize) -> u8 {
        self.luma[y * self.geometry.luma_stride + x]
    }
    /// Whether the picture is cells of `cell_px` by `cell_px`, each of one luma: `coarse`, and nothing finer.
    #[must_use]
    pub fn is_coarse(&self, cell_px: usize) -> bool {
        let (width, height) = self.size();
        let corner = |at: usize| at - at % cell_px;
        (0..height).all(|y| (0..width).all(|x| self.luma(x, y) == self.luma(corner(x), corner(y))))
    }
}
