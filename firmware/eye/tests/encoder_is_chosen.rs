//! The road gets the first encoder that there is; what was asked for and is not there is said in one line.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

use board_hal::{CameraFormat, Codec, EncodedUnit, Encoder};
use eye::config::Config;
use eye::encoders;
use eye::road::MakeEncoder;
use eye::slate::Slate;
use mask::{ColourMatrix, ColourRange, Geometry};
use std::path::PathBuf;

const REST: &str = r#"
site = "almere"
camera = "613"
source = { kind = "clip", file = "scene.mp4" }
detector = { manifest = "models/manifest.toml" }
link = { socket = "eye.sock" }
state = { dir = "state" }
policy = { roots = [{ kid = "a", x = "AA" }, { kid = "b", x = "BB" }] }
"#;

fn find(encoder: &str) -> Result<MakeEncoder, String> {
    let config = Config::parse("eye.toml", &format!("{REST}encoder = {{ {encoder} }}\n")).unwrap();
    encoders::find(&config).map_err(|error| error.to_string())
}

/// MPP's stand-in as cargo built it: beside this test.
fn stand_in() -> PathBuf {
    std::env::current_exe().unwrap().with_file_name("libboard_mpp_sim.so")
}

fn format(width: usize, height: usize) -> CameraFormat {
    let (range, matrix) = (ColourRange::Limited, ColourMatrix::Bt601);
    CameraFormat { geometry: Geometry::packed(width, height), range, matrix, fps: 25.0, wire: "test".into() }
}

/// Bytes of a slate.
fn slate(encoder: &mut dyn Encoder, format: &CameraFormat) -> usize {
    let mut unit = EncodedUnit::default();
    Slate::encode(encoder, format, &mut unit).unwrap().data().len()
}

#[test]
fn hardware_that_is_there_is_taken_and_what_it_cannot_encode_goes_to_the_next() {
    let library = stand_in();
    let mut make = find(&format!("mpp_library = {:?}", library.to_str().unwrap())).unwrap();
    // 64 lines are too few for MPP, not for OpenH264: the first that opens.
    for size in [(320, 240), (64, 64), (320, 240)] {
        let format = format(size.0, size.1);
        let mut encoder = make(&format).unwrap();
        assert!(slate(encoder.as_mut(), &format) > 0);
    }
    let mut only = find(&format!("kind = \"mpp\", mpp_library = {:?}", library.to_str().unwrap())).unwrap();
    assert!(only(&format(320, 240)).is_ok());
    let refused = only(&format(64, 64)).err().unwrap().to_string();
    assert!(refused.contains("96"), "MPP's own limit, so it was MPP: {refused}");
}

#[test]
fn h265_comes_from_hardware_when_the_configuration_asks_for_it_and_from_nothing_else() {
    let library = stand_in();
    let mut make = find(&format!("codec = \"h265\", mpp_library = {:?}", library.to_str().unwrap())).unwrap();
    let format = format(320, 240);
    let mut unit = EncodedUnit::default();
    let slate = Slate::encode(make(&format).unwrap().as_mut(), &format, &mut unit).unwrap();
    assert_eq!(slate.codec(), Codec::H265);
    assert!(
        board_hal::annexb::AccessUnit::read(Codec::H265, slate.data()).is_some_and(|unit| unit.key && unit.has_header)
    );
    let refused = find("codec = \"h265\", kind = \"software\"").err().unwrap();
    assert!(refused.contains("H.265") && refused.lines().count() == 1, "{refused}");
}

#[test]
fn without_hardware_pictures_are_encoded_in_software() {
    let mut make = find("kind = \"auto\", mpp_library = \"/nonexistent/librockchip_mpp.so.1\"").unwrap();
    let format = format(64, 64);
    assert!(slate(make(&format).unwrap().as_mut(), &format) > 0);
}

#[test]
fn hardware_that_was_asked_for_and_is_not_there_is_said_in_one_line() {
    let refused = find("kind = \"mpp\", mpp_library = \"/nonexistent/librockchip_mpp.so.1\"").err().unwrap();
    assert!(refused.contains("/nonexistent/librockchip_mpp.so.1") && refused.contains("install"), "{refused}");
    assert_eq!(refused.lines().count(), 1);
    // A device that is no device is found out when it is opened, and the next one is taken.
    let absent = "m2m_device = \"/nonexistent/video0\"";
    let format = format(64, 64);
    let refused = find(&format!("kind = \"v4l2-m2m\", {absent}")).unwrap()(&format).err().unwrap().to_string();
    assert!(refused.contains("/nonexistent/video0") && refused.lines().count() == 1, "{refused}");
    assert!(find(&format!("kind = [\"v4l2-m2m\", \"software\"], {absent}")).unwrap()(&format).is_ok());
}
