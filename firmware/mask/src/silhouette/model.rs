//! What is known of each cell, and what follows for how it looks.

use super::blobs::{Blobs, extent, widen};
use super::grid::Grid;
use super::sheet::{Compare, Sheet};
use super::{Ask, GAP_US, SilhouetteSettings};
use crate::canvas::Canvas;
use crate::{Area, Class, Geometry, Object, Rect};

/// So long after it moved an unknown cell is still painted as moving, microseconds.
const TRAIL_US: u64 = 1_000_000;
/// How far at least the surroundings of what moves or is masked reach, cells.
const LEAST_REACH: u8 = 2;
/// How far at most: a person who fills more than this share of the picture's height is not expected.
const MOST_REACH_SHARE: usize = 3;
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

/// What is known of one cell. Times are microseconds of capture time.
#[derive(Debug, Clone, Copy)]
struct Cell {
    /// Since then it looks as the candidate does, and neither it nor its surroundings have been disturbed.
    since_us: u64,
    /// When it last moved or was masked.
    moved_us: u64,
    /// The candidate was taken in a disturbance; the first picture after it is the one to keep.
    stale: bool,
    /// How large the largest thing was that moved here since it was learned, in two pictures running (one alone is noise), cells.
    extent: u8,
    /// How large what moves here in this picture is.
    extent_now: u8,
    /// Was masked in the picture before: that it looks different now says nothing of what moves.
    unmasked: bool,
    learned: bool,
}

impl Cell {
    fn new(at_us: u64) -> Self {
        Self {
            since_us: at_us,
            moved_us: NEVER,
            stale: false,
            extent: 0,
            extent_now: 0,
            unmasked: false,
            learned: false,
        }
    }
    /// Whether it moved so lately that it is still painted as moving, where nothing is known.
    fn trails(&self, at_us: u64) -> bool {
        self.moved_us != NEVER && at_us.saturating_sub(self.moved_us) < TRAIL_US
    }
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
    /// Shoulders and chest under a head.
    torso: Vec<bool>,
    /// Part of the body under a head, or close to a plate.
    body: Vec<bool>,
    /// It, its blob or its surroundings are disturbed.
    unsettled: Vec<bool>,
    /// Hangs together with its neighbours.
    member: Vec<bool>,
    /// How large what moves here is; zero between pictures.
    extent_now: Vec<u8>,
    /// How many cells further the surroundings of what moves reach, from here.
    reach: Vec<u8>,
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
                torso: cells(),
                body: cells(),
                unsettled: cells(),
                member: cells(),
                extent_now: vec![0; grid.len()],
                reach: vec![0; grid.len()],
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
            self.cells.iter_mut().for_each(|cell| (cell.since_us, cell.stale) = (at_us, true));
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
        self.finish(canvas, ask.at_us);
        if ask.sure {
            self.learn(canvas, ask.at_us, settings);
        }
    }

    /// Nothing is known; this picture is the first.
    fn begin(&mut self, canvas: &Canvas<'_>, ask: &Ask<'_>) {
        self.cells.fill(Cell::new(ask.at_us));
        self.candidate.keep(canvas, &Area::whole(&self.geometry));
        self.found.moved.fill(false);
        self.found.differs.fill(false);
        self.mark_objects(ask.objects);
        self.finish(canvas, ask.at_us);
    }

    /// From what is found to what is unsettled and how each cell looks.
    fn finish(&mut self, canvas: &Canvas<'_>, at_us: u64) {
        self.disturb(at_us);
        self.spread_over_blobs();
        self.spread_around();
        self.decide_looks(at_us);
        self.settle(canvas, at_us);
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
        let Found { masked, torso, body, .. } = &mut self.found;
        masked.fill(false);
        torso.fill(false);
        body.fill(false);
        for object in objects {
            self.grid.touched(object.rect, 1, &self.geometry, |cell| masked[cell] = true);
            if is_head(object) {
                self.grid.touched(torso_of(object.rect), 0, &self.geometry, |cell| torso[cell] = true);
            }
            self.grid.touched(body_of(object), 1, &self.geometry, |cell| body[cell] = true);
        }
    }

    /// What moved or is masked is unsettled.
    fn disturb(&mut self, at_us: u64) {
        let Self { cells, found: Found { moved, masked, unsettled, .. }, .. } = self;
        for (index, cell) in cells.iter_mut().enumerate() {
            unsettled[index] = moved[index] || masked[index];
            if unsettled[index] {
                cell.moved_us = at_us;
            }
        }
    }

    /// What differs from a known scene is unsettled as a whole.
    fn spread_over_blobs(&mut self) {
        let Self { grid, blobs, found: Found { differs, unsettled, .. }, .. } = self;
        blobs.each(grid, differs, |blob| {
            if blob.iter().any(|&cell| unsettled[cell]) {
                blob.iter().for_each(|&cell| unsettled[cell] = true);
            }
        });
    }

    /// What moves unsettles its surroundings, as far as what moved here before was large: an arm, as far as the man who came.
    fn spread_around(&mut self) {
        let Self { grid, blobs, cells, found, .. } = self;
        let Found { moved, masked, body, member, extent_now, reach, unsettled, .. } = found;
        member.fill(false);
        for cell in (0..grid.len()).filter(|&cell| moved[cell] && !masked[cell] && !cells[cell].unmasked) {
            member[cell] = true;
            grid.around(cell, |next| member[next] = true);
        }
        for (reach, (moved, masked)) in reach.iter_mut().zip(moved.iter().zip(&*masked)) {
            *reach = if *moved || *masked { LEAST_REACH + 1 } else { 0 };
        }
        let most = u8::try_from(grid.rows / MOST_REACH_SHARE).unwrap_or(u8::MAX - 1).max(LEAST_REACH);
        blobs.each(grid, member, |blob| {
            let now = u8::try_from(extent(grid, blob)).unwrap_or(u8::MAX).clamp(LEAST_REACH, most);
            let ever = blob.iter().fold(now, |most, &cell| most.max(cells[cell].extent));
            for &cell in blob {
                let known = &mut cells[cell];
                known.extent = known.extent.max(now.min(known.extent_now));
                extent_now[cell] = now;
                if moved[cell] && !masked[cell] {
                    reach[cell] = ever + 1;
                }
            }
        });
        for (cell, now) in cells.iter_mut().zip(&mut *extent_now) {
            cell.extent_now = std::mem::take(now);
        }
        widen(grid, reach);
        for ((unsettled, reach), body) in unsettled.iter_mut().zip(&*reach).zip(&*body) {
            *unsettled |= *reach > 0 || *body;
        }
    }

    fn decide_looks(&mut self, at_us: u64) {
        let Self { grid, cells, found, looks, .. } = self;
        for (index, (look, cell)) in looks.iter_mut().zip(&*cells).enumerate() {
            *look = match (cell.learned, found.torso[index]) {
                (true, _) => Look::Learned,
                (false, true) => Look::Flat,
                (false, false) => Look::Unknown,
            };
        }
        for (index, cell) in cells.iter().enumerate() {
            let trail = !cell.learned && cell.trails(at_us);
            if found.masked[index] || found.differs[index] || trail {
                looks[index] = Look::Flat;
                grid.around(index, |next| looks[next] = Look::Flat);
            }
        }
        // Beside something that differs, its edge may be below the step.
        for (index, look) in looks.iter().enumerate() {
            found.unsettled[index] |= *look == Look::Flat && !found.differs[index];
        }
    }

    /// What is unsettled begins anew with the first picture in which it is not.
    fn settle(&mut self, canvas: &Canvas<'_>, at_us: u64) {
        for (index, cell) in self.cells.iter_mut().enumerate() {
            let unsettled = self.found.unsettled[index];
            cell.unmasked = self.found.masked[index];
            if unsettled || cell.stale {
                (cell.since_us, cell.stale) = (at_us, unsettled);
                self.candidate.keep(canvas, &self.grid.cell(index));
            }
        }
    }

    /// Learns what was still for long enough; refreshes what still looks as it was learned.
    fn learn(&mut self, canvas: &Canvas<'_>, at_us: u64, settings: &SilhouetteSettings) {
        let (still_us, again_us) = (micros(settings.still_s), micros(settings.again_s.max(settings.still_s)));
        for (index, cell) in self.cells.iter_mut().enumerate() {
            let needed_us = if self.found.differs[index] { again_us } else { still_us };
            if cell.stale || at_us.saturating_sub(cell.since_us) < needed_us {
                continue;
            }
            let area = self.grid.cell(index);
            self.learned.take(&self.candidate, &area);
            self.candidate.keep(canvas, &area);
            (cell.learned, cell.since_us, cell.extent) = (true, at_us, 0);
            if self.looks[index] == Look::Unknown {
                self.looks[index] = Look::Learned;
            }
        }
    }
}

fn micros(seconds: u16) -> u64 {
    u64::from(seconds) * 1_000_000
}

/// Whether a mask can be a head's, by its shape: what is not has no body, and is masked all the same.
fn is_head(object: &Object) -> bool {
    let Rect { w, h, .. } = object.rect;
    object.class == Class::Head && h <= 2.0 * w && w <= 1.5 * h
}

/// Where shoulders and chest are: two mask widths, three heights. A mask is about a third larger than the head.
fn torso_of(head: Rect) -> Rect {
    Rect { x: head.x - 0.5 * head.w, y: head.y, w: 2.0 * head.w, h: 3.0 * head.h }
}

/// Where the body under a head is, standing or on a bicycle: three mask widths, six and a half heights, which is more than seven and a half heads. Of anything else, a
/// quarter more on each side.
fn body_of(object: &Object) -> Rect {
    let rect = object.rect;
    match is_head(object) {
        true => Rect { x: rect.x - rect.w, y: rect.y, w: 3.0 * rect.w, h: 6.5 * rect.h },
        false => rect.grown(0.25),
    }
}
