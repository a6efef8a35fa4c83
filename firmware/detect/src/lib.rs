//! What lies between a frame and its masks, apart from the network itself: pure logic, no I/O, no clock, no allocation per frame.
//!
//! ```text
//! NV12 planes ─ Prepare ─► int8 RGB ─ board_hal::Detector ─► tensors ─ decode ─► Detections ─ Tracker::step ─► mask::Objects
//! ```
//!
//! **Whatever is missing, unsound or too much makes the answer `doubtful` or the masks larger; nothing is dropped in silence (P3).**
//! The formulas are those of `models/README.md`; `models/golden/decode.json` pins them.
#![forbid(unsafe_code)]

mod decode;
pub mod decoding;
mod letterbox;
mod prepare;
mod track;

pub use decode::{Detections, MAX_CANDIDATES, decode};
pub use decoding::{
    CandidateByWidth, Decoding, DecodingError, HeadGrowth, PerClass, PlateGrowth, ScoreByWidth, Thresholds,
};
pub use letterbox::LetterboxMap;
pub use prepare::{Prepare, PrepareError};
pub use track::{ClassSettings, MAX_TRACKS, TrackSettings, Tracker};
