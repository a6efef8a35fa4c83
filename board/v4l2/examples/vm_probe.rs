//! The V4L2 camera against a real driver: the kernel's vivid, in the machine that `tests/vm/run.sh` boots.
//!
//! It wants /dev/video0 (vivid, one memory plane), /dev/video1 (several) and /dev/video2 (an HDMI receiver), and the right to unbind the driver: not for a machine that is used for
//! anything else. With an argument only the checks whose names hold it are made. Prints what it does, then one JSON line; exits 1 when a check failed.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use board_clock::SystemClock;
use board_hal::{CameraError, CameraSource, Clock};
use board_profile::{MediaGraph, MediaLink};
use board_v4l2::{Heap, MemoryChoice, Options, V4l2Camera, V4l2Ptz};
use mask::{ColourMatrix, ColourRange, MaskedFrame, Painter, RawFrame, Scene};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::io::Seek as _;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use v4l::control::{Control, Value};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SINGLE: &str = "/dev/video0";
const MULTI: &str = "/dev/video1";
const HDMI: &str = "/dev/video2";
const WIDTH: usize = 640;
const HEIGHT: usize = 360;
const FPS: f32 = 15.0;
const PATIENCE: Duration = Duration::from_secs(10);

type Check = fn() -> Result<String, String>;

fn main() {
    let checks: [(&str, Check); 25] = [
        ("nv12_is_captured_in_the_drivers_memory", nv12),
        ("yuyv_uyvy_and_nv16_convert_to_the_same_picture", converted),
        ("range_and_matrix_are_what_the_driver_states", colours),
        ("planes_in_several_memories_give_the_same_picture", several_memories),
        ("the_mapped_memory_can_be_painted_in_place", painted),
        ("a_masked_picture_is_lent_as_the_drivers_dma_buf", exported),
        ("memory_of_another_device_is_imported_and_filled_in_place", imported),
        ("controls_are_set_by_name_and_a_wrong_one_is_told_with_what_there_is", controls),
        ("a_media_graph_is_read_and_what_it_lacks_is_told", media_graph),
        ("sizes_are_what_the_driver_makes_of_them", sizes),
        ("a_camera_in_use_is_busy", busy),
        ("time_stamps_are_monotonic_and_recent", time_stamps),
        ("a_stalled_consumer_gets_a_fresh_frame", stall),
        ("a_held_frame_outlives_the_camera_and_does_not_block_reopening", held),
        ("a_corrupt_buffer_is_a_bad_frame_and_the_next_is_good", corrupt),
        ("a_driver_that_delivers_nothing_is_a_timeout_and_goes_on", nothing),
        ("an_error_at_any_step_of_opening_is_told_and_reopening_works", opening),
        ("a_lost_signal_is_gone_then_missing_then_back", signal),
        ("another_source_is_gone_and_reopening_shows_its_size", source_change),
        ("a_streaming_error_is_gone_and_reopening_works", streaming_error),
        ("a_disconnect_is_gone_and_reopening_works", disconnect),
        ("an_unplugged_camera_is_gone_then_missing_then_back", unplug),
        ("frames_released_from_other_threads_keep_the_stream_going", threads),
        ("a_warm_camera_allocates_nothing_per_frame", allocations),
        ("a_thousand_reopens_leak_neither_descriptor_nor_mapping", reopen),
    ];
    let mut results = Vec::new();
    let mut failed = 0;
    let only = std::env::args().nth(1).unwrap_or_default();
    for (name, check) in checks.into_iter().filter(|(name, _)| name.contains(&only)) {
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
    open_as(device, &Options::new(WIDTH, HEIGHT, FPS))
}

fn open_as(device: &str, wish: &Options) -> Result<V4l2Camera, CameraError> {
    V4l2Camera::open(Path::new(device), wish, Arc::new(SystemClock::new()))
}

fn wish(only: [u8; 4]) -> Options {
    Options::new(WIDTH, HEIGHT, FPS).only(only)
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

fn converted() -> Result<String, String> {
    let mut told = Vec::new();
    for only in [*b"YUYV", *b"UYVY", *b"NV16"] {
        let name = only.escape_ascii().to_string();
        let bars = same_bars(&picture(open_as(SINGLE, &wish(only)).map_err(said)?)?, &name)?;
        told.push(format!("{name} {bars}"));
    }
    Ok(told.join(", "))
}

/// Sets a control of `device` by its name; what it was before.
fn set(device: &str, name: &str, value: i64) -> Result<i64, String> {
    let device = v4l::Device::with_path(device).map_err(said)?;
    let controls = device.query_controls().map_err(said)?;
    let id = controls.iter().find(|control| control.name == name).ok_or_else(|| format!("no control {name}"))?.id;
    let before = device.control(id).ok().map_or(0, |control| match control.value {
        Value::Integer(value) => value,
        Value::Boolean(value) => i64::from(value),
        _ => 0,
    });
    device.set_control(Control { id, value: Value::Integer(value) }).map_err(|error| format!("{name}: {error}"))?;
    Ok(before)
}

fn colours() -> Result<String, String> {
    // Menus of the kernel's `vivid-ctrls.c`: encodings from "Default", "ITU-R 601", "Rec. 709" on, BT.2020 sixth; "Default", "Full", "Limited".
    for (encoding, matrix) in [(1, ColourMatrix::Bt601), (2, ColourMatrix::Bt709), (6, ColourMatrix::Bt2020)] {
        for (quantisation, range) in [(1, ColourRange::Full), (2, ColourRange::Limited)] {
            for device in [SINGLE, MULTI] {
                let encoding_before = set(device, "Y'CbCr Encoding", encoding)?;
                let quantisation_before = set(device, "Quantization", quantisation)?;
                let opened = open(device);
                set(device, "Y'CbCr Encoding", encoding_before)?;
                set(device, "Quantization", quantisation_before)?;
                let format = opened.map_err(said)?.format().clone();
                ensure((format.range, format.matrix) == (range, matrix), || {
                    format!("{:?} {:?}, not {range:?} {matrix:?} on {device}", format.range, format.matrix)
                })?;
            }
        }
    }
    Ok("six of each device".to_owned())
}

fn controls() -> Result<String, String> {
    let with = |controls: &[(&str, i32)]| {
        let controls = controls.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        open_as(SINGLE, &Options { controls, ..wish(*b"NV12") })
    };
    let usual = set(SINGLE, "Brightness", 0)?;
    let mut camera = with(&[("brightness", 200), ("contrast", 0)]).map_err(said)?;
    let frame = camera.next(PATIENCE).map_err(said)?;
    let flat = patches(&frame);
    drop(frame);
    drop(camera);
    set(SINGLE, "Brightness", usual)?;
    set(SINGLE, "Contrast", 128)?;
    ensure(flat.iter().all(|patch| patch[0] == flat[0][0]), || format!("a picture without contrast: {flat:?}"))?;
    let unknown = with(&[("pan_absolute", 1)]).err().ok_or("it turns")?.to_string();
    ensure(unknown.contains("brightness"), || unknown.clone())?;
    let range = with(&[("brightness", 256)]).err().ok_or("it is brighter than bright")?.to_string();
    ensure(range.contains("0 to 255"), || range.clone())?;
    let ptz = V4l2Ptz::open(Path::new(SINGLE)).err().ok_or("it turns")?;
    reopened(SINGLE)?;
    Ok(format!("{range}; {ptz}"))
}

fn media_graph() -> Result<String, String> {
    let graph = |device: &str, to: &str| MediaGraph {
        device: device.to_owned(),
        links: vec![MediaLink {
            from: "vivid-000-vid-cap".to_owned(),
            from_pad: 0,
            to: to.to_owned(),
            to_pad: 0,
            enabled: true,
        }],
        formats: vec![],
    };
    board_media::setup(&MediaGraph { links: vec![], ..graph("platform:vivid-000", "") }).map_err(said)?;
    let refused = |graph: &MediaGraph| board_media::setup(graph).err().map(said).ok_or("it was set up");
    let unknown = refused(&graph("platform:vivid-000", "isp"))?;
    ensure(unknown.contains("vivid-000-vid-cap"), || unknown.clone())?;
    let unlinked = refused(&graph("platform:vivid-000", "vivid-000-vid-cap"))?;
    ensure(unlinked.contains("no link from"), || unlinked.clone())?;
    let missing = refused(&graph("rkisp0-vir0", ""))?;
    ensure(missing.contains("vivid"), || missing.clone())?;
    Ok(format!("{unlinked}; {missing}"))
}

/// Nothing but black.
fn darkened(frame: RawFrame) -> Result<MaskedFrame, String> {
    let scene = Scene { zones: heapless::Vec::new(), largest_face_px: None };
    let (rung, filter) = (contract::Rung::Clear, contract::Filter::Fill);
    let plan = mask::plan::decide(frame.info().id, None, rung, filter, &scene);
    mask::apply(frame, &plan, &mut Painter::new()).map_err(said)
}

fn exported() -> Result<String, String> {
    for (device, only) in [(SINGLE, *b"NV12"), (MULTI, *b"NV12")] {
        let mut camera = open_as(device, &wish(only)).map_err(said)?;
        for _ in 0..8 {
            let masked = darkened(camera.next(PATIENCE).map_err(said)?)?;
            let lent = masked.dma_buf().ok_or_else(|| format!("{device} lends no dma-buf"))?;
            let mut file = std::fs::File::from(lent.fd.try_clone_to_owned().map_err(said)?);
            let size = file.seek(std::io::SeekFrom::End(0)).map_err(|error| format!("no dma-buf: {error}"))?;
            ensure(size >= lent.len as u64, || format!("{size} bytes, said to be {}", lent.len))?;
            ensure(lent.chroma_offset == WIDTH * HEIGHT, || format!("chroma at {}", lent.chroma_offset))?;
        }
    }
    let mut two = open_as(MULTI, &wish(*b"NM12")).map_err(said)?;
    let masked = darkened(two.next(PATIENCE).map_err(said)?)?;
    ensure(masked.dma_buf().is_none(), || "two memories as one dma-buf".to_owned())?;
    Ok("8 pictures of each device".to_owned())
}

/// Buffers of another device, as a dma-heap would give them.
struct Borrowed(Mutex<Vec<OwnedFd>>);

impl Heap for Borrowed {
    fn name(&self) -> &str {
        "another device's buffers"
    }
    fn allocate(&self, _: usize) -> std::io::Result<OwnedFd> {
        self.0.lock().unwrap().pop().ok_or_else(|| std::io::Error::other("no more"))
    }
}

fn imported() -> Result<String, String> {
    let (_, expected) = picture(open(SINGLE).map_err(said)?)?;
    let mut lender = open_as(MULTI, &wish(*b"NV12")).map_err(said)?;
    let mut held = Vec::new();
    let mut buffers = Vec::new();
    for _ in 0..6 {
        let masked = darkened(lender.next(PATIENCE).map_err(said)?)?;
        let fd = masked.dma_buf().ok_or("no dma-buf to lend")?.fd;
        buffers.push(fd.try_clone_to_owned().map_err(said)?);
        held.push(masked);
    }
    let memory = MemoryChoice::Imported(Arc::new(Borrowed(Mutex::new(buffers))));
    let mut camera = open_as(SINGLE, &Options { memory, ..wish(*b"NV12") }).map_err(said)?;
    for _ in 0..14 {
        let frame = camera.next(PATIENCE).map_err(said)?;
        let largest = patches(&frame).iter().flatten().zip(expected.iter().flatten()).map(|(a, b)| (a - b).abs()).max();
        ensure(largest <= Some(2), || format!("{:?}, expected {expected:?}", patches(&frame)))?;
        let masked = darkened(frame)?;
        ensure(masked.dma_buf().is_some(), || "an imported buffer is not lent on".to_owned())?;
    }
    // The lender's frames were black; now they show what the other device filled in, or the black that was painted over it.
    camera.next(PATIENCE).map_err(said)?;
    drop(camera);
    let filled = held.iter().filter(|frame| frame.planes().luma.iter().any(|luma| *luma != mask::BLACK.y)).count();
    ensure(filled >= 1, || "it was copied somewhere".to_owned())?;
    drop(held);
    drop(lender);
    reopened(SINGLE)?;
    reopened(MULTI)?;
    Ok(format!("14 pictures, {filled} of 6 buffers show the other device's picture"))
}

fn nothing() -> Result<String, String> {
    let mut camera = open(SINGLE).map_err(said)?;
    camera.next(PATIENCE).map_err(said)?;
    set(SINGLE, "Percentage of Dropped Buffers", 100)?;
    let mut outcome = camera.next(Duration::from_millis(500));
    for _ in 0..8 {
        if outcome.is_err() {
            break;
        }
        outcome = camera.next(Duration::from_millis(500));
    }
    set(SINGLE, "Percentage of Dropped Buffers", 0)?;
    let error = outcome.err().ok_or("pictures come though all are dropped")?;
    ensure(matches!(error, CameraError::Timeout(_)), || format!("not a timeout: {error}"))?;
    camera.next(PATIENCE).map_err(|error| format!("afterwards: {error}"))?;
    Ok(error.to_string())
}

fn opening() -> Result<String, String> {
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    reopened(SINGLE)?;
    let before = descriptors();
    let mut told = Vec::new();
    for button in ["Inject VIDIOC_REQBUFS Error", "Inject VIDIOC_QBUF Error", "Inject VIDIOC_STREAMON Error"] {
        press(SINGLE, button)?;
        let error = open(SINGLE).err().ok_or_else(|| format!("{button}: it opens"))?;
        told.push(error.to_string());
        reopened(SINGLE).map_err(|error| format!("after {button}: {error}"))?;
    }
    ensure(descriptors() == before, || format!("{before} descriptors before, {} after", descriptors()))?;
    Ok(told.join("; "))
}

/// Modes of the kernel's `vivid-ctrls.c`.
const SIGNAL: &str = "DV Timings Signal Mode";
const SIGNAL_CURRENT: i64 = 0;
const SIGNAL_NONE: i64 = 1;
const SIGNAL_UNSTABLE: i64 = 2;
const SIGNAL_SELECTED: i64 = 4;

fn signal() -> Result<String, String> {
    let mut told = Vec::new();
    for mode in [SIGNAL_NONE, SIGNAL_UNSTABLE] {
        let mut camera = open(HDMI).map_err(said)?;
        camera.next(PATIENCE).map_err(said)?;
        set(HDMI, SIGNAL, mode)?;
        let error = gone(&mut camera)?;
        drop(camera);
        let missing = open(HDMI).err().ok_or("it opens without a signal")?;
        ensure(matches!(missing, CameraError::Missing { .. }), || format!("not missing: {missing}"))?;
        set(HDMI, SIGNAL, SIGNAL_CURRENT)?;
        reopened(HDMI)?;
        told.extend([error, missing.to_string()]);
    }
    Ok(told.join("; "))
}

fn source_change() -> Result<String, String> {
    // Without its scaler the receiver delivers what comes in, as most do.
    for part in ["Enable Capture Scaler", "Enable Capture Composing", "Enable Capture Cropping"] {
        set(HDMI, part, 0)?;
    }
    let whole = || Options::new(1280, 720, FPS);
    let mut camera = open_as(HDMI, &whole()).map_err(said)?;
    let before = camera.format().geometry;
    camera.next(PATIENCE).map_err(|error| format!("at first: {error}"))?;
    // Another resolution: the list of timings begins with 640x480.
    set(HDMI, "DV Timings", 0)?;
    set(HDMI, SIGNAL, SIGNAL_SELECTED)?;
    let error = gone(&mut camera)?;
    drop(camera);
    let mut camera = open_as(HDMI, &whole()).map_err(said)?;
    let after = camera.format().geometry;
    let outcome = camera.next(PATIENCE).map(drop);
    drop(camera);
    set(HDMI, SIGNAL, SIGNAL_CURRENT)?;
    outcome.map_err(|error| format!("{after:?}: {error}"))?;
    ensure((after.width, after.height) != (before.width, before.height), || format!("{after:?} as before"))?;
    Ok(format!("{error}; {}x{} became {}x{}", before.width, before.height, after.width, after.height))
}

fn several_memories() -> Result<String, String> {
    let two = open_as(MULTI, &wish(*b"NM12")).map_err(said)?;
    let two = same_bars(&picture(two)?, "NM12")?;
    let one = open_as(MULTI, &wish(*b"NV12")).map_err(said)?;
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
            let masked = darkened(frame)?;
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
        let mut camera = open_as(SINGLE, &Options::new(width, height, FPS)).map_err(said)?;
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
    for only in [*b"NV12", *b"YUYV", *b"UYVY", *b"NV16"] {
        let mut camera = open_as(SINGLE, &wish(only)).map_err(said)?;
        camera.next(PATIENCE).map_err(said)?;
        let region = Region::new(ALLOCATOR);
        for _ in 0..15 {
            camera.next(PATIENCE).map_err(said)?;
        }
        let change = region.change();
        let count = change.allocations + change.reallocations;
        ensure(count == 0, || format!("{count} allocations over 15 {} frames", only.escape_ascii()))?;
    }
    Ok("0 over 15 frames of NV12, YUYV, UYVY and NV16 each".to_owned())
}

fn reopen() -> Result<String, String> {
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let mappings = || std::fs::read_to_string("/proc/self/maps").unwrap().lines().count();
    reopened(SINGLE)?;
    let before = (descriptors(), mappings());
    for round in 0..1000 {
        let mut camera = open(if round % 2 == 0 { SINGLE } else { MULTI }).map_err(said)?;
        if round % 10 == 0 {
            camera.next(PATIENCE).map_err(said)?;
        }
    }
    let after = (descriptors(), mappings());
    // The allocator may map a little for itself; one leaked buffer a round would be a thousand.
    ensure(after.0 == before.0 && after.1 < before.1 + 10, || format!("{before:?} before, {after:?} after"))?;
    Ok(format!("{} descriptors, {} mappings", after.0, after.1))
}
