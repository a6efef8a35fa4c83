//! Widths of objects, as if every picture were 640 pixels wide: how large an object looks, whatever the picture's size.

use std::fmt;

/// Widths from `from_px` up to, not including, `to_px`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// At 640 pixels of picture width.
    pub from_px: f64,
    /// Infinite in the last bin.
    pub to_px: f64,
}

impl Bin {
    /// Whether a width falls in it.
    #[must_use]
    pub fn holds(self, width_at_640: f64) -> bool {
        self.from_px <= width_at_640 && width_at_640 < self.to_px
    }
}

impl fmt::Display for Bin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-", self.from_px)?;
        if self.to_px.is_finite() { write!(f, "{}", self.to_px) } else { Ok(()) }
    }
}

const fn bins<const N: usize>(edges: [f64; N]) -> [Bin; N] {
    let mut bins = [Bin { from_px: 0.0, to_px: f64::INFINITY }; N];
    let mut at = 0;
    while at < N {
        bins[at].from_px = edges[at];
        if at + 1 < N {
            bins[at].to_px = edges[at + 1];
        }
        at += 1;
    }
    bins
}

/// Bins of the table.
pub const TABLE: [Bin; 5] = bins([0.0, 8.0, 16.0, 32.0, 64.0]);

/// Bins of the curve.
pub const CURVE: [Bin; 10] = bins([0.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0]);

/// An object's width if its picture were 640 pixels wide.
#[must_use]
pub fn width_at_640(width_px: f64, picture_width_px: usize) -> f64 {
    width_px * 640.0 / picture_width_px as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_falls_into_one_bin() {
        for bins in [&TABLE[..], &CURVE[..]] {
            for width in [0.0, 7.999, 8.0, 15.9, 16.0, 24.0, 32.0, 64.0, 127.0, 5000.0] {
                assert_eq!(bins.iter().filter(|bin| bin.holds(width)).count(), 1, "{width}");
            }
        }
    }

    #[test]
    fn bins_are_named_by_their_edges() {
        let names: Vec<String> = TABLE.iter().map(Bin::to_string).collect();
        assert_eq!(names, ["0-8", "8-16", "16-32", "32-64", "64-"]);
    }

    #[test]
    fn widths_are_those_at_640() {
        assert_eq!(width_at_640(32.0, 1280), 16.0);
    }
}
