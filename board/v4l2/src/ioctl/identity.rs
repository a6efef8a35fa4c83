//! VIDIOC_QUERYCAP, VIDIOC_ENUM_FMT: who it is and what it offers.

use super::{BufferType, Plain, call};
use crate::driver::{FourCc, Identity};
use std::io;
use std::os::fd::BorrowedFd;
use v4l::v4l_sys::{
    V4L2_CAP_DEVICE_CAPS, V4L2_CAP_STREAMING, V4L2_CAP_VIDEO_CAPTURE, V4L2_CAP_VIDEO_CAPTURE_MPLANE, v4l2_capability,
    v4l2_fmtdesc,
};
use v4l::v4l2::vidioc::{VIDIOC_ENUM_FMT, VIDIOC_QUERYCAP};

// SAFETY: integers and arrays of them.
unsafe impl Plain for v4l2_capability {}
// SAFETY: integers and arrays of them.
unsafe impl Plain for v4l2_fmtdesc {}

/// More formats than this is a driver that never says "that was all".
const MOST_FORMATS: u32 = 256;

/// Who the device is, and its buffer type where it captures video.
pub(crate) fn query(device: BorrowedFd<'_>) -> io::Result<(Identity, Option<BufferType>)> {
    let mut answer = v4l2_capability::zeroed();
    // SAFETY: QUERYCAP fills in a v4l2_capability.
    unsafe { call(device, VIDIOC_QUERYCAP, &mut answer) }?;
    let all = answer.capabilities;
    let this = if all & V4L2_CAP_DEVICE_CAPS != 0 { answer.device_caps } else { all };
    let buffers = if this & V4L2_CAP_VIDEO_CAPTURE != 0 {
        Some(BufferType::Single)
    } else if this & V4L2_CAP_VIDEO_CAPTURE_MPLANE != 0 {
        Some(BufferType::Multi)
    } else {
        None
    };
    let streams_video = buffers.is_some() && this & V4L2_CAP_STREAMING != 0;
    Ok((Identity { driver: text(&answer.driver), card: text(&answer.card), streams_video }, buffers))
}

/// Every pixel format on offer.
pub(crate) fn formats(device: BorrowedFd<'_>, buffers: BufferType) -> io::Result<Vec<FourCc>> {
    let mut offered = Vec::new();
    for index in 0..MOST_FORMATS {
        let mut answer = v4l2_fmtdesc { index, type_: buffers.code(), ..v4l2_fmtdesc::zeroed() };
        // SAFETY: ENUM_FMT reads and fills in a v4l2_fmtdesc.
        match unsafe { call(device, VIDIOC_ENUM_FMT, &mut answer) } {
            Ok(()) => offered.push(FourCc::from_code(answer.pixelformat)),
            Err(end) if end.raw_os_error() == Some(libc::EINVAL) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(offered)
}

/// Up to the first zero byte.
pub(crate) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes[..end].escape_ascii().to_string()
}
