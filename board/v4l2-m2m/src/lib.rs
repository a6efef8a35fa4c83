//! Hardware encoders behind the kernel's stateful memory-to-memory interface, for boards without MPP.
//!
//! One frame in, one access unit out. The frame is copied into the driver's buffer; the wait for the unit ends after [`STUCK_AFTER`], and a device that is
//! stuck is closed by a thread that may wait for it, together with the buffers that it may still read.
//!
//! | module | what |
//! |---|---|
//! | [`M2mEncoder`] | the encoder: negotiation, the two queues, what must be true of what comes back |
//! | [`find`] | the devices of this board that encode |
//! | `driver` | what the kernel is asked, as a trait, so that tests can play a driver that lies |
//! | `device`, `ioctl`, `mapping` | the real driver |
//!
//! Standard: the kernel's "Memory-to-Memory Stateful Video Encoder Interface" (`Documentation/userspace-api/media/v4l/dev-encoder.rst`), multi-planar,
//! raw pictures as NV12 in one memory. Not goals: stateless encoders, single-planar devices, dma-buf import, draining (nothing is ever in the queues
//! but one frame).
#![allow(unsafe_code)] // ioctl and mmap; confined to `ioctl` and `mapping`

mod device;
mod driver;
mod encoder;
mod ioctl;
mod mapping;

#[cfg(test)]
mod tests;

pub use device::find;
pub use encoder::{M2mEncoder, STUCK_AFTER};
