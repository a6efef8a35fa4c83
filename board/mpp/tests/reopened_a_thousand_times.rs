//! Opening anew loses no descriptor, no thread, no memory and no object of the library, whether it works or not. One test, so that nothing else in this
//! process opens anything meanwhile.

#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use board_hal::{EncodedUnit, Encoder};
use board_mpp::{MppEncoder, MppLibrary};
use mask::{ColourMatrix, ColourRange};
use std::path::Path;
use support::{Sim, copied, heap, memfd, options, settings, shared};

const CYCLES: usize = 1_000;

fn entries(folder: &str) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

/// Descriptors, threads, and resident memory in KiB.
fn held() -> (usize, usize, usize) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let resident_kib = resident.trim().trim_end_matches(" kB").parse().unwrap();
    (entries("/proc/self/fd"), entries("/proc/self/task"), resident_kib)
}

/// The cycle many times over; what is held after the first tenth is held in the end, and some noise of the heap.
fn cycles(what: &str, mut cycle: impl FnMut(usize)) {
    (0..CYCLES / 10).for_each(&mut cycle);
    let before = held();
    (0..CYCLES).for_each(&mut cycle);
    let after = held();
    assert_eq!((after.0, after.1), (before.0, before.1), "{what}: descriptors and threads");
    assert!(after.2 < before.2 + 4 * 1024, "{what}: {} KiB, then {} KiB", before.2, after.2);
}

/// The library's file with another name in place of one of its functions.
fn without(symbol: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let (folder, file) = copied();
    let mut bytes = std::fs::read(&file).unwrap();
    let name = [symbol.as_bytes(), b"\0"].concat();
    let at = bytes.windows(name.len() + 1).position(|found| found[0] == 0 && found[1..] == name[..]).unwrap();
    bytes[at + 1] = b'x';
    std::fs::write(&file, bytes).unwrap();
    (folder, file)
}

fn refused(file: &Path) -> String {
    MppLibrary::load(file).expect_err("refused").to_string()
}

#[test]
fn nothing_is_lost_over_a_thousand_openings() {
    let sim = Sim::new();
    let files = [memfd(), memfd()];
    let mut unit = EncodedUnit::default();
    cycles("encoders that work", |cycle| {
        let mut encoder = sim.open();
        encoder.encode(heap(0), true, &mut unit).unwrap();
        encoder.encode(shared(1, &files[cycle % 2]), false, &mut unit).unwrap();
    });
    assert_eq!(sim.count("live"), 0);
    sim.set("put", -1009);
    cycles("encoders that fail at their first picture", |_| {
        assert!(sim.open().encode(heap(0), true, &mut unit).is_err());
    });
    sim.set("init", -1003);
    cycles("encoders that do not start", |_| {
        assert!(
            MppEncoder::open(&sim.library, settings(), ColourRange::Limited, ColourMatrix::Bt601, options()).is_err()
        );
    });
    assert_eq!(sim.count("live"), 0);

    cycles("a library that is not there", |_| {
        let text = refused(Path::new("/nonexistent/librockchip_mpp.so.1"));
        assert!(text.contains("install") && text.lines().count() == 1, "{text}");
    });
    let (_folder, file) = without("mpp_frame_set_hor_stride");
    cycles("a library that lacks a function", |_| {
        let text = refused(&file);
        assert!(text.contains("no function mpp_frame_set_hor_stride") && text.lines().count() == 1, "{text}");
    });
}
