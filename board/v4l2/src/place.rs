//! Whose memory the pictures lie in: measured and chosen when a camera is opened.
//!
//! | the driver's memory | a heap | pictures lie in |
//! |---|---|---|
//! | as quick as ordinary memory | | the driver's |
//! | slow (uncached) | quick, and the driver imports it | the heap's |
//! | slow | none that would do | the driver's, each copied once before anybody looks at it |
//!
//! Detector and masks touch every byte several times; in uncached memory each time costs more than the encoder.

use crate::driver::{Driver, DriverFormat, Source};
use crate::memory::{Heap, Memory, SLOW, SLOW_FLOOR};
use crate::negotiate::Agreed;
use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// Kernel buffers to ask for: what the pipeline holds, and two for the driver to fill meanwhile.
const BUFFERS: usize = 6;
/// Fewer than this cannot keep a camera running; more than this (VIDEO_MAX_FRAME) no driver has.
const BUFFERS_RANGE: RangeInclusive<usize> = 2..=32;

/// Whose memory is wanted.
pub enum MemoryChoice {
    /// As measured, from the kernel's heaps where the driver's is slow.
    Measured,
    /// The driver's own, however slow.
    Driver,
    /// Of this heap; a driver that does not import it is an error.
    Imported(Arc<dyn Heap>),
}

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// The driver's own, quick enough or asked for.
    Driver,
    /// Of the heap of that name.
    Heap(String),
    /// The driver's own, slow: copy before use.
    SlowDriver,
}

/// Why there are no buffers.
pub(crate) enum PlaceError {
    /// A step failed.
    Failed(&'static str, io::Error),
    /// The driver's buffers are not fit for pictures.
    Unfit(String),
}

/// The buffers of a camera, one list of memory planes each.
type Buffers = Vec<Vec<Memory>>;

pub(crate) struct Placing<'a> {
    pub(crate) driver: &'a dyn Driver,
    pub(crate) answer: &'a DriverFormat,
    pub(crate) agreed: &'a Agreed,
    /// How long it takes to use a memory.
    pub(crate) probe: &'a dyn Fn(&mut [u8]) -> Duration,
    /// The kernel's heaps.
    pub(crate) heaps: &'a dyn Fn() -> Vec<Arc<dyn Heap>>,
}

impl Placing<'_> {
    /// Buffers as chosen, requested from the driver and not queued yet.
    pub(crate) fn place(&self, choice: &MemoryChoice) -> Result<(Buffers, Chosen), PlaceError> {
        match choice {
            MemoryChoice::Driver => Ok((self.own()?, Chosen::Driver)),
            MemoryChoice::Imported(heap) => {
                let buffers = self.imported(&**heap)?;
                Ok((buffers, Chosen::Heap(heap.name().to_owned())))
            }
            MemoryChoice::Measured => self.measured(),
        }
    }

    fn measured(&self) -> Result<(Buffers, Chosen), PlaceError> {
        let mut buffers = self.own()?;
        let usual = (self.probe)(&mut vec![0; self.agreed.needed[0]]);
        let slow = |buffers: &mut Buffers| {
            let memory = buffers.first_mut().and_then(|memories| memories.first_mut());
            let taken = memory.map_or(Duration::ZERO, |memory| (self.probe)(memory.bytes_mut()));
            (taken > (usual * SLOW).max(SLOW_FLOOR), taken)
        };
        let (own_is_slow, own) = slow(&mut buffers);
        if !own_is_slow {
            tracing::debug!(?own, ?usual, "the driver's memory is cached");
            return Ok((buffers, Chosen::Driver));
        }
        drop(buffers);
        self.driver.request_buffers(0, Source::Own).map_err(|error| PlaceError::Failed("free buffers", error))?;
        for heap in (self.heaps)() {
            match self.imported(&*heap) {
                Ok(mut buffers) => {
                    let (is_slow, imported) = slow(&mut buffers);
                    tracing::info!(heap = heap.name(), ?own, ?imported, ?usual, "the driver's memory is slow");
                    if !is_slow {
                        return Ok((buffers, Chosen::Heap(heap.name().to_owned())));
                    }
                    self.free_imported();
                }
                Err(PlaceError::Failed(doing, error)) => {
                    tracing::info!(heap = heap.name(), doing, %error, "the driver does not import this heap's memory");
                }
                Err(PlaceError::Unfit(cause)) => tracing::info!(heap = heap.name(), cause, "this heap will not do"),
            }
        }
        tracing::warn!(?own, ?usual, "the driver's memory is slow and no dma-heap will do: every picture is copied");
        Ok((self.own()?, Chosen::SlowDriver))
    }

    fn own(&self) -> Result<Buffers, PlaceError> {
        let count = self.request(Source::Own)?;
        (0..count)
            .map(|index| {
                let memories = self.driver.map(index).map_err(|error| PlaceError::Failed("map buffers", error))?;
                self.fit(&memories)?;
                Ok(memories)
            })
            .collect()
    }

    /// Buffers of the heap's, after a trial with one of them: a driver that cannot reach such memory says so when it is handed over.
    fn imported(&self, heap: &dyn Heap) -> Result<Buffers, PlaceError> {
        let count = self.request(Source::Imported)?;
        let buffers = (0..count).map(|_| self.allocate(heap)).collect::<Result<Buffers, _>>();
        let tried = buffers.and_then(|buffers| {
            let failed = |error| PlaceError::Failed("import a buffer", error);
            self.driver.queue(0, &buffers[0]).map_err(failed)?;
            self.driver.stream_off().map_err(failed)?;
            Ok(buffers)
        });
        if tried.is_err() {
            self.free_imported();
        }
        tried
    }

    fn allocate(&self, heap: &dyn Heap) -> Result<Vec<Memory>, PlaceError> {
        let failed = |error| PlaceError::Failed("allocate", error);
        let memories = self.answer.memory[..self.answer.memories].iter().zip(self.agreed.needed);
        memories
            .map(|(memory, needed)| {
                let len = memory.size.max(needed);
                Memory::of_heap(heap.allocate(len).map_err(failed)?, len).map_err(failed)
            })
            .collect()
    }

    fn request(&self, source: Source) -> Result<usize, PlaceError> {
        let asked = self.driver.request_buffers(BUFFERS, source);
        let count = asked.map_err(|error| PlaceError::Failed("ask for buffers", error))?;
        if BUFFERS_RANGE.contains(&count) { Ok(count) } else { Err(PlaceError::Unfit(format!("{count} buffers"))) }
    }

    fn free_imported(&self) {
        if let Err(error) = self.driver.request_buffers(0, Source::Imported) {
            tracing::debug!(%error, "imported buffers could not be given back");
        }
    }

    fn fit(&self, memories: &[Memory]) -> Result<(), PlaceError> {
        for (at, needed) in self.agreed.needed.into_iter().enumerate().filter(|(_, needed)| *needed > 0) {
            let have = memories.get(at).map_or(0, |memory| memory.bytes().len());
            if have < needed {
                return Err(PlaceError::Unfit(format!("buffers of {have} bytes for pictures of {needed}")));
            }
        }
        Ok(())
    }
}
