//! Pictures and clips through exactly the eye's detector and mask, for measuring and for checking by eye.
//!
//! ```text
//!  picture ─► NV12 ─┐                                             ┌─► picture
//!                   ├─► Prepare ─► network ─► decode ─► plan ─► apply ─┤
//!  clip ─► ffmpeg ──┘                 (clips: tracks)             └─► ffmpeg ─► clip
//! ```
//!
//! What is written is made from the [`mask::MaskedFrame`] and nothing else, so that no raw pixel reaches the disk. Not part of the production image.
#![forbid(unsafe_code)]

pub mod clip;
pub mod error;
pub mod inputs;
pub mod look;
pub mod picture;
pub mod place;
pub mod play;
pub mod report;
pub mod run;

pub use error::{FileError, InputError};
pub use run::{Job, Summary, run};
