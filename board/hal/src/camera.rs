//! A source of raw frames.

use mask::{ColourMatrix, ColourRange, Geometry, RawFrame};
use std::time::Duration;

/// What was negotiated with the camera.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraFormat {
    /// Size and layout of the frames.
    pub geometry: Geometry,
    /// Luma range.
    pub range: ColourRange,
    /// Colour matrix, as the driver states it.
    pub matrix: ColourMatrix,
    /// Frames per second, nominal.
    pub fps: f32,
    /// The pixel format on the wire, for the log ("NV12", "YUYV").
    pub wire: String,
}

/// Why there is no frame.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// No such device or file.
    #[error("camera {device}: not there ({cause})")]
    Missing {
        /// Device or file.
        device: String,
        /// What the system said.
        cause: String,
    },
    /// Somebody else has it.
    #[error("camera {device}: busy; another program has it open (find it with `fuser {device}`)")]
    Busy {
        /// Device.
        device: String,
    },
    /// None of its formats is one that Campari reads.
    #[error("camera {device}: offers {offers}, Campari reads {reads}")]
    Unsupported {
        /// Device.
        device: String,
        /// What it offers.
        offers: String,
        /// What would do.
        reads: &'static str,
    },
    /// No frame within the time asked for.
    #[error("no frame for {0:?}")]
    Timeout(Duration),
    /// Unplugged, or the source ended: reopen.
    #[error("camera {device}: gone ({cause})")]
    Gone {
        /// Device or file.
        device: String,
        /// What the system said.
        cause: String,
    },
    /// A frame that is not what was negotiated.
    #[error("camera {device}: bad frame ({cause})")]
    BadFrame {
        /// Device or file.
        device: String,
        /// What is wrong.
        cause: String,
    },
}

/// A camera, opened and streaming.
pub trait CameraSource: Send {
    /// What was negotiated.
    fn format(&self) -> &CameraFormat;
    /// Waits for the next frame. When the caller was late the newest one is returned and the older ones are counted as dropped.
    ///
    /// # Errors
    /// [`CameraError::Timeout`] when none came; [`CameraError::Gone`] when the source must be opened anew;
    /// [`CameraError::BadFrame`] for one frame that cannot be used.
    fn next(&mut self, timeout: Duration) -> Result<RawFrame, CameraError>;
    /// Frames that the camera delivered and nobody took, since it was opened.
    fn dropped(&self) -> u64;
}
