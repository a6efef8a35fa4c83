//! What is known of each cell, and what follows for how it looks.

use super::blobs::Blobs;
use super::grid::Grid;
use super::sheet::{Compare, Sheet};
use super::{Ask, GAP_US, SilhouetteSettings};
use crate::canvas::Canvas;
use crate::{Area, Class, Geometry, Object, Rect};

/// So long after it moved an unknown cell is still painted as moving, microseconds.
const TRAIL_US: u64 = 1_000_000;
/// A point in time that never was.
const NEVER: u64 = u64::MAX;

/// How a cell is painted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Look {
    /// Nothing is known of it.
    #[default]
    Unknown,
    /// Something moves there, or may.
    Flat,
    /// As it was learned.
    Learned,
}

/// Times of one cell, microseconds of capture time.
#[derive(Debug, Clone, Copy)]
struct Cell {
    /// Since then it looks as the candidate does.
    since_us: u64,
    /// When it, or its blob, was last disturbed.
    restless_us: u64,
    /// When something in its surroundings was.
    near_us: u64,
    learned: bool,
}

impl Cell {
    fn new(at_us: u64) -> Self {
        Self { since_us: at_us, restless_us: NEVER, near_us: NEVER, learned: false }
    }
    /// For how long nothing has moved in it, its blob and its surroundings.
    fn quiet_us(&self, at_us: u64) -> u64 {
        age_us(self.since_us, at_us).min(age_us(self.restless_us, at_us)).min(age_us(self.near_us, at_us))
    }
}

fn age_us(then_us: u64, at_us: u64) -> u64 {
    if then_us == NEVER { u64::MAX } else { at_us.saturating_sub(then_us) }
}

/// What is found in one picture, a value a cell.
#[derive(Default)]
struct Found {
    /// Differs from the candidate.
    moved: Vec<bool>,
    /// Is known, and differs from what was learned.
    differs: Vec<bool>,
    /// An object's mask, or a cell beside it.
    masked: Vec<bool>,
    /// Part of the body under a head, or close to a plate.
    body: Vec<bool>,
    /// Moved, masked or part of a body.
    disturbed: Vec<bool>,
    /// Hangs together with its neighbours.
    member: Vec<bool>,
}

/// See the [module](super).
pub(super) struct Model {
    grid: Grid,
    geometry: Geometry,
    cells: Vec<Cell>,
    /// What a cell looked like at `since_us`: learned if it stays so.
    candidate: Sheet,
    learned: Sheet,
    compare: Compare,
    blobs: Blobs,
    found: Found,
    looks: Vec<Look>,
    /// When the last picture was taken; none since everything was forgotten.
    last_us: Option<u64>,
}

impl Model {
    pub(super) fn new(geometry: &Geometry) -> Self {
        let grid = Grid::new(geometry);
        let (width, height) = (geometry.width, geometry.height);
        let cells = || vec![false; grid.len()];
        Self {
            geometry: *geometry,
            cells: vec![Cell::new(0); grid.len()],
            candidate: Sheet::new(width, height),
            learned: Sheet::new(width, height),
            compare: Compare::new(width),
            blobs: Blobs::new(&grid),
            found: Found {
                moved: cells(),
                differs: cells(),
                masked: cells(),
                body: cells(),
                disturbed: cells(),
                member: cells(),
            },
            looks: vec![Look::Unknown; grid.len()],
            last_us: None,
            grid,
        }
    }
    pub(super) fn grid(&self) -> &Grid {
        &self.grid
    }
    pub(super) fn looks(&self) -> &[Look] {
        &self.looks
    }
    pub(super) fn learned(&self) -> &Sheet {
        &self.learned
    }
    pub(super) fn forget(&mut self) {
        self.last_us = None;
    }
    pub(super) fn doubt(&mut self, at_us: u64) {
        if self.last_us.is_some_and(|last_us| at_us >= last_us) {
            self.last_us = Some(at_us);
            self.cells.iter_mut().for_each(|cell| cell.since_us = at_us);
        } else {
            self.forget();
        }
    }

    /// Takes the picture in and decides how each cell looks.
    pub(super) fn look(&mut self, canvas: &Canvas<'_>, ask: &Ask<'_>, settings: &SilhouetteSettings) {
        let goes_on = self.last_us.is_some_and(|last_us| (last_us..=last_us + GAP_US).contains(&ask.at_us));
        self.last_us = Some(ask.at_us);
        // The grid knows the size alone; strides may change.
        self.geometry = canvas.geometry;
        if !goes_on {
            return self.begin(canvas, ask);
        }
        self.compare(canvas, settings.step);
        if self.changed_altogether() {
            return self.begin(canvas, ask);
        }
        self.mark_objects(ask.objects);
        self.disturb(canvas, ask.at_us);
        self.spread(ask.at_us, settings);
        self.decide_looks(ask.at_us);
        if ask.sure {
            self.learn(canvas, ask.at_us, settings);
        }
    }

    /// Nothing is known; this picture is the first.
    fn begin(&mut self, canvas: &Canvas<'_>, ask: &Ask<'_>) {
        self.cells.fill(Cell::new(ask.at_us));
        self.candidate.keep(canvas, &Area::whole(&self.geometry));
        self.looks.fill(Look::Unknown);
        self.found.differs.fill(false);
        self.mark_objects(ask.objects);
        for (cell, (masked, body)) in self.cells.iter_mut().zip(self.found.masked.iter().zip(&self.found.body)) {
            if *masked || *body {
                cell.restless_us = ask.at_us;
            }
        }
        for (look, (masked, body)) in self.looks.iter_mut().zip(self.found.masked.iter().zip(&self.found.body)) {
            if *masked || *body {
                *look = Look::Flat;
            }
        }
    }

    fn compare(&mut self, canvas: &Canvas<'_>, step: u8) {
        self.compare.cells(canvas, &self.candidate, &self.grid, step, &mut self.found.moved);
        self.compare.cells(canvas, &self.learned, &self.grid, step, &mut self.found.differs);
        for (differs, cell) in self.found.differs.iter_mut().zip(&self.cells) {
            *differs &= cell.learned;
        }
    }

    /// More than a third of what is known looks different, or more than half of the picture has moved and is nothing that is known: light, shaking, a
    /// lorry before the lens.
    fn changed_altogether(&self) -> bool {
        let count = |which: &dyn Fn(usize) -> bool| (0..self.cells.len()).filter(|&index| which(index)).count();
        let known = count(&|index| self.cells[index].learned);
        let differs = count(&|index| self.found.differs[index]);
        let moved = count(&|i| self.found.moved[i] && (self.found.differs[i] || !self.cells[i].learned));
        (3 * differs > known && 16 * known > self.cells.len()) || 2 * moved > self.cells.len()
    }

    fn mark_objects(&mut self, objects: &[Object]) {
        let Found { masked, body, .. } = &mut self.found;
        masked.fill(false);
        body.fill(false);
        for object in objects {
            self.grid.touched(object.rect, 1, &self.geometry, |cell| masked[cell] = true);
            self.grid.touched(body_of(object), 1, &self.geometry, |cell| body[cell] = true);
        }
    }

    /// What moved, is masked or is a body begins anew.
    fn disturb(&mut self, canvas: &Canvas<'_>, at_us: u64) {
        for index in 0..self.cells.len() {
            let found = &mut self.found;
            let moved = found.moved[index] || found.masked[index];
            found.disturbed[index] = moved || found.body[index];
            let cell = &mut self.cells[index];
            if moved {
                cell.since_us = at_us;
                self.candidate.keep(canvas, &self.grid.cell(index));
            }
            if found.disturbed[index] {
                cell.restless_us = at_us;
            }
        }
    }

    /// Blobs are disturbed as wholes, and their surroundings with them.
    fn spread(&mut self, at_us: u64, settings: &SilhouetteSettings) {
        let still_us = micros(settings.still_s);
        let Found { moved, differs, disturbed, member, .. } = &mut self.found;
        for ((member, cell), differs) in member.iter_mut().zip(&self.cells).zip(&*differs) {
            *member = if cell.learned { *differs } else { age_us(cell.restless_us, at_us) < still_us };
        }
        let cells = std::cell::Cell::from_mut(&mut self.cells[..]).as_slice_of_cells();
        self.blobs.spread(
            &self.grid,
            member,
            disturbed,
            moved,
            |index| cells[index].set(Cell { restless_us: at_us, ..cells[index].get() }),
            |index| cells[index].set(Cell { near_us: at_us, ..cells[index].get() }),
        );
    }

    fn decide_looks(&mut self, at_us: u64) {
        let Self { grid, cells, found, looks, .. } = self;
        for (index, (look, cell)) in looks.iter_mut().zip(&*cells).enumerate() {
            let unknown_flat = !cell.learned && found.body[index];
            *look = match (cell.learned, unknown_flat) {
                (_, true) => Look::Flat,
                (true, _) => Look::Learned,
                (false, _) => Look::Unknown,
            };
        }
        for index in 0..cells.len() {
            let cell = &cells[index];
            let trail = !cell.learned && cell.restless_us != NEVER && age_us(cell.since_us, at_us) < TRAIL_US;
            if found.masked[index] || found.differs[index] || trail {
                looks[index] = Look::Flat;
                grid.around(index, |next| looks[next] = Look::Flat);
            }
        }
        // Beside something that differs, its edge may be below the step.
        for (index, cell) in cells.iter_mut().enumerate() {
            if looks[index] == Look::Flat && !found.differs[index] {
                cell.near_us = at_us;
            }
        }
    }

    /// Learns what was still and quiet for long enough; refreshes what still looks as it was learned.
    fn learn(&mut self, canvas: &Canvas<'_>, at_us: u64, settings: &SilhouetteSettings) {
        let (still_us, again_us) = (micros(settings.still_s), micros(settings.again_s.max(settings.still_s)));
        for (index, cell) in self.cells.iter_mut().enumerate() {
            let needed_us = if self.found.differs[index] { again_us } else { still_us };
            if cell.quiet_us(at_us) < needed_us {
                continue;
            }
            let area = self.grid.cell(index);
            self.learned.take(&self.candidate, &area);
            self.candidate.keep(canvas, &area);
            (cell.learned, cell.since_us) = (true, at_us);
            if self.looks[index] == Look::Unknown {
                self.looks[index] = Look::Learned;
            }
        }
    }
}

fn micros(seconds: u16) -> u64 {
    u64::from(seconds) * 1_000_000
}

/// Where the body under a head is, standing or on a bicycle: four head widths, eight and a half heights. Around a plate, as much again on each side.
fn body_of(object: &Object) -> Rect {
    let rect = object.rect;
    match object.class {
        Class::Head => Rect { x: rect.x - 1.5 * rect.w, y: rect.y, w: 4.0 * rect.w, h: 8.5 * rect.h },
        Class::Plate => rect.grown(1.0),
    }
}
