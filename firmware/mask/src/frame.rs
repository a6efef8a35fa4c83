//! Frames that own the buffer they lie in.
//!
//! A [`RawFrame`] is always NV12 (a full-size luma plane, then interleaved half-size Cb Cr), whatever the camera delivers; drivers that
//! offer something else convert at capture. It has no `Clone`, `Debug` of pixels or `Serialize`; dropping it gives the buffer back.

#[cfg(any(test, doctest))]
mod boundary;

use std::fmt;
use std::os::fd::BorrowedFd;

/// Counts frames of one camera since the eye started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId(pub u64);

/// When a frame was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaptureTime {
    /// The board's monotonic clock, microseconds.
    pub monotonic_us: u64,
    /// The same instant in UTC, microseconds since the Unix epoch.
    pub utc_us: u64,
}

/// Whether luma spans 16..=235 or 0..=255.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColourRange {
    /// 16..=235 (BT.601/709 studio swing), the usual one.
    Limited,
    /// 0..=255.
    Full,
}

/// How luma and colour differences are made of red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColourMatrix {
    /// ITU-R BT.601-7, item 2.5; JPEG (JFIF) too.
    Bt601,
    /// ITU-R BT.709-6, item 3.
    Bt709,
    /// ITU-R BT.2020-2, table 4, non-constant luminance.
    Bt2020,
}

impl ColourMatrix {
    /// What a camera that does not say most likely means: BT.709 from 720 lines on, BT.601 below.
    #[must_use]
    pub fn usual(height: usize) -> Self {
        if height >= 720 { Self::Bt709 } else { Self::Bt601 }
    }
    /// The shares of red and blue in luma.
    #[must_use]
    pub fn red_and_blue(self) -> (f64, f64) {
        match self {
            Self::Bt601 => (0.299, 0.114),
            Self::Bt709 => (0.2126, 0.0722),
            Self::Bt2020 => (0.2627, 0.0593),
        }
    }
}

/// Size and memory layout of an NV12 picture. Width and height are even.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Pixels per line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// Bytes from one luma line to the next.
    pub luma_stride: usize,
    /// Bytes from one chroma line to the next.
    pub chroma_stride: usize,
}

impl Geometry {
    /// Rows without padding.
    #[must_use]
    pub fn packed(width: usize, height: usize) -> Self {
        Self { width, height, luma_stride: width, chroma_stride: width }
    }
    /// Bytes that the luma plane needs at least.
    #[must_use]
    pub fn luma_len(&self) -> usize {
        if self.height == 0 { 0 } else { self.luma_stride * (self.height - 1) + self.width }
    }
    /// Bytes that the chroma plane needs at least.
    #[must_use]
    pub fn chroma_len(&self) -> usize {
        if self.height < 2 { 0 } else { self.chroma_stride * (self.height / 2 - 1) + self.width }
    }
}

/// The two planes of a picture, to read.
#[derive(Clone, Copy)]
pub struct Planes<'a> {
    /// Luma.
    pub luma: &'a [u8],
    /// Interleaved Cb Cr at half size.
    pub chroma: &'a [u8],
}

/// The two planes of a picture, to paint.
pub struct PlanesMut<'a> {
    /// Luma.
    pub luma: &'a mut [u8],
    /// Interleaved Cb Cr at half size.
    pub chroma: &'a mut [u8],
}

/// A picture's memory as a dma-buf (the kernel's `Documentation/driver-api/dma-buf.rst`), for hardware that reads it where it lies. Both planes are in the
/// one buffer; their strides are the frame's [`Geometry`].
#[derive(Debug, Clone, Copy)]
pub struct DmaBuf<'a> {
    /// The buffer. It is lent for as long as the frame: hardware that keeps it longer would see the next picture before it is masked.
    pub fd: BorrowedFd<'a>,
    /// Bytes of the whole buffer.
    pub len: usize,
    /// Bytes from its start to the first line of luma.
    pub luma_offset: usize,
    /// Bytes from its start to the first line of chroma.
    pub chroma_offset: usize,
}

impl DmaBuf<'_> {
    /// Whether both planes of such a picture lie inside, luma first.
    fn holds(&self, geometry: &Geometry) -> bool {
        let luma_end = self.luma_offset.checked_add(geometry.luma_len());
        let chroma_end = self.chroma_offset.checked_add(geometry.chroma_len());
        luma_end.is_some_and(|end| end <= self.chroma_offset) && chroma_end.is_some_and(|end| end <= self.len)
    }
}

/// The processor's caches could not be written back: what a device would read is not what was painted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the caches of a picture could not be written back")]
pub struct NotWrittenBack;

/// A buffer leased from a camera. The driver recycles the box itself, so that a frame costs no allocation.
pub trait FrameBuffer: Send {
    /// The planes, to read.
    fn planes(&self) -> Planes<'_>;
    /// The planes, to paint.
    fn planes_mut(&mut self) -> PlanesMut<'_>;
    /// The same memory as a dma-buf, where there is one that holds both planes.
    fn dma_buf(&self) -> Option<DmaBuf<'_>> {
        None
    }
    /// Painting is over, devices may read: the processor's caches are written back (`DMA_BUF_IOCTL_SYNC` with `DMA_BUF_SYNC_END`; the driver began the
    /// access before it lent the buffer). Called once for each frame that becomes masked; reading `planes` stays allowed.
    ///
    /// # Errors
    /// [`NotWrittenBack`]: memory may still hold what was there before the masks, so no device gets to see this frame; the processor may.
    fn painted(&mut self) -> Result<(), NotWrittenBack> {
        Ok(())
    }
    /// Gives the buffer back to whoever leased it out.
    fn release(self: Box<Self>);
}

/// Why a buffer is not a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Zero or odd size.
    #[error("a picture of {width}x{height} cannot be NV12: width and height must be even and above zero")]
    BadSize {
        /// Pixels per line.
        width: usize,
        /// Lines.
        height: usize,
    },
    /// A stride below the width.
    #[error("a line of {width} pixels does not fit a stride of {stride} bytes")]
    BadStride {
        /// Pixels per line.
        width: usize,
        /// Bytes per line.
        stride: usize,
    },
    /// The buffer is smaller than its geometry says.
    #[error("the {plane} plane has {have} bytes, the geometry needs {need}")]
    ShortPlane {
        /// `luma` or `chroma`.
        plane: &'static str,
        /// Bytes there.
        have: usize,
        /// Bytes needed.
        need: usize,
    },
    /// A plan for another frame.
    #[error("the plan is for frame {plan:?}, the frame is {frame:?}")]
    ForeignPlan {
        /// Whose plan it is.
        plan: FrameId,
        /// The frame.
        frame: FrameId,
    },
}

/// What a frame is apart from its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameInfo {
    /// Its number.
    pub id: FrameId,
    /// When it was taken.
    pub captured: CaptureTime,
    /// Size and layout.
    pub geometry: Geometry,
    /// Luma range.
    pub range: ColourRange,
    /// Colour matrix.
    pub matrix: ColourMatrix,
}

/// Gives the buffer back on drop, whichever way the frame ends.
struct Lease(Option<Box<dyn FrameBuffer>>);

impl Lease {
    fn buffer(&self) -> &dyn FrameBuffer {
        self.0.as_deref().expect("the lease is taken only in drop")
    }
    fn buffer_mut(&mut self) -> &mut dyn FrameBuffer {
        &mut **self.0.as_mut().expect("the lease is taken only in drop")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(buffer) = self.0.take() {
            buffer.release();
        }
    }
}

/// An unmasked frame. It can be looked at by the detector and consumed by [`crate::apply`], nothing else.
pub struct RawFrame {
    info: FrameInfo,
    lease: Lease,
}

impl RawFrame {
    /// Wraps a leased buffer after checking that it can hold the picture.
    ///
    /// # Errors
    /// [`FrameError`] when size, strides or plane lengths do not fit; the buffer goes back to its owner.
    pub fn new(
        id: FrameId,
        captured: CaptureTime,
        geometry: Geometry,
        range: ColourRange,
        buffer: Box<dyn FrameBuffer>,
    ) -> Result<Self, FrameError> {
        let lease = Lease(Some(buffer));
        let Geometry { width, height, luma_stride, chroma_stride } = geometry;
        if width == 0 || height == 0 || width % 2 != 0 || height % 2 != 0 {
            return Err(FrameError::BadSize { width, height });
        }
        for stride in [luma_stride, chroma_stride] {
            if stride < width {
                return Err(FrameError::BadStride { width, stride });
            }
        }
        let planes = lease.buffer().planes();
        for (plane, have, need) in
            [("luma", planes.luma.len(), geometry.luma_len()), ("chroma", planes.chroma.len(), geometry.chroma_len())]
        {
            if have < need {
                return Err(FrameError::ShortPlane { plane, have, need });
            }
        }
        let matrix = ColourMatrix::usual(height);
        Ok(Self { info: FrameInfo { id, captured, geometry, range, matrix }, lease })
    }
    /// The same frame with the colour matrix that its source states; else it has the one that is usual for its height.
    #[must_use]
    pub fn with_matrix(mut self, matrix: ColourMatrix) -> Self {
        self.info.matrix = matrix;
        self
    }
    /// Number, time, geometry.
    #[must_use]
    pub fn info(&self) -> &FrameInfo {
        &self.info
    }
    /// The pixels, for the detector.
    #[must_use]
    pub fn planes(&self) -> Planes<'_> {
        self.lease.buffer().planes()
    }
    pub(crate) fn planes_mut(&mut self) -> PlanesMut<'_> {
        self.lease.buffer_mut().planes_mut()
    }
    /// Only [`crate::apply`] may say that a frame is masked.
    pub(crate) fn into_masked(mut self) -> MaskedFrame {
        let written_back = self.lease.buffer_mut().painted().is_ok();
        MaskedFrame { info: self.info, lease: self.lease, written_back }
    }
}

impl fmt::Debug for RawFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawFrame").field("info", &self.info).finish_non_exhaustive()
    }
}

/// A frame whose plan has been painted. The only thing that an encoder takes.
pub struct MaskedFrame {
    info: FrameInfo,
    lease: Lease,
    /// What devices would read is what was painted.
    written_back: bool,
}

impl MaskedFrame {
    /// Number, time, geometry.
    #[must_use]
    pub fn info(&self) -> &FrameInfo {
        &self.info
    }
    /// The masked pixels.
    #[must_use]
    pub fn planes(&self) -> Planes<'_> {
        self.lease.buffer().planes()
    }
    /// The masked pixels as a dma-buf. `None` where the camera offers none, where it does not hold the picture, or where the masks may still lie in the
    /// processor's caches: then the pixels must be copied.
    #[must_use]
    pub fn dma_buf(&self) -> Option<DmaBuf<'_>> {
        self.lease.buffer().dma_buf().filter(|buffer| self.written_back && buffer.holds(&self.info.geometry))
    }
}

impl fmt::Debug for MaskedFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaskedFrame").field("info", &self.info).finish_non_exhaustive()
    }
}
