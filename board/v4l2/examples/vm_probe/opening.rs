//! Opening: controls, the media graph, a camera in use, errors at each step, a thousand times.

use crate::support::{MULTI, PATIENCE, SINGLE, ensure, open, open_as, patches, press, reopened, said, set, wish};
use board_hal::{CameraError, CameraSource};
use board_profile::{MediaGraph, MediaLink};
use board_v4l2::{Options, V4l2Ptz};
use std::path::Path;

pub(crate) fn controls() -> Result<String, String> {
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

pub(crate) fn media_graph() -> Result<String, String> {
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

pub(crate) fn busy() -> Result<String, String> {
    let mut first = open(SINGLE).map_err(said)?;
    let second = open(SINGLE).err().ok_or("a second opener got it too")?;
    ensure(matches!(second, CameraError::Busy { .. }), || format!("not busy: {second}"))?;
    first.next(PATIENCE).map_err(|error| format!("the first opener: {error}"))?;
    drop(first);
    reopened(SINGLE)?;
    Ok(second.to_string())
}

pub(crate) fn opening() -> Result<String, String> {
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

pub(crate) fn reopen() -> Result<String, String> {
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
