//! What will be painted on one frame, decided from what is known about it.
//!
//! **[`decide`] is the only maker of a [`Plan`]; whenever it is told nothing, or something about another frame, the whole picture is covered.**

use crate::{Area, FrameId, Geometry, MAX_OBJECTS, Object, Objects, Rect};
use crate::{coarse, forms};
use contract::policy::View;
use contract::{Filter, Rung};
use heapless::Vec;

/// Most privacy zones of one view.
pub const MAX_ZONES: usize = 16;
/// Most areas painted on one frame: every zone and every object.
pub const MAX_AREAS: usize = MAX_ZONES + MAX_OBJECTS;

/// What the granted view fixes for every frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// Always painted; pixels.
    pub zones: Vec<Rect, MAX_ZONES>,
    /// Width of the largest face that this view can show, pixels; `None` when unknown, then `coarse` is not offered and doubt is `dark`.
    pub largest_face_px: Option<f32>,
}

/// Why a view cannot be used on a picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SceneError {
    /// More zones than a plan holds. Leaving some out would show what must be painted.
    #[error("view {view} has {have} privacy zones, at most {MAX_ZONES} are painted; join some in the policy")]
    TooManyZones {
        /// Which view.
        view: String,
        /// How many it has.
        have: usize,
    },
}

impl Scene {
    /// No zones, largest face unknown: a view that has not been described. Doubt is `dark` here.
    #[must_use]
    pub fn unknown() -> Self {
        Self { zones: Vec::new(), largest_face_px: None }
    }
    /// A view of the policy on a picture of `width` by `height` pixels. Zones grow outward to whole pixels.
    ///
    /// # Errors
    /// [`SceneError::TooManyZones`].
    pub fn new(width: usize, height: usize, view: &View) -> Result<Self, SceneError> {
        let (width, height) = (width as f32, height as f32);
        let mut zones = Vec::new();
        for zone in &view.zones {
            let (left, top) = ((zone.x * width).floor(), (zone.y * height).floor());
            let (right, bottom) = (((zone.x + zone.w) * width).ceil(), ((zone.y + zone.h) * height).ceil());
            let rect = Rect { x: left, y: top, w: right - left, h: bottom - top };
            zones
                .push(rect)
                .map_err(|_| SceneError::TooManyZones { view: view.name.to_string(), have: view.zones.len() })?;
        }
        Ok(Self { zones, largest_face_px: view.largest_face.map(|share| share * width) })
    }
}

/// How the objects of a plan are painted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Each object in a few held cells.
    Pixelate,
    /// Each object flat.
    Fill,
    /// Each object flat, and all that is not the still scene.
    Silhouette {
        /// Side of the cells where nothing is known yet, pixels; even. Without it that is flat.
        coarse_cell_px: Option<u32>,
    },
    /// The whole picture in cells.
    Coarse {
        /// Side of a cell, pixels; even.
        cell_px: u32,
    },
    /// The whole picture flat.
    Dark,
}

/// What will be painted on one frame.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) frame: FrameId,
    pub(crate) rung: Rung,
    pub(crate) filter: Filter,
    pub(crate) objects: Vec<Object, MAX_OBJECTS>,
    /// The same, in the forms in which they are painted.
    pub(crate) masks: Vec<Object, MAX_OBJECTS>,
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
    /// What is masked one by one, as it was found; [`Plan::areas`] says what is painted.
    #[must_use]
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }
    /// Whether the whole picture is painted: in cells, flat, or with a still scene learned earlier.
    #[must_use]
    pub fn covers_all(&self) -> bool {
        matches!(self.style(), Style::Silhouette { .. } | Style::Coarse { .. } | Style::Dark)
    }
    /// The areas that [`crate::apply`] paints on a picture of this geometry, zones first, apart from the overlay.
    #[must_use]
    pub fn areas(&self, geometry: &Geometry) -> Vec<Area, MAX_AREAS> {
        if self.covers_all() {
            return Vec::from_array([Area::whole(geometry)]);
        }
        let rects = self.zones.iter().copied().chain(self.masks.iter().map(|mask| mask.rect));
        rects.filter_map(|rect| Area::outward(rect, geometry)).collect()
    }
    /// Every combination that is not known to show enough too little is `Dark`.
    pub(crate) fn style(&self) -> Style {
        match (self.rung, self.filter, self.coarse_cell_px) {
            (Rung::Dark, _, _) | (Rung::Covered, _, None) | (_, Filter::Coarse, None) => Style::Dark,
            (Rung::Covered, _, Some(cell_px)) | (_, Filter::Coarse, Some(cell_px)) => Style::Coarse { cell_px },
            (_, Filter::Silhouette, coarse_cell_px) => Style::Silhouette { coarse_cell_px },
            (_, Filter::Fill, _) => Style::Fill,
            (_, Filter::Pixelate, _) => Style::Pixelate,
        }
    }
}

/// Decides what to paint on `frame`.
///
/// `objects` is what detector and tracks say of this very frame, `None` when they could not tell. `rung` is the ladder's word; the plan's rung
/// is that or a more careful one (P3).
#[must_use]
pub fn decide(frame: FrameId, objects: Option<&Objects>, rung: Rung, filter: Filter, scene: &Scene) -> Plan {
    let known = objects.filter(|found| {
        found.frame == frame && !found.doubtful && found.list.iter().all(|object| object.rect.is_sound())
    });
    let mut rung = if known.is_none() { rung.max(Rung::Covered) } else { rung };
    let coarse_cell_px = scene.largest_face_px.filter(|px| px.is_finite() && *px > 0.0).map(coarse::cell_px);
    let whole = rung >= Rung::Covered || filter == Filter::Coarse;
    let zones_unsound = scene.zones.iter().any(|zone| ![zone.x, zone.y, zone.w, zone.h].iter().all(|v| v.is_finite()));
    if (whole && coarse_cell_px.is_none()) || zones_unsound {
        rung = Rung::Dark;
    }
    let objects = known.map(|found| found.list.clone()).unwrap_or_default();
    Plan {
        frame,
        rung,
        filter: if whole { Filter::Coarse } else { filter },
        masks: objects.iter().map(forms::mask_of).collect(),
        objects,
        zones: scene.zones.clone(),
        coarse_cell_px,
    }
}
