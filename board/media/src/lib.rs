//! The way from a sensor through an image signal processor to a capture device, set up as the board's profile says: links, formats, crop.
//!
//! | module | what |
//! |---|---|
//! | [`topology`] | what there is: entities, pads, links, as plain values; finds what a profile names; pure |
//! | `device` | the kernel's media devices and subdevices |
//! | [`fn@setup`] | profile to kernel; every answer is compared with what was asked |
//! | [`fn@check`] | what an ISP's picture depends on beside the graph: the vendor's exposure and white-balance service and its tuning files |
//!
//! Standard: the kernel's media controller and V4L2 sub-device API (`Documentation/userspace-api/media/mediactl`). Not goals: routing of streams, controls of
//! subdevices, finding out by itself which way pictures should go.
#![allow(unsafe_code)] // ioctl; confined to `ioctl`

mod check;
mod device;
mod ioctl;
mod setup;
pub mod topology;

pub use check::{Finding, check, check_at};
pub use setup::{MediaError, setup};
