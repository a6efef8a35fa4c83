//! How long painting takes: 1920x1080, ten objects of 80x100 pixels, one core. Prints medians in milliseconds as JSON;
//! `silhouette_ms` is the slowest of three: nothing known yet, the scene known, everything changing in every frame.
//!
//! `cargo run --release -p mask --example paint_bench`
#![allow(clippy::print_stdout)]

use contract::{Filter, Rung};
use mask::plan::{Scene, decide};
use mask::{
    CaptureTime, Class, ColourRange, FrameBuffer, FrameId, Geometry, Object, Objects, Painter, Planes, PlanesMut,
    RawFrame, Rect, apply,
};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

const WIDTH: usize = 1920;
const HEIGHT: usize = 1080;
const ROUNDS: u64 = 400;

/// A heap buffer that comes back through a channel, as a camera's queue does.
struct Heap {
    bytes: Vec<u8>,
    home: Sender<Vec<u8>>,
}

impl FrameBuffer for Heap {
    fn planes(&self) -> Planes<'_> {
        let (luma, chroma) = self.bytes.split_at(WIDTH * HEIGHT);
        Planes { luma, chroma }
    }
    fn planes_mut(&mut self) -> PlanesMut<'_> {
        let (luma, chroma) = self.bytes.split_at_mut(WIDTH * HEIGHT);
        PlanesMut { luma, chroma }
    }
    fn release(self: Box<Self>) {
        // The bench may have ended.
        let _ = self.home.send(self.bytes);
    }
}

fn main() {
    let (home, back) = channel();
    let bytes: Vec<u8> = (0..WIDTH * HEIGHT * 3 / 2).map(|i| (i * 31 + i / WIDTH * 17) as u8).collect();
    home.send(bytes.clone()).expect("the receiver lives");
    let mut copy = bytes.clone();
    let mut copies = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        copy.copy_from_slice(std::hint::black_box(&bytes));
        std::hint::black_box(&copy);
        copies.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let scene = |_: u64| &bytes[..];
    let fill_ms = median(paint(Filter::Fill, None, &home, &back));
    let pixelate_ms = median(paint(Filter::Pixelate, None, &home, &back));
    let coarse_ms = median(paint(Filter::Coarse, None, &home, &back));
    // The scene is learned after ten seconds, 250 frames.
    let mut known = paint(Filter::Silhouette, Some(&scene), &home, &back);
    let unknown_ms = median(known.drain(..260).collect());
    let known_ms = median(known);
    let other: Vec<u8> = bytes.iter().map(|value| value.wrapping_add(90)).collect();
    let flicker = |number: u64| if number.is_multiple_of(2) { &bytes[..] } else { &other[..] };
    let changing_ms = median(paint(Filter::Silhouette, Some(&flicker), &home, &back));
    let silhouette_ms = unknown_ms.max(known_ms).max(changing_ms);
    let copy_ms = median(copies);
    println!(
        "{{\"fill_ms\":{fill_ms:.4},\"pixelate_ms\":{pixelate_ms:.4},\"silhouette_ms\":{silhouette_ms:.4},\"silhouette_unknown_ms\":{unknown_ms:.4},\
         \"silhouette_known_ms\":{known_ms:.4},\"silhouette_changing_ms\":{changing_ms:.4},\"coarse_ms\":{coarse_ms:.4},\"copy_ms\":{copy_ms:.4},\
         \"coarse_over_copy\":{:.2}}}",
        coarse_ms / copy_ms
    );
}

/// Milliseconds of each of many frames 40 ms apart, of the pictures that `camera` gives or of what the last one left, on which the objects move; `pixelate` takes new cells every 25th.
fn paint<'a>(
    filter: Filter,
    camera: Option<&dyn Fn(u64) -> &'a [u8]>,
    home: &Sender<Vec<u8>>,
    back: &Receiver<Vec<u8>>,
) -> Vec<f64> {
    let scene = Scene { largest_face_px: Some(120.0), ..Scene::unknown() };
    let mut painter = Painter::new();
    let mut times = Vec::new();
    for number in 0..ROUNDS {
        let id = FrameId(number);
        let mut objects = Objects::none(id);
        for track in 1..=10_u32 {
            let rect =
                Rect { x: track as f32 * 160.0 + number as f32 % 7.0, y: track as f32 * 90.0, w: 80.0, h: 100.0 };
            objects.push(Object { class: Class::Head, score: 0.9, rect, track, grown: [0.0; 2] });
        }
        let plan = decide(id, Some(&objects), Rung::Clear, filter, &scene);
        let mut bytes = back.recv().expect("the buffer comes back");
        if let Some(camera) = camera {
            bytes.copy_from_slice(camera(number));
        }
        let buffer = Box::new(Heap { bytes, home: home.clone() });
        let captured = CaptureTime { monotonic_us: number * 40_000, utc_us: 0 };
        let frame = RawFrame::new(id, captured, Geometry::packed(WIDTH, HEIGHT), ColourRange::Limited, buffer)
            .expect("the buffer fits");
        let start = Instant::now();
        let masked = apply(frame, &plan, &mut painter).expect("the plan is this frame's");
        times.push(start.elapsed().as_secs_f64() * 1e3);
        std::hint::black_box(masked.planes().luma[0]);
    }
    times
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
