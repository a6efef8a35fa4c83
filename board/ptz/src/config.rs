//! What a configuration says of a camera that turns.

use crate::aimer::Pace;
use crate::cameras::{PelcoD, Visca};
use crate::line::SerialLine;
use board_hal::ptz::{Aim, Ptz, PtzError, Target};
use board_v4l2::V4l2Ptz;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// A camera that turns, and the views that it knows.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PtzConfig {
    /// How it is told.
    pub camera: PtzKind,
    /// A camera that does not tell when it has arrived is taken to need so long, milliseconds.
    #[serde(default = "settle_ms")]
    pub settle_ms: u32,
    /// Where to look for each view, by the view's name.
    #[serde(default)]
    pub presets: BTreeMap<String, Preset>,
}

fn settle_ms() -> u32 {
    5_000
}

/// How a camera is told.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum PtzKind {
    /// Controls of a V4L2 device (`pan_absolute`, `tilt_absolute`, `zoom_absolute`).
    V4l2 {
        /// The device, mostly the camera's own.
        device: PathBuf,
    },
    /// Pelco-D.
    PelcoD {
        /// The serial port.
        port: PathBuf,
        /// Its speed.
        #[serde(default = "pelco_baud")]
        baud: u32,
        /// The camera's address, 1 to 255.
        #[serde(default = "address")]
        address: u8,
    },
    /// VISCA.
    Visca {
        /// The serial port.
        port: PathBuf,
        /// Its speed.
        #[serde(default = "visca_baud")]
        baud: u32,
        /// The camera's address, 1 to 7.
        #[serde(default = "address")]
        address: u8,
        /// Its own steps for a degree.
        #[serde(default = "steps_per_deg")]
        steps_per_deg: f32,
    },
}

fn address() -> u8 {
    1
}
fn pelco_baud() -> u32 {
    2_400
}
fn visca_baud() -> u32 {
    9_600
}
fn steps_per_deg() -> f32 {
    14.4
}

/// Where to look.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged, expecting = "{ stored = NUMBER } or { pan_deg = …, tilt_deg = …, zoom = 0 to 1 }")]
pub enum Preset {
    /// What the camera keeps under that number.
    Stored(Stored),
    /// There.
    Aim(Place),
}

/// See [`Preset::Stored`].
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// The number.
    pub stored: u8,
}

/// See [`Preset::Aim`].
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Degrees to the right of the camera's own zero, -360 to 360.
    pub pan_deg: f32,
    /// Degrees up from the horizon, -90 to 90.
    pub tilt_deg: f32,
    /// 0 wide to 1 tele.
    pub zoom: f32,
}

impl Preset {
    /// As the camera is told.
    #[must_use]
    pub fn target(&self) -> Target {
        match *self {
            Preset::Stored(Stored { stored }) => Target::Stored(stored),
            Preset::Aim(Place { pan_deg, tilt_deg, zoom }) => Target::Aim(Aim { pan_deg, tilt_deg, zoom }),
        }
    }
}

impl PtzConfig {
    /// Says what is out of range: key, value, and what is allowed.
    ///
    /// # Errors
    /// The first such value.
    pub fn check(&self) -> Result<(), (String, String, &'static str)> {
        let within = |key: String, value: f32, least: f32, most: f32, allowed| {
            if (least..=most).contains(&value) { Ok(()) } else { Err((key, value.to_string(), allowed)) }
        };
        within("ptz.settle_ms".to_owned(), self.settle_ms as f32, 100.0, 60_000.0, "100 to 60000")?;
        match self.camera {
            PtzKind::V4l2 { .. } => {}
            PtzKind::PelcoD { address, .. } => {
                within("ptz.camera.address".to_owned(), address.into(), 1.0, 255.0, "1 to 255")?;
            }
            PtzKind::Visca { address, steps_per_deg, .. } => {
                within("ptz.camera.address".to_owned(), address.into(), 1.0, 7.0, "1 to 7")?;
                within("ptz.camera.steps_per_deg".to_owned(), steps_per_deg, 1.0, 90.0, "1 to 90")?;
            }
        }
        for (name, preset) in &self.presets {
            if let Preset::Aim(Place { pan_deg, tilt_deg, zoom }) = *preset {
                within(format!("ptz.presets.{name}.pan_deg"), pan_deg, -360.0, 360.0, "-360 to 360")?;
                within(format!("ptz.presets.{name}.tilt_deg"), tilt_deg, -90.0, 90.0, "-90 to 90")?;
                within(format!("ptz.presets.{name}.zoom"), zoom, 0.0, 1.0, "0 to 1")?;
            }
        }
        Ok(())
    }

    /// How long the camera may take.
    #[must_use]
    pub fn pace(&self) -> Pace {
        Pace { settle: Duration::from_millis(self.settle_ms.into()), ..Pace::default() }
    }

    /// Opens what the camera is told over.
    ///
    /// # Errors
    /// [`PtzError::Line`] with the port's name.
    pub fn open(&self) -> Result<Box<dyn Ptz>, PtzError> {
        let serial = |port: &PathBuf, baud: u32| {
            SerialLine::open(port, baud).map_err(|cause| PtzError::Line {
                device: port.display().to_string(),
                doing: "open",
                cause,
            })
        };
        Ok(match &self.camera {
            PtzKind::V4l2 { device } => Box::new(V4l2Ptz::open(device)?),
            PtzKind::PelcoD { port, baud, address } => Box::new(PelcoD::new(serial(port, *baud)?, *address)),
            PtzKind::Visca { port, baud, address, steps_per_deg } => {
                Box::new(Visca::new(serial(port, *baud)?, *address, *steps_per_deg))
            }
        })
    }
}
