//! Figures over many pictures, and how sure they are. Pure; chance comes from a seed.

mod bootstrap;
mod figures;
mod tracks;

pub use bootstrap::{FEW, Interval, Method, RESAMPLES, Resamples, SEED};
pub use figures::{ClassFigures, Figure, InBin, NIGHT_LUMA, Row, Scored, rows};
pub use tracks::{TrackRow, track_rows};
