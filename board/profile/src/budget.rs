//! What a frame may cost, stage by stage, and what follows for how long it may wait for the detector.
//!
//! The figures are expectations; `board/BUDGETS.md` says where each comes from, and `campari doctor --bench` measures them beside. They are enforced by
//! the ladder: a frame whose detections are not there when its time is over goes on with predicted masks (`cautious`), and older ones cover the picture.

use crate::CameraProfile;
use serde::Deserialize;
use std::time::Duration;

/// Expected milliseconds of one frame at the camera's size.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Taking it over from the driver, colour conversion where its format needs one.
    pub capture_ms: f32,
    /// Making the network's input of it.
    pub prepare_ms: f32,
    /// One inference, with the profile's setting, threads and cores.
    pub infer_ms: f32,
    /// Boxes from tensors, and tracks.
    pub decode_ms: f32,
    /// Painting: `fill`, ten objects, and the overlay.
    pub mask_ms: f32,
    /// Encoding; beside the rest, on a thread of its own or in hardware.
    pub encode_ms: f32,
}

impl Budget {
    /// The stages with their names, in the order in which a frame meets them.
    #[must_use]
    pub fn stages(&self) -> [(&'static str, f32); 6] {
        [
            ("capture", self.capture_ms),
            ("prepare", self.prepare_ms),
            ("infer", self.infer_ms),
            ("decode", self.decode_ms),
            ("mask", self.mask_ms),
            ("encode", self.encode_ms),
        ]
    }

    /// What the road does for every frame besides waiting for the detector.
    #[must_use]
    pub fn besides_ms(&self) -> f32 {
        self.capture_ms + self.prepare_ms + self.decode_ms + self.mask_ms
    }

    /// How long a frame may wait for its own detections, so that the camera's rate is held: what is left of the interval between two frames. At
    /// least a millisecond.
    #[must_use]
    pub fn wait(&self, camera: &CameraProfile) -> Duration {
        let left_ms = (interval_ms(camera) - self.besides_ms()).floor().clamp(1.0, 1_000.0);
        Duration::from_millis(left_ms as u64)
    }

    /// Detections a second that can be expected: of every frame when they come in time, else one as soon as the last is done.
    #[must_use]
    pub fn detections_per_s(&self, camera: &CameraProfile) -> f32 {
        (1_000.0 / (self.infer_ms + self.prepare_ms)).min(camera.fps as f32)
    }
}

/// Milliseconds between two frames.
#[must_use]
pub fn interval_ms(camera: &CameraProfile) -> f32 {
    1_000.0 / camera.fps as f32
}
