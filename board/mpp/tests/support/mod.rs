//! A copy of the simulated library for each test, and masked frames with known pixels, on the heap or in memory that hardware could read.
#![allow(dead_code, unreachable_pub, unsafe_code, clippy::unwrap_used)] // each file takes what it needs; a helper that fails fails the test

use board_hal::{Codec, EncodedUnit, Encoder, EncoderSettings};
use board_mpp::{MppEncoder, MppLibrary, MppOptions};
use contract::{Filter, Rung};
use mask::plan::{Scene, decide};
use mask::{
    CaptureTime, ColourMatrix, ColourRange, DmaBuf, FrameBuffer, FrameId, Geometry, MaskedFrame, NotWrittenBack,
    Objects, Painter, Planes, PlanesMut, RawFrame, apply,
};
use std::ffi::{CString, c_char};
use std::fs::File;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const SIZE: (usize, usize) = (320, 240);
/// Longer than any test waits.
pub const FOR_EVER: Duration = Duration::from_secs(60);

pub fn settings() -> EncoderSettings {
    let (width, height) = SIZE;
    EncoderSettings { codec: Codec::H264, width, height, fps: 25.0, bitrate_bps: 1_000_000, key_interval: 50 }
}

/// Patient enough for a slow machine, valgrind included.
pub fn options() -> MppOptions {
    MppOptions { stuck_after: Duration::from_secs(8), ..MppOptions::default() }
}

/// The simulated library as cargo built it: beside this test.
pub fn built() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let library = test.parent().unwrap().join("libboard_mpp_sim.so");
    assert!(library.exists(), "{} is built with this test", library.display());
    library
}

/// A copy of the library, with faults and counts of its own.
pub struct Sim {
    pub library: MppLibrary,
    control: libloading::Library,
    _folder: TempDir,
}

/// A copy of the library's file.
pub fn copied() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("librockchip_mpp.so.1");
    std::fs::copy(built(), &file).unwrap();
    (folder, file)
}

impl Sim {
    pub fn new() -> Self {
        let (folder, file) = copied();
        Self::of(folder, &file)
    }
    pub fn of(folder: TempDir, file: &Path) -> Self {
        let library = MppLibrary::load(file).unwrap();
        // SAFETY: the library that was loaded just now.
        let control = unsafe { libloading::Library::new(file) }.unwrap();
        Self { library, control, _folder: folder }
    }
    /// See `board/mpp-sim/src/faults.rs`.
    pub fn set(&self, fault: &str, value: i64) {
        let fault = CString::new(fault).unwrap();
        // SAFETY: the simulation's own function, of this type.
        let set = unsafe { self.control.get::<unsafe extern "C" fn(*const c_char, i64)>(b"mpp_sim_set\0") }.unwrap();
        // SAFETY: a C string.
        unsafe { set(fault.as_ptr(), value) };
    }
    pub fn refuse(&self, setting: &str) {
        let setting = CString::new(setting).unwrap();
        // SAFETY: the simulation's own function, of this type.
        let refuse = unsafe { self.control.get::<unsafe extern "C" fn(*const c_char)>(b"mpp_sim_refuse\0") }.unwrap();
        // SAFETY: a C string.
        unsafe { refuse(setting.as_ptr()) };
    }
    pub fn count(&self, what: &str) -> i64 {
        let what = CString::new(what).unwrap();
        // SAFETY: the simulation's own function, of this type.
        let count =
            unsafe { self.control.get::<unsafe extern "C" fn(*const c_char) -> i64>(b"mpp_sim_count\0") }.unwrap();
        // SAFETY: a C string.
        unsafe { count(what.as_ptr()) }
    }
    pub fn open(&self) -> MppEncoder {
        self.open_with(settings(), options())
    }
    pub fn open_with(&self, settings: EncoderSettings, options: MppOptions) -> MppEncoder {
        MppEncoder::open(&self.library, settings, ColourRange::Limited, ColourMatrix::Bt601, options).unwrap()
    }
}

/// Waits until it is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < FOR_EVER, "{what}");
        std::thread::yield_now();
    }
}

/// A smooth scene that moves by `number`.
fn luma(x: usize, y: usize, number: u64) -> u8 {
    let (x, y) = (x as f32 / 40.0 + number as f32 / 9.0, y as f32 / 35.0);
    (128.0 + 60.0 * x.sin() + 40.0 * (y + x / 3.0).cos()) as u8
}

fn chroma(x: usize, y: usize, number: u64) -> [u8; 2] {
    let (x, y) = (x as f32 / 25.0, y as f32 / 30.0 + number as f32 / 12.0);
    [(128.0 + 50.0 * y.sin()) as u8, (128.0 + 50.0 * x.cos()) as u8]
}

/// Two planes as they lie in one memory: luma at the start, chroma at `chroma_offset`.
pub struct Pixels {
    pub bytes: Vec<u8>,
    pub geometry: Geometry,
    pub chroma_offset: usize,
}

impl Pixels {
    pub fn scene((width, height): (usize, usize), stride: usize, lines: usize, number: u64) -> Self {
        let geometry = Geometry { width, height, luma_stride: stride, chroma_stride: stride };
        // Between lines lies what must not be seen.
        let mut bytes = vec![0xEE; stride * lines * 3 / 2];
        for y in 0..height {
            for x in 0..width {
                bytes[y * stride + x] = luma(x, y, number);
                if y % 2 == 0 && x % 2 == 0 {
                    let at = stride * lines + y / 2 * stride + x;
                    bytes[at..at + 2].copy_from_slice(&chroma(x / 2, y / 2, number));
                }
            }
        }
        Self { bytes, geometry, chroma_offset: stride * lines }
    }
}

/// A buffer of pixels, and, where it has a file, memory that hardware can read through it.
pub struct Memory {
    pixels: Pixels,
    file: Option<Arc<File>>,
    released: Arc<AtomicUsize>,
}

impl FrameBuffer for Memory {
    fn planes(&self) -> Planes<'_> {
        let (luma, chroma) = self.pixels.bytes.split_at(self.pixels.chroma_offset);
        Planes { luma, chroma }
    }
    fn planes_mut(&mut self) -> PlanesMut<'_> {
        let (luma, chroma) = self.pixels.bytes.split_at_mut(self.pixels.chroma_offset);
        PlanesMut { luma, chroma }
    }
    fn dma_buf(&self) -> Option<DmaBuf<'_>> {
        let (len, chroma_offset) = (self.pixels.bytes.len(), self.pixels.chroma_offset);
        self.file.as_ref().map(|file| DmaBuf { fd: file.as_fd(), len, luma_offset: 0, chroma_offset })
    }
    fn painted(&mut self) -> Result<(), NotWrittenBack> {
        match &self.file {
            Some(file) => file.write_all_at(&self.pixels.bytes, 0).map_err(|_| NotWrittenBack),
            None => Ok(()),
        }
    }
    fn release(self: Box<Self>) {
        self.released.fetch_add(1, Ordering::SeqCst);
    }
}

/// Memory behind a descriptor, as a dma-buf is.
pub fn memfd() -> Arc<File> {
    // SAFETY: a name that ends with a zero byte.
    let fd = unsafe { libc::memfd_create(c"frame".as_ptr(), libc::MFD_CLOEXEC) };
    assert!(fd >= 0);
    // SAFETY: a descriptor that nobody else has.
    Arc::new(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// A masked frame of these pixels, in which nothing was painted.
pub fn masked(number: u64, pixels: Pixels, file: Option<Arc<File>>, released: &Arc<AtomicUsize>) -> MaskedFrame {
    let (id, geometry) = (FrameId(number), pixels.geometry);
    let captured = CaptureTime { monotonic_us: number * 40_000, utc_us: number * 40_000 };
    let buffer = Memory { pixels, file, released: Arc::clone(released) };
    let raw = RawFrame::new(id, captured, geometry, ColourRange::Limited, Box::new(buffer)).unwrap();
    let plan = decide(id, Some(&Objects::none(id)), Rung::Clear, Filter::Fill, &Scene::unknown());
    apply(raw, &plan, &mut Painter::new()).unwrap()
}

/// A frame on the heap.
pub fn heap(number: u64) -> MaskedFrame {
    masked(number, Pixels::scene(SIZE, SIZE.0, SIZE.1, number), None, &Arc::default())
}

/// A frame that hardware can read.
pub fn shared(number: u64, file: &Arc<File>) -> MaskedFrame {
    masked(number, Pixels::scene(SIZE, 352, 256, number), Some(Arc::clone(file)), &Arc::default())
}

/// Encodes a frame of the heap.
pub fn unit(encoder: &mut MppEncoder, number: u64, key: bool) -> EncodedUnit {
    let mut unit = EncodedUnit::default();
    encoder.encode(heap(number), key, &mut unit).unwrap();
    unit
}
