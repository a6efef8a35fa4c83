//! Buffers and their groups. Every buffer is a mapped memfd, as a board's are mapped dma-bufs.

use crate::objects::{LIVE, give, look, take};
use rkmpp_sys::{MppBuffer, MppBufferGroup};
use std::ffi::c_void;
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A group's free buffers. Shared by those that are in use, so that the group may go first.
#[derive(Default)]
pub(crate) struct Group {
    free: Arc<Mutex<Vec<Mapped>>>,
    /// Most buffers at once; 0 is no limit.
    limit: AtomicUsize,
    given: AtomicUsize,
}

/// A memfd or an imported buffer, mapped; closed and unmapped on drop.
pub(crate) struct Mapped {
    fd: OwnedFd,
    start: *mut c_void,
    len: usize,
}

// SAFETY: the mapping is bound to no thread.
unsafe impl Send for Mapped {}

impl Mapped {
    fn new(len: usize) -> Option<Self> {
        // SAFETY: a name that ends with a zero byte.
        let fd = unsafe { libc::memfd_create(c"mpp-sim".as_ptr(), libc::MFD_CLOEXEC) };
        if fd < 0 {
            return None;
        }
        // SAFETY: a descriptor that nobody else has.
        let file = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
        file.set_len(len as u64).ok()?;
        Self::of(file.into(), len)
    }
    fn of(fd: OwnedFd, len: usize) -> Option<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, libc::MAP_SHARED, fd.as_raw_fd(), 0) };
        (start != libc::MAP_FAILED).then_some(Self { fd, start, len })
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: exactly what was mapped, once.
        unsafe { libc::munmap(self.start, self.len) };
    }
}

/// A buffer in somebody's hands.
pub(crate) struct Buffer {
    mapped: Option<Mapped>,
    /// The descriptor of a buffer from outside. As upstream it is only noted: it must stay open, and whatever it then stands for is read.
    foreign: Option<RawFd>,
    size: usize,
    shares: AtomicUsize,
    home: Weak<Mutex<Vec<Mapped>>>,
}

impl Group {
    pub(crate) fn limit(&self, count: usize) {
        self.limit.store(count, Ordering::SeqCst);
    }
    /// A buffer of at least that size, a used one where there is one.
    pub(crate) fn get(&self, size: usize) -> Option<MppBuffer> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let found = free.iter().position(|mapped| mapped.len >= size).map(|at| free.swap_remove(at));
        let mapped = match found {
            Some(mapped) => mapped,
            None => {
                let limit = self.limit.load(Ordering::SeqCst);
                if limit != 0 && self.given.fetch_add(1, Ordering::SeqCst) >= limit {
                    return None;
                }
                Mapped::new(size)?
            }
        };
        Some(Buffer::give(mapped, size, Arc::downgrade(&self.free)))
    }
    pub(crate) fn give(self) -> MppBufferGroup {
        MppBufferGroup(give(self))
    }
}

impl Buffer {
    fn give(mapped: Mapped, size: usize, home: Weak<Mutex<Vec<Mapped>>>) -> MppBuffer {
        MppBuffer(give(Self { mapped: Some(mapped), foreign: None, size, shares: AtomicUsize::new(1), home }))
    }
    /// A buffer from outside.
    pub(crate) fn import(fd: RawFd, size: usize) -> Option<MppBuffer> {
        let shares = AtomicUsize::new(1);
        let buffer = Self { mapped: None, foreign: Some(fd), size, shares, home: Weak::new() };
        (fd >= 0 && size > 0).then(|| MppBuffer(give(buffer)))
    }
    pub(crate) fn share(&self) {
        self.shares.fetch_add(1, Ordering::SeqCst);
    }
    /// One share less; with the last one the memory goes back to its group, or is freed.
    ///
    /// # Safety
    /// A live buffer of which the caller has a share.
    pub(crate) unsafe fn unshare(handle: MppBuffer) {
        // SAFETY: the caller's promise.
        let Some(buffer) = (unsafe { look::<Buffer>(handle.0) }) else { return };
        if buffer.shares.fetch_sub(1, Ordering::SeqCst) > 1 {
            return;
        }
        // SAFETY: that was the last share.
        let Some(mut buffer) = (unsafe { take::<Buffer>(handle.0) }) else { return };
        if let (Some(home), Some(mapped)) = (buffer.home.upgrade(), buffer.mapped.take()) {
            home.lock().unwrap_or_else(PoisonError::into_inner).push(mapped);
        }
    }
    pub(crate) fn size(&self) -> usize {
        self.size
    }
    pub(crate) fn start(&self) -> *mut c_void {
        self.mapped.as_ref().map_or(std::ptr::null_mut(), |mapped| mapped.start)
    }
    pub(crate) fn fd(&self) -> RawFd {
        self.foreign.or(self.mapped.as_ref().map(|mapped| mapped.fd.as_raw_fd())).unwrap_or(-1)
    }
    /// The bytes as hardware sees them, through the descriptor as it is now.
    pub(crate) fn view(&self) -> Option<View> {
        // SAFETY: duplicating a number that is no descriptor is an error.
        let own = unsafe { libc::fcntl(self.fd(), libc::F_DUPFD_CLOEXEC, 0) };
        if own < 0 {
            return None;
        }
        // SAFETY: a descriptor that nobody else has.
        let own = unsafe { OwnedFd::from_raw_fd(own) };
        Mapped::of(own, self.size).map(View)
    }
    /// Writes at the start; `None` when it does not fit.
    pub(crate) fn write(&self, bytes: &[u8]) -> Option<()> {
        if bytes.len() > self.size {
            return None;
        }
        // SAFETY: `size` bytes are mapped there, and the two do not overlap.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.start().cast(), bytes.len()) };
        Some(())
    }
}

/// A buffer's memory, to read.
pub(crate) struct View(Mapped);

impl View {
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: so many bytes are mapped for as long as this lives; that nobody writes while the encoder reads is what is tested.
        unsafe { std::slice::from_raw_parts(self.0.start.cast(), self.0.len) }
    }
}

/// Objects that live, buffers and groups included.
pub(crate) fn live() -> i64 {
    LIVE.load(Ordering::SeqCst)
}
