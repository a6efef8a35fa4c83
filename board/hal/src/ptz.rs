//! Cameras that turn: pan, tilt, zoom, by name of a preset.
//!
//! **A camera counts as moving from before it is told to until it is known, or long enough, at rest.** What it sees meanwhile is nobody's granted view.

use std::time::Duration;

/// Where a camera looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aim {
    /// Degrees to the right of the camera's own zero.
    pub pan_deg: f32,
    /// Degrees up from the horizon.
    pub tilt_deg: f32,
    /// 0 wide to 1 tele, share of the lens's range.
    pub zoom: f32,
}

/// Where to go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// What the camera itself keeps under that number.
    Stored(u8),
    /// There.
    Aim(Aim),
}

/// How fast to turn, -1 to 1 of the fastest; 0 stops.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Turn {
    /// To the right.
    pub pan: f32,
    /// Up.
    pub tilt: f32,
    /// Nearer.
    pub zoom: f32,
}

/// Whether it moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    /// At rest since the last time that it was asked.
    Still,
    /// Turning or zooming.
    Moving,
    /// It does not tell.
    Unknown,
}

/// Why a camera does not turn.
#[derive(Debug, thiserror::Error)]
pub enum PtzError {
    /// The line or device.
    #[error("ptz {device}: {doing}: {cause}")]
    Line {
        /// Which.
        device: String,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        cause: std::io::Error,
    },
    /// No answer within the time.
    #[error(
        "ptz {device}: no answer for {waited:?}; is the camera's address {address}, and its speed that of the line?"
    )]
    Silent {
        /// Which.
        device: String,
        /// Its address on the line.
        address: u8,
        /// How long was waited.
        waited: Duration,
    },
    /// The camera says no.
    #[error("ptz {device}: refused: {cause}")]
    Refused {
        /// Which.
        device: String,
        /// In words.
        cause: String,
    },
    /// This camera cannot do that.
    #[error("ptz {device}: {what}")]
    Unsupported {
        /// Which.
        device: String,
        /// What it cannot, and what would do.
        what: String,
    },
}

/// A camera that turns.
pub trait Ptz: Send {
    /// Begins to go there; does not wait until it has arrived.
    ///
    /// # Errors
    /// [`PtzError`]; it may have begun to move all the same.
    fn go(&mut self, to: &Target) -> Result<(), PtzError>;
    /// Turns at a speed until told otherwise.
    ///
    /// # Errors
    /// [`PtzError`]; it may have begun to move all the same.
    fn turn(&mut self, how: &Turn) -> Result<(), PtzError>;
    /// Whether it moves.
    ///
    /// # Errors
    /// [`PtzError`] when it should tell and does not.
    fn motion(&mut self) -> Result<Motion, PtzError>;
}

/// What the frame road asks of a camera that turns. Returns at once, whatever the camera does.
pub trait Aiming: Send + Sync {
    /// That view is granted: go there, if it has a preset and was not granted just before. `None`: nobody watches, and whoever likes may turn the camera.
    fn aim(&self, view: Option<&str>);
    /// Whether the camera looks where it was sent: it took the command, and nobody else has moved it since, as far as it tells.
    fn is_aimed(&self) -> bool;
    /// Pictures taken at this time of the monotonic clock or before may show a moving camera's view, microseconds; `u64::MAX` while it moves.
    fn moved_until_us(&self) -> u64;
}
