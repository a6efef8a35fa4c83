//! The board's pins: lights, privacy switch, tamper contact, infrared filter, wiper, watchdog.
//!
//! | module | what |
//! |---|---|
//! | [`Slot`], [`Panel`] | what counts as on, what doubt means, which light is lit when: over any `embedded-hal` 1.0 pin |
//! | [`Line`] | such a pin on Linux' GPIO character device |
//! | [`Watchdog`] | `/dev/watchdog*` |
//! | [`BoardPins`] | all of it behind [`board_hal::Pins`]; its twin is `board_sim::SimPins` |
//!
//! It decides nothing: what follows from a switch is the eye's business.
#![allow(unsafe_code, reason = "one ioctl of the watchdog; SAFETY is said where it is called")]

mod board;
mod line;
mod panel;
mod slot;
mod watchdog;

pub use board::BoardPins;
pub use line::{DEBOUNCE, Line, LineError};
pub use panel::Panel;
pub use slot::Slot;
pub use watchdog::Watchdog;
