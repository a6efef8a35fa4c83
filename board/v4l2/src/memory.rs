//! The memory of a buffer: mapped into this process, and as a dma-buf where one can be had, so that hardware can read it where it lies.
//!
//! **Between [`Memory::begin`] and [`Memory::end`] the processor may look and paint; outside of them a device may** (the kernel's
//! `Documentation/driver-api/dma-buf.rst`, CPU access).

use crate::ioctl::dma_buf;
use crate::mapping::Mapping;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// Says to a dma-buf that the processor begins (`true`) or ends its access.
type Bracket = fn(BorrowedFd<'_>, bool) -> io::Result<()>;

/// One memory plane.
pub(crate) struct Memory {
    mapping: Mapping,
    dma_buf: Option<OwnedFd>,
    bracket: Bracket,
}

impl Memory {
    /// The driver's own, with its dma-buf where the driver exports one.
    pub(crate) fn of_driver(mapping: Mapping, dma_buf: Option<OwnedFd>) -> Self {
        Self { mapping, dma_buf, bracket: dma_buf::sync }
    }
    /// Ours, for the driver to import.
    pub(crate) fn of_heap(dma_buf: OwnedFd, len: usize) -> io::Result<Self> {
        let mapping = Mapping::of_device(dma_buf.as_fd(), 0, len)?;
        Ok(Self::of_driver(mapping, Some(dma_buf)))
    }
    /// With a test's own idea of what a dma-buf does.
    #[cfg(test)]
    pub(crate) fn bracketed(self, bracket: Bracket) -> Self {
        Self { bracket, ..self }
    }
    pub(crate) fn bytes(&self) -> &[u8] {
        self.mapping.bytes()
    }
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.mapping.bytes_mut()
    }
    pub(crate) fn dma_buf(&self) -> Option<BorrowedFd<'_>> {
        self.dma_buf.as_ref().map(AsFd::as_fd)
    }
    /// The processor is going to look and paint. Memory without a dma-buf is made ready by the driver when it hands a buffer over.
    pub(crate) fn begin(&self) -> io::Result<()> {
        self.dma_buf().map_or(Ok(()), |buffer| (self.bracket)(buffer, true))
    }
    /// The processor is done.
    pub(crate) fn end(&self) -> io::Result<()> {
        self.dma_buf().map_or(Ok(()), |buffer| (self.bracket)(buffer, false))
    }
}

/// Where buffers come from that a driver imports.
///
/// The kernel's own dma-heaps are [`crate::DmaHeap`].
pub trait Heap: Send + Sync {
    /// For the log.
    fn name(&self) -> &str;
    /// A dma-buf of at least `len` bytes.
    ///
    /// # Errors
    /// What the system said.
    fn allocate(&self, len: usize) -> io::Result<OwnedFd>;
}

/// Bytes that are read and written to see how quick a memory is.
const PROBE_LEN: usize = 128 * 1024;
/// Passes; the quickest counts, so that an interruption is not taken for slow memory.
const PROBE_PASSES: usize = 4;
/// Memory that takes so many times as long as ordinary memory is not cached. Write-combined memory takes twenty times and more to read.
pub(crate) const SLOW: u32 = 4;
/// Less than this is no sign of anything: 128 KiB of uncached memory take half a millisecond and more.
pub(crate) const SLOW_FLOOR: Duration = Duration::from_micros(100);

/// How long it takes to read and write a part of `memory`. Cached memory is as quick as the heap from the second pass on; uncached memory never is.
pub(crate) fn probe(memory: &mut [u8]) -> Duration {
    let len = memory.len().min(PROBE_LEN);
    let part = &mut memory[..len];
    let passes = (0..PROBE_PASSES).map(|pass| {
        let begun = Instant::now();
        let sum = part.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        part.fill(std::hint::black_box(sum.wrapping_add(pass as u8)));
        std::hint::black_box(&part);
        begun.elapsed()
    });
    passes.min().unwrap_or_default()
}
