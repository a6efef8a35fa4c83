//! The kernel's dma-heaps (`/dev/dma_heap`): cached memory that a driver imports where its own is not cached.

use crate::ioctl::dma_buf;
use crate::memory::Heap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

const FOLDER: &str = "/dev/dma_heap";
/// Dearest first: any pages for devices behind an IOMMU, then contiguous ones under their various names. All are cached.
const NAMES: [&str; 5] = ["system", "linux,cma", "default_cma_region", "reserved", "cma"];

/// One of the kernel's heaps.
pub struct DmaHeap {
    name: &'static str,
    device: File,
}

impl DmaHeap {
    /// The heaps that there are and may be used, dearest first.
    #[must_use]
    pub fn all() -> Vec<Self> {
        NAMES.into_iter().filter_map(|name| Self::open(Path::new(FOLDER), name)).collect()
    }
    fn open(folder: &Path, name: &'static str) -> Option<Self> {
        let opened = OpenOptions::new().read(true).write(true).open(folder.join(name));
        match opened {
            Ok(device) => Some(Self { name, device }),
            Err(error) => {
                tracing::debug!(name, %error, "no such dma-heap, or not for us");
                None
            }
        }
    }
}

impl Heap for DmaHeap {
    fn name(&self) -> &str {
        self.name
    }
    fn allocate(&self, len: usize) -> io::Result<OwnedFd> {
        dma_buf::allocate(self.device.as_fd(), len)
    }
}
