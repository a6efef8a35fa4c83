//! What is written: a table for people, JSON for programs, a curve, contact sheets.

mod canvas;
mod curve;
mod json;
mod sheet;
mod table;
mod tracks;
mod ways;
mod worst;

pub use curve::curve;
pub use json::json;
pub use sheet::{Tile, sheet};
pub use table::{Look, tables};
pub use tracks::{ClipBasis, Played, track_json, track_tables};
pub use ways::by_way;
pub use worst::{Worst, worst_false, worst_misses};

use crate::input::Model;
use crate::stats::Row;
use std::path::PathBuf;

/// Everything that one setting came to.
#[derive(Debug)]
pub struct Outcome {
    /// The model.
    pub model: Model,
    /// All pictures first.
    pub rows: Vec<Row>,
}

/// What the figures were measured on.
#[derive(Debug)]
pub struct Basis {
    /// Holds annotations and pictures.
    pub data: PathBuf,
    /// Annotated pictures.
    pub pictures: usize,
    /// Extra boxes in these pictures, which nobody had annotated.
    pub extra_boxes: usize,
    /// Pictures a model was trained on.
    pub trained_on: usize,
    /// `fill`, `pixelate`.
    pub filter: String,
    /// Whether the masked pixels were looked at, or the report believed.
    pub pixels_checked: bool,
    /// What else this machine did: the mean number of programs that wanted a core over the last minutes; `None` where it is not told.
    pub load: Option<f64>,
    /// Cores of this machine.
    pub cores: usize,
}

/// A value as printed, as a number: decimal digits, half to even on the binary value, as Python's `round` has it.
fn rounded(value: f64, digits: usize) -> f64 {
    format!("{value:.digits$}").parse().unwrap_or(value)
}
