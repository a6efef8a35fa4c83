//! From a raw frame and what was found in it to a masked frame: shapes, the plan, painting, the ladder.
//!
//! Pure: no I/O, no clock, no threads, no unsafe. The types carry the privacy boundary (P2, P3):
//! [`RawFrame`] owns a leased camera buffer and can only be consumed; [`plan::decide`] is the only maker of a [`Plan`];
//! [`apply`] consumes both, checks that they belong together and is the only maker of a [`MaskedFrame`], which is all that an
//! encoder takes.
#![forbid(unsafe_code)]

pub mod frame;
pub mod object;
pub mod plan;

pub use frame::{CaptureTime, ColourRange, FrameBuffer, FrameError, FrameId, Geometry, MaskedFrame, PlanesMut, Planes, RawFrame};
pub use object::{Class, Object, Objects, Rect, MAX_OBJECTS};
pub use plan::Plan;
