//! The encoder: that the best one that is stated is there, and makes a picture.

use super::Asked;
use crate::config::{Config, EncoderConfig};
use crate::encoders;
use board_hal::{CameraFormat, EncodeError, EncodedUnit, Encoder};
use board_profile::{CameraProfile, EncoderKind, EncoderOrder};
use contract::doctor::Check;
use mask::{ColourMatrix, ColourRange, Geometry};

const LINE: &str = "encoder.kind";

/// It makes a key picture of the slate at the camera's size.
pub(super) fn kind(asked: &Asked) -> Vec<Check> {
    let order = asked.config.as_ref().map_or_else(|| asked.profile.encoder.kind.clone(), Config::encoders);
    let Some(camera) = asked.camera() else {
        return vec![Check::note(LINE, format!("{order} stated, for pictures of no size"), "state [camera]")];
    };
    let (made, kind, bytes) = match open(asked, &camera).and_then(|(mut encoder, kind)| {
        let bytes = slate(encoder.as_mut(), &camera)?;
        Ok((encoder, kind, bytes))
    }) {
        Ok(made) => made,
        Err(error) => {
            let remedy = "install the board's encoder library and give the eye's user its devices, or add \"software\"";
            return vec![Check::fail(LINE, format!("{order}: {error}"), remedy)];
        }
    };
    drop(made);
    let found = format!("{kind}: a key picture of {bytes} bytes");
    let best = order.kinds().first().copied();
    // What is stated by itself must be there; "auto" takes what there is.
    vec![if order == EncoderOrder::default() || best == Some(kind) {
        Check::pass(LINE, found)
    } else {
        let why =
            best.and_then(|best| encoders::missing(best, &settings(asked))).unwrap_or_else(|| "does not open".into());
        let wanted = best.map_or("", EncoderKind::as_str);
        let remedy = "mend that; until then the processor encodes, and frames are dropped where it is too slow";
        Check::fail(LINE, format!("{wanted}: {why}; in its place {found}"), remedy)
    }]
}

fn settings(asked: &Asked) -> EncoderConfig {
    asked.config.as_ref().map(|config| config.encoder.clone()).unwrap_or_default()
}

/// The encoder that the eye would take, for pictures of the camera's size, and which it is.
pub(super) fn open(asked: &Asked, camera: &CameraProfile) -> Result<(Box<dyn Encoder>, EncoderKind), EncodeError> {
    let order = asked.config.as_ref().map_or_else(|| asked.profile.encoder.kind.clone(), Config::encoders);
    encoders::open_now(&order, &settings(asked), &format(camera))
}

fn format(camera: &CameraProfile) -> CameraFormat {
    let (width, height) = (camera.width as usize & !1, camera.height as usize & !1);
    CameraFormat {
        geometry: Geometry::packed(width, height),
        range: ColourRange::Limited,
        matrix: ColourMatrix::usual(height),
        fps: camera.fps as f32,
        wire: "slate".into(),
    }
}

fn slate(encoder: &mut dyn Encoder, camera: &CameraProfile) -> Result<usize, EncodeError> {
    let slate = crate::slate::Slate::encode(encoder, &format(camera), &mut EncodedUnit::default())?;
    if slate.data().is_empty() {
        return Err(EncodeError::Failed("an empty picture".into()));
    }
    Ok(slate.data().len())
}
