//! What is behind C's handles: boxes that are counted, so that a test can tell that none was lost.

use crate::memory::Buffer;
use rkmpp_sys::MppBuffer;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::atomic::{AtomicI64, Ordering};

/// Objects that live.
pub(crate) static LIVE: AtomicI64 = AtomicI64::new(0);

/// Something with a handle.
pub(crate) fn give<T>(object: T) -> *mut c_void {
    LIVE.fetch_add(1, Ordering::SeqCst);
    Box::into_raw(Box::new(object)).cast()
}

/// Looks behind a handle; `None` for null.
///
/// # Safety
/// A live handle that [`give`] made of a `T`, used by nobody else meanwhile; or null.
pub(crate) unsafe fn look<'a, T>(handle: *mut c_void) -> Option<&'a mut T> {
    // SAFETY: the caller's promise.
    unsafe { handle.cast::<T>().as_mut() }
}

/// Takes the object back; the handle is dead then.
///
/// # Safety
/// As [`look`].
pub(crate) unsafe fn take<T>(handle: *mut c_void) -> Option<Box<T>> {
    if handle.is_null() {
        return None;
    }
    LIVE.fetch_sub(1, Ordering::SeqCst);
    // SAFETY: the caller's promise.
    Some(unsafe { Box::from_raw(handle.cast()) })
}

/// A share of a buffer, given back when it is dropped.
pub(crate) struct Share(MppBuffer);

// SAFETY: a share is a count in an atomic; the memory is nobody's in particular.
unsafe impl Send for Share {}

impl Share {
    /// Another share.
    ///
    /// # Safety
    /// A live buffer.
    pub(crate) unsafe fn of(buffer: MppBuffer) -> Option<Self> {
        // SAFETY: the caller's promise.
        let found = unsafe { look::<Buffer>(buffer.0) }?;
        found.share();
        Some(Self(buffer))
    }
    pub(crate) fn handle(&self) -> MppBuffer {
        self.0
    }
    pub(crate) fn buffer(&self) -> &Buffer {
        // SAFETY: this share keeps it alive.
        let found = unsafe { look::<Buffer>(self.0.0) };
        found.expect("a share is of a buffer")
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // SAFETY: this share is one of the buffer's, and ends here.
        unsafe { Buffer::unshare(self.0) };
    }
}

/// A frame, or what is said of one.
#[derive(Default)]
pub(crate) struct Frame {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) hor_stride: u32,
    pub(crate) ver_stride: u32,
    pub(crate) format: i32,
    pub(crate) pts: i64,
    pub(crate) eos: u32,
    pub(crate) buffer: Option<Share>,
    pub(crate) meta: Meta,
}

/// Numbers by key.
#[derive(Default)]
pub(crate) struct Meta(pub(crate) BTreeMap<i32, i32>);

/// A piece of the stream.
pub(crate) struct Packet {
    pub(crate) buffer: Share,
    pub(crate) length: usize,
    pub(crate) pts: i64,
    pub(crate) meta: Meta,
    pub(crate) partition: bool,
    pub(crate) last: bool,
}

/// Settings by name.
#[derive(Clone, Default)]
pub(crate) struct Settings(pub(crate) BTreeMap<String, i64>);

impl Settings {
    /// A setting, or what stands for it.
    pub(crate) fn get(&self, name: &str, otherwise: i64) -> i64 {
        self.0.get(name).copied().unwrap_or(otherwise)
    }
}

/// Which names there are, and whether they are unsigned. As upstream: setting one that is not there, or by the other type, is an error.
pub(crate) fn is_unsigned(name: &str) -> Option<bool> {
    const SIGNED: &[&str] = &[
        "base:low_delay",
        "codec:type",
        "prep:width",
        "prep:height",
        "prep:hor_stride",
        "prep:ver_stride",
        "prep:format",
        "prep:colorspace",
        "prep:colorprim",
        "prep:colortrc",
        "prep:colorrange",
        "rc:mode",
        "rc:bps_target",
        "rc:bps_max",
        "rc:bps_min",
        "rc:fps_in_flex",
        "rc:fps_in_num",
        "rc:fps_in_denom",
        "rc:fps_in_denorm",
        "rc:fps_out_flex",
        "rc:fps_out_num",
        "rc:fps_out_denom",
        "rc:fps_out_denorm",
        "rc:gop",
        "rc:qp_init",
        "rc:qp_min",
        "rc:qp_max",
        "rc:qp_min_i",
        "rc:qp_max_i",
        "rc:qp_ip",
        "h264:profile",
        "h264:level",
        "h264:cabac_en",
        "h264:cabac_idc",
        "h264:trans8x8",
    ];
    const UNSIGNED: &[&str] = &[
        "rc:max_reenc_times",
        "rc:drop_mode",
        "rc:super_mode",
        "rc:refresh_en",
        "rc:refresh_mode",
        "rc:refresh_num",
        "split:mode",
        "split:arg",
        "split:out",
    ];
    if SIGNED.contains(&name) { Some(false) } else { UNSIGNED.contains(&name).then_some(true) }
}
