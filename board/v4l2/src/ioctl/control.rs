//! VIDIOC_QUERYCTRL, VIDIOC_S_CTRL: the knobs of a device.

use super::{Plain, call};
use crate::controls::Described;
use std::io;
use std::os::fd::BorrowedFd;
use v4l::v4l_sys::{
    V4L2_CTRL_FLAG_DISABLED, V4L2_CTRL_FLAG_NEXT_CTRL, V4L2_CTRL_FLAG_READ_ONLY, v4l2_control, v4l2_queryctrl,
};
use v4l::v4l2::vidioc::{VIDIOC_QUERYCTRL, VIDIOC_S_CTRL};

// SAFETY: integers and arrays of them.
unsafe impl Plain for v4l2_queryctrl {}
// SAFETY: integers.
unsafe impl Plain for v4l2_control {}

/// More controls than this is a driver that never says "that was all".
const MOST_CONTROLS: usize = 1_024;

/// Every control that a number can be given to.
pub(crate) fn all(device: BorrowedFd<'_>) -> io::Result<Vec<Described>> {
    let mut controls = Vec::new();
    let mut id = 0;
    for _ in 0..MOST_CONTROLS {
        let mut query = v4l2_queryctrl { id: id | V4L2_CTRL_FLAG_NEXT_CTRL, ..v4l2_queryctrl::zeroed() };
        // SAFETY: QUERYCTRL reads and fills in a v4l2_queryctrl.
        match unsafe { call(device, VIDIOC_QUERYCTRL, &mut query) } {
            Err(end) if matches!(end.raw_os_error(), Some(libc::EINVAL | libc::ENOTTY | libc::ENOSYS)) => break,
            other => other?,
        }
        // A driver that goes in circles would be followed for ever.
        if query.id <= id {
            break;
        }
        id = query.id;
        let hidden = query.flags & (V4L2_CTRL_FLAG_DISABLED | V4L2_CTRL_FLAG_READ_ONLY) != 0;
        if !hidden && Described::is_number(query.type_) {
            controls.push(Described {
                id,
                name: Described::as_written(&super::identity::text(&query.name)),
                least: query.minimum,
                most: query.maximum,
            });
        }
    }
    Ok(controls)
}

/// Gives a control a value.
pub(crate) fn set(device: BorrowedFd<'_>, id: u32, value: i32) -> io::Result<()> {
    let mut control = v4l2_control { id, value };
    // SAFETY: S_CTRL reads and fills in a v4l2_control.
    unsafe { call(device, VIDIOC_S_CTRL, &mut control) }
}
