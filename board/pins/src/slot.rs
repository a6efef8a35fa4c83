//! One pin as it is stated: what counts as on, and its line when it could be had. Knows `embedded-hal` and nothing of Linux.

use board_hal::{Level, PinError};
use board_profile::On;
use embedded_hal::digital::{InputPin, OutputPin, PinState};

/// A pin that the board is said to have.
#[derive(Debug)]
pub struct Slot<L> {
    name: &'static str,
    on: On,
    /// The line, or why there is none.
    line: Result<L, String>,
}

impl<L> Slot<L> {
    /// The pin `name`, on when its line is as `on` says.
    #[must_use]
    pub fn new(name: &'static str, on: On, line: Result<L, String>) -> Self {
        Self { name, on, line }
    }
    /// As the profile calls it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }
    /// The line, or why there is none.
    ///
    /// # Errors
    /// What is wrong and what to do.
    pub fn line(&self) -> Result<&L, &str> {
        self.line.as_ref().map_err(String::as_str)
    }
    /// Another attempt at the line.
    pub fn put(&mut self, line: Result<L, String>) {
        self.line = line;
    }
    /// The line's level for on or off.
    fn state(&self, on: bool) -> PinState {
        PinState::from(on == (self.on == On::High))
    }
}

impl<I: InputPin> Slot<I> {
    /// How the pin stands. A line that fails is let go, to be asked for anew.
    pub fn read(&mut self) -> Level {
        let on_is_high = self.on == On::High;
        let Ok(line) = &mut self.line else { return Level::Unreadable };
        match line.is_high() {
            Ok(high) if high == on_is_high => Level::On,
            Ok(_) => Level::Off,
            Err(cause) => {
                self.line = Err(format!("cannot be read: {cause:?}"));
                Level::Unreadable
            }
        }
    }
    /// What a line that went high or low means.
    #[must_use]
    pub fn meaning(&self, high: bool) -> Level {
        if high == (self.on == On::High) { Level::On } else { Level::Off }
    }
}

impl<O: OutputPin> Slot<O> {
    /// Switches the pin.
    ///
    /// # Errors
    /// [`PinError`]; a line that fails is let go, to be asked for anew.
    pub fn set(&mut self, on: bool) -> Result<(), PinError> {
        let state = self.state(on);
        let set = match &mut self.line {
            Ok(line) => line.set_state(state).map_err(|cause| format!("cannot be set: {cause:?}")),
            Err(cause) => Err(cause.clone()),
        };
        set.map_err(|cause| {
            self.line = Err(cause.clone());
            PinError { pin: self.name, cause }
        })
    }
}
