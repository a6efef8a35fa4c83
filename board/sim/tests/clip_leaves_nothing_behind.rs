//! A clip that is closed leaves no descriptor, thread or child. Alone in its process, because these are the process's.
#![allow(clippy::unwrap_used)] // helpers of tests fail the test

mod common;

use board_hal::CameraSource;
use board_sim::{ClipOptions, ClipSource, SystemClock};
use std::sync::Arc;
use std::time::Duration;
use tempfile::tempdir;

fn entries(of: &str) -> usize {
    std::fs::read_dir(of).unwrap().count()
}

fn children() -> usize {
    let mut count = 0;
    for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
        let listed = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        count += listed.split_whitespace().count();
    }
    count
}

#[test]
fn opening_and_closing_leaves_no_descriptor_thread_or_child() {
    let folder = tempdir().unwrap();
    let clip = common::numbered_clip(&folder, "64x48", 25, 25);
    let counts = || (entries("/proc/self/fd"), entries("/proc/self/task"), children());
    let before = counts();
    for paced in [true, false, true, false, true, false] {
        let options = ClipOptions { paced, loop_forever: true, ..ClipOptions::default() };
        let mut source = ClipSource::open(&clip, &options, Arc::new(SystemClock::new())).unwrap();
        let held = source.next(Duration::from_secs(20)).unwrap();
        assert_eq!(children(), before.2 + 1, "ffmpeg is the child");
        drop(source);
        drop(held);
        assert_eq!(counts(), before);
    }
}
