//! A still scene of noise with things that move before it, in simulated time: ten frames a second, every sample jittering by one step.

use super::{Picture, found, scene};
use contract::{Filter, Rung};
use mask::plan::{Scene, decide};
use mask::{FrameId, Object, Painter, apply};

pub const FRAME_US: u64 = 100_000;
pub const FRAMES_PER_S: u64 = 10;
pub const SIZE: (usize, usize) = (160, 120);

/// Something opaque with a look of its own; its top left corner may lie outside.
#[derive(Clone)]
pub struct Thing {
    pub look: Picture,
    pub x: i64,
    pub y: i64,
}

impl Thing {
    pub fn new(width: usize, height: usize, seed: u32) -> Self {
        Self { look: Picture::noise(width, height, 0, seed), x: 0, y: 0 }
    }
    pub fn at(mut self, x: i64, y: i64) -> Self {
        (self.x, self.y) = (x, y);
        self
    }
}

/// The scene, the painter that watches it, and the clock.
pub struct Stage {
    pub ground: Picture,
    pub painter: Painter,
    pub view: Scene,
    pub rung: Rung,
    pub number: u64,
    pub begin_us: u64,
}

impl Stage {
    /// The view's largest face is unknown, so that what is unknown is flat.
    pub fn new(seed: u32) -> Self {
        Self {
            ground: Picture::noise(SIZE.0, SIZE.1, 0, seed),
            painter: Painter::new(),
            view: Scene { largest_face_px: None, ..scene() },
            rung: Rung::Clear,
            number: 0,
            begin_us: 7_000_000,
        }
    }
    pub fn at_us(&self) -> u64 {
        self.begin_us + self.number * FRAME_US
    }
    /// The raw picture of this moment.
    pub fn raw(&self, things: &[Thing]) -> Picture {
        let mut raw = self.ground.clone();
        for Thing { look, x, y } in things {
            let (width, height) = (look.geometry.width as i64, look.geometry.height as i64);
            for (v, u) in (0..height).flat_map(|v| (0..width).map(move |u| (v, u))) {
                let (px, py) = (x + u, y + v);
                if (0..SIZE.0 as i64).contains(&px) && (0..SIZE.1 as i64).contains(&py) {
                    raw.luma[py as usize * SIZE.0 + px as usize] = look.luma_at(u as usize, v as usize);
                }
            }
        }
        let mut state = (self.number as u32).wrapping_mul(2_654_435_761) | 1;
        for value in raw.luma.iter_mut().chain(&mut raw.chroma) {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            *value = value.saturating_add((state >> 13 & 1) as u8);
        }
        raw
    }
    /// The next frame under `silhouette`: the raw picture and what is shown of it.
    pub fn step(&mut self, things: &[Thing], objects: &[Object]) -> (Picture, Picture) {
        let raw = self.raw(things);
        let plan =
            decide(FrameId(self.number), Some(&found(self.number, objects)), self.rung, Filter::Silhouette, &self.view);
        let masked = apply(raw.frame(self.number, self.at_us()), &plan, &mut self.painter).unwrap();
        self.number += 1;
        let shown = Picture::of(raw.geometry, masked.planes());
        (raw, shown)
    }
    /// So many seconds in which nothing changes; the last picture shown.
    pub fn seconds(&mut self, seconds: u64, things: &[Thing], objects: &[Object]) -> Picture {
        (0..seconds * FRAMES_PER_S).map(|_| self.step(things, objects).1).last().unwrap()
    }
    /// Whether the pixel shows the still scene, but for the jitter.
    pub fn is_ground(&self, shown: &Picture, x: usize, y: usize) -> bool {
        shown.luma_at(x, y).abs_diff(self.ground.luma_at(x, y)) <= 1
    }
    /// The share of the picture that shows the still scene.
    pub fn known(&self, shown: &Picture) -> f64 {
        let known = pixels().filter(|&(x, y)| self.is_ground(shown, x, y)).count();
        known as f64 / (SIZE.0 * SIZE.1) as f64
    }
}

/// Every pixel.
pub fn pixels() -> impl Iterator<Item = (usize, usize)> {
    (0..SIZE.1).flat_map(|y| (0..SIZE.0).map(move |x| (x, y)))
}

/// Whether the pixel is flat: the shape of something that moves, or nothing known.
pub fn is_flat(shown: &Picture, x: usize, y: usize) -> bool {
    [mask::SHAPE, mask::FILL]
        .iter()
        .any(|colour| shown.luma_at(x, y) == colour.y && shown.chroma_at(x, y) == [colour.cb, colour.cr])
}
