//! A driver that does as a test says.

use crate::camera::Surroundings;
use crate::controls::Described;
use crate::driver::{
    Driver, DriverFormat, Field, Filled, FourCc, Identity, MemoryFormat, Notice, Readiness, Signal, Source,
};
use crate::mapping::Mapping;
use crate::memory::Memory;
use crate::{Heap, MemoryChoice, Options, V4l2Camera};
use board_hal::{CameraError, Clock};
use mask::ColourMatrix;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a fake driver says and has been told; a test keeps one clone.
#[derive(Clone)]
pub(crate) struct Fake(Arc<Mutex<State>>);

pub(crate) struct State {
    pub(crate) streams_video: bool,
    pub(crate) offered: Vec<FourCc>,
    pub(crate) answer: DriverFormat,
    pub(crate) fps: Option<f32>,
    /// What it says of the rates of its formats.
    pub(crate) fastest: Vec<(FourCc, f32)>,
    pub(crate) buffers: usize,
    pub(crate) buffer_len: Vec<usize>,
    /// The error number of the named step.
    pub(crate) fails: Option<(&'static str, i32)>,
    pub(crate) filled: VecDeque<Result<Filled, i32>>,
    pub(crate) broken: bool,
    pub(crate) signal: Signal,
    pub(crate) notices: VecDeque<Notice>,
    pub(crate) queued: Vec<usize>,
    pub(crate) calls: Vec<&'static str>,
    /// Whether its buffers have dma-bufs.
    pub(crate) exports: bool,
    source: Source,
    pub(crate) controls: Vec<Described>,
    /// What controls were set to.
    pub(crate) set: Vec<(u32, i32)>,
    /// What lies in its memory; else each buffer's index.
    pub(crate) filled_with: Option<u8>,
    /// Descriptors that came with queued buffers.
    pub(crate) imported: Vec<i32>,
}

pub(crate) const WIDTH: usize = 16;
pub(crate) const HEIGHT: usize = 8;
const NV12_BYTES: usize = WIDTH * HEIGHT * 3 / 2;

impl Fake {
    pub(crate) fn new(pixels: FourCc) -> Self {
        let (strides, sizes): (&[usize], &[usize]) = match pixels {
            FourCc::YUYV | FourCc::UYVY | FourCc::NV16 | FourCc::MJPG => {
                (if pixels == FourCc::NV16 { &[WIDTH] } else { &[WIDTH * 2] }, &[WIDTH * HEIGHT * 2])
            }
            FourCc::NM12 => (&[WIDTH, WIDTH], &[WIDTH * HEIGHT, WIDTH * HEIGHT / 2]),
            _ => (&[WIDTH], &[NV12_BYTES]),
        };
        let mut memory = [MemoryFormat::default(); 2];
        for (at, (stride, size)) in strides.iter().zip(sizes).enumerate() {
            memory[at] = MemoryFormat { stride: *stride, size: *size };
        }
        let answer = DriverFormat {
            width: WIDTH,
            height: HEIGHT,
            pixels,
            field: Field::Progressive,
            full_range: Some(false),
            matrix: Some(ColourMatrix::Bt709),
            memories: sizes.len(),
            memory,
        };
        Self(Arc::new(Mutex::new(State {
            streams_video: true,
            offered: vec![pixels],
            answer,
            fps: Some(25.0),
            fastest: Vec::new(),
            buffers: 6,
            buffer_len: sizes.to_vec(),
            fails: None,
            filled: VecDeque::new(),
            broken: false,
            signal: Signal::Present,
            notices: VecDeque::new(),
            queued: Vec::new(),
            calls: Vec::new(),
            exports: false,
            source: Source::Own,
            controls: Vec::new(),
            set: Vec::new(),
            filled_with: None,
            imported: Vec::new(),
        })))
    }
    pub(crate) fn set<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().expect("no test panics with it"))
    }
    /// The driver has filled a buffer.
    pub(crate) fn fills(&self, index: usize, sequence: u32) {
        self.fills_as(Filled { index, sequence, error: false, monotonic_us: Some(0), used: self.full() });
    }
    pub(crate) fn fills_as(&self, filled: Filled) {
        self.set(|state| state.filled.push_back(Ok(filled)));
    }
    pub(crate) fn full(&self) -> [usize; 2] {
        self.set(|state| [state.buffer_len[0], state.buffer_len.get(1).copied().unwrap_or(0)])
    }
    pub(crate) fn queued(&self) -> Vec<usize> {
        self.set(|state| state.queued.clone())
    }
    pub(crate) fn camera(&self, clock: &Arc<StillClock>) -> Result<V4l2Camera, CameraError> {
        self.camera_with(MemoryChoice::Driver, &|_| Duration::ZERO, &[], clock)
    }
    /// A camera as wished for.
    pub(crate) fn camera_as(&self, wish: &Options, clock: &Arc<StillClock>) -> Result<V4l2Camera, CameraError> {
        let surroundings = Surroundings { probe: &|_| Duration::ZERO, heaps: &Vec::new };
        V4l2Camera::start("/dev/video9".to_owned(), Box::new(self.clone()), wish, &surroundings, clock.clone())
    }
    /// A camera with memory as chosen, as `probe` measures it, beside these heaps.
    pub(crate) fn camera_with(
        &self,
        memory: MemoryChoice,
        probe: &dyn Fn(&mut [u8]) -> Duration,
        heaps: &[Arc<dyn Heap>],
        clock: &Arc<StillClock>,
    ) -> Result<V4l2Camera, CameraError> {
        let wish = Options { memory, ..Options::new(640, 480, 30.0) };
        let surroundings = Surroundings { probe, heaps: &|| heaps.to_vec() };
        V4l2Camera::start("/dev/video9".to_owned(), Box::new(self.clone()), &wish, &surroundings, clock.clone())
    }
    fn step(&self, name: &'static str) -> io::Result<()> {
        self.set(|state| {
            state.calls.push(name);
            match state.fails {
                Some((failing, number)) if failing == name => Err(io::Error::from_raw_os_error(number)),
                _ => Ok(()),
            }
        })
    }
}

impl Driver for Fake {
    fn identity(&self) -> io::Result<Identity> {
        self.step("identity")?;
        let streams_video = self.set(|state| state.streams_video);
        Ok(Identity { driver: "fake".to_owned(), card: "Fake".to_owned(), streams_video })
    }
    fn tune(&self) -> io::Result<Signal> {
        self.step("tune")?;
        Ok(self.set(|state| state.signal))
    }
    fn formats(&self) -> io::Result<Vec<FourCc>> {
        self.step("formats")?;
        Ok(self.set(|state| state.offered.clone()))
    }
    fn controls(&self) -> io::Result<Vec<Described>> {
        self.step("controls")?;
        Ok(self.set(|state| state.controls.clone()))
    }
    fn set_control(&self, id: u32, value: i32) -> io::Result<()> {
        self.step("set_control")?;
        self.set(|state| state.set.push((id, value)));
        Ok(())
    }
    fn fastest(&self, pixels: FourCc, _: usize, _: usize) -> io::Result<Option<f32>> {
        self.step("fastest")?;
        Ok(self.set(|state| state.fastest.iter().find(|(of, _)| *of == pixels).map(|(_, fps)| *fps)))
    }
    fn set_format(&self, _: FourCc, _: usize, _: usize) -> io::Result<DriverFormat> {
        self.step("set_format")?;
        Ok(self.set(|state| state.answer.clone()))
    }
    fn set_fps(&self, _: f32) -> io::Result<Option<f32>> {
        self.step("set_fps")?;
        Ok(self.set(|state| state.fps))
    }
    fn request_buffers(&self, count: usize, source: Source) -> io::Result<usize> {
        self.set(|state| state.source = source);
        self.step(match (count, source) {
            (0, _) => "free_buffers",
            (_, Source::Own) => "request_buffers",
            (_, Source::Imported) => "request_imports",
        })?;
        Ok(self.set(|state| state.buffers))
    }
    fn map(&self, index: usize) -> io::Result<Vec<Memory>> {
        self.step("map")?;
        let lens = self.set(|state| state.buffer_len.clone());
        lens.into_iter()
            .map(|len| {
                let mut mapping = Mapping::anonymous(len)?;
                let mark = self.set(|state| state.filled_with);
                mapping.bytes_mut().fill(mark.unwrap_or(u8::try_from(index).unwrap_or(u8::MAX)));
                let exported = self.set(|state| state.exports).then(|| File::open("/dev/null"));
                let exported = exported.transpose()?.map(OwnedFd::from);
                Ok(Memory::of_driver(mapping, exported).bracketed(heard))
            })
            .collect()
    }
    fn queue(&self, index: usize, memories: &[Memory]) -> io::Result<()> {
        self.step(if self.set(|state| state.source) == Source::Imported { "import" } else { "queue" })?;
        self.set(|state| {
            state.queued.push(index);
            state.imported.extend(memories.iter().filter_map(|memory| memory.dma_buf().map(|fd| fd.as_raw_fd())));
        });
        Ok(())
    }
    fn dequeue(&self) -> io::Result<Filled> {
        self.set(|state| match state.filled.pop_front() {
            Some(Ok(filled)) => {
                state.queued.retain(|index| *index != filled.index);
                Ok(filled)
            }
            Some(Err(number)) => Err(io::Error::from_raw_os_error(number)),
            None => Err(io::ErrorKind::WouldBlock.into()),
        })
    }
    fn notice(&self) -> io::Result<Option<Notice>> {
        self.step("notice")?;
        Ok(self.set(|state| state.notices.pop_front()))
    }
    fn stream_on(&self) -> io::Result<()> {
        self.step("stream_on")
    }
    fn stream_off(&self) -> io::Result<()> {
        self.set(|state| state.queued.clear());
        self.step("stream_off")
    }
    fn wait(&self, _: Duration) -> io::Result<Readiness> {
        self.step("wait")?;
        Ok(self.set(|state| match (state.filled.is_empty(), state.broken) {
            _ if !state.notices.is_empty() => Readiness::Notice,
            (false, _) => Readiness::Frame,
            (true, true) => Readiness::Broken,
            (true, false) => Readiness::Nothing,
        }))
    }
}

thread_local! {
    /// What dma-bufs were told in this thread: that the processor begins (`true`) or ends.
    static BRACKETS: RefCell<Vec<bool>> = const { RefCell::new(Vec::new()) };
    /// The processor can neither begin nor end.
    static BROKEN: RefCell<bool> = const { RefCell::new(false) };
}

fn heard(_: BorrowedFd<'_>, begin: bool) -> io::Result<()> {
    BRACKETS.with_borrow_mut(|all| all.push(begin));
    if BROKEN.with_borrow(|broken| *broken) { Err(io::Error::from_raw_os_error(libc::EIO)) } else { Ok(()) }
}

/// What dma-bufs were told since this was last asked.
pub(crate) fn brackets() -> Vec<bool> {
    BRACKETS.take()
}

/// From now on dma-bufs refuse, or not.
pub(crate) fn break_brackets(broken: bool) {
    BROKEN.set(broken);
}

/// A clock that shows what it is told; UTC is 1000 s ahead.
#[derive(Default)]
pub(crate) struct StillClock(AtomicU64);

impl StillClock {
    pub(crate) fn at(us: u64) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(us)))
    }
}

impl Clock for StillClock {
    fn monotonic_us(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
    fn utc_us(&self) -> u64 {
        self.monotonic_us() + 1_000_000_000
    }
    fn synchronised(&self) -> bool {
        true
    }
}
