//! Why nothing is masked, and why one file could not be masked while the others are done all the same.

use std::path::PathBuf;

/// What was given cannot be meant; nothing is masked.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// A path that is not there, or a folder that cannot be listed.
    #[error("{}: {cause}", path.display())]
    Missing {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Masked files would lie among the originals.
    #[error("{}: is both to be masked and --out; give --out a folder of its own", out.display())]
    OutIsInput {
        /// The folder.
        out: PathBuf,
    },
}

/// Why one file could not be masked.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A folder below one that was given cannot be listed.
    #[error("{}: a folder that cannot be listed ({cause}); what is in it is not masked", folder.display())]
    Unlisted {
        /// Which.
        folder: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// It cannot be opened or is no picture and no clip.
    #[error("{}: not a picture or clip that can be read ({cause})", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// Too large.
    #[error("{}: says that it has {width}x{height} pixels; sides may be 1 to {} pixels", file.display(), crate::picture::MAX_SIDE_PX)]
    Size {
        /// Which.
        file: PathBuf,
        /// Pixels per line.
        width: usize,
        /// Lines.
        height: usize,
    },
    /// `silhouette` of a single picture.
    #[error("{}: silhouette learns a still scene from a clip; a single picture has pixelate, fill and coarse", file.display())]
    NothingToLearn {
        /// Which.
        file: PathBuf,
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
    /// The masked file would take the place of an input, of the report or of another masked file.
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
