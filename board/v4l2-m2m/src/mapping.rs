//! Memory mapped into this process, unmapped on drop.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;

/// A mapped buffer. It outlives the device's descriptor: a mapping keeps its memory alive by itself.
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the memory belongs to this value alone and is not bound to a thread.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps `len` bytes of `device` from `offset`, to read and write.
    pub(crate) fn of_device(device: BorrowedFd<'_>, offset: i64, len: usize) -> io::Result<Self> {
        Self::map(device.as_raw_fd(), offset, len, libc::MAP_SHARED)
    }
    /// Memory that no device knows of.
    #[cfg(test)]
    pub(crate) fn anonymous(len: usize) -> io::Result<Self> {
        Self::map(-1, 0, len, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS)
    }
    fn map(device: i32, offset: i64, len: usize, flags: i32) -> io::Result<Self> {
        let (protection, anywhere) = (libc::PROT_READ | libc::PROT_WRITE, std::ptr::null_mut());
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe { libc::mmap(anywhere, len, protection, flags, device, offset) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("mapped at address 0"))?;
        Ok(Self { start, len })
    }
    pub(crate) fn len(&self) -> usize {
        self.len
    }
    /// The bytes. Only ask while the driver does not hold the buffer.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `len` bytes are mapped at `start` until drop. The driver writes to them only while the buffer is queued, and then the encoder
        // does not look.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
    /// The bytes, to write.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`; the exclusive borrow of this value makes it the only slice.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly what was mapped, once, and no slice outlives `self`.
        let undone = unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
        debug_assert_eq!(undone, 0, "munmap of our own mapping");
    }
}
