//! Pins that a test moves. Clones are the same board.

use board_hal::{Inputs, Level, Light, Output, PinError, Pins};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Simulated pins.
#[derive(Debug, Clone, Default)]
pub struct SimPins(Arc<Board>);

#[derive(Debug, Default)]
struct Board {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    inputs: Inputs,
    /// Changes that nobody has waited for yet.
    changes: VecDeque<Inputs>,
    lights: Vec<Light>,
    lights_broken: bool,
    outputs: Vec<(Output, bool)>,
    kicks: u64,
    resting: bool,
}

impl SimPins {
    /// A board whose inputs stand so.
    #[must_use]
    pub fn new(inputs: Inputs) -> Self {
        let pins = Self::default();
        pins.lock().inputs = inputs;
        pins
    }
    /// A board with a privacy switch, off, and a closed housing.
    #[must_use]
    pub fn closed() -> Self {
        Self::new(Inputs { privacy_switch: Some(Level::Off), tamper: Some(Level::Off) })
    }
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Somebody moves something; whoever waits is told.
    pub fn turn(&self, change: impl FnOnce(&mut Inputs)) {
        let mut state = self.lock();
        change(&mut state.inputs);
        let inputs = state.inputs;
        state.changes.push_back(inputs);
        self.0.changed.notify_all();
    }
    /// The same, but no edge is told: whoever does not look does not know.
    pub fn turn_unnoticed(&self, change: impl FnOnce(&mut Inputs)) {
        change(&mut self.lock().inputs);
    }
    /// Lights no longer obey, or do again.
    pub fn break_lights(&self, broken: bool) {
        self.lock().lights_broken = broken;
    }
    /// Every light that was shown, oldest first.
    #[must_use]
    pub fn lights(&self) -> Vec<Light> {
        self.lock().lights.clone()
    }
    /// The light that is shown now.
    #[must_use]
    pub fn light(&self) -> Light {
        self.lock().lights.last().copied().unwrap_or(Light::Off)
    }
    /// Everything that was moved, oldest first.
    #[must_use]
    pub fn outputs(&self) -> Vec<(Output, bool)> {
        self.lock().outputs.clone()
    }
    /// How often the watchdog was told that all is well.
    #[must_use]
    pub fn kicks(&self) -> u64 {
        self.lock().kicks
    }
    /// Whether it came to an orderly end.
    #[must_use]
    pub fn is_resting(&self) -> bool {
        self.lock().resting
    }
}

impl Pins for SimPins {
    fn inputs(&self) -> Inputs {
        self.lock().inputs
    }
    fn wait(&self, patience: Duration) -> Option<Inputs> {
        let state = self.lock();
        let (mut state, _) = self
            .0
            .changed
            .wait_timeout_while(state, patience, |state| state.changes.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        state.changes.pop_front()
    }
    fn show(&self, light: Light) -> Result<(), PinError> {
        let mut state = self.lock();
        if state.lights_broken {
            return Err(PinError { pin: "light_sharing", cause: "broken for the test".into() });
        }
        if state.lights.last() != Some(&light) {
            state.lights.push(light);
        }
        Ok(())
    }
    fn set(&self, output: Output, on: bool) -> Result<(), PinError> {
        self.lock().outputs.push((output, on));
        Ok(())
    }
    fn kick(&self) -> Result<(), PinError> {
        self.lock().kicks += 1;
        Ok(())
    }
    fn rest(&self) {
        let mut state = self.lock();
        state.lights.push(Light::Off);
        state.resting = true;
    }
}
