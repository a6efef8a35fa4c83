//! VIDIOC_STREAMON, VIDIOC_STREAMOFF.

use super::{BufferType, call};
use std::io;
use std::os::fd::BorrowedFd;
use v4l::v4l2::vidioc::{VIDIOC_STREAMOFF, VIDIOC_STREAMON};

/// Starts capturing into the queued buffers.
pub(crate) fn on(device: BorrowedFd<'_>, buffers: BufferType) -> io::Result<()> {
    // SAFETY: STREAMON reads one int.
    unsafe { call(device, VIDIOC_STREAMON, &mut buffers.code()) }
}

/// Stops, and takes every buffer out of the driver's hands.
pub(crate) fn off(device: BorrowedFd<'_>, buffers: BufferType) -> io::Result<()> {
    // SAFETY: STREAMOFF reads one int.
    unsafe { call(device, VIDIOC_STREAMOFF, &mut buffers.code()) }
}
