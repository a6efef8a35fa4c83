//! Masked frames with known pixels, for tests and bench of this crate.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // each file takes what it needs; a helper that fails fails the test

use contract::{Filter, Rung};
use mask::plan::{Scene, decide};
use mask::{
    CaptureTime, ColourRange, FrameBuffer, FrameId, Geometry, MaskedFrame, Objects, Painter, Planes, PlanesMut,
    RawFrame, apply,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Two planes, and a count of how often such a buffer went back.
struct Heap {
    luma: Vec<u8>,
    chroma: Vec<u8>,
    released: Arc<AtomicUsize>,
}

impl FrameBuffer for Heap {
    fn planes(&self) -> Planes<'_> {
        Planes { luma: &self.luma, chroma: &self.chroma }
    }
    fn planes_mut(&mut self) -> PlanesMut<'_> {
        PlanesMut { luma: &mut self.luma, chroma: &mut self.chroma }
    }
    fn release(self: Box<Self>) {
        self.released.fetch_add(1, Ordering::Relaxed);
    }
}

/// A smooth scene that moves by `number`, in lines `padding` bytes longer than the picture. No object in it, so that nothing is painted.
pub fn frame(width: usize, height: usize, padding: usize, number: u64, range: ColourRange) -> MaskedFrame {
    counted_frame(width, height, padding, number, range, &Arc::default())
}

pub fn counted_frame(
    width: usize,
    height: usize,
    padding: usize,
    number: u64,
    range: ColourRange,
    released: &Arc<AtomicUsize>,
) -> MaskedFrame {
    let stride = width + padding;
    let geometry = Geometry { width, height, luma_stride: stride, chroma_stride: stride };
    let shift = number as usize * 3;
    let mut luma = vec![0xEE; stride * (height - 1) + width];
    for (y, line) in luma.chunks_mut(stride).enumerate() {
        for (x, pixel) in line[..width].iter_mut().enumerate() {
            *pixel = (40 + (x + shift) % 160 / 2 + y % 96 / 2 + (x * 7 + y * 13) % 5) as u8;
        }
    }
    let mut chroma = vec![0xEE; stride * (height / 2 - 1) + width];
    for (y, line) in chroma.chunks_mut(stride).enumerate() {
        for (x, pair) in line[..width].chunks_exact_mut(2).enumerate() {
            pair[0] = (90 + (x + shift) % 60) as u8;
            pair[1] = (100 + y % 60) as u8;
        }
    }
    let buffer = Box::new(Heap { luma, chroma, released: Arc::clone(released) });
    let captured = CaptureTime { monotonic_us: number * 40_000, utc_us: number * 40_000 };
    let raw = RawFrame::new(FrameId(number), captured, geometry, range, buffer).unwrap();
    let plan =
        decide(FrameId(number), Some(&Objects::none(FrameId(number))), Rung::Clear, Filter::Fill, &Scene::unknown());
    apply(raw, &plan, &mut Painter::new()).unwrap()
}
