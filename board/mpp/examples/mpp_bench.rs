//! Encodes a scene with an MPP library and says how long a picture took: `cargo run --release -p board-mpp --example mpp_bench [LIBRARY] [WIDTH HEIGHT]`.
//! For a board, and to see what a library without a device answers. Frames are copied from the heap; a camera's dma-bufs are not.
#![allow(clippy::print_stdout)]

use board_hal::{Codec, EncodeError, EncodedUnit, Encoder, EncoderSettings, Nv12Pool};
use board_mpp::{MppEncoder, MppLibrary, MppOptions};
use mask::{CaptureTime, ColourMatrix, ColourRange, FrameId};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const FRAMES: u64 = 250;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let library = arguments.next().unwrap_or_else(|| MppLibrary::NAME.to_owned());
    let mut side = |otherwise| arguments.next().and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    match bench(&library, side(1920), side(1080)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(library: &str, width: usize, height: usize) -> Result<(), EncodeError> {
    let library = MppLibrary::load(library)?;
    println!("H.264: {}, H.265: {}", library.offers(Codec::H264), library.offers(Codec::H265));
    let settings =
        EncoderSettings { codec: Codec::H264, width, height, fps: 25.0, bitrate_bps: 4_000_000, key_interval: 50 };
    let mut encoder =
        MppEncoder::open(&library, settings, ColourRange::Limited, ColourMatrix::Bt601, MppOptions::default())?;
    let pool = Nv12Pool::new(width, height, 1);
    let (mut unit, mut bytes, mut longest) = (EncodedUnit::default(), 0, Duration::ZERO);
    let start = Instant::now();
    for number in 0..FRAMES {
        let at = CaptureTime { monotonic_us: number * 40_000, utc_us: 0 };
        let buffer = pool.try_take().ok_or_else(|| EncodeError::Failed("the frame did not come back".into()))?;
        let words = format!("frame {number}");
        let frame =
            mask::slate::frame(FrameId(number), at, pool.geometry(), ColourRange::Limited, buffer, &[words.as_str()]);
        let frame = frame.map_err(|error| EncodeError::Failed(error.to_string()))?;
        let began = Instant::now();
        encoder.encode(frame, false, &mut unit)?;
        longest = longest.max(began.elapsed());
        bytes += unit.data.len();
    }
    let mean = start.elapsed() / FRAMES as u32;
    println!("{FRAMES} pictures of {width}x{height}: mean {mean:.1?}, longest {longest:.1?}, {} kB", bytes / 1000);
    Ok(())
}
