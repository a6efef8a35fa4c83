//! `silhouette`: over a still scene, everything that moves is a flat shape.
//!
//! **No pixel of the present picture is ever shown as it is.** A pixel of the output is one of these, whatever the camera sees:
//! 1. a flat colour: [`SHAPE`] where something moves, differs from the still scene or is masked; [`FILL`](crate::FILL) where nothing is known yet;
//! 2. where nothing is known yet and the view's largest face is stated: a cell of `coarse`, as on a picture that is `covered`;
//! 3. a value *learned*: what `fill` left of that pixel in an earlier picture, after which its cell stayed as it was, unmasked and unmoved, for at least
//!    [`SilhouetteSettings::still_s`] seconds on capture time, with nothing moving in its surroundings.
//!
//! So a head that the detector misses is not shown when it comes, nor while it is there; it could only be learned. What keeps people out of the scene:
//! - **Blobs.** Cells that differ from a known scene and hang together are one: when one of them moves or is masked, all of them count as having moved.
//!   Somebody who waits and shifts a foot renews his whole shape.
//! - **Surroundings.** Where something moves nothing is learned around it as far as the largest thing was long that moved there before: when an arm moves, as
//!   far as the man reaches who came (what shows in one picture alone is noise, and makes nothing long). At least two cells, at most a third of the picture's height. Two cells around a mask.
//! - **Bodies.** Under each head mask (at most twice as high as wide, and half as wide again as high: what has another shape is no head) nothing is learned of a body three mask widths wide and six and a half heights long, even if it stands like a statue,
//!   and where nothing is known yet its shoulders and chest are flat.
//! - **A cell that is known is learned anew only after [`SilhouetteSettings::again_s`]** in which nothing of the whole blob moved: a parked car, not somebody waiting.
//!   (Where it still looks as learned it is refreshed every `still_s`, so that the scene follows the sun.)
//! - **Doubt.** In pictures that are not `clear` nothing is learned; one that is `covered` or `dark` starts every count anew. A picture that changes
//!   altogether (light, shaking, rain, another scene) is covered as a whole; [`Painter::forget`](crate::Painter::forget), a gap of [`GAP_US`] and a clock that runs back forget everything.
//!
//! What it cannot keep out: somebody undetected who does not move at all for `still_s` where nothing is known yet (or was there before the first picture and moves only
//! something small far from the rest of him), or for `again_s` before a known scene. And what lies in the scene is in the scene: a parked car's plate shows if the detector misses it.
//!
//! The method is background subtraction with selective update (Toyama et al., *Wallflower*, ICCV 1999, on why updates must be selective). It is pure: time is the frame's
//! capture time, and all memory (two pictures and some bytes a cell) is taken when the first picture of a size comes.

mod blobs;
mod grid;
mod means;
mod model;
mod sheet;

use crate::canvas::{Canvas, Yuv};
use crate::{Area, Geometry, Object};
use grid::Grid;
use means::Means;
use model::{Look, Model};
use serde::{Deserialize, Serialize};

/// What moves. A colour that asphalt, sky and `fill` do not have.
pub const SHAPE: Yuv = Yuv { y: 96, cb: 168, cr: 146 };
/// So long without a picture and everything is forgotten, microseconds.
pub const GAP_US: u64 = 3_000_000;

/// How slowly the still scene is learned; configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SilhouetteSettings {
    /// What is not known yet is learned after so many still seconds, 5 to 600.
    pub still_s: u16,
    /// What differs from what was learned is learned after so many still seconds, `still_s` to 3600.
    pub again_s: u16,
    /// A block of 8 by 8 pixels has changed when its samples differ by more than this on average, luma or colour steps, 2 to 32. Noise must stay below.
    pub step: u8,
}

impl Default for SilhouetteSettings {
    fn default() -> Self {
        Self { still_s: 10, again_s: 120, step: 6 }
    }
}

/// The filter with its memory. One per stream.
#[derive(Default)]
pub(crate) struct Silhouette {
    settings: SilhouetteSettings,
    /// Of pictures of that size.
    model: Option<(Geometry, Model)>,
    means: Means,
}

/// What a picture is painted with.
pub(crate) struct Ask<'a> {
    /// Masked already, with `fill`, on the canvas.
    pub(crate) objects: &'a [Object],
    /// Capture time, microseconds.
    pub(crate) at_us: u64,
    /// The rung is `clear`: the masks are of this very picture.
    pub(crate) sure: bool,
    /// Side of the cells of `coarse`, pixels, where it is known.
    pub(crate) coarse_cell_px: Option<usize>,
}

impl Silhouette {
    pub(crate) fn new(settings: SilhouetteSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Nothing is known any more.
    pub(crate) fn forget(&mut self) {
        if let Some((_, model)) = &mut self.model {
            model.forget();
        }
    }

    /// A picture was not clear enough to be looked at: every count begins anew.
    pub(crate) fn doubt(&mut self, at_us: u64) {
        if let Some((_, model)) = &mut self.model {
            model.doubt(at_us);
        }
    }

    /// Looks at a picture on which zones and objects are painted already, and paints over all of it.
    pub(crate) fn paint(&mut self, canvas: &mut Canvas<'_>, ask: &Ask<'_>) {
        let geometry = canvas.geometry;
        if self.model.as_ref().is_none_or(|(of, _)| (of.width, of.height) != (geometry.width, geometry.height)) {
            self.model = Some((geometry, Model::new(&geometry)));
        }
        let Some((_, model)) = &mut self.model else { return };
        model.look(canvas, ask, &self.settings);
        let (grid, looks) = (model.grid(), model.looks());
        self.means.begin(ask.coarse_cell_px, &geometry);
        // All means before anything is painted: they are of the picture, not of what stands in its place.
        each_run(grid, looks, Look::Unknown, |area| self.means.gather(canvas, &area));
        each_run(grid, looks, Look::Unknown, |area| self.means.paint(canvas, &area));
        each_run(grid, looks, Look::Flat, |area| canvas.flat(&area, SHAPE));
        each_run(grid, looks, Look::Learned, |area| model.learned().show(canvas, &area));
    }
}

/// Neighbouring cells of a row that look alike, as one area.
fn each_run(grid: &Grid, looks: &[Look], wanted: Look, mut visit: impl FnMut(Area)) {
    for (row, looks) in looks.chunks(grid.columns).enumerate() {
        let mut from = 0;
        for run in looks.chunk_by(|a, b| a == b) {
            if run[0] == wanted {
                visit(grid.area(row, from..from + run.len()));
            }
            from += run.len();
        }
    }
}
