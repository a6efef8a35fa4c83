//! A driver that does as a test says. Its stream is made of what lies in the picture's buffer, so that a test can tell one picture from another.

use crate::driver::{CodedFormat, Control, Done, Driver, FourCc, H264, Identity, NV12, RawFormat, Side};
use crate::encoder::M2mEncoder;
use crate::mapping::Mapping;
use board_hal::{Codec, EncodeError, EncoderSettings};
use contract::{Filter, Rung};
use mask::plan::{Scene, decide};
use mask::{
    CaptureTime, ColourMatrix, ColourRange, FrameBuffer, FrameId, Geometry, MaskedFrame, Objects, Painter, Planes,
    PlanesMut, RawFrame, apply,
};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const WIDTH: usize = 30;
pub(crate) const HEIGHT: usize = 20;
pub(crate) const STRIDE: usize = 32;
pub(crate) const LINES: usize = 32;
pub(crate) const SPS: &[u8] = &[0, 0, 0, 1, 0x67, 0x11];
pub(crate) const PPS: &[u8] = &[0, 0, 0, 1, 0x68, 0x22];

/// What a fake driver says and has been told; a test keeps one clone.
#[derive(Clone)]
pub(crate) struct Fake(Arc<Mutex<State>>);

pub(crate) struct State {
    pub(crate) is_m2m: bool,
    pub(crate) coded_offered: Vec<FourCc>,
    pub(crate) raw_offered: Vec<FourCc>,
    pub(crate) raw: RawFormat,
    pub(crate) coded: CodedFormat,
    pub(crate) buffers: usize,
    pub(crate) controls: BTreeMap<Control, i32>,
    pub(crate) unknown: Vec<Control>,
    pub(crate) fps: f32,
    pub(crate) visible: Option<(usize, usize)>,
    /// The error number of the named step.
    pub(crate) fails: Option<(&'static str, i32)>,
    /// Headers come in a buffer of their own before the first picture.
    pub(crate) header_apart: bool,
    /// Headers come with the first key picture only.
    pub(crate) header_once: bool,
    pub(crate) silent: bool,
    pub(crate) garbage: bool,
    pub(crate) broken: bool,
    pub(crate) late: u64,
    /// Says so much more than it wrote.
    pub(crate) boasts: usize,
    pub(crate) calls: Vec<String>,
    raw_memory: Vec<(usize, usize)>,
    coded_memory: Vec<(usize, usize)>,
    free: VecDeque<usize>,
    filled: VecDeque<Done>,
    read: VecDeque<Done>,
    pictures: u64,
}

impl Fake {
    pub(crate) fn new() -> Self {
        let size = STRIDE * LINES * 3 / 2;
        let raw = RawFormat { width: STRIDE, height: LINES, pixels: NV12, memories: 1, stride: STRIDE, size };
        Self(Arc::new(Mutex::new(State {
            is_m2m: true,
            coded_offered: vec![*b"FWHT", H264],
            raw_offered: vec![*b"YU12", NV12],
            raw,
            coded: CodedFormat { pixels: H264, size: 4096 },
            buffers: 0,
            controls: BTreeMap::new(),
            unknown: Vec::new(),
            fps: 0.0,
            visible: None,
            fails: None,
            header_apart: false,
            header_once: false,
            silent: false,
            garbage: false,
            broken: false,
            late: 0,
            boasts: 0,
            calls: Vec::new(),
            raw_memory: Vec::new(),
            coded_memory: Vec::new(),
            free: VecDeque::new(),
            filled: VecDeque::new(),
            read: VecDeque::new(),
            pictures: 0,
        })))
    }
    pub(crate) fn set<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().expect("no test panics with it"))
    }
    pub(crate) fn open(&self) -> Result<M2mEncoder, EncodeError> {
        self.open_with(settings())
    }
    pub(crate) fn open_with(&self, settings: EncoderSettings) -> Result<M2mEncoder, EncodeError> {
        let colours = (ColourRange::Limited, ColourMatrix::Bt601);
        M2mEncoder::start("/dev/video9", Box::new(self.clone()), settings, colours, Duration::from_millis(50))
    }
    fn step(&self, name: &'static str) -> io::Result<()> {
        self.set(|state| {
            state.calls.push(name.to_owned());
            match state.fails {
                Some((failing, number)) if failing == name => Err(io::Error::from_raw_os_error(number)),
                _ => Ok(()),
            }
        })
    }
}

impl State {
    /// What the hardware reads from its buffer, and what it makes of it.
    fn encode(&mut self, number: u64) {
        self.pictures += 1;
        let interval = self.controls.get(&Control::KeyInterval).copied().unwrap_or(1).max(1) as u64;
        let asked = self.controls.remove(&Control::ForceKey).is_some();
        let key = asked || (self.pictures - 1).is_multiple_of(interval);
        let mut unit = Vec::new();
        if key && (self.pictures == 1 || !self.header_once) {
            if self.header_apart && self.pictures == 1 {
                self.fill(&[SPS, PPS].concat(), 0);
            } else {
                unit.extend_from_slice(&[SPS, PPS].concat());
            }
        }
        unit.extend_from_slice(&[0, 0, 0, 1, if key { 0x65 } else { 0x41 }]);
        let (start, len) = self.raw_memory[0];
        // SAFETY: a test's mapping of that many bytes, kept by the encoder for as long as it streams.
        let raw = unsafe { std::slice::from_raw_parts(start as *const u8, len) };
        // The first pixels of the first and last visible line of both planes, 0xFF in place of what could look like a start code.
        let chroma = &raw[STRIDE * LINES..];
        for pixel in [raw[0], raw[(HEIGHT - 1) * STRIDE], chroma[0], chroma[1], chroma[(HEIGHT / 2 - 1) * STRIDE]] {
            unit.push(pixel.max(2));
        }
        if self.garbage {
            unit.fill(0x5A);
        }
        self.fill(&unit, number - self.late.min(number));
        self.read.push_back(Done { index: 0, used: 0, number, error: false });
    }
    fn fill(&mut self, bytes: &[u8], number: u64) {
        let index = self.free.pop_front().expect("a buffer for the stream");
        let (start, len) = self.coded_memory[index];
        // SAFETY: as in `encode`.
        let memory = unsafe { std::slice::from_raw_parts_mut(start as *mut u8, len) };
        memory[..bytes.len()].copy_from_slice(bytes);
        self.filled.push_back(Done { index, used: bytes.len() + self.boasts, number, error: self.broken });
    }
}

impl Driver for Fake {
    fn identity(&self) -> io::Result<Identity> {
        self.step("identity")?;
        let is_m2m = self.set(|state| state.is_m2m);
        Ok(Identity { driver: "fake".to_owned(), card: "Fake".to_owned(), is_m2m })
    }
    fn formats(&self, side: Side) -> io::Result<Vec<FourCc>> {
        self.step("formats")?;
        Ok(self.set(|state| if side == Side::Raw { state.raw_offered.clone() } else { state.coded_offered.clone() }))
    }
    fn set_coded(&self, _: FourCc, _: usize, _: usize, _: usize) -> io::Result<CodedFormat> {
        self.step("set_coded")?;
        Ok(self.set(|state| state.coded))
    }
    fn set_raw(&self, _: usize, _: usize, _: (ColourRange, ColourMatrix)) -> io::Result<RawFormat> {
        self.step("set_raw")?;
        Ok(self.set(|state| state.raw))
    }
    fn set_visible(&self, width: usize, height: usize) -> io::Result<()> {
        self.step("set_visible")?;
        self.set(|state| state.visible = Some((width, height)));
        Ok(())
    }
    fn set_fps(&self, fps: f32) -> io::Result<()> {
        self.step("set_fps")?;
        self.set(|state| state.fps = fps);
        Ok(())
    }
    fn set_control(&self, control: Control, value: i32) -> io::Result<()> {
        if self.set(|state| state.unknown.contains(&control)) {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        self.set(|state| state.controls.insert(control, value));
        Ok(())
    }
    fn request_buffers(&self, _: Side, count: usize) -> io::Result<usize> {
        self.step(if count == 0 { "free" } else { "request" })?;
        Ok(self.set(|state| if state.buffers == 0 { count } else { state.buffers }))
    }
    fn map(&self, side: Side, _: usize) -> io::Result<Mapping> {
        self.step("map")?;
        let size = self.set(|state| if side == Side::Raw { state.raw.size } else { state.coded.size });
        let mut mapping = Mapping::anonymous(size)?;
        let place = (mapping.bytes_mut().as_mut_ptr() as usize, size);
        self.set(|state| if side == Side::Raw { state.raw_memory.push(place) } else { state.coded_memory.push(place) });
        Ok(mapping)
    }
    fn queue(&self, side: Side, index: usize, used: usize, number: u64) -> io::Result<()> {
        self.step(if side == Side::Raw { "queue picture" } else { "queue" })?;
        self.set(|state| match side {
            Side::Coded => state.free.push_back(index),
            Side::Raw => {
                assert_eq!(used, state.raw.size);
                if !state.silent {
                    state.encode(number);
                }
            }
        });
        Ok(())
    }
    fn dequeue(&self, side: Side) -> io::Result<Done> {
        self.step("dequeue")?;
        let done = self.set(|state| if side == Side::Raw { state.read.pop_front() } else { state.filled.pop_front() });
        done.ok_or_else(|| io::Error::from(io::ErrorKind::WouldBlock))
    }
    fn stream(&self, _: Side, on: bool) -> io::Result<()> {
        self.step(if on { "on" } else { "off" })
    }
    fn wait(&self, side: Side, timeout: Duration) -> io::Result<bool> {
        self.step("wait")?;
        let ready = self.set(|state| if side == Side::Raw { !state.read.is_empty() } else { !state.filled.is_empty() });
        if !ready {
            std::thread::sleep(timeout);
        }
        Ok(ready)
    }
}

pub(crate) fn settings() -> EncoderSettings {
    EncoderSettings {
        codec: Codec::H264,
        width: WIDTH,
        height: HEIGHT,
        fps: 25.0,
        bitrate_bps: 500_000,
        key_interval: 10,
    }
}

struct Heap(Vec<u8>, usize);

impl FrameBuffer for Heap {
    fn planes(&self) -> Planes<'_> {
        let (luma, chroma) = self.0.split_at(self.1);
        Planes { luma, chroma }
    }
    fn planes_mut(&mut self) -> PlanesMut<'_> {
        let (luma, chroma) = self.0.split_at_mut(self.1);
        PlanesMut { luma, chroma }
    }
    fn release(self: Box<Self>) {}
}

/// A masked frame whose first and last lines have known pixels: 40, 50 in luma; 60 and 70, then 80 in chroma, each plus `number`.
pub(crate) fn frame(number: u64) -> MaskedFrame {
    sized(number, WIDTH, HEIGHT, 38)
}

pub(crate) fn sized(number: u64, width: usize, height: usize, stride: usize) -> MaskedFrame {
    let luma = stride * height;
    let mut bytes = vec![100; luma + luma / 2];
    let plus = number as u8;
    for (at, value) in
        [(0, 40), ((height - 1) * stride, 50), (luma, 60), (luma + 1, 70), (luma + (height / 2 - 1) * stride, 80)]
    {
        bytes[at] = value + plus;
    }
    let geometry = Geometry { width, height, luma_stride: stride, chroma_stride: stride };
    let id = FrameId(number);
    let at = CaptureTime { monotonic_us: 0, utc_us: 0 };
    let raw = RawFrame::new(id, at, geometry, ColourRange::Limited, Box::new(Heap(bytes, luma))).expect("a frame");
    let plan = decide(id, Some(&Objects::none(id)), Rung::Clear, Filter::Fill, &Scene::unknown());
    apply(raw, &plan, &mut Painter::new()).expect("its own plan")
}
