//! Pictures and the memory they lie in: formats, colours, planes, dma-bufs lent and borrowed.

use crate::support::{
    FPS, HEIGHT, MULTI, PATIENCE, SINGLE, WIDTH, darkened, ensure, open, open_as, patches, picture, reopened, said,
    set, wish,
};
use board_hal::CameraSource;
use board_v4l2::{Heap, MemoryChoice, Options};
use mask::{ColourMatrix, ColourRange};
use std::io::Seek as _;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

pub(crate) fn nv12() -> Result<String, String> {
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

pub(crate) fn converted() -> Result<String, String> {
    let mut told = Vec::new();
    for only in [*b"YUYV", *b"UYVY", *b"NV16"] {
        let name = only.escape_ascii().to_string();
        let bars = same_bars(&picture(open_as(SINGLE, &wish(only)).map_err(said)?)?, &name)?;
        told.push(format!("{name} {bars}"));
    }
    Ok(told.join(", "))
}

pub(crate) fn colours() -> Result<String, String> {
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

pub(crate) fn several_memories() -> Result<String, String> {
    let two = open_as(MULTI, &wish(*b"NM12")).map_err(said)?;
    let two = same_bars(&picture(two)?, "NM12")?;
    let one = open_as(MULTI, &wish(*b"NV12")).map_err(said)?;
    let one = same_bars(&picture(one)?, "NV12")?;
    Ok(format!("NM12 {two}, NV12 {one}"))
}

pub(crate) fn painted() -> Result<String, String> {
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

pub(crate) fn exported() -> Result<String, String> {
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

pub(crate) fn imported() -> Result<String, String> {
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

pub(crate) fn sizes() -> Result<String, String> {
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
