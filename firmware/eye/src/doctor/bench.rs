//! What a frame costs on this machine, stage by stage, beside what the profile expects. On drawn frames: no camera is needed but for `capture`.
//!
//! Each stage alone, so that they sum up to what the road does; the eye runs the encoder beside it. `capture` is the processor time of taking a frame
//! over, not the waiting for it.

use super::{Asked, camera, encoder};
use crate::cores;
use board_hal::{CameraSource, Detector, EncodedUnit, Nv12Pool};
use board_profile::{CameraProfile, interval_ms};
use contract::doctor::{Check, Report, Stage};
use contract::{Filter, Rung};
use detect::{Detections, Prepare, TrackSettings, Tracker};
use mask::plan::{Scene, decide};
use mask::{
    CaptureTime, Class, ColourRange, FrameBuffer, FrameId, MaskedFrame, Object, Objects, Overlay, Painter, RawFrame,
    Rect,
};
use nix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// Frames of each stage; the first [`WARM`] do not count.
const FRAMES: u64 = 110;
const WARM: usize = 10;
/// A frame of the camera may take so long.
const PATIENCE: Duration = Duration::from_secs(2);
/// So much dearer than expected is worth telling.
const MARGIN: f32 = 1.25;

type Outcome = Result<Vec<Duration>, String>;

/// Adds the stages, and a check that says what they come to.
pub(super) fn measure(asked: &Asked, report: &mut Report) {
    let Some(size) = asked.camera() else {
        report.checks.push(Check::fail("bench", "no frame size is known", "state [camera] in the profile"));
        return;
    };
    let expected = asked.profile.budget.map(|budget| budget.stages());
    let looked = cores::during(asked.cores(), || look(asked, &size));
    let (prepare, infer, decode) = match looked {
        Ok([prepare, infer, decode]) => (Ok(prepare), Ok(infer), Ok(decode)),
        Err(cause) => (Err(cause.clone()), Err(cause.clone()), Err(cause)),
    };
    let measured: [(&str, Outcome); 6] = [
        ("capture", capture(asked, &size)),
        ("prepare", prepare),
        ("infer", infer),
        ("decode", decode),
        ("mask", paint(&size)),
        ("encode", encode(asked, &size)),
    ];
    for (stage, outcome) in measured {
        let expected_ms = expected.and_then(|all| all.into_iter().find(|(name, _)| *name == stage)).map(|(_, ms)| ms);
        let (p50_ms, p99_ms) = match outcome {
            Ok(times) => (Some(share(&times, 0.5)), Some(share(&times, 0.99))),
            Err(cause) => {
                report.checks.push(Check::note(&format!("bench.{stage}"), cause, "not measured"));
                (None, None)
            }
        };
        report.stages.push(Stage { stage: stage.into(), expected_ms, p50_ms, p99_ms });
    }
    report.checks.push(verdict(&report.stages, &size));
}

/// What was measured against the interval between two frames.
fn verdict(stages: &[Stage], size: &CameraProfile) -> Check {
    let interval = interval_ms(size);
    let ms = |name: &str| stages.iter().find(|s| s.stage == name).and_then(|s| s.p50_ms);
    let (Some(prepare), Some(infer), Some(decode), Some(mask)) = (ms("prepare"), ms("infer"), ms("decode"), ms("mask"))
    else {
        return Check::fail("bench", "the road could not be measured whole", "see the stages");
    };
    let besides = ms("capture").unwrap_or_default() + prepare + decode + mask;
    let (road, encode) = (besides + infer, ms("encode").unwrap_or_default());
    let found = format!("the road takes {road:.1} of {interval:.1} ms, the encoder {encode:.1} beside it");
    if besides >= interval || encode >= interval {
        return Check::fail(
            "bench",
            format!("{found}: frames are dropped"),
            "a lower fps or size, or the board's own encoder",
        );
    }
    if road > interval {
        let rate = 1_000.0 / (infer + prepare);
        let found =
            format!("{found}: some {rate:.0} detections for {} frames a second, the ladder is `cautious`", size.fps);
        return Check::note("bench", found, "a lighter [detector] setting, or a lower fps, to be `clear`");
    }
    let dear = |s: &&Stage| matches!((s.expected_ms, s.p50_ms), (Some(e), Some(m)) if m > e * MARGIN && m > e + 0.5);
    let dear: Vec<&str> = stages.iter().filter(dear).map(|s| s.stage.as_str()).collect();
    if dear.is_empty() {
        return Check::pass("bench", found);
    }
    let found = format!("{found}; dearer than expected: {}", dear.join(", "));
    Check::note("bench", found, "is something else running, is the board hot, are the clocks held down?")
}

/// Network input, inference, and boxes with tracks, on the cores that the detector is kept to.
fn look(asked: &Asked, size: &CameraProfile) -> Result<[Vec<Duration>; 3], String> {
    let open = board_tflite::TfliteDetector::open(&asked.manifest, asked.setting(), asked.threads());
    let mut detector = open.map_err(|e| e.to_string())?;
    let (decoding, pad, spec) = (detector.decoding(), detector.pad(), detector.spec().clone());
    let pool = drawn(size, 1);
    let frame = pool.try_take().ok_or("no frame")?;
    let prepare = Prepare::new(pool.geometry(), ColourRange::Limited, spec.width, spec.height, pad);
    let mut prepare = prepare.map_err(|e| e.to_string())?;
    let (mut input, map) = (vec![0; prepare.input_len()], prepare.map());
    let mut tracker = Tracker::new(TrackSettings::default());
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for number in 0..FRAMES {
        let id = FrameId(number);
        let start = Instant::now();
        prepare.run(frame.planes(), &mut input).map_err(|e| e.to_string())?;
        let prepared = Instant::now();
        detector.infer(&input).map_err(|e| e.to_string())?;
        let inferred = Instant::now();
        let mut found = Detections::none(id);
        detect::decode(&|role| detector.output(role), &decoding, &map, id, &mut found);
        std::hint::black_box(tracker.step(id, number * 40_000, Some(&found)));
        let done = Instant::now();
        times[0].push(prepared - start);
        times[1].push(inferred - prepared);
        times[2].push(done - inferred);
    }
    Ok(times)
}

/// Ten objects under `fill`, and the overlay.
fn paint(size: &CameraProfile) -> Outcome {
    let (pool, mut painter) = (drawn(size, 1), Painter::with_overlay(Overlay::new("bench")));
    let mut times = Vec::new();
    for number in 0..FRAMES {
        let raw = raw(&pool, number)?;
        let start = Instant::now();
        let masked = masked(raw, size, &mut painter)?;
        times.push(start.elapsed());
        drop(masked);
    }
    Ok(times)
}

/// Moving pictures through the encoder that is stated.
fn encode(asked: &Asked, size: &CameraProfile) -> Outcome {
    let (mut encoder, _) = encoder::open(asked, size).map_err(|e| e.to_string())?;
    let (pool, mut painter) = (drawn(size, 4), Painter::with_overlay(Overlay::new("bench")));
    let (mut unit, mut times) = (EncodedUnit::default(), Vec::new());
    for number in 0..FRAMES {
        let frame = masked(raw(&pool, number)?, size, &mut painter)?;
        let start = Instant::now();
        encoder.encode(frame, false, &mut unit).map_err(|e| e.to_string())?;
        times.push(start.elapsed());
    }
    Ok(times)
}

/// Processor time of this thread for each frame of the camera.
fn capture(asked: &Asked, size: &CameraProfile) -> Outcome {
    let path = camera::node(asked, size).map_err(|check| check.found)?;
    let mut camera = camera::open(&path, size).map_err(|e| e.to_string())?;
    let used = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).map_err(|e| e.to_string());
    let mut times = Vec::new();
    for _ in 0..FRAMES.min(u64::from(size.fps) * 2) {
        let before = used()?;
        drop(camera.next(PATIENCE).map_err(|e| e.to_string())?);
        times.push(used()?.saturating_sub(before));
    }
    Ok(times)
}

/// Frames of `size`, each with a pattern of its own.
fn drawn(size: &CameraProfile, count: usize) -> Nv12Pool {
    let pool = Nv12Pool::new(size.width as usize & !1, size.height as usize & !1, count);
    let mut all: Vec<_> = (0..count).filter_map(|_| pool.try_take()).collect();
    for (number, frame) in all.iter_mut().enumerate() {
        let width = size.width as usize & !1;
        let planes = frame.planes_mut();
        for (i, value) in planes.luma.iter_mut().enumerate() {
            let (x, y) = (i % width + 3 * number, i / width);
            *value = (40 + (x / 8 % 12) * 12 + (y / 8 % 6) * 6 + i % 5) as u8;
        }
        planes.chroma.fill(120);
    }
    all.into_iter().for_each(FrameBuffer::release);
    pool
}

fn raw(pool: &Nv12Pool, number: u64) -> Result<RawFrame, String> {
    let buffer = pool.try_take().ok_or("no frame")?;
    let captured = CaptureTime { monotonic_us: number * 40_000, utc_us: number * 40_000 };
    RawFrame::new(FrameId(number), captured, pool.geometry(), ColourRange::Limited, buffer).map_err(|e| e.to_string())
}

fn masked(frame: RawFrame, size: &CameraProfile, painter: &mut Painter) -> Result<MaskedFrame, String> {
    let id = frame.info().id;
    let (width, height) = (size.width as f32, size.height as f32);
    let mut objects = Objects::none(id);
    for track in 1..=10_u32 {
        let (x, y) = (track as f32 * width / 12.0 + (id.0 % 7) as f32, track as f32 * height / 12.0);
        let rect = Rect { x, y, w: width / 24.0, h: height / 11.0 };
        objects.push(Object { class: Class::Head, score: 0.9, rect, track, grown: [0.0; 2] });
    }
    let plan = decide(id, Some(&objects), Rung::Clear, Filter::Fill, &Scene::unknown());
    mask::apply(frame, &plan, painter).map_err(|e| e.to_string())
}

/// The time that so large a share of the frames did not exceed, milliseconds.
fn share(times: &[Duration], share: f32) -> f32 {
    let mut counted: Vec<Duration> = times.iter().skip(WARM.min(times.len() / 2)).copied().collect();
    counted.sort_unstable();
    let index = ((counted.len().saturating_sub(1)) as f32 * share).round() as usize;
    counted.get(index).map_or(0.0, |time| time.as_secs_f32() * 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::doctor::Outcome;

    fn stages(infer: f32, encode: f32) -> Vec<Stage> {
        let all =
            [("capture", 1.0), ("prepare", 2.0), ("infer", infer), ("decode", 1.0), ("mask", 1.0), ("encode", encode)];
        all.map(|(stage, ms)| Stage {
            stage: stage.into(),
            expected_ms: Some(20.0),
            p50_ms: Some(ms),
            p99_ms: Some(ms),
        })
        .to_vec()
    }

    #[test]
    fn what_was_measured_is_held_against_the_interval_between_two_frames() {
        let size = CameraProfile { names: vec![], formats: vec![], width: 1920, height: 1080, fps: 25 };
        for (infer, encode, outcome, word) in [
            (20.0, 10.0, Outcome::Pass, "25.0 of 40.0 ms"),
            (34.0, 10.0, Outcome::Note, "dearer than expected: infer"),
            (50.0, 10.0, Outcome::Note, "19 detections for 25 frames"),
            (20.0, 45.0, Outcome::Fail, "frames are dropped"),
        ] {
            let check = verdict(&stages(infer, encode), &size);
            assert!(check.outcome == outcome && check.found.contains(word), "{check:?}");
        }
        assert_eq!(verdict(&stages(1.0, 1.0)[..2], &size).outcome, Outcome::Fail);
    }

    #[test]
    fn the_first_frames_do_not_count() {
        let times: Vec<Duration> = (0..110).map(|n| Duration::from_millis(if n < 10 { 500 } else { n - 9 })).collect();
        assert_eq!((share(&times, 0.5), share(&times, 0.99)), (51.0, 99.0));
    }
}
