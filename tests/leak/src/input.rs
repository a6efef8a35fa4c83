//! What is read: annotated pictures, the report of `campari-mask`, lists of ours, the models' manifest.

mod annotations;
mod heads;
mod lists;
mod mask_report;
mod models;
mod tracks;

pub use annotations::{Annotated, Class, Dataset, Rect, TruthBox};
pub use heads::{Head, Heads, View};
pub use lists::{Extras, TrainedOn};
pub use mask_report::{ClipReport, Found, Frame, Kind, MaskReport, Masked, Shape};
pub use models::{Model, models};
pub use tracks::{Clip, TrackBox, clips};

use serde::de::DeserializeOwned;
use std::fs;
use std::path::{Path, PathBuf};

/// Why something cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The folder holds no annotated pictures.
    #[error(
        "{}: no annotations.jsonl here nor in dev/ below; a folder with annotations.jsonl and images/ is wanted",
        folder.display()
    )]
    NoAnnotations {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// A file is missing or cannot be read.
    #[error("{}: {cause}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// A line of a file is wrong.
    #[error("{}:{line}: {cause}", file.display())]
    Line {
        /// Which file.
        file: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        cause: String,
    },
}

/// The text of a file.
fn text(file: &Path) -> Result<String, InputError> {
    fs::read_to_string(file).map_err(|error| InputError::File { file: file.to_owned(), cause: error.to_string() })
}

/// One JSON value a line, each with its line number; empty lines are left out.
fn json_lines<T: DeserializeOwned>(file: &Path) -> Result<Vec<(usize, T)>, InputError> {
    let text = text(file)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| match serde_json::from_str(line) {
            Ok(value) => Ok((at + 1, value)),
            Err(error) => Err(InputError::Line { file: file.to_owned(), line: at + 1, cause: error.to_string() }),
        })
        .collect()
}
