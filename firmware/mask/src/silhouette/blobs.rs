//! Blobs: cells that hang together, by edge or corner; and how far from some cells others lie.

use super::grid::Grid;

/// Finds blobs; its buffers are of the grid's size and are kept.
#[derive(Default)]
pub(super) struct Blobs {
    seen: Vec<bool>,
    blob: Vec<usize>,
}

impl Blobs {
    pub(super) fn new(grid: &Grid) -> Self {
        Self { seen: vec![false; grid.len()], blob: Vec::with_capacity(grid.len()) }
    }

    /// Calls `visit` with the cells of each blob of `members`.
    pub(super) fn each(&mut self, grid: &Grid, members: &[bool], mut visit: impl FnMut(&[usize])) {
        self.seen.fill(false);
        for first in 0..grid.len() {
            if members[first] && !self.seen[first] {
                self.gather(grid, members, first);
                visit(&self.blob);
            }
        }
    }

    /// Collects the blob that holds `first`.
    fn gather(&mut self, grid: &Grid, members: &[bool], first: usize) {
        let (seen, blob) = (&mut self.seen, &mut self.blob);
        blob.clear();
        blob.push(first);
        seen[first] = true;
        let mut done = 0;
        while done < blob.len() {
            let cell = blob[done];
            done += 1;
            grid.around(cell, |next| {
                if members[next] && !seen[next] {
                    seen[next] = true;
                    blob.push(next);
                }
            });
        }
    }
}

/// The longer side of a blob, cells.
pub(super) fn extent(grid: &Grid, blob: &[usize]) -> usize {
    let (mut left, mut right, mut top, mut bottom) = (usize::MAX, 0, usize::MAX, 0);
    for &cell in blob {
        let (row, column) = (cell / grid.columns, cell % grid.columns);
        (left, right) = (left.min(column), right.max(column));
        (top, bottom) = (top.min(row), bottom.max(row));
    }
    (right.saturating_sub(left)).max(bottom.saturating_sub(top)) + 1
}

/// Spreads `reach`: afterwards a cell has one less than the highest of its neighbours, if that is more than its own. So a cell given `n + 1` reaches `n` cells far
/// in every direction. A two-pass distance transform (Rosenfeld and Pfaltz 1966) over the chessboard distance.
pub(super) fn widen(grid: &Grid, reach: &mut [u8]) {
    let columns = grid.columns;
    let best = |row: &[u8], column: usize| {
        row[column.saturating_sub(1)..(column + 2).min(columns)].iter().fold(0, |a: u8, &b| a.max(b))
    };
    for index in 0..reach.len() {
        let (row, column) = (index / columns, index % columns);
        let beside = if column > 0 { reach[index - 1] } else { 0 };
        let above = if row > 0 { best(&reach[(row - 1) * columns..row * columns], column) } else { 0 };
        reach[index] = reach[index].max(beside.max(above).saturating_sub(1));
    }
    for index in (0..reach.len()).rev() {
        let (row, column) = (index / columns, index % columns);
        let beside = if column + 1 < columns { reach[index + 1] } else { 0 };
        let below =
            if row + 1 < grid.rows { best(&reach[(row + 1) * columns..(row + 2) * columns], column) } else { 0 };
        reach[index] = reach[index].max(beside.max(below).saturating_sub(1));
    }
}
