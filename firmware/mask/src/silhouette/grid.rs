//! The cells of a picture: square, from the top left, the last of a row or column perhaps smaller.

use crate::area::Outline;
use crate::{Area, Geometry, Rect};
use std::ops::Range;

/// Pictures with so many lines have cells of [`LARGE_CELL_PX`], smaller ones of [`SMALL_CELL_PX`].
const LARGE_FROM_LINES: usize = 720;
const LARGE_CELL_PX: usize = 16;
const SMALL_CELL_PX: usize = 8;

/// How a picture is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Grid {
    /// Side of a cell, pixels; a multiple of the block's.
    pub(super) cell_px: usize,
    pub(super) columns: usize,
    pub(super) rows: usize,
    width: usize,
    height: usize,
}

impl Grid {
    pub(super) fn new(geometry: &Geometry) -> Self {
        let (width, height) = (geometry.width, geometry.height);
        let cell_px = if height >= LARGE_FROM_LINES { LARGE_CELL_PX } else { SMALL_CELL_PX };
        Self { cell_px, columns: width.div_ceil(cell_px), rows: height.div_ceil(cell_px), width, height }
    }
    pub(super) fn len(&self) -> usize {
        self.columns * self.rows
    }
    /// Cells `from..to` of `row`, as pixels.
    pub(super) fn area(&self, row: usize, columns: Range<usize>) -> Area {
        let (x, y) = (columns.start * self.cell_px, row * self.cell_px);
        let (right, bottom) = ((columns.end * self.cell_px).min(self.width), (y + self.cell_px).min(self.height));
        Area { x, y, w: right - x, h: bottom - y }
    }
    /// The pixels of one cell.
    pub(super) fn cell(&self, index: usize) -> Area {
        let (row, column) = (index / self.columns, index % self.columns);
        self.area(row, column..column + 1)
    }
    /// Calls `visit` with every cell that `rect` touches, and with `margin` cells around those.
    pub(super) fn touched(&self, rect: Rect, margin: usize, geometry: &Geometry, mut visit: impl FnMut(usize)) {
        let Some(area) = Outline::outward(rect).inside(geometry) else { return };
        let span = |from: usize, to: usize, count: usize| {
            (from / self.cell_px).saturating_sub(margin)..(to.div_ceil(self.cell_px) + margin).min(count)
        };
        let columns = span(area.x, area.right(), self.columns);
        for row in span(area.y, area.bottom(), self.rows) {
            columns.clone().for_each(|column| visit(row * self.columns + column));
        }
    }
    /// Calls `visit` with the up to eight neighbours of a cell.
    pub(super) fn around(&self, index: usize, mut visit: impl FnMut(usize)) {
        let (row, column) = (index / self.columns, index % self.columns);
        for r in row.saturating_sub(1)..(row + 2).min(self.rows) {
            for c in column.saturating_sub(1)..(column + 2).min(self.columns) {
                if (r, c) != (row, column) {
                    visit(r * self.columns + c);
                }
            }
        }
    }
}
