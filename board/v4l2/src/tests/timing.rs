//! What converting and decoding cost. Ignored by default, because a busy machine fails it:
//! `cargo test -p board-v4l2 --lib timing -- --ignored --nocapture`.

use crate::convert::to_nv12;
use crate::jpeg::Jpeg;
use crate::negotiate::Layout;
use board_hal::Nv12Pool;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use mask::{FrameBuffer, Geometry};
use std::time::{Duration, Instant};

const WIDTH: usize = 1920;
const HEIGHT: usize = 1080;
const TIMES: usize = 40;

/// The quickest of some calls: what others do on the machine is not measured.
fn quickest(mut call: impl FnMut()) -> Duration {
    let times = (0..TIMES).map(|_| {
        let begun = Instant::now();
        call();
        begun.elapsed()
    });
    times.min().unwrap()
}

#[test]
#[ignore = "measures time: for a quiet machine"]
#[allow(clippy::print_stdout)]
fn timing_of_a_1080p_picture_leaves_a_frame_of_25_a_second_most_of_its_time() {
    let geometry = Geometry::packed(WIDTH, HEIGHT);
    let mut target = Nv12Pool::new(WIDTH, HEIGHT, 1).try_take().unwrap();
    let packed: Vec<u8> = (0..WIDTH * HEIGHT * 2).map(|at| (at / 7) as u8).collect();
    let nv16 = Layout::Nv16 { chroma_offset: WIDTH * HEIGHT };
    for (layout, stride) in [(Layout::Yuyv, WIDTH * 2), (Layout::Uyvy, WIDTH * 2), (nv16, WIDTH)] {
        let took = quickest(|| to_nv12(layout, &packed, stride, geometry, &mut target.planes_mut()));
        println!("{layout:?}: {took:?}");
        assert!(took < Duration::from_millis(5), "{layout:?}: {took:?}");
    }
    // A street is neither flat nor noise: smooth shapes with some grain.
    let pixels: Vec<u8> = (0..WIDTH * HEIGHT * 3)
        .map(|at| {
            let (x, y) = (at / 3 % WIDTH, at / 3 / WIDTH);
            (((x * x / 900 + y * y / 400) % 200) + (x * 31 + y * 17) % 9) as u8
        })
        .collect();
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 80);
    encoder.write_image(&pixels, WIDTH as u32, HEIGHT as u32, ExtendedColorType::Rgb8).unwrap();
    let mut jpeg = Jpeg::new(geometry);
    let took = quickest(|| jpeg.decode_to_nv12(&bytes, &mut target.planes_mut()).unwrap());
    println!("Motion JPEG, {} kB: {took:?}", bytes.len() / 1024);
    assert!(took < Duration::from_millis(40), "{took:?}");
    target.release();
}
