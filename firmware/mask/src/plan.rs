//! What will be painted on one frame, decided from what is known about it.
//!
//! **[`decide`] is the only maker of a [`Plan`]; whenever it is told nothing, or something about another frame, the whole picture is covered.**

use crate::{FrameId, Object, Objects, Rect, MAX_OBJECTS};
use contract::{Filter, Rung};
use heapless::Vec;

/// Most privacy zones of one view.
pub const MAX_ZONES: usize = 16;

/// What the granted view fixes for every frame.
#[derive(Debug, Clone)]
pub struct Scene {
    /// Always painted; pixels.
    pub zones: Vec<Rect, MAX_ZONES>,
    /// Width of the largest face that this view can show, pixels; `None` when unknown, then `coarse` is not offered and doubt is `dark`.
    pub largest_face_px: Option<f32>,
}

/// What will be painted on one frame.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) frame: FrameId,
    pub(crate) rung: Rung,
    pub(crate) filter: Filter,
    pub(crate) objects: Vec<Object, MAX_OBJECTS>,
    pub(crate) zones: Vec<Rect, MAX_ZONES>,
    pub(crate) coarse_cell_px: Option<u32>,
}

impl Plan {
    /// Whose plan it is.
    #[must_use]
    pub fn frame(&self) -> FrameId {
        self.frame
    }
    /// The rung in effect: the one asked for, or a more careful one.
    #[must_use]
    pub fn rung(&self) -> Rung {
        self.rung
    }
    /// The filter in effect: the one asked for, or a stronger one.
    #[must_use]
    pub fn filter(&self) -> Filter {
        self.filter
    }
    /// What is masked one by one.
    #[must_use]
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }
}

/// Decides what to paint on `frame`.
///
/// `objects` is what detector and tracks say of this very frame, `None` when they could not tell. `rung` is the ladder's word; the plan's rung
/// is that or a more careful one (P3).
#[must_use]
pub fn decide(frame: FrameId, objects: Option<&Objects>, rung: Rung, filter: Filter, scene: &Scene) -> Plan {
    let known = objects.filter(|found| found.frame == frame && !found.doubtful);
    let mut rung = if known.is_none() { rung.max(Rung::Covered) } else { rung };
    let coarse_cell_px = scene.largest_face_px.map(coarse_cell_px);
    let whole = rung >= Rung::Covered || filter == Filter::Coarse;
    if whole && coarse_cell_px.is_none() {
        rung = Rung::Dark;
    }
    Plan {
        frame,
        rung,
        filter: if whole { Filter::Coarse } else { filter },
        objects: known.map(|found| found.list.clone()).unwrap_or_default(),
        zones: scene.zones.clone(),
        coarse_cell_px,
    }
}

/// Cell size at which a face of `largest_face_px` spans at most four cells wherever the grid falls: `floor(w / c) + 1 <= 4`, hence more than a
/// third of it. Even, because chroma is half size; at least 16.
fn coarse_cell_px(largest_face_px: f32) -> u32 {
    let third = (largest_face_px.max(1.0) / 3.0).floor() as u32 + 1;
    (third.max(16) + 1) & !1
}
