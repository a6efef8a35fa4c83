//! `coarse`: the whole picture in large cells of few colours, in one pass over it.
//!
//! A cell is two and a quarter times as wide as the view's largest face, its luma one of four values and Cb and Cr one of eight each. All that is what was
//! measured (models/attack): smaller cells or more values tell one of forty people more often than chance does. A fixed camera's background is known to
//! whoever watches for long, so that a cell's exact mean would be the mean colour of the head in it.
//!
//! Column sums of one row of cells are gathered in a line of `u16` (which stays in the first-level cache and adds up eight or more pixels an
//! instruction), reduced to one value a cell, and written back as one line copied down the row. Chroma lies interleaved, so the same pass serves it
//! with Cb and Cr kept apart at the reduction.

use crate::canvas::{Canvas, Yuv};

/// Between two values of luma.
const LUMA_STEP: u8 = 64;
/// Between two values of Cb and of Cr.
const CHROMA_STEP: u8 = 32;
/// Cells are so many times as wide as the largest face.
const FACES_A_CELL: f32 = 2.25;
/// Smallest cell, pixels.
const MIN_CELL_PX: u32 = 16;

/// Side of a cell, pixels, where the largest face is `largest_face_px` wide. Even, because chroma is half size.
pub(crate) fn cell_px(largest_face_px: f32) -> u32 {
    let px = (largest_face_px * FACES_A_CELL).ceil() as u32;
    (px.clamp(MIN_CELL_PX, 1 << 20) + 1) & !1
}

/// What a cell of that mean shows.
pub(crate) fn shown(mean: Yuv) -> Yuv {
    Yuv { y: luma(mean.y), cb: chroma(mean.cb), cr: chroma(mean.cr) }
}

/// The middle of the step that it lies in.
fn luma(mean: u8) -> u8 {
    mean / LUMA_STEP * LUMA_STEP + LUMA_STEP / 2
}

/// The nearest multiple of the step: 128, no colour, is one.
fn chroma(mean: u8) -> u8 {
    mean.saturating_add(CHROMA_STEP / 2) / CHROMA_STEP * CHROMA_STEP
}

/// Lines that a `u16` holds the sum of: 257 * 255 = 65535.
const MAX_LINES: usize = 257;

/// Buffers that a frame of the same width finds ready.
#[derive(Default)]
pub(crate) struct Coarse {
    columns: Vec<u16>,
    wide: Vec<u32>,
    line: Vec<u8>,
}

impl Coarse {
    /// Paints the picture in cells of `cell_px` by `cell_px` (even, at least 2); the last of a row or column may be smaller.
    pub(crate) fn paint(&mut self, canvas: &mut Canvas<'_>, cell_px: usize) {
        let cell = (cell_px.max(2) + 1) & !1;
        let geometry = canvas.geometry;
        let width = geometry.width;
        self.columns.resize(width, 0);
        self.wide.resize(width, 0);
        self.line.resize(width, 0);
        self.plane::<1>(canvas.luma, geometry.luma_stride, geometry.height, cell, cell, luma);
        self.plane::<2>(canvas.chroma, geometry.chroma_stride, geometry.height / 2, cell, cell / 2, chroma);
    }

    /// One plane with `CHANNELS` interleaved values: cells of `cell` bytes by `lines` lines, each in what `shown` makes of its mean.
    fn plane<const CHANNELS: usize>(
        &mut self,
        plane: &mut [u8],
        stride: usize,
        height: usize,
        cell: usize,
        lines: usize,
        shown: fn(u8) -> u8,
    ) {
        let width = self.line.len();
        let mut top = 0;
        while top < height {
            let rows = lines.min(height - top);
            let band_end = (top + rows - 1) * stride + width;
            let band = &mut plane[top * stride..band_end];
            if rows <= MAX_LINES {
                self.columns.fill(0);
                sum_columns(&mut self.columns, band, stride);
                reduce::<CHANNELS, u16>(&mut self.line, &self.columns, cell, rows, shown);
            } else {
                self.wide.fill(0);
                for part in band.chunks(stride * MAX_LINES) {
                    self.columns.fill(0);
                    sum_columns(&mut self.columns, part, stride);
                    for (wide, &sum) in self.wide.iter_mut().zip(&self.columns) {
                        *wide += u32::from(sum);
                    }
                }
                reduce::<CHANNELS, u32>(&mut self.line, &self.wide, cell, rows, shown);
            }
            for row in band.chunks_mut(stride) {
                row[..width].copy_from_slice(&self.line);
            }
            top += rows;
        }
    }
}

/// Adds up to [`MAX_LINES`] lines of `band` into `columns`, four at a time. The sums fit; `wrapping_add` spares the check that keeps a loop from
/// being vectorised.
fn sum_columns(columns: &mut [u16], band: &[u8], stride: usize) {
    let width = columns.len();
    for group in band.chunks(stride * 4) {
        let mut lines = group.chunks(stride).map(|line| &line[..width]);
        if let [Some(first), Some(second), Some(third), Some(fourth)] = std::array::from_fn(|_| lines.next()) {
            for ((((sum, &a), &b), &c), &d) in columns.iter_mut().zip(first).zip(second).zip(third).zip(fourth) {
                let four = u16::from(a) + u16::from(b) + u16::from(c) + u16::from(d);
                *sum = sum.wrapping_add(four);
            }
        } else {
            for line in group.chunks(stride) {
                for (sum, &value) in columns.iter_mut().zip(line) {
                    *sum = sum.wrapping_add(u16::from(value));
                }
            }
        }
    }
}

/// One value a cell and channel, written over the cell's width.
fn reduce<const CHANNELS: usize, S: Copy + Into<u64>>(
    line: &mut [u8],
    columns: &[S],
    cell: usize,
    rows: usize,
    shown: fn(u8) -> u8,
) {
    for (out, sums) in line.chunks_mut(cell).zip(columns.chunks(cell)) {
        let count = (sums.len() / CHANNELS * rows) as u64;
        let mut value = [0_u8; CHANNELS];
        for (channel, value) in value.iter_mut().enumerate() {
            let sum: u64 = sums.iter().skip(channel).step_by(CHANNELS).map(|&v| v.into()).sum();
            *value = shown(crate::canvas::rounded(sum, count));
        }
        for group in out.chunks_exact_mut(CHANNELS) {
            group.copy_from_slice(&value);
        }
    }
}
