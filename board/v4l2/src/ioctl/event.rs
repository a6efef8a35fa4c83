//! VIDIOC_SUBSCRIBE_EVENT, VIDIOC_DQEVENT: what a driver says by itself.

use super::{Plain, call};
use crate::driver::Notice;
use std::io;
use std::os::fd::BorrowedFd;
use v4l::v4l_sys::{
    V4L2_EVENT_EOS, V4L2_EVENT_SOURCE_CHANGE, V4L2_EVENT_SRC_CH_RESOLUTION, v4l2_event, v4l2_event_subscription,
};
use v4l::v4l2::vidioc::_IOC_TYPE;

// Not in the v4l crate; numbers of videodev2.h.
const VIDIOC_DQEVENT: _IOC_TYPE = nix::request_code_read!(b'V', 89, size_of::<v4l2_event>());
const VIDIOC_SUBSCRIBE_EVENT: _IOC_TYPE = nix::request_code_write!(b'V', 90, size_of::<v4l2_event_subscription>());

// SAFETY: integers, a timespec, and a union of integers.
unsafe impl Plain for v4l2_event {}
// SAFETY: integers.
unsafe impl Plain for v4l2_event_subscription {}

/// Asks to be told of another source, of none, and of the end. A driver that has no such events is none the worse.
pub(crate) fn subscribe(device: BorrowedFd<'_>) {
    for type_ in [V4L2_EVENT_SOURCE_CHANGE, V4L2_EVENT_EOS] {
        let mut subscription = v4l2_event_subscription { type_, ..v4l2_event_subscription::zeroed() };
        // SAFETY: SUBSCRIBE_EVENT reads a v4l2_event_subscription.
        if let Err(error) = unsafe { call(device, VIDIOC_SUBSCRIBE_EVENT, &mut subscription) } {
            tracing::debug!(event = type_, %error, "the driver has no such event");
        }
    }
}

/// The oldest notice that was not fetched yet; `None` when there is none.
pub(crate) fn fetch(device: BorrowedFd<'_>) -> io::Result<Option<Notice>> {
    let mut event = v4l2_event::zeroed();
    // SAFETY: DQEVENT fills in a v4l2_event.
    match unsafe { call(device, VIDIOC_DQEVENT, &mut event) } {
        Err(none) if none.raw_os_error() == Some(libc::ENOENT) => return Ok(None),
        other => other?,
    }
    Ok(Some(match event.type_ {
        V4L2_EVENT_SOURCE_CHANGE => {
            // SAFETY: of this event type the kernel fills in `src_change`; any bytes are an integer.
            let changes = unsafe { event.u.src_change.changes };
            if changes & V4L2_EVENT_SRC_CH_RESOLUTION == 0 { Notice::Other } else { Notice::SourceChanged }
        }
        V4L2_EVENT_EOS => Notice::Ended,
        _ => Notice::Other,
    }))
}
