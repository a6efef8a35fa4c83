//! What every check uses: the devices, a camera opened or opened again, its test card, vivid's controls.

use board_clock::SystemClock;
use board_hal::{CameraError, CameraSource};
use board_v4l2::{Options, V4l2Camera};
use mask::{MaskedFrame, Painter, RawFrame, Scene};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use v4l::control::{Control, Value};

pub(crate) const SINGLE: &str = "/dev/video0";
pub(crate) const MULTI: &str = "/dev/video1";
pub(crate) const HDMI: &str = "/dev/video2";
pub(crate) const WIDTH: usize = 640;
pub(crate) const HEIGHT: usize = 360;
pub(crate) const FPS: f32 = 15.0;
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

pub(crate) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

pub(crate) fn open(device: &str) -> Result<V4l2Camera, CameraError> {
    open_as(device, &Options::new(WIDTH, HEIGHT, FPS))
}

pub(crate) fn open_as(device: &str, wish: &Options) -> Result<V4l2Camera, CameraError> {
    V4l2Camera::open(Path::new(device), wish, Arc::new(SystemClock::new()))
}

pub(crate) fn wish(only: [u8; 4]) -> Options {
    Options::new(WIDTH, HEIGHT, FPS).only(only)
}

pub(crate) fn reopened(device: &str) -> Result<(), String> {
    let mut camera = open(device).map_err(|error| format!("reopening: {error}"))?;
    camera.next(PATIENCE).map_err(|error| format!("after reopening: {error}")).map(drop)
}

/// The mean luma and chroma of eight patches near the bottom of the test card, away from its moving text.
pub(crate) fn patches(frame: &RawFrame) -> Vec<[i32; 3]> {
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

pub(crate) fn picture(mut camera: V4l2Camera) -> Result<(String, Vec<[i32; 3]>), String> {
    let frame = camera.next(PATIENCE).map_err(said)?;
    let geometry = frame.info().geometry;
    ensure((geometry.width, geometry.height) == (WIDTH, HEIGHT), || format!("{geometry:?}"))?;
    Ok((camera.format().wire.clone(), patches(&frame)))
}

/// Nothing but black.
pub(crate) fn darkened(frame: RawFrame) -> Result<MaskedFrame, String> {
    let scene = Scene { zones: heapless::Vec::new(), largest_face_px: None };
    let (rung, filter) = (contract::Rung::Clear, contract::Filter::Fill);
    let plan = mask::plan::decide(frame.info().id, None, rung, filter, &scene);
    mask::apply(frame, &plan, &mut Painter::new()).map_err(said)
}

/// Sets a control of `device` by its name; what it was before.
pub(crate) fn set(device: &str, name: &str, value: i64) -> Result<i64, String> {
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

pub(crate) fn press(device: &str, button: &str) -> Result<(), String> {
    let device = v4l::Device::with_path(device).map_err(said)?;
    let controls = device.query_controls().map_err(said)?;
    let id = controls.iter().find(|control| control.name == button).ok_or_else(|| format!("no control {button}"))?.id;
    device.set_control(Control { id, value: Value::Integer(1) }).map_err(|error| format!("{button}: {error}"))
}

/// Waits for the error that ends a stream; frames that were filled before it may still come.
pub(crate) fn gone(camera: &mut V4l2Camera) -> Result<String, String> {
    for _ in 0..20 {
        match camera.next(PATIENCE) {
            Ok(_) => {}
            Err(error @ CameraError::Gone { .. }) => return Ok(error.to_string()),
            Err(other) => return Err(format!("not gone: {other}")),
        }
    }
    Err("20 frames more".to_owned())
}
