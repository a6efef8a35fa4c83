//! VIDIOC_S_PARM, VIDIOC_ENUM_FRAMEINTERVALS: frames per second.

use super::{BufferType, Plain, call};
use crate::driver::FourCc;
use std::io;
use std::os::fd::BorrowedFd;
use v4l::v4l_sys::{
    V4L2_CAP_TIMEPERFRAME, v4l2_captureparm, v4l2_fract, v4l2_frmivalenum,
    v4l2_frmivaltypes_V4L2_FRMIVAL_TYPE_DISCRETE as DISCRETE, v4l2_streamparm,
};
use v4l::v4l2::vidioc::{VIDIOC_ENUM_FRAMEINTERVALS, VIDIOC_S_PARM};

// SAFETY: an integer and a union of plain structures.
unsafe impl Plain for v4l2_streamparm {}
// SAFETY: integers.
unsafe impl Plain for v4l2_captureparm {}

// SAFETY: integers and a union of them.
unsafe impl Plain for v4l2_frmivalenum {}

/// More intervals than this is a driver that never says "that was all".
const MOST_INTERVALS: u32 = 256;

/// The most frames a second at exactly that size: `None` when the driver does not deal in rates, 0 when it does not have the size.
pub(crate) fn fastest(device: BorrowedFd<'_>, pixels: FourCc, width: usize, height: usize) -> io::Result<Option<f32>> {
    let too_large = |_| io::Error::from_raw_os_error(libc::EINVAL);
    let width = u32::try_from(width).map_err(too_large)?;
    let height = u32::try_from(height).map_err(too_large)?;
    let mut fastest = 0.0_f32;
    for index in 0..MOST_INTERVALS {
        let pixel_format = pixels.code();
        let mut answer = v4l2_frmivalenum { index, pixel_format, width, height, ..v4l2_frmivalenum::zeroed() };
        // SAFETY: ENUM_FRAMEINTERVALS reads and fills in a v4l2_frmivalenum.
        match unsafe { call(device, VIDIOC_ENUM_FRAMEINTERVALS, &mut answer) } {
            Err(end) if end.raw_os_error() == Some(libc::EINVAL) => break,
            Err(error) if error.raw_os_error() == Some(libc::ENOTTY) => return Ok(None),
            other => other?,
        }
        // SAFETY: the kernel fills in the union; a discrete interval is its first part, and the shortest of a range is too.
        let interval = unsafe { answer.__bindgen_anon_1.stepwise.min };
        if let Some(fps) = rate(interval) {
            fastest = fastest.max(fps);
        }
        if answer.type_ != DISCRETE {
            break;
        }
    }
    Ok(Some(fastest))
}

fn rate(interval: v4l2_fract) -> Option<f32> {
    let v4l2_fract { numerator, denominator } = interval;
    (numerator != 0 && denominator != 0).then(|| (f64::from(denominator) / f64::from(numerator)) as f32)
}

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
    Ok(rate(chosen.timeperframe).filter(|_| chosen.capability & V4L2_CAP_TIMEPERFRAME != 0))
}
