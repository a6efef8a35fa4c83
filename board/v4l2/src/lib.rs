//! Video4Linux2 capture whose frames own their buffer.
//!
//! The kernel's buffers are mapped once and *leased* to each `RawFrame`, which is painted in place and gives its buffer back from whichever thread
//! drops it, also after the camera is closed or unplugged. (The v4l crate's own streams lend a `&[u8]` until the next call, so the queue is ours, over its
//! ioctl and structures.) Devices with one or several memory planes are the same to the caller. NV12 is taken as it is; NV16, UYVY, YUYV
//! and Motion JPEG are converted at capture, into buffers of our own. Size, stride, range and matrix are the driver's.
//!
//! | module | what |
//! |---|---|
//! | [`camera`](V4l2Camera) | the `CameraSource`: newest frame first, drops counted, errors named |
//! | `driver` | what the kernel is asked, as a trait, so that tests can play a driver that lies |
//! | `negotiate` | which format to ask for, and whether the answer holds water |
//! | `device`, `ioctl` | the real driver, one group of ioctls a file |
//! | `mapping`, `memory`, `heap`, `lease` | the memory, as dma-bufs where that can be had |
//! | `place` | whose memory: the driver's, or a cached dma-heap's where the driver's is slow |
//! | `controls`, `ptz` | exposure and other controls by name; pan, tilt and zoom as a `Ptz` |
//! | `convert`, `jpeg` | NV16, UYVY, YUYV and Motion JPEG to NV12 |
//!
//! Standard: the kernel's V4L2 API (`Documentation/userspace-api/media/v4l`). Not goals: tuners, output, libv4l emulation.
#![allow(unsafe_code)] // ioctl and mmap; confined to `ioctl` and `mapping`

mod camera;
mod controls;
mod convert;
mod device;
mod driver;
mod fault;
mod heap;
mod ioctl;
mod jpeg;
mod lease;
mod mapping;
mod memory;
mod negotiate;
mod place;
mod ptz;

#[cfg(test)]
mod tests;

pub use camera::{Options, V4l2Camera};
pub use convert::to_nv12;
pub use heap::DmaHeap;
pub use memory::Heap;
pub use negotiate::Layout;
pub use place::MemoryChoice;
pub use ptz::V4l2Ptz;
