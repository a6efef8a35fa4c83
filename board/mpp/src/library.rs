//! The library, loaded once for all encoders of a process.

use board_hal::{Codec, EncodeError};
use rkmpp_sys::{MPP_CTX_ENC, MPP_VIDEO_CodingAVC, MPP_VIDEO_CodingHEVC, Mpp, MppCodingType};
use std::ffi::OsStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// So many encoders may be stuck before no other is built: each holds a frame of the camera's.
pub(crate) const MOST_STUCK: usize = 2;

/// A loaded library. Clones share it.
#[derive(Clone, Debug)]
pub struct MppLibrary {
    pub(crate) mpp: Arc<Mpp>,
    /// Threads that were left behind in a call.
    pub(crate) stuck: Arc<AtomicUsize>,
}

impl MppLibrary {
    /// The name under which boards have it.
    pub const NAME: &'static str = rkmpp_sys::LIBRARY;

    /// Loads the library of that name or path, and checks and logs which one it is.
    ///
    /// # Errors
    /// [`EncodeError::Settings`]: one line that says what is missing and what to do. Nothing stays loaded then.
    pub fn load(library: impl AsRef<OsStr>) -> Result<Self, EncodeError> {
        // SAFETY: the name is the technician's, who says that it is an MPP.
        let loaded = unsafe { Mpp::load(library) };
        let mpp = loaded.map_err(|error| EncodeError::Settings(error.to_string()))?;
        let (library, version) = (mpp.path().display().to_string(), mpp.version().to_string());
        if mpp.version().date.is_none() {
            tracing::warn!(library, "MPP does not say its version; what it lacks will show");
        }
        tracing::info!(library, version, "MPP is loaded");
        Ok(Self { mpp: Arc::new(mpp), stuck: Arc::default() })
    }
    /// Whether it says that it encodes to this.
    #[must_use]
    pub fn offers(&self, codec: Codec) -> bool {
        // SAFETY: it takes two numbers.
        unsafe { (self.mpp.mpp_check_support_format)(MPP_CTX_ENC, coding(codec)) == rkmpp_sys::MPP_OK }
    }
    pub(crate) fn stuck(&self) -> usize {
        self.stuck.load(Ordering::Acquire)
    }
}

pub(crate) fn coding(codec: Codec) -> MppCodingType {
    match codec {
        Codec::H264 => MPP_VIDEO_CodingAVC,
        Codec::H265 => MPP_VIDEO_CodingHEVC,
    }
}
