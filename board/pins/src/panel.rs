//! All pins of a board together: what the inputs say, and which lights are lit when. Over any `embedded-hal` pins, so that tests can script them.

use crate::slot::Slot;
use board_hal::{Inputs, Light, Output, PinError};
use embedded_hal::digital::{InputPin, OutputPin};

/// The pins that a board is said to have.
#[derive(Debug)]
pub struct Panel<I, O> {
    /// Nobody may watch while it is on.
    pub privacy_switch: Option<Slot<I>>,
    /// The housing is open while it is on.
    pub tamper: Option<Slot<I>>,
    /// A grant could be given.
    pub light_armed: Option<Slot<O>>,
    /// Somebody watches.
    pub light_sharing: Option<Slot<O>>,
    /// The infrared filter is before the sensor.
    pub ir_cut: Option<Slot<O>>,
    /// The wiper wipes.
    pub wiper: Option<Slot<O>>,
}

impl<I: InputPin, O: OutputPin> Panel<I, O> {
    /// How the inputs stand.
    pub fn inputs(&mut self) -> Inputs {
        Inputs {
            privacy_switch: self.privacy_switch.as_mut().map(Slot::read),
            tamper: self.tamper.as_mut().map(Slot::read),
        }
    }

    /// Lights what belongs to `light`, and only then puts out what does not: at no time is a share without its light. Both lights are told, even
    /// when the first one fails.
    ///
    /// # Errors
    /// [`PinError`] of the first light that does not obey.
    pub fn show(&mut self, light: Light) -> Result<(), PinError> {
        let mut lights =
            [(&mut self.light_sharing, light == Light::Sharing), (&mut self.light_armed, light == Light::Armed)];
        lights.sort_by_key(|(_, on)| !on);
        let mut outcome = Ok(());
        for (slot, on) in lights {
            if let Some(slot) = slot {
                outcome = outcome.and(slot.set(on));
            }
        }
        outcome
    }

    /// Moves a part.
    ///
    /// # Errors
    /// [`PinError`] when the board has none, or it does not obey.
    pub fn set(&mut self, output: Output, on: bool) -> Result<(), PinError> {
        let (name, slot) = match output {
            Output::IrCut => ("ir_cut", &mut self.ir_cut),
            Output::Wiper => ("wiper", &mut self.wiper),
        };
        let none = || PinError { pin: name, cause: "this board has none; state it under [pins]".into() };
        slot.as_mut().ok_or_else(none)?.set(on)
    }

    /// The inputs that are stated.
    pub fn input_slots(&mut self) -> impl Iterator<Item = &mut Slot<I>> {
        [&mut self.privacy_switch, &mut self.tamper].into_iter().flatten()
    }

    /// The outputs that are stated.
    pub fn output_slots(&mut self) -> impl Iterator<Item = &mut Slot<O>> {
        [&mut self.light_armed, &mut self.light_sharing, &mut self.ir_cut, &mut self.wiper].into_iter().flatten()
    }
}
