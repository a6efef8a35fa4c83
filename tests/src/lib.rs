//! What the end-to-end tests measure with: pictures decoded by ffmpeg, and what is and is not in them.
//!
//! The tests themselves are in `e2e/`; nothing of the firmware is used here, so that a fault there cannot hide itself.
#![forbid(unsafe_code)]

pub mod judge;
pub mod pictures;
pub mod truth;
