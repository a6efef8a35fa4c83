//! Frames on the heap with known pixels, for the tests of this crate.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // each file takes what it needs; a helper that fails fails the test

pub mod stage;

use mask::plan::Scene;
use mask::{
    CaptureTime, Class, ColourRange, FrameBuffer, FrameId, Geometry, Object, Objects, Planes, PlanesMut, RawFrame, Rect,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the bytes between lines and after the planes hold; nothing may change them, or `dark` may blank them.
pub const PADDING: u8 = 0xA5;

/// Two planes, and a count of how often such a buffer went back.
pub struct Heap {
    pub luma: Vec<u8>,
    pub chroma: Vec<u8>,
    pub released: Arc<AtomicUsize>,
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

/// A picture's pixels, apart from any frame.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    pub geometry: Geometry,
    pub luma: Vec<u8>,
    pub chroma: Vec<u8>,
}

impl Picture {
    /// Noise from `seed`, which differs in every pixel and line; lines are `padding` bytes longer than the picture.
    pub fn noise(width: usize, height: usize, padding: usize, seed: u32) -> Self {
        let stride = width + padding;
        let geometry = Geometry { width, height, luma_stride: stride, chroma_stride: stride };
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
        let mut byte = move || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 11) as u8
        };
        let mut plane = |lines: usize| {
            let mut bytes = vec![PADDING; lines * stride];
            for line in bytes.chunks_exact_mut(stride) {
                line[..width].fill_with(&mut byte);
            }
            bytes
        };
        Self { luma: plane(height), chroma: plane(height / 2), geometry }
    }
    /// Patches of 64 x 64 pixels, as large as a cell, each of a brightness of its own: what cells over it show depends on where and when they were taken.
    pub fn patches(width: usize, height: usize, seed: u32) -> Self {
        let mut picture = Self::noise(width, height, 0, seed);
        let stride = picture.geometry.luma_stride;
        for y in 0..height {
            for x in 0..width {
                let patch = (x / 64 + 17 * (y / 64) + 31 * seed as usize) as u32;
                picture.luma[y * stride + x] = (patch.wrapping_mul(2_654_435_761) >> 24) as u8;
            }
        }
        picture
    }
    pub fn luma_at(&self, x: usize, y: usize) -> u8 {
        self.luma[y * self.geometry.luma_stride + x]
    }
    /// Cb and Cr of the pixel.
    pub fn chroma_at(&self, x: usize, y: usize) -> [u8; 2] {
        let at = y / 2 * self.geometry.chroma_stride + (x & !1);
        [self.chroma[at], self.chroma[at + 1]]
    }
    /// A raw frame that holds these pixels, captured at `monotonic_us`.
    pub fn frame(&self, id: u64, monotonic_us: u64) -> RawFrame {
        self.counted_frame(id, monotonic_us, &Arc::default())
    }
    pub fn counted_frame(&self, id: u64, monotonic_us: u64, released: &Arc<AtomicUsize>) -> RawFrame {
        let buffer = Heap { luma: self.luma.clone(), chroma: self.chroma.clone(), released: Arc::clone(released) };
        let captured = CaptureTime { monotonic_us, utc_us: 1_795_324_395_123_000 + monotonic_us };
        RawFrame::new(FrameId(id), captured, self.geometry, ColourRange::Limited, Box::new(buffer)).unwrap()
    }
    /// What a frame shows now.
    pub fn of(geometry: Geometry, planes: Planes<'_>) -> Self {
        Self { geometry, luma: planes.luma.to_vec(), chroma: planes.chroma.to_vec() }
    }
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({:?})", self.geometry)
    }
}

pub fn head(track: u32, x: f32, y: f32, w: f32, h: f32) -> Object {
    Object { class: Class::Head, score: 0.9, rect: Rect { x, y, w, h }, track, grown: [0.0; 2] }
}

pub fn found(id: u64, objects: &[Object]) -> Objects {
    let mut found = Objects::none(FrameId(id));
    for object in objects {
        found.push(*object);
    }
    found
}

/// A view without zones whose largest face is known.
pub fn scene() -> Scene {
    Scene { largest_face_px: Some(60.0), ..Scene::unknown() }
}
