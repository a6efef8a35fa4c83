//! `pixelate`: at most two cells across a head and one over a plate, each in one of three grays that is held still.
//!
//! Cells are about square, so that an upright head gets two, one above the other. So few because of what was measured (models/attack): with six coloured
//! cells a matcher names one of forty people seventeen times as often as by chance, and a plate's row of cells tells it from 200 others. The step lies
//! between three cells and four; colour tells more than shape.
//!
//! **The grid belongs to the track, not to the picture, and its colours are those of one frame for about a second.** An object that moves carries its
//! cells along. Were the colours taken anew in each frame, every frame would sample the face at another offset, and a second of video could be
//! combined into a sharper face than any one frame shows.
//!
//! Objects without a track (still pictures) take their colours from the frame itself.

use crate::area::Outline;
use crate::canvas::{Canvas, FILL, Yuv};
use crate::{Class, MAX_OBJECTS, Object};
use heapless::Vec;

/// Most cells across a head, in width as in height.
pub const MAX_CELLS: u8 = 2;
/// Most cells across a plate: a row of cells is a row of letters to whoever has the list of plates.
pub const MAX_PLATE_CELLS: u8 = 1;
/// Luma of a cell: the middle of the third of the range that its mean lies in. No colour.
const GRAY_STEP: u8 = 86;
/// Smallest cell, pixels: small objects get fewer cells rather than cells that keep single colour samples.
pub const MIN_CELL_PX: u8 = 8;
/// How long colours are held, microseconds of capture time.
pub const HOLD_US: u64 = 1_000_000;
/// An object that changed its size by more than a quarter gets new cells sooner, but not before this, microseconds.
pub const HOLD_RESIZED_US: u64 = 250_000;
/// Tracks remembered: twice what one frame can hold, so that no visible track is forgotten.
const MAX_TRACKS: usize = 2 * MAX_OBJECTS;

/// The cells of one object, with their colours.
#[derive(Debug, Clone, Copy)]
struct Cells {
    columns: u8,
    rows: u8,
    colours: [Yuv; MAX_CELLS as usize * MAX_CELLS as usize],
}

impl Cells {
    /// Square cells, [`MAX_CELLS`] along the longer side of a head, in grays taken from the picture. A cell that is outside the picture takes the mean of
    /// those inside.
    fn sample(canvas: &Canvas<'_>, outline: &Outline, class: Class) -> Self {
        let (columns, rows) = grid(outline, class);
        let mut cells = Self { columns, rows, colours: [FILL; MAX_CELLS as usize * MAX_CELLS as usize] };
        let mean = outline.inside(&canvas.geometry).map_or(FILL, |seen| gray_of(canvas.mean(&seen)));
        for row in 0..rows {
            for column in 0..columns {
                let area = outline.cell(column, columns, row, rows).inside(&canvas.geometry);
                cells.colours[cells.index(column, row)] = area.map_or(mean, |area| gray_of(canvas.mean(&area)));
            }
        }
        cells
    }
    fn index(&self, column: u8, row: u8) -> usize {
        usize::from(row) * usize::from(self.columns) + usize::from(column)
    }
    /// Paints them over `outline`, whatever size it has by now.
    fn paint(&self, canvas: &mut Canvas<'_>, outline: &Outline) {
        for row in 0..self.rows {
            for column in 0..self.columns {
                if let Some(area) = outline.cell(column, self.columns, row, self.rows).inside(&canvas.geometry) {
                    canvas.flat(&area, self.colours[self.index(column, row)]);
                }
            }
        }
    }
}

/// The middle of the third that its luma lies in.
fn gray_of(colour: Yuv) -> Yuv {
    Yuv::gray(colour.y / GRAY_STEP * GRAY_STEP + GRAY_STEP / 2)
}

/// Columns and rows of about square cells: at most [`MAX_CELLS`] (plates: [`MAX_PLATE_CELLS`]) along the longer side, at least one along the shorter, none below [`MIN_CELL_PX`] where
/// the object itself is not.
fn grid(outline: &Outline, class: Class) -> (u8, u8) {
    let most = match class {
        Class::Head => MAX_CELLS,
        Class::Plate => MAX_PLATE_CELLS,
    };
    let (width, height) = (outline.width().max(2), outline.height().max(2));
    let cell = (width.max(height) + i64::from(most) - 1) / i64::from(most);
    let cell = cell.max(i64::from(MIN_CELL_PX));
    let count = |length: i64| u8::try_from((length / cell).clamp(1, i64::from(most))).unwrap_or(most);
    (count(width), count(height))
}

/// What is remembered of one track.
#[derive(Debug, Clone, Copy)]
struct Held {
    track: u32,
    taken_us: u64,
    seen_us: u64,
    width: i64,
    height: i64,
    cells: Cells,
}

impl Held {
    fn is_due(&self, outline: &Outline, now_us: u64) -> bool {
        let age_us = now_us.saturating_sub(self.taken_us);
        let resized = differs(self.width, outline.width()) || differs(self.height, outline.height());
        // A clock that ran backwards (another camera, a restart) makes what is held worthless.
        age_us >= HOLD_US || now_us < self.taken_us || (resized && age_us >= HOLD_RESIZED_US)
    }
}

fn differs(before: i64, now: i64) -> bool {
    (now - before).abs() * 4 > before
}

/// The colours of the tracks seen lately.
#[derive(Default)]
pub(crate) struct HeldCells {
    held: Vec<Held, MAX_TRACKS>,
}

impl HeldCells {
    /// Paints one object whose frame was captured at `now_us` (monotonic).
    pub(crate) fn paint(&mut self, canvas: &mut Canvas<'_>, object: &Object, now_us: u64) {
        let outline = Outline::outward(object.rect);
        if outline.inside(&canvas.geometry).is_none() {
            return;
        }
        if object.track == 0 {
            Cells::sample(canvas, &outline, object.class).paint(canvas, &outline);
            return;
        }
        let index = self.held.iter().position(|held| held.track == object.track);
        let cells = match index {
            Some(index) if !self.held[index].is_due(&outline, now_us) => {
                self.held[index].seen_us = now_us;
                self.held[index].cells
            }
            known => {
                let cells = Cells::sample(canvas, &outline, object.class);
                let (width, height) = (outline.width(), outline.height());
                let fresh = Held { track: object.track, taken_us: now_us, seen_us: now_us, width, height, cells };
                self.remember(known, fresh);
                cells
            }
        };
        cells.paint(canvas, &outline);
    }

    /// Puts `fresh` where its track was, or at the end, or in place of the track not seen for longest.
    fn remember(&mut self, known: Option<usize>, fresh: Held) {
        if let Some(index) = known {
            self.held[index] = fresh;
        } else if self.held.push(fresh).is_err()
            && let Some(oldest) = self.held.iter_mut().min_by_key(|held| held.seen_us)
        {
            *oldest = fresh;
        }
    }
}
