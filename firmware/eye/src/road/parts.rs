//! What a road is built from.

use super::Desk;
use crate::sight::Sight;
use crate::watchdog::Watchdog;
use board_hal::{Aiming, CameraError, CameraFormat, CameraSource, Clock, EncodeError, Encoder};
use mask::ladder::LadderSettings;
use mask::{FrameId, Painter};
use std::sync::Arc;
use std::time::Duration;

/// Opens the camera, anew after each loss; its frames are numbered from the id given, so that no number comes twice.
pub type OpenCamera = Box<dyn FnMut(FrameId) -> Result<Box<dyn CameraSource>, CameraError> + Send>;
/// Builds an encoder for a camera format.
pub type MakeEncoder = Box<dyn FnMut(&CameraFormat) -> Result<Box<dyn Encoder>, EncodeError> + Send>;

/// What the road is built from.
pub struct Parts {
    /// Opens the camera.
    pub camera: OpenCamera,
    /// Builds the encoder.
    pub encoder: MakeEncoder,
    /// A picture that does not change for so long is frozen: the camera is opened anew. `None` for sources that may stand still.
    pub frozen_after: Option<Duration>,
    /// Knows whether the camera turns; `None` for one that does not.
    pub aiming: Option<Arc<dyn Aiming>>,
    /// Detector and tracks.
    pub sight: Sight,
    /// The authority's desk.
    pub desk: Arc<dyn Desk>,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// Watches the C calls.
    pub watchdog: Arc<Watchdog>,
    /// An encoder that takes longer than this for one picture is hung.
    pub encode_hang: Duration,
    /// Thresholds of the ladder.
    pub ladder: LadderSettings,
    /// What is written on every picture, and the painting buffers.
    pub painter: Painter,
}
