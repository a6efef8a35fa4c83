//! The ioctls, one group a file: C structures in, plain values out.

pub(crate) mod buffer;
pub(crate) mod control;
pub(crate) mod dma_buf;
pub(crate) mod event;
pub(crate) mod format;
pub(crate) mod identity;
pub(crate) mod input;
pub(crate) mod rate;
pub(crate) mod stream;

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use v4l::v4l2::vidioc::_IOC_TYPE;

/// One or several memory planes, as the kernel's buffer type says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BufferType {
    Single,
    Multi,
}

impl BufferType {
    pub(crate) fn code(self) -> u32 {
        match self {
            BufferType::Single => v4l::v4l_sys::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE,
            BufferType::Multi => v4l::v4l_sys::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
        }
    }
}

/// One ioctl, again when a signal interrupts it.
///
/// # Safety
/// `request` must take a pointer to `T`, and every pointer inside `argument` must be valid for what the request does with it.
unsafe fn call<T>(device: BorrowedFd<'_>, request: _IOC_TYPE, argument: &mut T) -> io::Result<()> {
    loop {
        let pointer = (&raw mut *argument).cast();
        // SAFETY: the caller's promise; `argument` is borrowed mutably for the whole call.
        match unsafe { v4l::v4l2::ioctl(device.as_raw_fd(), request, pointer) } {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// C structures of integers, arrays, unions and pointers, for which all zeroes is a value.
///
/// # Safety
/// It must be one.
unsafe trait Plain: Copy {
    fn zeroed() -> Self {
        // SAFETY: the trait's promise.
        unsafe { std::mem::zeroed() }
    }
}
