//! Cells of an int8 grid, and those of them that stand above their neighbours.

use super::MAX_PEAKS;
use board_hal::QuantisedTensor;
use heapless::Vec;

/// A cell that is not lower than its eight neighbours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peak {
    /// Its score as the tensor holds it.
    pub(super) q: i8,
    pub(super) row: u16,
    pub(super) col: u16,
}

/// A tensor whose shape and quantisation have been checked.
pub(super) struct Grid<'t>(QuantisedTensor<'t>);

impl<'t> Grid<'t> {
    /// `None` when the tensor is not what its role says.
    pub(super) fn new(tensor: QuantisedTensor<'t>, channels: usize) -> Option<Self> {
        let QuantisedTensor { data, height, width, channels: has, scale, zero_point } = tensor;
        let sides = (1..=usize::from(u16::MAX)).contains(&height) && (1..=usize::from(u16::MAX)).contains(&width);
        let sound = sides
            && has == channels
            && data.len() == height * width * channels
            && scale > 0.0
            // Every value that the tensor can hold is a number.
            && (scale * 255.0).is_finite()
            && (-128..=127).contains(&zero_point);
        sound.then_some(Self(tensor))
    }
    pub(super) fn same_size_as(self, other: &Grid<'_>) -> Option<Self> {
        (self.0.height == other.0.height && self.0.width == other.0.width).then_some(self)
    }
    pub(super) fn width(&self) -> usize {
        self.0.width
    }
    pub(super) fn height(&self) -> usize {
        self.0.height
    }
    /// The real value of a stored one.
    pub(super) fn real(&self, q: i8) -> f32 {
        (i32::from(q) - self.0.zero_point) as f32 * self.0.scale
    }
    /// The lowest stored value that means at least `score`; `None` when none does, so that nothing could ever be found.
    pub(super) fn lowest_reaching(&self, score: f32) -> Option<i16> {
        (i8::MIN..=i8::MAX).find(|q| self.real(*q) >= score).map(i16::from)
    }
    /// The real values of a cell.
    pub(super) fn cell<const CHANNELS: usize>(&self, peak: &Peak) -> [f32; CHANNELS] {
        let at = (usize::from(peak.row) * self.0.width + usize::from(peak.col)) * self.0.channels;
        std::array::from_fn(|c| self.0.data.get(at + c).map_or(f32::NAN, |q| self.real(*q)))
    }
    /// Appends the peaks from `lowest` up, in raster order; `None` when there are more than fit.
    pub(super) fn peaks(&self, lowest: i16, into: &mut Vec<Peak, MAX_PEAKS>) -> Option<()> {
        let QuantisedTensor { data, width, .. } = self.0;
        for (row, line) in data.chunks_exact(width).enumerate() {
            for (col, q) in line.iter().enumerate() {
                if i16::from(*q) >= lowest && self.tops_neighbours(row, col, *q) {
                    into.push(Peak { q: *q, row: row as u16, col: col as u16 }).ok()?;
                }
            }
        }
        Some(())
    }
    /// Equal neighbours do not disturb a peak; outside the grid there is nothing higher.
    fn tops_neighbours(&self, row: usize, col: usize, q: i8) -> bool {
        let QuantisedTensor { data, height, width, .. } = self.0;
        let columns = col.saturating_sub(1)..(col + 2).min(width);
        (row.saturating_sub(1)..(row + 2).min(height))
            .all(|r| data[r * width..][columns.clone()].iter().all(|other| *other <= q))
    }
}
