//! Dma-bufs that the library knows. A camera's buffers come round and round, so each is imported once: importing anew with every frame is what some
//! kernels answer with resets after 2^16 frames.

use crate::handles::Buffer;
use board_hal::EncodeError;
use mask::DmaBuf;
use nix::sys::stat::fstat;
use rkmpp_sys::Mpp;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

/// More buffers than any camera queue has. What was used longest ago goes first.
const MOST: usize = 16;

/// See the [module](self).
pub(crate) struct Imports {
    mpp: Arc<Mpp>,
    /// Newest last.
    known: Vec<Import>,
}

struct Import {
    // Dropped before the descriptor, which it only knows by number.
    buffer: Buffer,
    /// Keeps the dma-buf, and with it its inode number.
    _fd: OwnedFd,
    /// Device and inode tell dma-bufs apart (since Linux 5.3); descriptors' numbers are used again.
    identity: (u64, u64),
    bytes: usize,
}

impl Imports {
    pub(crate) fn new(mpp: &Arc<Mpp>) -> Self {
        Self { mpp: Arc::clone(mpp), known: Vec::with_capacity(MOST) }
    }
    /// The library's handle of a dma-buf.
    pub(crate) fn get(&mut self, from: &DmaBuf<'_>) -> Result<&Buffer, EncodeError> {
        let refuse = |cause: &dyn std::fmt::Display| EncodeError::Failed(format!("a frame's dma-buf: {cause}"));
        let status = fstat(from.fd).map_err(|error| refuse(&error))?;
        let identity = (status.st_dev, status.st_ino);
        if let Some(at) = self.known.iter().position(|one| one.identity == identity && one.bytes == from.len) {
            self.known[at..].rotate_left(1);
        } else {
            if self.known.len() == MOST {
                self.known.remove(0);
            }
            let fd = from.fd.try_clone_to_owned().map_err(|error| refuse(&error))?;
            let buffer = Buffer::import(&self.mpp, fd.as_raw_fd(), from.len)?;
            self.known.push(Import { buffer, _fd: fd, identity, bytes: from.len });
        }
        self.known.last().map(|one| &one.buffer).ok_or_else(|| refuse(&"none was kept"))
    }
}
