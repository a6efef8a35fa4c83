//! VIDIOC_REQBUFS, VIDIOC_QUERYBUF, VIDIOC_QBUF, VIDIOC_DQBUF: the buffers' way round.

use super::{BufferType, Plain, call};
use crate::driver::{Filled, MAX_MEMORIES, Source};
use crate::memory::Memory;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use v4l::v4l_sys::{
    V4L2_BUF_FLAG_ERROR, V4L2_BUF_FLAG_TIMESTAMP_MASK, V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC, VIDEO_MAX_PLANES,
    v4l2_buffer, v4l2_memory_V4L2_MEMORY_DMABUF, v4l2_memory_V4L2_MEMORY_MMAP, v4l2_plane, v4l2_requestbuffers,
};
use v4l::v4l2::vidioc::{_IOC_TYPE, VIDIOC_DQBUF, VIDIOC_QBUF, VIDIOC_QUERYBUF, VIDIOC_REQBUFS};

// SAFETY: integers, a timeval, and a union of integers and a raw pointer, which may be null.
unsafe impl Plain for v4l2_buffer {}
// SAFETY: integers and a union of integers.
unsafe impl Plain for v4l2_plane {}
// SAFETY: integers.
unsafe impl Plain for v4l2_requestbuffers {}

/// Where a memory plane of a buffer can be mapped.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    pub(crate) offset: u32,
    pub(crate) len: u32,
}

/// How the kernel calls it.
fn code(source: Source) -> u32 {
    match source {
        Source::Own => v4l2_memory_V4L2_MEMORY_MMAP,
        Source::Imported => v4l2_memory_V4L2_MEMORY_DMABUF,
    }
}

/// Asks for `count` buffers (0 frees them) and tells how many there are.
pub(crate) fn request(device: BorrowedFd<'_>, buffers: BufferType, source: Source, count: usize) -> io::Result<usize> {
    let mut request = v4l2_requestbuffers {
        count: u32::try_from(count).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?,
        type_: buffers.code(),
        memory: code(source),
        ..v4l2_requestbuffers::zeroed()
    };
    // SAFETY: REQBUFS reads and fills in a v4l2_requestbuffers.
    unsafe { call(device, VIDIOC_REQBUFS, &mut request) }?;
    Ok(request.count as usize)
}

/// Where the memory planes of buffer `index` lie.
pub(crate) fn places(device: BorrowedFd<'_>, buffers: BufferType, index: usize) -> io::Result<Vec<Place>> {
    let (answer, planes) = exchange(device, VIDIOC_QUERYBUF, buffers, Source::Own, index, &[])?;
    Ok(match buffers {
        BufferType::Single => {
            // SAFETY: of this buffer type the kernel fills in `offset`; any bytes are an integer.
            let offset = unsafe { answer.m.offset };
            vec![Place { offset, len: answer.length }]
        }
        BufferType::Multi => planes
            .iter()
            .take(answer.length as usize)
            .map(|plane| {
                // SAFETY: of mapped memory the kernel fills in `mem_offset`; any bytes are an integer.
                let offset = unsafe { plane.m.mem_offset };
                Place { offset, len: plane.length }
            })
            .collect(),
    })
}

/// Hands buffer `index` to the driver.
pub(crate) fn queue(
    device: BorrowedFd<'_>,
    buffers: BufferType,
    source: Source,
    index: usize,
    memories: &[Memory],
) -> io::Result<()> {
    exchange(device, VIDIOC_QBUF, buffers, source, index, memories).map(drop)
}

/// Takes a filled buffer.
pub(crate) fn dequeue(device: BorrowedFd<'_>, buffers: BufferType, source: Source) -> io::Result<Filled> {
    let (answer, planes) = exchange(device, VIDIOC_DQBUF, buffers, source, 0, &[])?;
    let mut used = [0; MAX_MEMORIES];
    match buffers {
        BufferType::Single => used[0] = answer.bytesused as usize,
        BufferType::Multi => {
            for (ours, theirs) in used.iter_mut().zip(&planes) {
                // A picture that does not begin where its memory does is not one that Campari reads: it counts as empty.
                *ours = if theirs.data_offset == 0 { theirs.bytesused as usize } else { 0 };
            }
        }
    }
    let monotonic = answer.flags & V4L2_BUF_FLAG_TIMESTAMP_MASK == V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    let stamp = u64::try_from(answer.timestamp.tv_sec).ok().zip(u64::try_from(answer.timestamp.tv_usec).ok());
    let stamp_us = stamp.and_then(|(seconds, micros)| seconds.checked_mul(1_000_000)?.checked_add(micros));
    Ok(Filled {
        index: answer.index as usize,
        sequence: answer.sequence,
        error: answer.flags & V4L2_BUF_FLAG_ERROR != 0,
        monotonic_us: stamp_us.filter(|_| monotonic),
        used,
    })
}

/// An ioctl that takes a `v4l2_buffer`, with room for its planes where the type has them; `memories` are told to it where they are imported.
fn exchange(
    device: BorrowedFd<'_>,
    request: _IOC_TYPE,
    buffers: BufferType,
    source: Source,
    index: usize,
    memories: &[Memory],
) -> io::Result<(v4l2_buffer, [v4l2_plane; VIDEO_MAX_PLANES as usize])> {
    let mut planes = [v4l2_plane::zeroed(); VIDEO_MAX_PLANES as usize];
    let mut buffer = v4l2_buffer {
        index: u32::try_from(index).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?,
        type_: buffers.code(),
        memory: code(source),
        ..v4l2_buffer::zeroed()
    };
    let imported = memories.iter().filter(|_| source == Source::Imported).zip(&mut planes);
    for (memory, plane) in imported {
        let fd = memory.dma_buf().ok_or_else(|| io::Error::from_raw_os_error(libc::EBADF))?.as_raw_fd();
        plane.length = u32::try_from(memory.bytes().len()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
        plane.m.fd = fd;
        if buffers == BufferType::Single {
            (buffer.length, buffer.m.fd) = (plane.length, fd);
        }
    }
    if buffers == BufferType::Multi {
        buffer.length = VIDEO_MAX_PLANES;
        buffer.m.planes = planes.as_mut_ptr();
    }
    // SAFETY: the three requests read and fill in a v4l2_buffer; where it points at planes, they are `length` many and outlive the call.
    unsafe { call(device, request, &mut buffer) }?;
    Ok((buffer, planes))
}
