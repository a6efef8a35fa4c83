//! What a capture driver is asked, one method per ioctl group. [`crate::device::Device`] asks the kernel.
//!
//! Answers are passed on as they are: nothing here may be believed before [`crate::negotiate`] or the camera has checked it.

use crate::controls::Described;
use crate::memory::Memory;
use mask::ColourMatrix;
use std::io;
use std::time::Duration;

/// Most memory planes of the formats that Campari reads.
pub(crate) const MAX_MEMORIES: usize = 2;

/// Four letters that name a pixel format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FourCc(pub(crate) [u8; 4]);

impl FourCc {
    pub(crate) const NV12: Self = Self(*b"NV12");
    /// NV12 with its two planes in two memories.
    pub(crate) const NM12: Self = Self(*b"NM12");
    pub(crate) const NV16: Self = Self(*b"NV16");
    pub(crate) const YUYV: Self = Self(*b"YUYV");
    pub(crate) const UYVY: Self = Self(*b"UYVY");
    pub(crate) const MJPG: Self = Self(*b"MJPG");
    /// The same, as some drivers call it.
    pub(crate) const JPEG: Self = Self(*b"JPEG");
    pub(crate) fn code(self) -> u32 {
        u32::from_le_bytes(self.0)
    }
    pub(crate) fn from_code(code: u32) -> Self {
        Self(code.to_le_bytes())
    }
}

impl std::fmt::Display for FourCc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// Who the driver says it is.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) driver: String,
    pub(crate) card: String,
    /// It captures into memory that can be mapped.
    pub(crate) streams_video: bool,
}

/// How the driver lays out one memory plane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MemoryFormat {
    pub(crate) stride: usize,
    pub(crate) size: usize,
}

/// What the driver made of the format that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DriverFormat {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: FourCc,
    pub(crate) field: Field,
    /// `None` when the driver does not say.
    pub(crate) full_range: Option<bool>,
    /// `None` when the driver does not say.
    pub(crate) matrix: Option<ColourMatrix>,
    pub(crate) memories: usize,
    pub(crate) memory: [MemoryFormat; MAX_MEMORIES],
}

/// How lines follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Progressive,
    /// Both fields in one picture.
    Interlaced,
    /// Fields one after the other.
    Separate,
}

/// A buffer that came back from the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Filled {
    pub(crate) index: usize,
    pub(crate) sequence: u32,
    /// The driver says that the picture may be corrupt.
    pub(crate) error: bool,
    /// Of the monotonic clock; `None` when the driver stamps with another.
    pub(crate) monotonic_us: Option<u64>,
    /// Bytes in each memory plane.
    pub(crate) used: [usize; MAX_MEMORIES],
}

/// Whose memory a buffer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The driver's, mapped.
    Own,
    /// Ours, imported as a dma-buf.
    Imported,
}

/// What waiting came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    Frame,
    /// The driver has something to say.
    Notice,
    Nothing,
    /// POLLERR or POLLHUP.
    Broken,
}

/// What a driver says by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Another size or rate comes in, or nothing at all.
    SourceChanged,
    /// No more pictures will come.
    Ended,
    Other,
}

/// Whether anything comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Present,
    /// What is missing.
    None(&'static str),
}

pub(crate) trait Driver: Send + Sync {
    fn identity(&self) -> io::Result<Identity>;
    /// Sets the receiver to what comes in, where it has to be set, and asks to be told when that changes.
    fn tune(&self) -> io::Result<Signal>;
    fn formats(&self) -> io::Result<Vec<FourCc>>;
    /// Its controls.
    fn controls(&self) -> io::Result<Vec<Described>>;
    /// Gives a control a value.
    fn set_control(&self, id: u32, value: i32) -> io::Result<()>;
    /// The most frames a second at exactly that size: `None` when the driver does not say, 0 when it does not have the size.
    fn fastest(&self, pixels: FourCc, width: usize, height: usize) -> io::Result<Option<f32>>;
    fn set_format(&self, pixels: FourCc, width: usize, height: usize) -> io::Result<DriverFormat>;
    /// Asks for a frame rate; `None` when the driver does not deal in rates.
    fn set_fps(&self, fps: f32) -> io::Result<Option<f32>>;
    /// Asks for buffers and tells how many there are; 0 frees them. From now on buffers are of that source.
    fn request_buffers(&self, count: usize, source: Source) -> io::Result<usize>;
    /// Maps the memory planes of one of the driver's own buffers.
    fn map(&self, index: usize) -> io::Result<Vec<Memory>>;
    /// Hands a buffer to the driver to fill.
    fn queue(&self, index: usize, memories: &[Memory]) -> io::Result<()>;
    /// A filled buffer; `WouldBlock` when there is none.
    fn dequeue(&self) -> io::Result<Filled>;
    /// The oldest notice that was not fetched yet.
    fn notice(&self) -> io::Result<Option<Notice>>;
    fn stream_on(&self) -> io::Result<()>;
    fn stream_off(&self) -> io::Result<()>;
    fn wait(&self, timeout: Duration) -> io::Result<Readiness>;
}
