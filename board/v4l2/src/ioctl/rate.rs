//! VIDIOC_S_PARM: frames per second.

use super::{BufferType, Plain, call};
use std::io;
use std::os::fd::BorrowedFd;
use v4l::v4l_sys::{V4L2_CAP_TIMEPERFRAME, v4l2_captureparm, v4l2_fract, v4l2_streamparm};
use v4l::v4l2::vidioc::VIDIOC_S_PARM;

// SAFETY: an integer and a union of plain structures.
unsafe impl Plain for v4l2_streamparm {}
// SAFETY: integers.
unsafe impl Plain for v4l2_captureparm {}

/// Asks for `fps` and tells what the driver chose; `None` when it does not deal in rates.
pub(crate) fn set(device: BorrowedFd<'_>, buffers: BufferType, fps: f32) -> io::Result<Option<f32>> {
    let mut parameters = v4l2_streamparm { type_: buffers.code(), ..v4l2_streamparm::zeroed() };
    let timeperframe = v4l2_fract { numerator: 1000, denominator: (fps * 1000.0).round() as u32 };
    parameters.parm.capture = v4l2_captureparm { timeperframe, ..v4l2_captureparm::zeroed() };
    // SAFETY: S_PARM reads and fills in a v4l2_streamparm.
    match unsafe { call(device, VIDIOC_S_PARM, &mut parameters) } {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOTTY | libc::EINVAL)) => return Ok(None),
        other => other?,
    }
    // SAFETY: of a capture buffer type the kernel fills in `capture`; any bytes are integers.
    let chosen = unsafe { parameters.parm.capture };
    let v4l2_fract { numerator, denominator } = chosen.timeperframe;
    if chosen.capability & V4L2_CAP_TIMEPERFRAME == 0 || numerator == 0 || denominator == 0 {
        return Ok(None);
    }
    Ok(Some((f64::from(denominator) / f64::from(numerator)) as f32))
}
