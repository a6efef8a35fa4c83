//! A clip that is not paced: every frame once, in order, in its own time.

mod common;

use board_hal::{CameraError, CameraSource};
use board_sim::{ClipOptions, ClipSource, SystemClock};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::tempdir;

const PATIENCE: Duration = Duration::from_secs(20);

fn open(clip: &Path, options: &ClipOptions) -> Result<ClipSource, CameraError> {
    ClipSource::open(clip, options, Arc::new(SystemClock::new()))
}

#[test]
fn every_frame_comes_once_in_order_and_then_the_clip_is_gone() {
    let folder = tempdir().unwrap();
    let mut source = open(&common::numbered_clip(&folder, "64x48", 10, 20), &ClipOptions::unpaced()).unwrap();
    assert_eq!((source.format().geometry.width, source.format().geometry.height), (64, 48));
    assert!((source.format().fps - 10.0).abs() < 0.01);
    let mut first_us = None;
    for n in 0..20_u8 {
        let frame = source.next(PATIENCE).unwrap();
        assert_eq!(frame.info().id.0, u64::from(n));
        assert!(frame.planes().luma.iter().all(|luma| *luma == 16 + 8 * n), "frame {n}");
        assert!(frame.planes().chroma.iter().all(|chroma| *chroma == 128), "frame {n}");
        let at_us = frame.info().captured.monotonic_us;
        assert_eq!(at_us - *first_us.get_or_insert(at_us), u64::from(n) * 100_000);
    }
    for _ in 0..2 {
        let CameraError::Gone { cause, .. } = source.next(PATIENCE).unwrap_err() else { panic!("not gone") };
        assert_eq!(cause, "end of the clip after 20 frames");
    }
    assert_eq!(source.dropped(), 0);
}

#[test]
fn a_looping_clip_goes_on_counting() {
    let folder = tempdir().unwrap();
    let options = ClipOptions { loop_forever: true, ..ClipOptions::unpaced() };
    let mut source = open(&common::numbered_clip(&folder, "32x32", 10, 5), &options).unwrap();
    for n in 0..23_u64 {
        let frame = source.next(PATIENCE).unwrap();
        assert_eq!(frame.info().id.0, n);
        assert_eq!(u64::from(frame.planes().luma[0]), 16 + 8 * (n % 5));
    }
}

#[test]
fn an_odd_size_loses_its_last_line_and_column() {
    let folder = tempdir().unwrap();
    let mut source = open(&common::numbered_clip(&folder, "65x47", 10, 2), &ClipOptions::unpaced()).unwrap();
    let info = *source.next(PATIENCE).unwrap().info();
    assert_eq!((info.geometry.width, info.geometry.height), (64, 46));
}

#[test]
fn a_size_and_a_rate_can_be_asked_for() {
    let folder = tempdir().unwrap();
    let options = ClipOptions { size: Some((32, 16)), fps: Some(20.0), ..ClipOptions::unpaced() };
    let mut source = open(&common::numbered_clip(&folder, "64x48", 10, 4), &options).unwrap();
    assert!((source.format().fps - 20.0).abs() < 0.01);
    let lumas: Vec<u8> = (0..6).map(|_| source.next(PATIENCE).unwrap().planes().luma[0]).collect();
    assert_eq!(source.format().geometry.width, 32);
    let mut steps = lumas.clone();
    steps.dedup();
    assert!(steps.len() < lumas.len(), "at twice the rate frames repeat: {lumas:?}");
}

#[test]
fn nothing_is_read_ahead_of_the_buffers_and_nothing_lost_by_waiting() {
    let folder = tempdir().unwrap();
    let options = ClipOptions { buffers: 3, ..ClipOptions::unpaced() };
    let mut source = open(&common::numbered_clip(&folder, "32x32", 10, 12), &options).unwrap();
    let held: Vec<_> = (0..3).map(|_| source.next(PATIENCE).unwrap()).collect();
    assert!(matches!(source.next(Duration::from_millis(50)), Err(CameraError::Timeout(_))), "all are held");
    drop(held);
    let rest: Vec<u64> = (3..12).map(|_| source.next(PATIENCE).unwrap().info().id.0).collect();
    assert_eq!(rest, (3..12).collect::<Vec<_>>());
    assert_eq!(source.dropped(), 0);
}

#[test]
fn a_filter_graph_can_stand_in_for_a_clip() {
    let options = ClipOptions { input_format: Some("lavfi".to_owned()), ..ClipOptions::unpaced() };
    let mut source = open(Path::new("testsrc2=size=160x120:rate=15"), &options).unwrap();
    assert!((source.format().fps - 15.0).abs() < 0.01);
    assert_eq!(source.next(PATIENCE).unwrap().info().geometry.height, 120);
}

#[test]
fn a_frame_may_outlive_its_source() {
    let folder = tempdir().unwrap();
    let mut source = open(&common::numbered_clip(&folder, "32x32", 10, 3), &ClipOptions::unpaced()).unwrap();
    let frame = source.next(PATIENCE).unwrap();
    drop(source);
    assert_eq!(frame.planes().luma[0], 16);
}

#[test]
fn what_ffmpeg_cannot_read_is_refused_in_its_words() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("letter.txt");
    std::fs::write(&path, "Dear sir or madam").unwrap();
    let error = open(&path, &ClipOptions::unpaced()).err().expect("a letter is no clip");
    assert!(matches!(error, CameraError::Unsupported { .. }));
    assert!(error.to_string().contains("Invalid data found"), "{error}");
}

#[test]
fn a_missing_file_is_missing() {
    let error = open(Path::new("/nowhere/clip.mp4"), &ClipOptions::default()).err().expect("it is not there");
    assert!(matches!(error, CameraError::Missing { .. }), "{error}");
    assert!(error.to_string().contains("/nowhere/clip.mp4"), "{error}");
}
