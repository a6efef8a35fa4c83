//! One picture's boxes against what was painted. Pure.
//!
//! | | for every annotated box |
//! |---|---|
//! | cover85 | at least 85 % of the box lies under the union of the masks |
//! | core85 | the same for its central 60 % x 60 %, and the masked pixels there do not show the original (\|r\| < 0.35); otherwise it is a **leak** |
//! | touch | at least 25 % of the box is masked |
//!
//! False area: masked pixels outside the truth grown by 30 % of its size on every side, over the picture's area. *Excused* is
//! what is left of it when heads and plates that nobody had annotated count as truth as well.
//!
//! In clips: a **head-frame** (plate-frame) is one box of a reference track in one frame that was shown; it is *bare* when it is no core85 by the report. The longest
//! bare run counts shown frames of one track that follow one another.
//!
//! Edges are rounded to pixels half to even, as Python's `round` does, so that these figures and those of a scorer in
//! Python agree digit by digit.

mod luma;
mod picture;
mod raster;
mod tracks;
mod width;

pub use luma::Luma;
pub use picture::{BoxScore, PictureScore, Pixels, score};
pub use raster::Raster;
pub use tracks::{Bare, ClipScore, TrackScore, score_clip};
pub use width::{Bin, CURVE, TABLE, width_at_640};

/// Half to even, to a pixel.
fn round(value: f64) -> i64 {
    // In range: coordinates are those of pictures; anything beyond saturates.
    value.round_ties_even() as i64
}

/// The pixels `[x1, x2) x [y1, y2)` of a picture of `width` by `height` that a box covers when `least` pixels are taken at
/// the least; empty where `x2 <= x1` or `y2 <= y1`.
fn pixels(rect: crate::input::Rect, width: usize, height: usize, least: i64) -> (usize, usize, usize, usize) {
    let span = |from: f64, size: f64, end: usize| {
        let end = end as i64;
        let first = round(from).max(0);
        let last = round(from + size).max(first + least).min(end);
        (first.min(end) as usize, last.max(0) as usize)
    };
    let (x1, x2) = span(rect.x, rect.w, width);
    let (y1, y2) = span(rect.y, rect.h, height);
    (x1, y1, x2, y2)
}
