//! What an encoding driver is asked. Answers are passed on as they are: nothing here may be believed before the encoder has checked it.

use crate::mapping::Mapping;
use mask::{ColourMatrix, ColourRange};
use std::io;
use std::time::Duration;

/// Which of the device's two queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Pictures to the device: the kernel's OUTPUT.
    Raw,
    /// Stream from the device: the kernel's CAPTURE.
    Coded,
}

pub(crate) type FourCc = [u8; 4];
pub(crate) const NV12: FourCc = *b"NV12";
pub(crate) const H264: FourCc = *b"H264";
pub(crate) const HEVC: FourCc = *b"HEVC";

/// What can be set while it encodes, and what only before; the kernel's V4L2_CID_MPEG_VIDEO_… (`v4l2-controls.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Control {
    /// Bits per second.
    Bitrate,
    /// 1: as many in every second.
    ConstantBitrate,
    /// 1: there is rate control at all.
    RateLimits,
    /// Frames from one key picture to the next.
    KeyInterval,
    /// Pictures that refer to later ones.
    BFrames,
    /// 1: parameter sets come with the first picture, not by themselves.
    HeaderWithPicture,
    /// 1: parameter sets before every key picture.
    RepeatHeader,
    /// The next picture is a key picture.
    ForceKey,
    /// 4: High profile.
    H264Profile,
}

/// Who the driver says it is.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) driver: String,
    pub(crate) card: String,
    /// Multi-planar memory-to-memory, with buffers that can be mapped.
    pub(crate) is_m2m: bool,
}

/// What the driver made of the raw format that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawFormat {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: FourCc,
    pub(crate) memories: usize,
    pub(crate) stride: usize,
    pub(crate) size: usize,
}

/// What the driver made of the coded format that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CodedFormat {
    pub(crate) pixels: FourCc,
    pub(crate) size: usize,
}

/// A buffer that came back from the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) index: usize,
    /// Bytes in it, from its start.
    pub(crate) used: usize,
    /// The number that its picture was queued with.
    pub(crate) number: u64,
    /// The driver says that something is wrong with it.
    pub(crate) error: bool,
}

pub(crate) trait Driver: Send {
    fn identity(&self) -> io::Result<Identity>;
    fn formats(&self, side: Side) -> io::Result<Vec<FourCc>>;
    fn set_coded(&self, pixels: FourCc, width: usize, height: usize, size: usize) -> io::Result<CodedFormat>;
    fn set_raw(&self, width: usize, height: usize, colours: (ColourRange, ColourMatrix)) -> io::Result<RawFormat>;
    /// What is seen of the raw picture: the rest is alignment.
    fn set_visible(&self, width: usize, height: usize) -> io::Result<()>;
    fn set_fps(&self, fps: f32) -> io::Result<()>;
    fn set_control(&self, control: Control, value: i32) -> io::Result<()>;
    /// Asks for buffers and tells how many there are; 0 frees them.
    fn request_buffers(&self, side: Side, count: usize) -> io::Result<usize>;
    fn map(&self, side: Side, index: usize) -> io::Result<Mapping>;
    /// Hands a buffer to the driver: a picture with its number, or an empty one to be filled.
    fn queue(&self, side: Side, index: usize, used: usize, number: u64) -> io::Result<()>;
    /// A buffer that is done; `WouldBlock` when there is none.
    fn dequeue(&self, side: Side) -> io::Result<Done>;
    fn stream(&self, side: Side, on: bool) -> io::Result<()>;
    /// Waits until a buffer of that side is done; false when none was in time.
    fn wait(&self, side: Side, timeout: Duration) -> io::Result<bool>;
}
