//! A camera that turns as a test says.

use board_hal::ptz::{Motion, Ptz, PtzError, Target, Turn};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
struct State {
    told: Vec<Target>,
    turns: Vec<Turn>,
    motion: Option<Motion>,
    refuses: bool,
}

/// Clones are the same camera: one for the code under test, one for the test.
#[derive(Clone, Default)]
pub struct SimPtz(Arc<Mutex<State>>);

impl SimPtz {
    /// A camera that does not tell whether it moves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// From now on it tells this.
    pub fn tells(&self, motion: Motion) {
        self.state().motion = Some(motion);
    }
    /// From now on it refuses commands, or takes them.
    pub fn refuses(&self, refuses: bool) {
        self.state().refuses = refuses;
    }
    /// Where it was sent, in order; refused commands too.
    #[must_use]
    pub fn told(&self) -> Vec<Target> {
        self.state().told.clone()
    }
    /// How it was turned, in order.
    #[must_use]
    pub fn turns(&self) -> Vec<Turn> {
        self.state().turns.clone()
    }
    fn answer(&self) -> Result<(), PtzError> {
        if self.state().refuses {
            return Err(PtzError::Refused { device: "simulated".to_owned(), cause: "scripted".to_owned() });
        }
        Ok(())
    }
}

impl Ptz for SimPtz {
    fn go(&mut self, to: &Target) -> Result<(), PtzError> {
        self.state().told.push(*to);
        self.answer()
    }
    fn turn(&mut self, how: &Turn) -> Result<(), PtzError> {
        self.state().turns.push(*how);
        self.answer()
    }
    fn motion(&mut self) -> Result<Motion, PtzError> {
        self.answer()?;
        Ok(self.state().motion.unwrap_or(Motion::Unknown))
    }
}
