//! The V4L2 camera against a real driver: the kernel's vivid, in the machine that `tests/vm/run.sh` boots.
//!
//! It wants /dev/video0 (vivid, one memory plane) and /dev/video1 (several), and the right to unbind the driver: not for a machine that is used for
//! anything else. Prints what it does, then one JSON line; exits 1 when a check failed.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use board_clock::SystemClock;
use board_hal::{CameraError, CameraSource, Clock};
use board_v4l2::V4l2Camera;
use mask::{Painter, RawFrame, Scene};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use v4l::control::{Control, Value};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SINGLE: &str = "/dev/video0";
const MULTI: &str = "/dev/video1";
const WIDTH: usize = 640;
const HEIGHT: usize = 360;
const FPS: f32 = 15.0;
const PATIENCE: Duration = Duration::from_secs(10);

type Check = fn() -> Result<String, String>;

fn main() {
    let checks: [(&str, Check); 16] = [
        ("nv12_is_captured_in_the_drivers_memory", nv12),
        ("yuyv_converts_to_the_same_picture", yuyv),
        ("planes_in_several_memories_give_the_same_picture", several_memories),
        ("the_mapped_memory_can_be_painted_in_place", painted),
        ("sizes_are_what_the_driver_makes_of_them", sizes),
        ("a_camera_in_use_is_busy", busy),
        ("time_stamps_are_monotonic_and_recent", time_stamps),
        ("a_stalled_consumer_gets_a_fresh_frame", stall),
        ("a_held_frame_outlives_the_camera_and_does_not_block_reopening", held),
        ("a_corrupt_buffer_is_a_bad_frame_and_the_next_is_good", corrupt),
        ("a_streaming_error_is_gone_and_reopening_works", streaming_error),
        ("a_disconnect_is_gone_and_reopening_works", disconnect),
        ("an_unplugged_camera_is_gone_then_missing_then_back", unplug),
        ("frames_released_from_other_threads_keep_the_stream_going", threads),
        ("a_warm_camera_allocates_nothing_per_frame", allocations),
        ("a_hundred_reopens_leak_neither_descriptor_nor_mapping", reopen),
    ];
    let mut results = Vec::new();
    let mut failed = 0;
    for (name, check) in checks {
        let started = Instant::now();
        let outcome = std::panic::catch_unwind(check).unwrap_or_else(|_| Err("panicked".to_owned()));
        let (result, detail) = match outcome {
            Ok(detail) => ("PASS", detail),
            Err(detail) => ("FAIL", detail),
        };
        failed += usize::from(result == "FAIL");
        println!("{result} {name} ({detail}) {} ms", started.elapsed().as_millis());
        results.push(serde_json::json!({ "check": name, "result": result, "detail": detail }));
    }
    println!("{}", serde_json::json!({ "program": "vm_probe", "failed": failed, "checks": results }));
    std::process::exit(i32::from(failed > 0));
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn open(device: &str) -> Result<V4l2Camera, CameraError> {
    V4l2Camera::open(Path::new(device), WIDTH, HEIGHT, FPS, Arc::new(SystemClock::new()))
}

fn reopened(device: &str) -> Result<(), String> {
    let mut camera = open(device).map_err(|error| format!("reopening: {error}"))?;
    camera.next(PATIENCE).map_err(|error| format!("after reopening: {error}")).map(drop)
}

/// The mean luma and chroma of eight patches near the bottom of the test card, away from its moving text.
fn patches(frame: &RawFrame) -> Vec<[i32; 3]> {
    let geometry = frame.info().geometry;
    let planes = frame.planes();
    let row = geometry.height - 16;
    let mean = |bytes: &mut dyn Iterator<Item = u8>| {
        let all: Vec<i32> = bytes.map(i32::from).collect();
        all.iter().sum::<i32>() / i32::try_from(all.len()).unwrap()
    };
    (0..8)
        .map(|bar| {
            let x = (geometry.width * (2 * bar + 1) / 16) & !1;
            let luma = &planes.luma[row * geometry.luma_stride + x..][..8];
            let chroma = &planes.chroma[row / 2 * geometry.chroma_stride + x..][..8];
            [
                mean(&mut luma.iter().copied()),
                mean(&mut chroma.iter().copied().step_by(2)),
                mean(&mut chroma.iter().copied().skip(1).step_by(2)),
            ]
        })
        .collect()
}

fn picture(mut camera: V4l2Camera) -> Result<(String, Vec<[i32; 3]>), String> {
    let frame = camera.next(PATIENCE).map_err(said)?;
    let geometry = frame.info().geometry;
    ensure((geometry.width, geometry.height) == (WIDTH, HEIGHT), || format!("{geometry:?}"))?;
    Ok((camera.format().wire.clone(), patches(&frame)))
}

fn nv12() -> Result<String, String> {
    let (wire, patches) = picture(open(SINGLE).map_err(said)?)?;
    ensure(wire == "NV12", || wire.clone())?;
    let mut lumas: Vec<i32> = patches.iter().map(|patch| patch[0]).collect();
    lumas.dedup();
    ensure(lumas.len() >= 6, || format!("no colour bars: {patches:?}"))?;
    Ok(format!("bars {lumas:?}"))
}

fn same_bars(other: &(String, Vec<[i32; 3]>), wire: &str) -> Result<String, String> {
    let (_, expected) = picture(open(SINGLE).map_err(said)?)?;
    ensure(other.0 == wire, || other.0.clone())?;
    let differences = expected.iter().flatten().zip(other.1.iter().flatten()).map(|(a, b)| (a - b).abs());
    let largest = differences.max().unwrap_or(i32::MAX);
    ensure(largest <= 2, || format!("{expected:?} as NV12, {:?} as {wire}", other.1))?;
    Ok(format!("largest difference {largest}"))
}

fn yuyv() -> Result<String, String> {
    let clock = Arc::new(SystemClock::new());
    let camera = V4l2Camera::open_as(Path::new(SINGLE), Some(*b"YUYV"), WIDTH, HEIGHT, FPS, clock).map_err(said)?;
    same_bars(&picture(camera)?, "YUYV")
}

fn several_memories() -> Result<String, String> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let path = Path::new(MULTI);
    let two = V4l2Camera::open_as(path, Some(*b"NM12"), WIDTH, HEIGHT, FPS, clock.clone()).map_err(said)?;
    let two = same_bars(&picture(two)?, "NM12")?;
    let one = V4l2Camera::open_as(path, Some(*b"NV12"), WIDTH, HEIGHT, FPS, clock).map_err(said)?;
    let one = same_bars(&picture(one)?, "NV12")?;
    Ok(format!("NM12 {two}, NV12 {one}"))
}

fn painted() -> Result<String, String> {
    for device in [SINGLE, MULTI] {
        let mut camera = open(device).map_err(said)?;
        // Twice round the buffers, so that each is given back and filled again.
        for _ in 0..12 {
            let frame = camera.next(PATIENCE).map_err(said)?;
            ensure(patches(&frame)[0][0] > 100, || "the first bar is not white".to_owned())?;
            let scene = Scene { zones: heapless::Vec::new(), largest_face_px: None };
            let (rung, filter) = (contract::Rung::Clear, contract::Filter::Fill);
            let plan = mask::plan::decide(frame.info().id, None, rung, filter, &scene);
            let masked = mask::apply(frame, &plan, &mut Painter::new()).map_err(said)?;
            let geometry = masked.info().geometry;
            let mut rows = masked.planes().luma.chunks(geometry.luma_stride).take(geometry.height);
            let flat = rows.all(|row| row[..geometry.width].iter().all(|luma| *luma == mask::BLACK.y));
            ensure(flat, || "a dark frame with something in it".to_owned())?;
        }
    }
    Ok("12 frames dark on each device".to_owned())
}

fn sizes() -> Result<String, String> {
    let mut told = Vec::new();
    for (width, height) in [(320, 180), (1920, 1080), (1000, 700), (1, 1), (100_000, 100_000)] {
        let clock = Arc::new(SystemClock::new());
        let mut camera = V4l2Camera::open(Path::new(SINGLE), width, height, FPS, clock).map_err(said)?;
        let geometry = camera.format().geometry;
        if width <= 1920 && height >= 180 && height != 700 {
            ensure((geometry.width, geometry.height) == (width, height), || format!("{geometry:?}"))?;
        }
        let frame = camera.next(PATIENCE).map_err(said)?;
        ensure(frame.info().geometry == geometry, || format!("{:?} of {geometry:?}", frame.info().geometry))?;
        ensure(frame.planes().luma.len() >= geometry.luma_len(), || "a short plane".to_owned())?;
        told.push(format!("{width}x{height} became {}x{}", geometry.width, geometry.height));
    }
    Ok(told.join(", "))
}

fn busy() -> Result<String, String> {
    let mut first = open(SINGLE).map_err(said)?;
    let second = open(SINGLE).err().ok_or("a second opener got it too")?;
    ensure(matches!(second, CameraError::Busy { .. }), || format!("not busy: {second}"))?;
    first.next(PATIENCE).map_err(|error| format!("the first opener: {error}"))?;
    drop(first);
    reopened(SINGLE)?;
    Ok(second.to_string())
}

fn time_stamps() -> Result<String, String> {
    let clock = SystemClock::new();
    let mut camera = open(SINGLE).map_err(said)?;
    let (mut last_us, mut oldest_us) = (0, 0);
    for _ in 0..20 {
        let captured = camera.next(PATIENCE).map_err(said)?.info().captured;
        let (now_us, utc_us) = (clock.monotonic_us(), clock.utc_us());
        ensure(captured.monotonic_us > last_us, || format!("{} after {last_us}", captured.monotonic_us))?;
        ensure(captured.monotonic_us <= now_us, || "from the future".to_owned())?;
        let (age_us, utc_age_us) = (now_us - captured.monotonic_us, utc_us - captured.utc_us);
        ensure(age_us.abs_diff(utc_age_us) < 20_000, || format!("aged {age_us} us, in UTC {utc_age_us} us"))?;
        oldest_us = oldest_us.max(age_us);
        last_us = captured.monotonic_us;
    }
    ensure(oldest_us < 1_000_000, || format!("{oldest_us} us old"))?;
    Ok(format!("at most {oldest_us} us old"))
}

fn stall() -> Result<String, String> {
    let clock = SystemClock::new();
    let mut camera = open(SINGLE).map_err(said)?;
    camera.next(PATIENCE).map_err(said)?;
    std::thread::sleep(Duration::from_secs(2)); // the consumer is busy
    let asked_us = clock.monotonic_us();
    let captured = camera.next(PATIENCE).map_err(said)?.info().captured;
    let stale_us = asked_us.saturating_sub(captured.monotonic_us);
    ensure(stale_us < 500_000, || format!("a picture from {stale_us} us before it was asked for"))?;
    ensure(camera.dropped() >= 5, || format!("only {} count as dropped", camera.dropped()))?;
    Ok(format!("{} dropped, {stale_us} us before", camera.dropped()))
}

fn held() -> Result<String, String> {
    let mut camera = open(SINGLE).map_err(said)?;
    let frame = camera.next(PATIENCE).map_err(said)?;
    let before = patches(&frame);
    drop(camera);
    reopened(SINGLE)?;
    ensure(patches(&frame) == before, || "its pixels changed".to_owned())?;
    drop(frame);
    Ok("still readable".to_owned())
}

fn press(device: &str, button: &str) -> Result<(), String> {
    let device = v4l::Device::with_path(device).map_err(said)?;
    let controls = device.query_controls().map_err(said)?;
    let id = controls.iter().find(|control| control.name == button).ok_or_else(|| format!("no control {button}"))?.id;
    device.set_control(Control { id, value: Value::Integer(1) }).map_err(|error| format!("{button}: {error}"))
}

fn corrupt() -> Result<String, String> {
    let mut camera = open(SINGLE).map_err(said)?;
    camera.next(PATIENCE).map_err(said)?;
    press(SINGLE, "Inject V4L2_BUF_FLAG_ERROR")?;
    for _ in 0..20 {
        match camera.next(PATIENCE) {
            Ok(_) => {}
            Err(error @ CameraError::BadFrame { .. }) => {
                camera.next(PATIENCE).map_err(|error| format!("after it: {error}"))?;
                return Ok(error.to_string());
            }
            Err(other) => return Err(other.to_string()),
        }
    }
    Err("20 good frames".to_owned())
}

/// Waits for the error that ends a stream; frames that were filled before it may still come.
fn gone(camera: &mut V4l2Camera) -> Result<String, String> {
    for _ in 0..20 {
        match camera.next(PATIENCE) {
            Ok(_) => {}
            Err(error @ CameraError::Gone { .. }) => return Ok(error.to_string()),
            Err(other) => return Err(format!("not gone: {other}")),
        }
    }
    Err("20 frames more".to_owned())
}

fn streaming_error() -> Result<String, String> {
    let mut camera = open(SINGLE).map_err(said)?;
    camera.next(PATIENCE).map_err(said)?;
    press(SINGLE, "Inject Fatal Streaming Error")?;
    let error = gone(&mut camera)?;
    drop(camera);
    reopened(SINGLE)?;
    Ok(error)
}

fn disconnect() -> Result<String, String> {
    let mut camera = open(SINGLE).map_err(said)?;
    let frame = camera.next(PATIENCE).map_err(said)?;
    press(SINGLE, "Disconnect")?;
    let error = gone(&mut camera)?;
    let meanwhile = open(SINGLE).err().ok_or("it opens while it is disconnected")?;
    ensure(matches!(meanwhile, CameraError::Missing { .. }), || format!("not missing: {meanwhile}"))?;
    // The mapping of a held frame keeps the device open: vivid plugs itself in again at its last close.
    drop(camera);
    drop(frame);
    reopened(SINGLE)?;
    Ok(error)
}

fn unplug() -> Result<String, String> {
    let mut camera = open(SINGLE).map_err(said)?;
    let frame = camera.next(PATIENCE).map_err(said)?;
    let before = patches(&frame);
    let driver = Path::new("/sys/bus/platform/drivers/vivid");
    std::fs::write(driver.join("unbind"), "vivid.0").map_err(said)?;
    let error = gone(&mut camera)?;
    ensure(patches(&frame) == before, || "the pixels of a held frame changed".to_owned())?;
    drop(camera);
    drop(frame);
    let missing = open(SINGLE).err().ok_or("it opens while it is unplugged")?;
    ensure(matches!(missing, CameraError::Missing { .. }), || format!("not missing: {missing}"))?;
    std::fs::write(driver.join("bind"), "vivid.0").map_err(said)?;
    reopened(SINGLE)?;
    reopened(MULTI)?;
    Ok(error)
}

fn threads() -> Result<String, String> {
    let mut camera = open(SINGLE).map_err(said)?;
    let (sender, frames) = std::sync::mpsc::channel::<RawFrame>();
    let consumer = std::thread::spawn(move || frames.into_iter().map(drop).count());
    for _ in 0..30 {
        sender.send(camera.next(PATIENCE).map_err(said)?).map_err(said)?;
    }
    drop(sender);
    let count = consumer.join().map_err(|_| "the consumer panicked")?;
    Ok(format!("{count} frames"))
}

fn allocations() -> Result<String, String> {
    for only in [*b"NV12", *b"YUYV"] {
        let clock = Arc::new(SystemClock::new());
        let mut camera = V4l2Camera::open_as(Path::new(SINGLE), Some(only), WIDTH, HEIGHT, FPS, clock).map_err(said)?;
        camera.next(PATIENCE).map_err(said)?;
        let region = Region::new(ALLOCATOR);
        for _ in 0..15 {
            camera.next(PATIENCE).map_err(said)?;
        }
        let change = region.change();
        let count = change.allocations + change.reallocations;
        ensure(count == 0, || format!("{count} allocations over 15 {} frames", only.escape_ascii()))?;
    }
    Ok("0 over 15 frames of NV12 and of YUYV".to_owned())
}

fn reopen() -> Result<String, String> {
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let mappings = || std::fs::read_to_string("/proc/self/maps").unwrap().lines().count();
    reopened(SINGLE)?;
    let before = (descriptors(), mappings());
    for _ in 0..100 {
        let mut camera = open(SINGLE).map_err(said)?;
        camera.next(PATIENCE).map_err(said)?;
    }
    let after = (descriptors(), mappings());
    // The allocator may map a little for itself; one leaked buffer a round would be a hundred.
    ensure(after.0 == before.0 && after.1 < before.1 + 10, || format!("{before:?} before, {after:?} after"))?;
    Ok(format!("{} descriptors, {} mappings", after.0, after.1))
}
