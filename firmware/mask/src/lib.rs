//! From a raw frame and what was found in it to a masked frame: shapes, the plan, painting, the ladder.
//!
//! Pure: no I/O, no clock, no threads, no unsafe. The types carry the privacy boundary (P2, P3):
//! [`RawFrame`] owns a leased camera buffer and can only be consumed; [`plan::decide`] is the only maker of a [`Plan`];
//! [`apply`] consumes the frame, checks that the plan is its own and is the only maker of a [`MaskedFrame`] (with [`slate::frame`], which has no
//! camera pixels to begin with), which is all that an encoder takes.
#![forbid(unsafe_code)]

mod apply;
pub mod area;
mod canvas;
mod cells;
mod coarse;
mod font;
mod forms;
pub mod frame;
pub mod ladder;
pub mod object;
pub mod overlay;
pub mod plan;
pub mod scene_cut;
pub mod silhouette;
pub mod slate;

pub use apply::{Painter, apply};
pub use area::Area;
pub use canvas::{BLACK, FILL, WHITE, Yuv, ZONE};
pub use cells::{HOLD_RESIZED_US, HOLD_US, MAX_CELLS, MAX_PLATE_CELLS, MIN_CELL_PX};
pub use forms::{HOLD_FORM_US, HeldForms};
pub use frame::{
    CaptureTime, ColourMatrix, ColourRange, DmaBuf, FrameBuffer, FrameError, FrameId, FrameInfo, Geometry, MaskedFrame,
    NotWrittenBack, Planes, PlanesMut, RawFrame,
};
pub use ladder::{Fault, Ladder, LadderSettings, RungReason, Verdict};
pub use object::{Class, MAX_OBJECTS, Object, Objects, Rect};
pub use overlay::Overlay;
pub use plan::{Plan, Scene};
pub use scene_cut::{Change, SceneCut, SceneCutSettings};
pub use silhouette::{SHAPE, SilhouetteSettings};
