//! A board without hardware: each trait of board/hal played by a twin that behaves as the hardware does, faults included.
//!
//! | trait | twin | driven by |
//! |---|---|---|
//! | `CameraSource` | [`ClipSource`]: a clip through ffmpeg, in real time or as fast as asked | a real clock |
//! | `CameraSource` | [`SimCamera`]: scripted pictures and faults | [`SimClock`] |
//! | `Detector` | [`SimDetector`]: scripted heads and plates, failures, hangs | a [`Script`] |
//! | `Encoder` | [`SimEncoder`]: units that say which frame they hold; a [`Witness`] sees the pixels | a [`Script`] |
//! | `Pins` | [`SimPins`]: a switch to turn, lights to look at, kicks to count | the test |
//! | `Ptz` | [`SimPtz`]: notes where it was sent, moves as told | the test |
//! | `Clock` | [`SimClock`]: stands still until stepped; [`SystemClock`] is the real one | the test |
#![forbid(unsafe_code)]

mod camera;
mod clip;
mod clock;
mod detector;
mod encoder;
mod pins;
mod ptz;
mod script;
mod witness;

pub use board_clock::SystemClock;
pub use camera::{CameraStep, SimCamera};
pub use clip::{ClipOptions, ClipSource};
pub use clock::SimClock;
pub use detector::{DetectorStep, Found, SimDetector};
pub use encoder::{EncoderStep, SimEncoder, SimUnit};
pub use pins::SimPins;
pub use ptz::SimPtz;
pub use script::{Gate, Script};
pub use witness::{Seen, Witness};
