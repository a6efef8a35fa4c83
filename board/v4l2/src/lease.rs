//! Who holds which buffer: the driver (its box lies in the queue's slot) or a frame (the slot is empty).
//!
//! **A buffer is lent only out of its slot, so no driver, however confused, can have one memory lent twice.** A frame that is dropped after the
//! camera was closed frees its memory instead of giving it back.

use crate::driver::{Driver, Source};
use crate::memory::Memory;
use mask::{DmaBuf, FrameBuffer, NotWrittenBack, Planes, PlanesMut};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The driver and the buffers in its hands.
pub(crate) struct Queue {
    driver: Box<dyn Driver>,
    slots: Mutex<Slots>,
}

struct Slots {
    in_driver: Vec<Option<Box<KernelBuffer>>>,
    open: bool,
}

impl Queue {
    /// Takes over a driver that has `buffers` mapped, hands them all to it and starts capturing.
    pub(crate) fn start(
        driver: Box<dyn Driver>,
        buffers: Vec<Vec<Memory>>,
        chroma_offset: Option<usize>,
    ) -> io::Result<Arc<Self>> {
        let queue = Arc::new_cyclic(|queue| {
            let wrap = |(index, memories)| {
                Some(Box::new(KernelBuffer {
                    index,
                    memories,
                    chroma_offset,
                    in_processor: false,
                    queue: Weak::clone(queue),
                }))
            };
            let in_driver = buffers.into_iter().enumerate().map(wrap).collect();
            Self { driver, slots: Mutex::new(Slots { in_driver, open: true }) }
        });
        for buffer in queue.slots().in_driver.iter().flatten() {
            queue.driver.queue(buffer.index, &buffer.memories)?;
        }
        queue.driver.stream_on()?;
        Ok(queue)
    }
    pub(crate) fn driver(&self) -> &dyn Driver {
        &*self.driver
    }
    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Buffers in all.
    pub(crate) fn len(&self) -> usize {
        self.slots().in_driver.len()
    }
    /// Buffers that nobody has been lent.
    pub(crate) fn in_driver(&self) -> usize {
        self.slots().in_driver.iter().flatten().count()
    }
    /// The buffer that the driver says it filled; `None` if it is not the driver's.
    pub(crate) fn lend(&self, index: usize) -> Option<Box<KernelBuffer>> {
        self.slots().in_driver.get_mut(index)?.take()
    }
    /// Gives a buffer to the driver to fill again.
    pub(crate) fn take_back(&self, buffer: Box<KernelBuffer>) {
        let index = buffer.index;
        let mut slots = self.slots();
        if !slots.open {
            return;
        }
        let buffer = slots.in_driver[index].insert(buffer);
        if let Err(error) = self.driver.queue(index, &buffer.memories) {
            // The next wait for a frame meets the same fault and reports it.
            tracing::debug!(index, %error, "a buffer could not be queued again");
        }
    }
    /// Stops capturing and frees all that is not lent, so that the device can be opened anew at once.
    pub(crate) fn close(&self) {
        let mut slots = self.slots();
        if !std::mem::replace(&mut slots.open, false) {
            return;
        }
        let stopped = self.driver.stream_off();
        slots.in_driver.clear();
        let freed = self.driver.request_buffers(0, Source::Own);
        if let Err(error) = stopped.and(freed) {
            tracing::debug!(%error, "the driver was gone before it was closed");
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.close();
    }
}

/// A buffer of the driver's.
pub(crate) struct KernelBuffer {
    index: usize,
    memories: Vec<Memory>,
    /// Where chroma begins in the first memory; `None` when it has its own.
    chroma_offset: Option<usize>,
    /// The processor may look and paint.
    in_processor: bool,
    queue: Weak<Queue>,
}

impl KernelBuffer {
    /// Before the first look: what the driver wrote is where the processor sees it.
    pub(crate) fn begin(&mut self) -> io::Result<()> {
        self.in_processor = true;
        self.memories.iter().try_for_each(Memory::begin)
    }
    /// After the last: what was painted is where devices see it.
    fn end(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.in_processor, false) {
            return Ok(());
        }
        // Each must be ended, whatever becomes of the others.
        self.memories.iter().map(Memory::end).fold(Ok(()), io::Result::and)
    }
    /// Everything in the first memory.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.memories.first().map_or(&[], Memory::bytes)
    }
}

impl FrameBuffer for KernelBuffer {
    fn planes(&self) -> Planes<'_> {
        match (self.chroma_offset, &self.memories[..]) {
            (None, [luma, chroma, ..]) => Planes { luma: luma.bytes(), chroma: chroma.bytes() },
            (offset, _) => {
                let bytes = self.bytes();
                let (luma, chroma) = bytes.split_at(offset.unwrap_or(bytes.len()).min(bytes.len()));
                Planes { luma, chroma }
            }
        }
    }
    fn planes_mut(&mut self) -> PlanesMut<'_> {
        match (self.chroma_offset, &mut self.memories[..]) {
            (None, [luma, chroma, ..]) => PlanesMut { luma: luma.bytes_mut(), chroma: chroma.bytes_mut() },
            (offset, memories) => {
                let bytes = memories.first_mut().map_or(&mut [][..], Memory::bytes_mut);
                let (luma, chroma) = bytes.split_at_mut(offset.unwrap_or(bytes.len()).min(bytes.len()));
                PlanesMut { luma, chroma }
            }
        }
    }
    fn dma_buf(&self) -> Option<DmaBuf<'_>> {
        let (memory, chroma_offset) = (self.memories.first()?, self.chroma_offset?);
        Some(DmaBuf { fd: memory.dma_buf()?, len: memory.bytes().len(), luma_offset: 0, chroma_offset })
    }
    fn painted(&mut self) -> Result<(), NotWrittenBack> {
        self.end().map_err(|error| {
            tracing::warn!(index = self.index, %error, "a picture could not be written back");
            NotWrittenBack
        })
    }
    fn release(mut self: Box<Self>) {
        if let Err(error) = self.end() {
            tracing::debug!(index = self.index, %error, "a buffer could not be handed back by the processor");
        }
        if let Some(queue) = self.queue.upgrade() {
            queue.take_back(self);
        }
    }
}
