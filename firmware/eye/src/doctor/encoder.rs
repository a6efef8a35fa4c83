//! The encoder: that the one that is stated makes a picture.

use super::Asked;
use board_hal::{CameraFormat, EncodeError, EncodedUnit, Encoder, EncoderSettings};
use board_openh264::SoftEncoder;
use board_profile::{CameraProfile, EncoderKind};
use contract::doctor::Check;
use mask::{ColourMatrix, ColourRange, Geometry};

const LINE: &str = "encoder.kind";

/// It makes a key picture of the slate at the camera's size.
pub(super) fn kind(asked: &Asked) -> Vec<Check> {
    let Some(stated) = asked.profile.encoder else {
        return vec![Check::note(LINE, "none stated; openh264 is used", "state [encoder]")];
    };
    let name = stated.kind.as_str();
    let Some(camera) = asked.camera() else {
        return vec![Check::note(LINE, format!("{name} is stated, for pictures of no size"), "state [camera]")];
    };
    let made = open(stated.kind, &camera).and_then(|mut encoder| slate(encoder.as_mut(), &camera));
    vec![match made {
        Ok(bytes) => Check::pass(LINE, format!("{name}: a key picture of {bytes} bytes")),
        Err(error) => Check::fail(LINE, format!("{name}: {error}"), "kind = \"openh264\" until it is there"),
    }]
}

/// The encoder that is stated. Rockchip's is not in this build yet.
pub(super) fn open(kind: EncoderKind, camera: &CameraProfile) -> Result<Box<dyn Encoder>, EncodeError> {
    let settings = EncoderSettings {
        width: camera.width as usize,
        height: camera.height as usize,
        fps: camera.fps as f32,
        bitrate_bps: 4_000_000,
        key_interval: camera.fps * 2,
    };
    match kind {
        EncoderKind::Openh264 => Ok(Box::new(SoftEncoder::open(settings, ColourRange::Limited)?)),
        EncoderKind::Mpp => Err(EncodeError::Settings("this build has none for Rockchip's MPP".into())),
    }
}

fn slate(encoder: &mut dyn Encoder, camera: &CameraProfile) -> Result<usize, EncodeError> {
    let (width, height) = (camera.width as usize, camera.height as usize);
    let format = CameraFormat {
        geometry: Geometry::packed(width, height),
        range: ColourRange::Limited,
        matrix: ColourMatrix::usual(height),
        fps: camera.fps as f32,
        wire: "slate".into(),
    };
    let slate = crate::slate::Slate::encode(encoder, &format, &mut EncodedUnit::default())?;
    if slate.data().is_empty() {
        return Err(EncodeError::Failed("an empty picture".into()));
    }
    Ok(slate.data().len())
}
