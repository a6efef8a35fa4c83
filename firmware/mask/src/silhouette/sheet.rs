//! A picture kept without padding, and how far another differs from it, cell by cell.
//!
//! Differences are summed absolutely over blocks of 8 by 8 pixels (SAD, as in motion estimation), luma and colour apart: a sum over a whole cell would
//! let a moving hand drown in a still wall.

use super::grid::Grid;
use crate::Area;
use crate::canvas::Canvas;

/// Side of a block, luma pixels. Colour has 4 by 4 pairs in it.
pub(super) const BLOCK_PX: usize = 8;

/// An NV12 picture without padding.
#[derive(Default)]
pub(super) struct Sheet {
    luma: Vec<u8>,
    chroma: Vec<u8>,
    width: usize,
}

impl Sheet {
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self { luma: vec![0; width * height], chroma: vec![0; width * height / 2], width }
    }

    /// Keeps what an area of the canvas holds.
    pub(super) fn keep(&mut self, canvas: &Canvas<'_>, area: &Area) {
        let geometry = canvas.geometry;
        copy(&mut self.luma, self.width, canvas.luma, geometry.luma_stride, area, area.y, area.bottom());
        copy(&mut self.chroma, self.width, canvas.chroma, geometry.chroma_stride, area, area.y / 2, area.bottom() / 2);
    }

    /// Takes an area over from another sheet of the same size.
    pub(super) fn take(&mut self, from: &Sheet, area: &Area) {
        copy(&mut self.luma, self.width, &from.luma, from.width, area, area.y, area.bottom());
        copy(&mut self.chroma, self.width, &from.chroma, from.width, area, area.y / 2, area.bottom() / 2);
    }

    /// Puts an area on the canvas.
    pub(super) fn show(&self, canvas: &mut Canvas<'_>, area: &Area) {
        let geometry = canvas.geometry;
        copy(canvas.luma, geometry.luma_stride, &self.luma, self.width, area, area.y, area.bottom());
        copy(canvas.chroma, geometry.chroma_stride, &self.chroma, self.width, area, area.y / 2, area.bottom() / 2);
    }
}

/// The same columns and lines from one plane to another. Interleaved colour has as many bytes a line as luma.
fn copy(to: &mut [u8], to_stride: usize, from: &[u8], from_stride: usize, area: &Area, top: usize, bottom: usize) {
    for line in top..bottom {
        let (to_at, from_at) = (line * to_stride + area.x, line * from_stride + area.x);
        to[to_at..to_at + area.w].copy_from_slice(&from[from_at..from_at + area.w]);
    }
}

/// Which cells of the canvas differ from a sheet. Its buffer is of the picture's width and is kept.
#[derive(Default)]
pub(super) struct Compare {
    columns: Vec<u16>,
}

impl Compare {
    pub(super) fn new(width: usize) -> Self {
        Self { columns: vec![0; width] }
    }

    /// Sets `differs[cell]` for each cell in which a block differs by more than `step` a sample on average.
    pub(super) fn cells(&mut self, canvas: &Canvas<'_>, sheet: &Sheet, grid: &Grid, step: u8, differs: &mut [bool]) {
        differs.fill(false);
        let geometry = canvas.geometry;
        let mut top = 0;
        while top < geometry.height {
            let lines = BLOCK_PX.min(geometry.height - top);
            let row = top / grid.cell_px * grid.columns;
            let luma = (&*canvas.luma, geometry.luma_stride);
            self.band(luma, &sheet.luma, top..top + lines, step, grid, &mut differs[row..row + grid.columns]);
            let chroma = (&*canvas.chroma, geometry.chroma_stride);
            let colour = top / 2..(top + lines) / 2;
            self.band(chroma, &sheet.chroma, colour, step, grid, &mut differs[row..row + grid.columns]);
            top += lines;
        }
    }

    /// One row of blocks: the lines `lines` of one plane.
    fn band(
        &mut self,
        (plane, stride): (&[u8], usize),
        kept: &[u8],
        lines: std::ops::Range<usize>,
        step: u8,
        grid: &Grid,
        differs: &mut [bool],
    ) {
        let width = self.columns.len();
        let count = lines.len();
        self.columns.fill(0);
        for line in lines {
            let (now, then) = (&plane[line * stride..line * stride + width], &kept[line * width..(line + 1) * width]);
            add_differences(&mut self.columns, now, then);
        }
        let blocks_per_cell = grid.cell_px / BLOCK_PX;
        for (block, sums) in self.columns.chunks(BLOCK_PX).enumerate() {
            let sum: u32 = sums.iter().map(|&sum| u32::from(sum)).sum();
            differs[block / blocks_per_cell] |= sum > u32::from(step) * (sums.len() * count) as u32;
        }
    }
}

/// At most eight lines are added, which a `u16` holds; `wrapping_add` spares the check that keeps a loop from being vectorised.
fn add_differences(columns: &mut [u16], now: &[u8], then: &[u8]) {
    for ((sum, &a), &b) in columns.iter_mut().zip(now).zip(then) {
        *sum = sum.wrapping_add(u16::from(a.abs_diff(b)));
    }
}
