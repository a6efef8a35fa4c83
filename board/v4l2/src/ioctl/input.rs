//! VIDIOC_G_INPUT, VIDIOC_ENUMINPUT, VIDIOC_QUERY_DV_TIMINGS, VIDIOC_S_DV_TIMINGS: whether anything comes in, and at which timings.

use super::{Plain, call};
use std::io;
use std::os::fd::BorrowedFd;
use v4l::v4l_sys::{
    V4L2_IN_ST_NO_H_LOCK, V4L2_IN_ST_NO_POWER, V4L2_IN_ST_NO_SIGNAL, V4L2_IN_ST_NO_SYNC, v4l2_dv_timings, v4l2_input,
};
use v4l::v4l2::vidioc::{_IOC_TYPE, VIDIOC_ENUMINPUT, VIDIOC_G_INPUT};

// Not in the v4l crate; numbers of videodev2.h.
const VIDIOC_S_DV_TIMINGS: _IOC_TYPE = nix::request_code_readwrite!(b'V', 87, size_of::<v4l2_dv_timings>());
const VIDIOC_QUERY_DV_TIMINGS: _IOC_TYPE = nix::request_code_read!(b'V', 99, size_of::<v4l2_dv_timings>());

// SAFETY: integers and a union of plain structures.
unsafe impl Plain for v4l2_dv_timings {}
// SAFETY: integers and arrays of them.
unsafe impl Plain for v4l2_input {}

/// What comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// Nothing that can be captured, and what is missing.
    Nothing(&'static str),
    /// A signal whose timings the receiver has measured (HDMI, SDI).
    Timed(Timings),
    /// Whatever it is, the input knows no timings: a sensor, a USB camera, television.
    Untimed,
}

/// What tells one signal from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timings {
    width: u32,
    height: u32,
    interlaced: u32,
    /// Rounded, because every measurement is a little different.
    pixelclock_mhz: u64,
}

/// What comes in at this moment.
pub(crate) fn incoming(device: BorrowedFd<'_>) -> io::Result<Incoming> {
    Ok(measure(device)?.0)
}

/// Sets the receiver to the timings that come in, where the input has timings.
pub(crate) fn tune(device: BorrowedFd<'_>) -> io::Result<Incoming> {
    let (incoming, mut timings) = measure(device)?;
    if matches!(incoming, Incoming::Timed(_)) {
        // SAFETY: S_DV_TIMINGS reads and fills in a v4l2_dv_timings.
        unsafe { call(device, VIDIOC_S_DV_TIMINGS, &mut timings) }?;
    }
    Ok(incoming)
}

fn measure(device: BorrowedFd<'_>) -> io::Result<(Incoming, v4l2_dv_timings)> {
    let mut timings = v4l2_dv_timings::zeroed();
    if let Some(lacks) = status(device)? {
        return Ok((Incoming::Nothing(lacks), timings));
    }
    // SAFETY: QUERY_DV_TIMINGS fills in a v4l2_dv_timings.
    let incoming = match unsafe { call(device, VIDIOC_QUERY_DV_TIMINGS, &mut timings) } {
        Ok(()) => {
            // SAFETY: BT.656/1120 timings are the only kind; any bytes are integers.
            let bt = unsafe { timings.__bindgen_anon_1.bt };
            let pixelclock_mhz = (bt.pixelclock + 500_000) / 1_000_000;
            Incoming::Timed(Timings { width: bt.width, height: bt.height, interlaced: bt.interlaced, pixelclock_mhz })
        }
        Err(error) => match error.raw_os_error() {
            Some(libc::ENOLINK) => Incoming::Nothing("no signal; is the cable in, is the source on?"),
            Some(libc::ENOLCK) => Incoming::Nothing("a signal that is not stable"),
            Some(libc::ERANGE) => Incoming::Nothing("a signal beyond what the receiver takes"),
            Some(libc::ENODEV | libc::EIO) => return Err(error),
            _ => Incoming::Untimed,
        },
    };
    Ok((incoming, timings))
}

/// What the present input lacks; nothing where the driver knows no inputs.
fn status(device: BorrowedFd<'_>) -> io::Result<Option<&'static str>> {
    let mut index: std::ffi::c_int = 0;
    // SAFETY: G_INPUT writes one int.
    match unsafe { call(device, VIDIOC_G_INPUT, &mut index) } {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOTTY | libc::EINVAL)) => return Ok(None),
        other => other?,
    }
    let mut input = v4l2_input { index: u32::try_from(index).unwrap_or(0), ..v4l2_input::zeroed() };
    // SAFETY: ENUMINPUT reads and fills in a v4l2_input.
    match unsafe { call(device, VIDIOC_ENUMINPUT, &mut input) } {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOTTY | libc::EINVAL)) => return Ok(None),
        other => other?,
    }
    let lacks = [
        (V4L2_IN_ST_NO_POWER, "no power at its input"),
        (V4L2_IN_ST_NO_SIGNAL, "no signal; is the cable in, is the source on?"),
        (V4L2_IN_ST_NO_SYNC | V4L2_IN_ST_NO_H_LOCK, "a signal that is not stable"),
    ];
    Ok(lacks.into_iter().find(|(bit, _)| input.status & bit != 0).map(|(_, words)| words))
}
