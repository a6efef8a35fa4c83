//! What an error number means to the eye.

use board_hal::CameraError;
use std::io;

/// Opening or setting up failed while `doing`.
pub(crate) fn opening(device: &str, doing: &str, error: &io::Error) -> CameraError {
    let device = device.to_owned();
    match error.raw_os_error() {
        Some(libc::EBUSY) => CameraError::Busy { device },
        Some(libc::ENOTTY | libc::ENOSYS) => CameraError::Unsupported {
            device,
            offers: "no Video4Linux interface".to_owned(),
            reads: crate::negotiate::READS,
        },
        Some(libc::EACCES | libc::EPERM) => {
            CameraError::Missing { device, cause: format!("{doing}: {error}; the user needs the group `video`") }
        }
        _ => CameraError::Missing { device, cause: format!("{doing}: {error}") },
    }
}

/// Streaming failed while `doing`: the camera must be opened anew.
pub(crate) fn streaming(device: &str, doing: &str, error: &io::Error) -> CameraError {
    CameraError::Gone { device: device.to_owned(), cause: format!("{doing}: {error}") }
}
