//! How long a 1080p picture takes to become NV12: `cargo run --release -p board-v4l2 --example convert_bench` prints one JSON line, medians in milliseconds.
#![allow(clippy::print_stdout, reason = "a measuring program prints its figures")]

use board_hal::Nv12Pool;
use board_v4l2::{Layout, to_nv12};
use mask::{FrameBuffer, Geometry};
use std::hint::black_box;
use std::time::Instant;

const WIDTH: usize = 1920;
const HEIGHT: usize = 1080;
const ROUNDS: usize = 100;

fn main() -> Result<(), &'static str> {
    let mut target = Nv12Pool::new(WIDTH, HEIGHT, 1).try_take().ok_or("the pool is empty")?;
    let packed: Vec<u8> = (0..WIDTH * HEIGHT * 2).map(|at| (at / 7) as u8).collect();
    let mut median = |layout: Layout, stride: usize| {
        let mut times: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let start = Instant::now();
                to_nv12(layout, black_box(&packed), stride, Geometry::packed(WIDTH, HEIGHT), &mut target.planes_mut());
                black_box(target.planes());
                start.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    };
    let yuyv = median(Layout::Yuyv, WIDTH * 2);
    let uyvy = median(Layout::Uyvy, WIDTH * 2);
    let nv16 = median(Layout::Nv16 { chroma_offset: WIDTH * HEIGHT }, WIDTH);
    println!("{{\"yuyv_ms\":{yuyv:.4},\"uyvy_ms\":{uyvy:.4},\"nv16_ms\":{nv16:.4}}}");
    Ok(())
}
