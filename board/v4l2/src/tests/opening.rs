//! What opening a device says when it cannot.

use super::fake::{Fake, StillClock};
use crate::driver::{FourCc, Signal};
use crate::{Options, V4l2Camera};
use board_hal::{CameraError, CameraSource};
use std::path::Path;

fn refused(fake: &Fake) -> CameraError {
    fake.camera(&StillClock::at(0)).err().expect("it must not open")
}

fn open(path: &str) -> CameraError {
    V4l2Camera::open(Path::new(path), &Options::new(640, 480, 25.0), StillClock::at(0)).err().expect("it must not open")
}

#[test]
fn a_path_without_a_device_is_missing() {
    assert!(matches!(open("/dev/video-that-is-not-there"), CameraError::Missing { .. }));
}

#[test]
fn a_device_that_is_no_camera_is_unsupported() {
    let error = open("/dev/null");
    assert!(matches!(&error, CameraError::Unsupported { offers, .. } if offers.contains("Video4Linux")), "{error}");
}

#[test]
fn a_camera_in_use_is_busy_wherever_the_driver_says_so() {
    for step in ["set_format", "request_buffers", "stream_on"] {
        let fake = Fake::new(FourCc::NV12);
        fake.set(|state| state.fails = Some((step, libc::EBUSY)));
        assert!(matches!(refused(&fake), CameraError::Busy { .. }), "{step}");
    }
}

#[test]
fn an_input_without_a_signal_is_missing_and_says_so() {
    let fake = Fake::new(FourCc::NV12);
    fake.set(|state| state.signal = Signal::None("no signal"));
    let error = refused(&fake);
    assert!(matches!(error, CameraError::Missing { .. }) && error.to_string().contains("no signal"), "{error}");
}

#[test]
fn formats_that_are_not_read_are_listed() {
    let fake = Fake::new(FourCc::NV12);
    fake.set(|state| state.offered = vec![FourCc(*b"BA10"), FourCc(*b"H264")]);
    let error = refused(&fake).to_string();
    assert!(error.contains("offers BA10 H264, Campari reads NV12"), "{error}");
}

#[test]
fn an_output_device_is_unsupported() {
    let fake = Fake::new(FourCc::NV12);
    fake.set(|state| state.streams_video = false);
    assert!(matches!(refused(&fake), CameraError::Unsupported { .. }));
}

#[test]
fn a_driver_with_too_few_too_many_or_too_small_buffers_is_refused() {
    for (buffers, len) in [(0, 192), (1, 192), (33, 192), (6, 191)] {
        let fake = Fake::new(FourCc::NV12);
        fake.set(|state| (state.buffers, state.buffer_len) = (buffers, vec![len]));
        assert!(matches!(refused(&fake), CameraError::Unsupported { .. }), "{buffers} buffers of {len}");
    }
}

#[test]
fn the_format_tells_what_the_driver_chose() {
    let camera = Fake::new(FourCc::NV12).camera(&StillClock::at(0)).unwrap();
    let format = camera.format();
    assert_eq!((format.geometry.width, format.geometry.height, format.wire.as_str()), (16, 8, "NV12"));
    assert!((format.fps - 25.0).abs() < f32::EPSILON);
}

#[test]
fn a_driver_without_rates_is_taken_at_the_rate_asked_for() {
    let fake = Fake::new(FourCc::NV12);
    fake.set(|state| state.fps = None);
    assert!((fake.camera(&StillClock::at(0)).unwrap().format().fps - 30.0).abs() < f32::EPSILON);
}

#[test]
fn a_camera_that_fails_to_start_frees_its_buffers() {
    let fake = Fake::new(FourCc::NV12);
    fake.set(|state| state.fails = Some(("stream_on", libc::ENODEV)));
    assert!(matches!(refused(&fake), CameraError::Missing { .. }));
    assert_eq!(fake.set(|state| state.calls.last().copied()), Some("free_buffers"));
}
