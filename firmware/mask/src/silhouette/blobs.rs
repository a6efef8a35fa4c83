//! Blobs: cells that hang together, by edge or corner. What happens to one cell of a blob happens to all of it, and to its surroundings.

use super::grid::Grid;

/// How far around a blob its surroundings reach, cells: half its longer side, within these.
const REACH: std::ops::RangeInclusive<usize> = 2..=8;

/// One more than the least of it: what is left of it at the blob's own cells.
const NARROW: u8 = *REACH.start() as u8 + 1;

/// Finds blobs; its buffers are of the grid's size and are kept.
#[derive(Default)]
pub(super) struct Blobs {
    seen: Vec<bool>,
    /// The cells of the blob at hand; those before `done` have been looked round from.
    blob: Vec<usize>,
    /// How many cells further the surroundings reach from here.
    reach: Vec<u8>,
}

impl Blobs {
    pub(super) fn new(grid: &Grid) -> Self {
        Self { seen: vec![false; grid.len()], blob: Vec::with_capacity(grid.len()), reach: vec![0; grid.len()] }
    }

    /// Calls `renew` with every cell of each blob of `members` that has a cell in `disturbed`, and then `near` with every cell in the surroundings of
    /// such a blob (its own cells too). Surroundings are wide when something `moved`; a mask that rests has narrow ones.
    pub(super) fn spread(
        &mut self,
        grid: &Grid,
        members: &[bool],
        disturbed: &[bool],
        moved: &[bool],
        mut renew: impl FnMut(usize),
        mut near: impl FnMut(usize),
    ) {
        self.seen.fill(false);
        self.reach.fill(0);
        for first in 0..grid.len() {
            if members[first] && !self.seen[first] && self.gather(grid, members, disturbed, first) {
                let reach = if self.blob.iter().any(|&cell| moved[cell]) { self.reach_of_blob(grid) } else { NARROW };
                for &cell in &self.blob {
                    renew(cell);
                    self.reach[cell] = reach;
                }
            }
            // A disturbance outside every blob has surroundings all the same.
            if disturbed[first] && !members[first] {
                self.reach[first] = self.reach[first].max(NARROW);
            }
        }
        self.widen(grid);
        (0..grid.len()).filter(|&cell| self.reach[cell] > 0).for_each(&mut near);
    }

    /// Collects the blob that holds `first`; whether any of it is disturbed.
    fn gather(&mut self, grid: &Grid, members: &[bool], disturbed: &[bool], first: usize) -> bool {
        let (seen, blob) = (&mut self.seen, &mut self.blob);
        blob.clear();
        blob.push(first);
        seen[first] = true;
        let (mut done, mut any) = (0, false);
        while done < blob.len() {
            let cell = blob[done];
            done += 1;
            any |= disturbed[cell];
            grid.around(cell, |next| {
                if members[next] && !seen[next] {
                    seen[next] = true;
                    blob.push(next);
                }
            });
        }
        any
    }

    fn reach_of_blob(&self, grid: &Grid) -> u8 {
        let (mut left, mut right, mut top, mut bottom) = (usize::MAX, 0, usize::MAX, 0);
        for &cell in &self.blob {
            let (row, column) = (cell / grid.columns, cell % grid.columns);
            (left, right) = (left.min(column), right.max(column));
            (top, bottom) = (top.min(row), bottom.max(row));
        }
        let longer = (right - left).max(bottom - top) + 1;
        (longer / 2).clamp(*REACH.start(), *REACH.end()) as u8 + 1
    }

    /// A two-pass distance transform (Rosenfeld and Pfaltz 1966) over the chessboard distance: each cell is one less than its best neighbour.
    fn widen(&mut self, grid: &Grid) {
        let (columns, rows) = (grid.columns, grid.rows);
        for index in 0..grid.len() {
            let (row, column) = (index / columns, index % columns);
            let mut best = if column > 0 { self.reach[index - 1] } else { 0 };
            if row > 0 {
                let above = &self.reach[(row - 1) * columns..row * columns];
                best = above[column.saturating_sub(1)..(column + 2).min(columns)].iter().fold(best, |a, &b| a.max(b));
            }
            self.reach[index] = self.reach[index].max(best.saturating_sub(1));
        }
        for index in (0..grid.len()).rev() {
            let (row, column) = (index / columns, index % columns);
            let mut best = if column + 1 < columns { self.reach[index + 1] } else { 0 };
            if row + 1 < rows {
                let below = &self.reach[(row + 1) * columns..(row + 2) * columns];
                best = below[column.saturating_sub(1)..(column + 2).min(columns)].iter().fold(best, |a, &b| a.max(b));
            }
            self.reach[index] = self.reach[index].max(best.saturating_sub(1));
        }
    }
}
