//! How long a 1920x1080 frame takes to encode on one core. Prints the median and the 99th percentile in milliseconds, and the bit rate, as JSON.
//!
//! `cargo run --release -p board-openh264 --example encode_bench`
#![allow(clippy::print_stdout)]

#[path = "../tests/support/mod.rs"]
mod support;

use board_hal::{Codec, EncodedUnit, Encoder, EncoderSettings};
use board_openh264::SoftEncoder;
use mask::ColourRange;
use std::time::Instant;

const FRAMES: u64 = 200;

fn main() {
    let settings = EncoderSettings {
        codec: Codec::H264,
        width: 1920,
        height: 1080,
        fps: 25.0,
        bitrate_bps: 4_000_000,
        key_interval: 50,
    };
    let mut encoder = SoftEncoder::open(settings, ColourRange::Limited).expect("the settings are sound");
    let mut unit = EncodedUnit::default();
    let (mut times, mut bytes) = (Vec::new(), 0);
    for number in 0..FRAMES {
        let frame = support::frame(1920, 1080, 0, number, ColourRange::Limited);
        let start = Instant::now();
        encoder.encode(frame, false, &mut unit).expect("the frame fits");
        times.push(start.elapsed().as_secs_f64() * 1e3);
        bytes += unit.data.len();
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "{{\"encode_ms_p50\":{:.2},\"encode_ms_p99\":{:.2},\"bits_per_second\":{}}}",
        at(0.5),
        at(0.99),
        bytes as u64 * 8 * 25 / FRAMES
    );
}
