//! The only road from a raw frame to a masked one.
//!
//! **[`apply`] consumes the frame; whatever fails on the way, the frame is dropped unmasked and unseen.** Privacy zones are painted first, so that no
//! filter ever averages what is in them; then the plan's filter; then the overlay.

use crate::canvas::{BLACK, Canvas, FILL, ZONE};
use crate::cells::HeldCells;
use crate::coarse::Coarse;
use crate::font::Fonts;
use crate::overlay::Overlay;
use crate::plan::{MAX_ZONES, Style};
use crate::silhouette::{Ask, Silhouette};
use crate::{Area, FrameError, MaskedFrame, Plan, RawFrame, Rect, SilhouetteSettings};
use contract::Rung;
use heapless::Vec;

/// What painting keeps from frame to frame: buffers, the held cells of `pixelate`, the still scene of `silhouette`, the overlay. One per stream; it
/// allocates when it is made, when the picture's size changes and when a filter is used for the first time, never per frame.
#[derive(Default)]
pub struct Painter {
    coarse: Coarse,
    held: HeldCells,
    silhouette: Silhouette,
    /// Zones of the frame before: a scene learned under others is not shown.
    zones: Vec<Rect, MAX_ZONES>,
    fonts: Fonts,
    overlay: Option<Overlay>,
}

impl Painter {
    /// Without an overlay (files).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
    /// With an overlay (everything that is shared).
    #[must_use]
    pub fn with_overlay(overlay: Overlay) -> Self {
        Self { overlay: Some(overlay), ..Self::default() }
    }

    /// How slowly `silhouette` learns, where it is not to be as by default.
    #[must_use]
    pub fn silhouette(mut self, settings: SilhouetteSettings) -> Self {
        self.silhouette = Silhouette::new(settings);
        self
    }
    /// The scene is another one from the next frame on: what `silhouette` has learned is forgotten. To be called at every cut and camera move.
    pub fn forget(&mut self) {
        self.silhouette.forget();
    }

    fn paint(&mut self, frame: &mut RawFrame, plan: &Plan) {
        let info = *frame.info();
        let mut canvas = Canvas::new(frame.planes_mut(), info.geometry);
        if self.zones != plan.zones {
            self.zones.clone_from(&plan.zones);
            self.silhouette.forget();
        }
        flat_zones(&mut canvas, plan);
        let at_us = info.captured.monotonic_us;
        if plan.rung() >= Rung::Covered {
            self.silhouette.doubt(at_us);
        }
        match plan.style() {
            Style::Dark => canvas.blank(BLACK),
            Style::Coarse { cell_px } => self.coarse.paint(&mut canvas, cell_px as usize),
            Style::Silhouette { coarse_cell_px } => {
                flat_objects(&mut canvas, plan);
                let sure = plan.rung() == Rung::Clear;
                let coarse_cell_px = coarse_cell_px.map(|cell_px| cell_px as usize);
                self.silhouette.paint(&mut canvas, &Ask { objects: &plan.masks, at_us, sure, coarse_cell_px });
                // Once more: what is painted by cells does not end where a zone does.
                flat_zones(&mut canvas, plan);
            }
            Style::Fill => flat_objects(&mut canvas, plan),
            Style::Pixelate => {
                for mask in &plan.masks {
                    self.held.paint(&mut canvas, mask, at_us);
                }
            }
        }
        if let Some(overlay) = &self.overlay {
            overlay.draw(&mut canvas, &self.fonts, &info, plan);
        }
    }
}

fn flat_zones(canvas: &mut Canvas<'_>, plan: &Plan) {
    for zone in &plan.zones {
        if let Some(area) = Area::outward(*zone, &canvas.geometry) {
            canvas.flat(&area, ZONE);
        }
    }
}

fn flat_objects(canvas: &mut Canvas<'_>, plan: &Plan) {
    for mask in &plan.masks {
        if let Some(area) = Area::outward(mask.rect, &canvas.geometry) {
            canvas.flat(&area, FILL);
        }
    }
}

/// Paints `plan` on `frame`, in place.
///
/// # Errors
/// [`FrameError::ForeignPlan`] when the plan is another frame's; the frame goes back to the camera.
pub fn apply(mut frame: RawFrame, plan: &Plan, painter: &mut Painter) -> Result<MaskedFrame, FrameError> {
    check(&frame, plan)?;
    painter.paint(&mut frame, plan);
    Ok(frame.into_masked())
}

fn check(frame: &RawFrame, plan: &Plan) -> Result<(), FrameError> {
    let (plan, frame) = (plan.frame(), frame.info().id);
    if plan == frame { Ok(()) } else { Err(FrameError::ForeignPlan { plan, frame }) }
}
