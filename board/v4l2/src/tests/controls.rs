//! Controls are found by their written names, in their range, in an order that works.

use super::fake::{Fake, StillClock};
use crate::controls::{Described, resolve};
use crate::driver::FourCc;
use crate::{MemoryChoice, Options};
use board_hal::CameraError;

fn described(id: u32, name: &str, least: i32, most: i32) -> Described {
    Described { id, name: Described::as_written(name), least, most }
}

fn camera() -> Vec<Described> {
    vec![
        described(1, "Brightness", -64, 64),
        described(2, "Exposure Time, Absolute", 1, 5_000),
        described(3, "Auto Exposure", 0, 3),
        described(4, "White Balance, Automatic", 0, 1),
    ]
}

fn wanted(all: &[(&str, i32)]) -> Vec<(String, i32)> {
    all.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

#[test]
fn names_are_written_as_v4l2_ctl_prints_them() {
    for (name, written) in [
        ("Exposure Time, Absolute", "exposure_time_absolute"),
        ("Focus, Automatic Continuous", "focus_automatic_continuous"),
        ("Y'CbCr Encoding", "y_cbcr_encoding"),
        ("  odd -- name ", "odd_name"),
    ] {
        assert_eq!(Described::as_written(name), written);
    }
}

#[test]
fn what_is_automatic_is_switched_before_what_it_would_override() {
    let wanted = wanted(&[("exposure_time_absolute", 200), ("brightness", -3), ("auto_exposure", 1)]);
    assert_eq!(resolve(&wanted, &camera()), Ok(vec![(3, 1), (2, 200), (1, -3)]));
}

#[test]
fn an_unknown_control_is_answered_with_those_that_there_are_and_a_wrong_value_with_its_range() {
    let error = resolve(&wanted(&[("contrast", 1)]), &camera()).unwrap_err();
    assert!(error.contains("no control contrast") && error.contains("exposure_time_absolute"), "{error}");
    let error = resolve(&wanted(&[("brightness", 65)]), &camera()).unwrap_err();
    assert_eq!(error, "control brightness = 65; allowed: -64 to 64");
    assert!(resolve(&wanted(&[("x", 1)]), &[]).unwrap_err().contains("none"));
}

#[test]
fn a_camera_that_lacks_a_control_of_the_configuration_does_not_open() {
    let fake = Fake::new(FourCc::NV12);
    fake.set(|state| state.controls = camera());
    let open = |controls: &[(&str, i32)]| {
        let wish = Options { memory: MemoryChoice::Driver, controls: wanted(controls), ..Options::new(640, 480, 30.0) };
        fake.camera_as(&wish, &StillClock::at(0)).map(drop)
    };
    open(&[("brightness", 5)]).unwrap();
    assert_eq!(fake.set(|state| state.set.clone()), [(1, 5)]);
    let error = open(&[("pan_absolute", 5)]).unwrap_err();
    assert!(
        matches!(&error, CameraError::Missing { cause, .. } if cause.contains("no control pan_absolute")),
        "{error}"
    );
}
