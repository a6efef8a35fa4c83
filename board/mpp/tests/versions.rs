//! The library's version is asked at the start: one that says it is too old is refused, one that says nothing is used, and one without cache control too.

#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use board_mpp::MppLibrary;
use std::path::Path;
use support::{Sim, copied, unit};

/// The library's file with other bytes of the same length.
fn patched(from: &[u8], to: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    assert_eq!(from.len(), to.len());
    let (folder, file) = copied();
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.windows(from.len()).position(|found| found == from).unwrap();
    bytes[at..at + from.len()].copy_from_slice(to);
    std::fs::write(&file, bytes).unwrap();
    (folder, file)
}

const SILENT: &[u8] = b"unknown mpp version for missing VCS info";

fn load(file: &Path) -> Result<MppLibrary, String> {
    MppLibrary::load(file).map_err(|error| error.to_string())
}

#[test]
fn a_library_that_says_that_it_is_too_old_is_refused_with_both_dates() {
    let (_folder, file) = patched(SILENT, b"6dadc7e1 author: A B 2021-09-02 [x]: abc");
    let text = load(&file).unwrap_err();
    assert!(text.contains("2021-09-02 (commit 6dadc7e1)") && text.contains("2022-05-10"), "{text}");
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn a_library_of_today_and_one_that_says_nothing_are_used() {
    let (_folder, file) = patched(SILENT, b"ee946af0 author: A B 2024-03-13 fix: abc");
    load(&file).unwrap();
    let sim = Sim::new();
    assert!(unit(&mut sim.open(), 0, true).key);
}

#[test]
fn a_library_without_cache_control_is_used_with_uncached_buffers() {
    let (folder, file) = patched(b"\0mpp_buffer_sync_end_f\0", b"\0xpp_buffer_sync_end_f\0");
    let sim = Sim::of(folder, &file);
    assert!(unit(&mut sim.open(), 0, true).key);
    assert_eq!(sim.count("sync_begin") + sim.count("sync_end"), 0);
    let sim = Sim::new();
    assert!(unit(&mut sim.open(), 0, true).key);
    assert_eq!((sim.count("sync_begin"), sim.count("sync_end")), (1, 1), "caches are written back once a copy");
}
