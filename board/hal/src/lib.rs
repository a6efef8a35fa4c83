//! What the eye needs of a board, as small traits. Each has a real implementation and a simulated twin in `board/sim` that behaves alike,
//! faults included.
#![forbid(unsafe_code)]

pub mod annexb;
pub mod camera;
pub mod clock;
pub mod detector;
pub mod encoder;
pub mod pins;
pub mod pool;
pub mod ptz;

pub use camera::{CameraError, CameraFormat, CameraSource};
pub use clock::Clock;
pub use detector::{Detector, DetectorError, DetectorSpec, OutputRole, QuantisedTensor};
pub use encoder::{Codec, EncodeError, EncodedUnit, Encoder, EncoderSettings};
pub use pins::{Inputs, Level, Light, NoPins, Output, PinError, Pins};
pub use pool::{Nv12Buffer, Nv12Pool};
pub use ptz::{Aim, Aiming, Motion, Ptz, PtzError, Target, Turn};
