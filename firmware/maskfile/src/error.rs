//! Why one file could not be masked. The others are done all the same.

use std::path::PathBuf;

/// Why one file could not be masked.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be opened or is no picture.
    #[error("{}: not a picture that can be read ({cause})", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// Too small, too large.
    #[error("{}: {width}x{height} pixels; sides may be 2 to {} pixels", file.display(), crate::picture::MAX_SIDE_PX)]
    Size {
        /// Which.
        file: PathBuf,
        /// Pixels per line.
        width: usize,
        /// Lines.
        height: usize,
    },
    /// The detector or the painting failed; nothing was written.
    #[error("{}: {cause}; nothing was written", file.display())]
    Masking {
        /// Which.
        file: PathBuf,
        /// What failed.
        cause: String,
    },
    /// The masked file cannot be written.
    #[error("{}: cannot be written ({cause})", file.display())]
    Unwritable {
        /// Which.
        file: PathBuf,
        /// What the system or ffmpeg said.
        cause: String,
    },
    /// The masked file would take the place of the input, or of another masked file.
    #[error("{}: would be written over {}; choose another --out", file.display(), target.display())]
    Collision {
        /// Which.
        file: PathBuf,
        /// What is there already.
        target: PathBuf,
    },
    /// The clip stopped before its end.
    #[error("{}: ended early ({cause}); the {frames} frames before that are masked", file.display())]
    EndedEarly {
        /// Which.
        file: PathBuf,
        /// Frames done.
        frames: u64,
        /// What ffmpeg said.
        cause: String,
    },
}
