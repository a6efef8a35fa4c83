//! The only road from a raw frame to a masked one.
//!
//! **[`apply`] consumes the frame; whatever fails on the way, the frame is dropped unmasked and unseen.** Privacy zones are painted first, so that no
//! filter ever averages what is in them; then the plan's filter; then the overlay.

use crate::canvas::{BLACK, Canvas, FILL, ZONE};
use crate::cells::HeldCells;
use crate::coarse::Coarse;
use crate::font::Fonts;
use crate::overlay::Overlay;
use crate::plan::Style;
use crate::{Area, FrameError, MaskedFrame, Plan, RawFrame};

/// What painting keeps from frame to frame: buffers, the held cells of `pixelate`, the overlay. One per stream; it allocates when it is made and when
/// the picture's width grows, never per frame.
#[derive(Default)]
pub struct Painter {
    coarse: Coarse,
    held: HeldCells,
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

    fn paint(&mut self, frame: &mut RawFrame, plan: &Plan) {
        let info = *frame.info();
        let mut canvas = Canvas::new(frame.planes_mut(), info.geometry);
        for zone in &plan.zones {
            if let Some(area) = Area::outward(*zone, &info.geometry) {
                canvas.flat(&area, ZONE);
            }
        }
        match plan.style() {
            Style::Dark => canvas.blank(BLACK),
            Style::Coarse { cell_px } => self.coarse.paint(&mut canvas, cell_px as usize),
            Style::Fill => {
                for object in plan.objects() {
                    if let Some(area) = Area::outward(object.rect, &info.geometry) {
                        canvas.flat(&area, FILL);
                    }
                }
            }
            Style::Pixelate => {
                for object in plan.objects() {
                    self.held.paint(&mut canvas, object, info.captured.monotonic_us);
                }
            }
        }
        if let Some(overlay) = &self.overlay {
            overlay.draw(&mut canvas, &self.fonts, &info, plan);
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
