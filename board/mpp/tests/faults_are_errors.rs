//! Whatever the library does wrong is an error that says what, never a panic, never another frame's picture, and nothing of it is lost.

#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use board_hal::{EncodeError, EncodedUnit, Encoder};
use board_mpp::{MppEncoder, MppOptions};
use mask::{ColourMatrix, ColourRange};
use std::time::Duration;
use support::{Sim, heap, memfd, options, settings, shared, unit};

#[test]
fn a_library_that_does_not_start_is_an_error_that_names_the_call() {
    for (fault, answer, says) in [
        ("create", -4, "mpp_create answers -4 (no memory)"),
        ("init", -1003, "/dev/mpp_service"),
        ("group", -1, "group of buffers"),
        ("set_cfg", -6, "taking the settings answers -6 (MPP_ERR_VALUE)"),
    ] {
        let sim = Sim::new();
        sim.set(fault, answer);
        let refused = MppEncoder::open(&sim.library, settings(), ColourRange::Limited, ColourMatrix::Bt601, options())
            .err()
            .unwrap();
        let text = refused.to_string();
        assert!(text.contains(says) && text.lines().count() == 1, "{text}");
        assert_eq!(sim.count("live"), 0, "{fault}");
        sim.set(fault, 0);
        assert!(unit(&mut sim.open(), 0, true).key, "the same library, when it is well again");
    }
}

#[test]
fn a_fault_amid_pictures_ends_the_encoder_and_the_next_one_begins_with_a_key_picture() {
    for (fault, value, says) in [
        ("put", -1009, "taking a frame answers -1009 (MPP_ERR_VPUHW)"),
        ("get", -1, "giving a packet answers -1"),
        ("frame", -4, "mpp_frame_init"),
        ("idr", -1, "key picture"),
        ("empty", 1, "no access unit"),
        ("garbage", 1, "no access unit"),
    ] {
        let sim = Sim::new();
        let mut encoder = sim.open();
        unit(&mut encoder, 0, true);
        sim.set(fault, value);
        let mut failed = EncodedUnit { data: vec![9], key: true };
        let error = encoder.encode(heap(1), true, &mut failed).unwrap_err();
        assert!(matches!(&error, EncodeError::Failed(text) if text.contains(says)), "{fault}: {error}");
        assert!(failed.data.is_empty() && !failed.key, "{fault}: nothing is left to be sent");
        assert!(encoder.encode(heap(2), true, &mut failed).is_err(), "{fault}: it has ended");
        drop(encoder);
        assert_eq!(sim.count("live"), 0, "{fault}");
        sim.set(fault, 0);
        assert!(unit(&mut sim.open(), 3, false).key, "{fault}");
    }
}

#[test]
fn p2_a_packet_that_comes_one_frame_late_is_never_taken_for_the_frames_own() {
    let sim = Sim::new();
    let patience = MppOptions { stuck_after: Duration::from_secs(3), ..MppOptions::default() };
    let mut encoder = sim.open_with(settings(), patience);
    unit(&mut encoder, 0, true);
    sim.set("hold", 1);
    let mut failed = EncodedUnit::default();
    // None comes for this one: that is an encoder that is stuck.
    assert!(matches!(encoder.encode(heap(1), false, &mut failed), Err(EncodeError::Stuck(_))));
    drop(encoder);
    assert_eq!(sim.count("live"), 0);
}

#[test]
fn a_dma_buf_that_cannot_be_imported_is_an_error() {
    let sim = Sim::new();
    let mut encoder = sim.open();
    sim.set("import", -1);
    let error = encoder.encode(shared(0, &memfd()), true, &mut EncodedUnit::default()).unwrap_err();
    assert!(error.to_string().contains("importing a dma-buf"), "{error}");
    drop(encoder);
    assert_eq!(sim.count("live"), 0);
}

#[test]
fn no_buffer_to_copy_into_is_an_error() {
    let sim = Sim::new();
    let mut encoder = sim.open();
    sim.set("buffer", -1006);
    let error = encoder.encode(heap(0), true, &mut EncodedUnit::default()).unwrap_err();
    assert!(error.to_string().contains("giving a buffer"), "{error}");
    drop(encoder);
    assert_eq!(sim.count("live"), 0);
}
