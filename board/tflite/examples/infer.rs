//! How long one inference takes: `cargo run --release -p board-tflite --example infer -- models/manifest.toml fast 1` prints one JSON line.
#![allow(clippy::print_stdout, reason = "a measuring program prints its figures")]

use board_hal::Detector;
use board_tflite::TfliteDetector;
use std::time::Instant;

const ROUNDS: usize = 60;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, manifest, setting, threads] = args.as_slice() else {
        return Err("usage: infer MANIFEST SETTING THREADS".into());
    };
    let mut detector = TfliteDetector::open(manifest, setting, threads.parse()?)?;
    let input: Vec<i8> =
        (0..detector.spec().width * detector.spec().height * 3).map(|i| (i * 7919 % 251) as u8 as i8).collect();
    detector.infer(&input)?;
    let mut infer_ms = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        detector.infer(&input)?;
        infer_ms.push(start.elapsed().as_secs_f64() * 1e3);
    }
    infer_ms.sort_by(f64::total_cmp);
    println!(
        "{{\"model\":\"{}\",\"threads\":{threads},\"library\":\"{}\",\"infer_ms\":{{\"p50\":{:.2},\"p95\":{:.2}}}}}",
        detector.spec().name,
        TfliteDetector::library_version(),
        infer_ms[ROUNDS / 2],
        infer_ms[ROUNDS * 95 / 100]
    );
    Ok(())
}
