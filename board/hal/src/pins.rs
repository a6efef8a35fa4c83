//! What a person at the camera can do and see: a privacy switch, a contact that tells of tampering, lights; and outputs that move parts of the
//! camera, and the board's own watchdog.
//!
//! **An input that is stated and cannot be read counts as on.** Nothing here loosens anything: inputs only end and forbid, lights only tell.

use std::time::Duration;

/// How an input stands, debounced by whoever reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// Off.
    Off,
    /// On.
    On,
    /// The board is said to have it, and it cannot be read.
    Unreadable,
}

impl Level {
    /// Whether it counts as on: doubt does.
    #[must_use]
    pub fn counts_as_on(self) -> bool {
        self != Level::Off
    }
}

/// How the inputs stand; `None` where the board has no such input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Inputs {
    /// On: nobody may watch.
    pub privacy_switch: Option<Level>,
    /// On: the housing is open.
    pub tamper: Option<Level>,
}

/// What the lights tell who passes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Light {
    /// Nothing can be shared: the eye has ended, or the privacy switch is on.
    Off,
    /// Nobody watches; a grant could be given.
    Armed,
    /// Somebody watches.
    Sharing,
}

/// A part that the board moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Output {
    /// On: the infrared filter is before the sensor (day).
    IrCut,
    /// On: the wiper wipes.
    Wiper,
}

/// Why a pin did not do what it was told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pin {pin}: {cause}")]
pub struct PinError {
    /// Which, as the profile calls it.
    pub pin: &'static str,
    /// What is wrong and what to do.
    pub cause: String,
}

/// The pins of a board. Calls may come from several threads; none of them takes longer than the kernel takes to look at a line, but for
/// [`Pins::wait`].
pub trait Pins: Send + Sync {
    /// How the inputs stand at this moment.
    fn inputs(&self) -> Inputs;
    /// Waits for at most `patience` until an input changes, and says how they stand then; `None` when nothing changed. A change that is undone at once
    /// is still told.
    fn wait(&self, patience: Duration) -> Option<Inputs>;
    /// Shows how the camera stands. Does nothing, and well, on a board without lights.
    ///
    /// # Errors
    /// [`PinError`] when a light that the board is said to have does not obey.
    fn show(&self, light: Light) -> Result<(), PinError>;
    /// Moves a part.
    ///
    /// # Errors
    /// [`PinError`] when the board has none, or it does not obey.
    fn set(&self, output: Output, on: bool) -> Result<(), PinError>;
    /// Tells the board's watchdog that all is well; without one it does nothing.
    ///
    /// # Errors
    /// [`PinError`] when the watchdog is stated and cannot be told.
    fn kick(&self) -> Result<(), PinError>;
    /// An orderly end: lights off, and the watchdog no longer waits to be told.
    fn rest(&self);
}

/// A board without any pin: the twin that does nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPins;

impl Pins for NoPins {
    fn inputs(&self) -> Inputs {
        Inputs::default()
    }
    fn wait(&self, patience: Duration) -> Option<Inputs> {
        std::thread::sleep(patience);
        None
    }
    fn show(&self, _: Light) -> Result<(), PinError> {
        Ok(())
    }
    fn set(&self, output: Output, _: bool) -> Result<(), PinError> {
        let pin = match output {
            Output::IrCut => "ir_cut",
            Output::Wiper => "wiper",
        };
        Err(PinError { pin, cause: "this board has none; state it under [pins]".into() })
    }
    fn kick(&self) -> Result<(), PinError> {
        Ok(())
    }
    fn rest(&self) {}
}
