//! Which encoder the road gets: the first of the profile's (or the configuration's) that there is, hardware before the processor. Libraries are loaded at the
//! start, so that what cannot be had is said there and not at the first picture.

use crate::config::{Config, EncoderConfig};
use crate::road::MakeEncoder;
use board_hal::{CameraFormat, Codec, EncodeError, Encoder, EncoderSettings};
use board_mpp::{MppEncoder, MppLibrary, MppOptions, RateControl};
use board_openh264::SoftEncoder;
use board_profile::{EncoderKind, EncoderOrder};
use board_v4l2_m2m::M2mEncoder;
use std::path::{Path, PathBuf};

/// An encoder that may be there.
enum Candidate {
    Mpp(MppLibrary, MppOptions),
    V4l2M2m(PathBuf),
    Software,
}

impl Candidate {
    /// What can be known before there is a picture.
    fn find(kind: EncoderKind, config: &EncoderConfig) -> Result<Self, EncodeError> {
        let codec = config.codec();
        match kind {
            EncoderKind::Mpp => {
                let library = MppLibrary::load(config.mpp_library.as_deref().unwrap_or(Path::new(MppLibrary::NAME)))?;
                if !library.offers(codec) {
                    return Err(EncodeError::Settings(format!("this board's MPP does not encode {codec}")));
                }
                Ok(Self::Mpp(library, options(config)))
            }
            EncoderKind::V4l2M2m => {
                let device = config.m2m_device.clone().or_else(|| board_v4l2_m2m::find(codec).into_iter().next());
                let none = || EncodeError::Settings(format!("no device under /dev/video* encodes NV12 to {codec}"));
                device.map(Self::V4l2M2m).ok_or_else(none)
            }
            EncoderKind::Software if codec == Codec::H264 => Ok(Self::Software),
            EncoderKind::Software => {
                Err(EncodeError::Settings(format!("the software encoder makes H.264 and no {codec}")))
            }
        }
    }
    fn kind(&self) -> EncoderKind {
        match self {
            Self::Mpp(..) => EncoderKind::Mpp,
            Self::V4l2M2m(_) => EncoderKind::V4l2M2m,
            Self::Software => EncoderKind::Software,
        }
    }
    fn open(&self, settings: EncoderSettings, format: &CameraFormat) -> Result<Box<dyn Encoder>, EncodeError> {
        let (range, matrix) = (format.range, format.matrix);
        Ok(match self {
            Self::Mpp(library, options) => Box::new(MppEncoder::open(library, settings, range, matrix, *options)?),
            Self::V4l2M2m(device) => Box::new(M2mEncoder::open(device, settings, range, matrix)?),
            Self::Software => Box::new(SoftEncoder::open_as(settings, range, matrix)?),
        })
    }
}

fn options(config: &EncoderConfig) -> MppOptions {
    let rate_control = if config.variable_rate { RateControl::Variable } else { RateControl::Constant };
    let (intra_refresh_rows, slice_bytes) = (config.intra_refresh_rows, config.slice_bytes);
    MppOptions { rate_control, intra_refresh_rows, slice_bytes, ..MppOptions::default() }
}

/// Finds the encoders of this board and says which.
///
/// # Errors
/// [`EncodeError`] when there is none of those that were asked for: why the last one is not there.
pub fn find(config: &Config) -> Result<MakeEncoder, EncodeError> {
    let (order, config) = (config.encoders(), config.encoder.clone());
    let found = candidates(&order, &config)?;
    tracing::info!(encoder = %found[0].kind(), asked = %order, "encoders were looked for");
    let mut last = None;
    Ok(Box::new(move |format: &CameraFormat| {
        let (encoder, kind) = first_that_opens(&found, settings(&config, format), format)?;
        if last.replace(kind) != Some(kind) {
            tracing::info!(encoder = %kind, "pictures are encoded by");
        }
        Ok(encoder)
    }))
}

/// The encoder that [`find`] would build for pictures of `format`, and which it is; for the doctor.
///
/// # Errors
/// [`EncodeError`] when none is there or none opens.
pub fn open_now(
    order: &EncoderOrder,
    config: &EncoderConfig,
    format: &CameraFormat,
) -> Result<(Box<dyn Encoder>, EncoderKind), EncodeError> {
    first_that_opens(&candidates(order, config)?, settings(config, format), format)
}

/// Why `kind` is not there; `None` when it is.
#[must_use]
pub fn missing(kind: EncoderKind, config: &EncoderConfig) -> Option<String> {
    Candidate::find(kind, config).err().map(|error| error.to_string())
}

/// Those of `order` that are there, at least one.
fn candidates(order: &EncoderOrder, config: &EncoderConfig) -> Result<Vec<Candidate>, EncodeError> {
    let (mut found, mut missing) = (Vec::new(), None);
    for kind in order.kinds() {
        match Candidate::find(*kind, config) {
            Ok(candidate) => found.push(candidate),
            Err(error) => {
                tracing::info!(encoder = %kind, %error, "not there");
                missing = Some(error);
            }
        }
    }
    if found.is_empty() {
        return Err(missing.unwrap_or_else(|| EncodeError::Settings("no encoder was asked for".to_owned())));
    }
    Ok(found)
}

fn settings(config: &EncoderConfig, format: &CameraFormat) -> EncoderSettings {
    EncoderSettings {
        codec: config.codec(),
        width: format.geometry.width,
        height: format.geometry.height,
        fps: format.fps,
        bitrate_bps: config.bitrate_kbps * 1_000,
        key_interval: (format.fps * config.key_interval_s as f32).round().max(1.0) as u32,
    }
}

/// The first that opens. One that is stuck is no reason to go to the next: a new process has it again, and the road decides when to ask for that.
fn first_that_opens(
    found: &[Candidate],
    settings: EncoderSettings,
    format: &CameraFormat,
) -> Result<(Box<dyn Encoder>, EncoderKind), EncodeError> {
    let mut refused = None;
    for candidate in found {
        match candidate.open(settings, format) {
            Ok(encoder) => return Ok((encoder, candidate.kind())),
            Err(error @ (EncodeError::Stuck(_) | EncodeError::Wedged(_))) => return Err(error),
            Err(error) => {
                if found.len() > 1 {
                    tracing::warn!(encoder = %candidate.kind(), %error, "does not open; the next one is tried");
                }
                refused = Some(error);
            }
        }
    }
    Err(refused.unwrap_or_else(|| EncodeError::Settings("no encoder was found".to_owned())))
}
