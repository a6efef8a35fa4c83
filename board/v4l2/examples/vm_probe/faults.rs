//! What breaks while it runs: nothing comes, something corrupt comes, the signal goes, the source changes, the driver fails or is unplugged.

use crate::support::{
    FPS, HDMI, MULTI, PATIENCE, SINGLE, ensure, gone, open, open_as, patches, press, reopened, said, set,
};
use board_hal::{CameraError, CameraSource};
use board_v4l2::Options;
use std::path::Path;
use std::time::Duration;

pub(crate) fn nothing() -> Result<String, String> {
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

pub(crate) fn corrupt() -> Result<String, String> {
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

/// Modes of the kernel's `vivid-ctrls.c`.
const SIGNAL: &str = "DV Timings Signal Mode";
const SIGNAL_CURRENT: i64 = 0;
const SIGNAL_NONE: i64 = 1;
const SIGNAL_UNSTABLE: i64 = 2;
const SIGNAL_SELECTED: i64 = 4;

pub(crate) fn signal() -> Result<String, String> {
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

pub(crate) fn source_change() -> Result<String, String> {
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

pub(crate) fn streaming_error() -> Result<String, String> {
    let mut camera = open(SINGLE).map_err(said)?;
    camera.next(PATIENCE).map_err(said)?;
    press(SINGLE, "Inject Fatal Streaming Error")?;
    let error = gone(&mut camera)?;
    drop(camera);
    reopened(SINGLE)?;
    Ok(error)
}

pub(crate) fn disconnect() -> Result<String, String> {
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

pub(crate) fn unplug() -> Result<String, String> {
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
