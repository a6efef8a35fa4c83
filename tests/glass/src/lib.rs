//! From the camera to the glass: players that nobody here wrote show a share on a screen in memory, and the time that the eye wrote on each picture is read
//! back from that screen.
//!
//! Measures up to the X server's frame buffer; what a monitor adds is not in it. The masks, the detector and the encoder are the real ones.
#![forbid(unsafe_code)]

pub mod clients;
pub mod figures;
pub mod letters;
pub mod measure;
pub mod plot;
pub mod screen;
mod share;
