//! Where nothing is known yet: the cells of `coarse`, only those that are needed.

use crate::canvas::{Canvas, FILL, Yuv};
use crate::coarse;
use crate::{Area, Geometry};

/// Means of one picture.
#[derive(Default)]
pub(super) struct Means {
    cell_px: Option<usize>,
    columns: usize,
    means: Vec<Option<Yuv>>,
}

impl Means {
    /// A new picture. Without a cell size what is unknown is flat.
    pub(super) fn begin(&mut self, cell_px: Option<usize>, geometry: &Geometry) {
        self.cell_px = cell_px;
        self.means.clear();
        if let Some(cell_px) = cell_px {
            self.columns = geometry.width.div_ceil(cell_px);
            self.means.resize(self.columns * geometry.height.div_ceil(cell_px), None);
        }
    }

    /// Takes the means of all cells that `area` touches.
    pub(super) fn gather(&mut self, canvas: &Canvas<'_>, area: &Area) {
        let Some(cell_px) = self.cell_px else { return };
        let geometry = canvas.geometry;
        for row in area.y / cell_px..area.bottom().div_ceil(cell_px) {
            for column in area.x / cell_px..area.right().div_ceil(cell_px) {
                let mean = &mut self.means[row * self.columns + column];
                if mean.is_none() {
                    let (x, y) = (column * cell_px, row * cell_px);
                    let (w, h) = (cell_px.min(geometry.width - x), cell_px.min(geometry.height - y));
                    *mean = Some(coarse::shown(canvas.mean(&Area { x, y, w, h })));
                }
            }
        }
    }

    /// Paints `area` with them.
    pub(super) fn paint(&self, canvas: &mut Canvas<'_>, area: &Area) {
        let Some(cell_px) = self.cell_px else { return canvas.flat(area, FILL) };
        for row in area.y / cell_px..area.bottom().div_ceil(cell_px) {
            let (y, bottom) = ((row * cell_px).max(area.y), ((row + 1) * cell_px).min(area.bottom()));
            for column in area.x / cell_px..area.right().div_ceil(cell_px) {
                let (x, right) = ((column * cell_px).max(area.x), ((column + 1) * cell_px).min(area.right()));
                let mean = self.means[row * self.columns + column].unwrap_or(FILL);
                canvas.flat(&Area { x, y, w: right - x, h: bottom - y }, mean);
            }
        }
    }
}
