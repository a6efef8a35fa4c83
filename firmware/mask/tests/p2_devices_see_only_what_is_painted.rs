//! P2 across memory: hardware that reads a picture where it lies gets it only after painting reached memory, and only where the buffer holds it.

#![allow(clippy::unwrap_used)] // a helper that fails fails the test

use contract::{Filter, Rung};
use mask::plan::{Scene, decide};
use mask::{
    CaptureTime, ColourRange, DmaBuf, FrameBuffer, FrameId, Geometry, MaskedFrame, NotWrittenBack, Painter, Planes,
    PlanesMut, RawFrame, apply,
};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const GEOMETRY: Geometry = Geometry { width: 64, height: 48, luma_stride: 80, chroma_stride: 80 };
const LUMA: usize = 80 * 48;
const WHOLE: usize = LUMA + 80 * 24;
/// What no mask paints.
const CAMERA: u8 = 77;

/// Memory that a device shares, and what was asked of it.
struct Shared {
    bytes: Vec<u8>,
    file: File,
    len: usize,
    luma_offset: usize,
    chroma_offset: usize,
    writes_back: bool,
    painted: Arc<AtomicUsize>,
}

impl Shared {
    fn new(painted: &Arc<AtomicUsize>) -> Self {
        Self {
            bytes: vec![CAMERA; WHOLE],
            file: File::open("/dev/null").unwrap(),
            len: WHOLE,
            luma_offset: 0,
            chroma_offset: LUMA,
            writes_back: true,
            painted: Arc::clone(painted),
        }
    }
}

impl FrameBuffer for Shared {
    fn planes(&self) -> Planes<'_> {
        let (luma, chroma) = self.bytes.split_at(LUMA);
        Planes { luma, chroma }
    }
    fn planes_mut(&mut self) -> PlanesMut<'_> {
        let (luma, chroma) = self.bytes.split_at_mut(LUMA);
        PlanesMut { luma, chroma }
    }
    fn dma_buf(&self) -> Option<DmaBuf<'_>> {
        let Self { len, luma_offset, chroma_offset, .. } = *self;
        Some(DmaBuf { fd: self.file.as_fd(), len, luma_offset, chroma_offset })
    }
    fn painted(&mut self) -> Result<(), NotWrittenBack> {
        assert!(self.bytes[0] != CAMERA, "the caches are written back after painting, not before");
        self.painted.fetch_add(1, Ordering::Relaxed);
        if self.writes_back { Ok(()) } else { Err(NotWrittenBack) }
    }
    fn release(self: Box<Self>) {}
}

fn masked(buffer: Shared) -> MaskedFrame {
    let id = FrameId(1);
    let at = CaptureTime { monotonic_us: 0, utc_us: 0 };
    let raw = RawFrame::new(id, at, GEOMETRY, ColourRange::Limited, Box::new(buffer)).unwrap();
    // Dark: every pixel is painted.
    let plan = decide(id, None, Rung::Dark, Filter::Fill, &Scene::unknown());
    apply(raw, &plan, &mut Painter::new()).unwrap()
}

#[test]
fn p2_a_masked_frame_lends_its_dma_buf_after_its_caches_were_written_back_once() {
    let painted = Arc::default();
    let buffer = Shared::new(&painted);
    let fd = buffer.file.as_raw_fd();
    let frame = masked(buffer);
    let lent = frame.dma_buf().unwrap();
    assert_eq!((lent.fd.as_raw_fd(), lent.len, lent.luma_offset, lent.chroma_offset), (fd, WHOLE, 0, LUMA));
    assert_eq!(painted.load(Ordering::Relaxed), 1);
}

#[test]
fn p2_no_device_sees_a_frame_whose_caches_could_not_be_written_back() {
    let painted = Arc::default();
    let frame = masked(Shared { writes_back: false, ..Shared::new(&painted) });
    assert_eq!(painted.load(Ordering::Relaxed), 1);
    assert!(frame.dma_buf().is_none());
    assert!(frame.planes().luma[0] != CAMERA, "the processor sees what it painted");
}

#[test]
fn a_dma_buf_that_does_not_hold_the_picture_is_not_lent() {
    let painted = Arc::default();
    let new = || Shared::new(&painted);
    // The last line needs no padding.
    assert!(masked(Shared { len: WHOLE - 16, ..new() }).dma_buf().is_some());
    for short in [
        Shared { len: WHOLE - 17, ..new() },
        Shared { luma_offset: 17, ..new() },
        Shared { chroma_offset: LUMA - 17, ..new() },
        Shared { chroma_offset: usize::MAX, ..new() },
        Shared { luma_offset: usize::MAX, ..new() },
    ] {
        let (len, luma, chroma) = (short.len, short.luma_offset, short.chroma_offset);
        assert!(masked(short).dma_buf().is_none(), "{len} bytes, luma at {luma}, chroma at {chroma}");
    }
}
