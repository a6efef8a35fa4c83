//! Cameras that turn: Pelco-D and VISCA over a serial line, V4L2's own controls, and presets by name.
//!
//! | module | what |
//! |---|---|
//! | [`pelco_d`], [`visca`] | the protocols as bytes; pure |
//! | `line` | a serial port |
//! | `cameras` | cameras on a line, as a [`board_hal::ptz::Ptz`] |
//! | `config` | what a configuration says of it |
//! | `aimer` | goes to the preset of the granted view, and knows how long the camera moves |
//!
//! Not goals: focus and iris, tours, joysticks, ONVIF, learning where a preset is.
#![forbid(unsafe_code)]

mod aimer;
mod cameras;
mod config;
mod line;
pub mod pelco_d;
pub mod visca;

pub use aimer::{Aimer, Pace};
pub use cameras::{PelcoD, Visca};
pub use config::{Preset, PtzConfig, PtzKind};
pub use line::{Line, SerialLine};
