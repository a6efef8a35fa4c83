//! How long a frame takes besides the network: `cargo run --release -p detect --example bench` prints one JSON line, times in milliseconds.
//!
//! 1080p to 640x384; tensors with 32 heads and 32 plates; 64 tracks.
#![allow(clippy::print_stdout, reason = "a measuring program prints its figures")]

use board_hal::{OutputRole, QuantisedTensor};
use detect::{
    Decoding, Detections, HeadGrowth, PerClass, PlateGrowth, Prepare, PrepareError, Thresholds, TrackSettings, Tracker,
};
use mask::{Class, ColourRange, FrameId, Geometry, Object, Planes, Rect};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: usize = 300;
const DECODING: Decoding = Decoding {
    thresholds: Thresholds { head: 0.25, plate: 0.3, head_candidate: 0.08, plate_candidate: 0.1 },
    nms_iou: PerClass { head: 0.4, plate: 0.4 },
    plate_growth: PlateGrowth { x: 0.05, y: 0.1 },
    plate_by_width: None,
    head_by_width: None,
    head_growth: HeadGrowth { side: [0.1; 8], top: [0.1; 8], bottom: [0.1; 8], min: 0.0, max: 1.5 },
};

fn main() -> Result<(), PrepareError> {
    let geometry = Geometry::packed(1920, 1080);
    let noise = |len: usize| (0..len).map(|i| (i * 7919 % 251) as u8).collect::<Vec<_>>();
    let (luma, chroma) = (noise(geometry.luma_len()), noise(geometry.chroma_len()));
    let mut prepare = Prepare::new(geometry, ColourRange::Limited, 640, 384, 114)?;
    let mut input = vec![0; prepare.input_len()];
    let prepare_ms = measure(|_| {
        let _ = black_box(prepare.run(black_box(Planes { luma: &luma, chroma: &chroma }), &mut input));
    });

    let mut heat = vec![-128; 96 * 160];
    for i in 0..32 {
        heat[(i / 8 * 20 + 10) * 160 + i % 8 * 18 + 9] = 100;
    }
    let rest = vec![0; 96 * 160 * 10];
    let output = |role: OutputRole| QuantisedTensor {
        data: if role.channels() == 1 { &heat } else { &rest[..96 * 160 * role.channels()] },
        height: 96,
        width: 160,
        channels: role.channels(),
        scale: if role.channels() == 1 { 1.0 / 256.0 } else { 0.02 },
        zero_point: if role.channels() == 1 { -128 } else { 0 },
    };
    let map = prepare.map();
    let mut found = Detections::none(FrameId(0));
    let decode_ms = measure(|frame| {
        detect::decode(black_box(&output), &DECODING, &map, FrameId(frame), &mut found);
        black_box(&found);
    });

    let mut tracker = Tracker::new(TrackSettings::default());
    let mut objects = 0;
    let track_ms = measure(|frame| {
        found.found.frame = FrameId(frame);
        objects = black_box(tracker.step(FrameId(frame), frame * 66_667, Some(black_box(&found)))).list.len();
    });
    // The worst case of association: 64 heads or 256 candidates, each near enough to be any of the 64 tracks.
    let mut crowd = Detections::none(FrameId(0));
    let near = |i: u8| Object {
        class: Class::Head,
        score: 0.5,
        rect: Rect { x: 300.0 + f32::from(i % 16), y: 300.0 + f32::from(i / 16), w: 40.0, h: 40.0 },
        track: 0,
        grown: [0.0; 2],
    };
    crowd.candidates.extend((0..=255).map(near));
    let mut tracker = Tracker::new(TrackSettings::default());
    let crowd_ms = measure(|frame| {
        crowd.found.frame = FrameId(frame);
        crowd.found.list.clear();
        if frame % 2 == 0 {
            crowd.found.list.extend((0..64).map(near));
        }
        black_box(tracker.step(FrameId(frame), frame * 66_667, Some(black_box(&crowd))));
    });
    let [prepare, decode, track, crowd] =
        [prepare_ms, decode_ms, track_ms, crowd_ms].map(|(p50, p95)| format!("{{\"p50\":{p50:.3},\"p95\":{p95:.3}}}"));
    println!(
        "{{\"prepare_ms\":{prepare},\"decode_ms\":{decode},\"track_ms\":{track},\"track_crowd_ms\":{crowd},\"tracks\":{objects}}}"
    );
    Ok(())
}

/// Median and 95th percentile, milliseconds.
fn measure(mut step: impl FnMut(u64)) -> (f64, f64) {
    let mut times: Vec<f64> = (0..ROUNDS as u64)
        .map(|round| {
            let start = Instant::now();
            step(round);
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[ROUNDS / 2], times[ROUNDS * 95 / 100])
}
