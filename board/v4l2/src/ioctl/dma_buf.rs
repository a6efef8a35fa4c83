//! DMA_BUF_IOCTL_SYNC, DMA_HEAP_IOCTL_ALLOC, VIDIOC_EXPBUF: memory that several devices share.

use super::{BufferType, Plain, call};
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};
use v4l::v4l_sys::v4l2_exportbuffer;
use v4l::v4l2::vidioc::{_IOC_TYPE, VIDIOC_EXPBUF};

/// `struct dma_buf_sync` of linux/dma-buf.h.
#[repr(C)]
#[derive(Clone, Copy)]
struct DmaBufSync {
    flags: u64,
}

/// `struct dma_heap_allocation_data` of linux/dma-heap.h.
#[repr(C)]
#[derive(Clone, Copy)]
struct DmaHeapAllocation {
    len: u64,
    fd: u32,
    fd_flags: u32,
    heap_flags: u64,
}

// SAFETY: integers and an array of them.
unsafe impl Plain for v4l2_exportbuffer {}

const DMA_BUF_IOCTL_SYNC: _IOC_TYPE = nix::request_code_write!(b'b', 0, size_of::<DmaBufSync>());
const DMA_HEAP_IOCTL_ALLOC: _IOC_TYPE = nix::request_code_readwrite!(b'H', 0, size_of::<DmaHeapAllocation>());
const READ_AND_WRITE: u64 = 1 | 2;
const END: u64 = 4;

/// The processor is going to read and write (`begin`), or is done: what it wrote is then where devices see it.
pub(crate) fn sync(buffer: BorrowedFd<'_>, begin: bool) -> io::Result<()> {
    let mut argument = DmaBufSync { flags: if begin { READ_AND_WRITE } else { READ_AND_WRITE | END } };
    loop {
        // SAFETY: DMA_BUF_IOCTL_SYNC reads a dma_buf_sync.
        match unsafe { call(buffer, DMA_BUF_IOCTL_SYNC, &mut argument) } {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other,
        }
    }
}

/// A buffer of `len` bytes (rounded up to pages) out of a heap's device.
pub(crate) fn allocate(heap: BorrowedFd<'_>, len: usize) -> io::Result<OwnedFd> {
    let fd_flags = (libc::O_RDWR | libc::O_CLOEXEC) as u32;
    let mut allocation = DmaHeapAllocation { len: len as u64, fd: 0, fd_flags, heap_flags: 0 };
    // SAFETY: DMA_HEAP_IOCTL_ALLOC reads and fills in a dma_heap_allocation_data.
    unsafe { call(heap, DMA_HEAP_IOCTL_ALLOC, &mut allocation) }?;
    owned(i64::from(allocation.fd))
}

/// Memory plane `plane` of the driver's buffer `index`.
pub(crate) fn export(device: BorrowedFd<'_>, buffers: BufferType, index: usize, plane: usize) -> io::Result<OwnedFd> {
    let too_large = |_| io::Error::from_raw_os_error(libc::EINVAL);
    let mut export = v4l2_exportbuffer {
        type_: buffers.code(),
        index: u32::try_from(index).map_err(too_large)?,
        plane: u32::try_from(plane).map_err(too_large)?,
        flags: (libc::O_RDWR | libc::O_CLOEXEC) as u32,
        ..v4l2_exportbuffer::zeroed()
    };
    // SAFETY: EXPBUF reads and fills in a v4l2_exportbuffer.
    unsafe { call(device, VIDIOC_EXPBUF, &mut export) }?;
    owned(i64::from(export.fd))
}

/// Takes over a descriptor that the kernel has just made for us.
fn owned(fd: i64) -> io::Result<OwnedFd> {
    let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0).ok_or_else(|| io::Error::from_raw_os_error(libc::EBADF))?;
    // SAFETY: a descriptor that this call has made and nobody else knows of.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
