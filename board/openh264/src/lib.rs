//! H.264 (ITU-T H.264, Constrained Baseline) in software, for boards without an encoder and for development machines.
//!
//! Tuned for live pictures: one frame in, one access unit out, no B pictures, no look-ahead, no frame skipping. It is not a file encoder.
//! The source is Cisco's OpenH264, built by the `openh264` crate; it wants `nasm` at build time to be fast.
#![allow(unsafe_code)] // three options of OpenH264, see `set_option`

use board_hal::{Codec, EncodeError, EncodedUnit, Encoder, EncoderSettings};
use mask::{ColourMatrix, ColourRange, Geometry, MaskedFrame, Planes};
use openh264::encoder::{
    BitRate, Complexity, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, QpRange, RateControlMode,
    SpsPpsStrategy, UsageType, VuiConfig,
};
use openh264::formats::YUVSource;
use openh264::{OpenH264API, Timestamp};
use openh264_sys2::{
    ENCODER_OPTION, ENCODER_OPTION_BITRATE, ENCODER_OPTION_FRAME_RATE, ENCODER_OPTION_MAX_BITRATE,
    ENCODER_OPTION_TRACE_LEVEL, SBitrateInfo, SPATIAL_LAYER_0, WELS_LOG_QUIET,
};
use std::ffi::c_int;

/// Largest picture that OpenH264 takes, pixels: the longer and the shorter side.
pub const MAX_SIDES_PX: (usize, usize) = (3840, 2160);
/// Smallest side, pixels.
pub const MIN_SIDE_PX: usize = 16;

/// OpenH264 behind [`board_hal::Encoder`].
pub struct SoftEncoder {
    settings: EncoderSettings,
    range: ColourRange,
    matrix: ColourMatrix,
    encoder: openh264::encoder::Encoder,
    /// OpenH264 sets itself up at its first frame, which is a key picture whatever is asked; a key may be forced from the second on.
    started: bool,
    cb: Vec<u8>,
    cr: Vec<u8>,
}

impl SoftEncoder {
    /// An encoder for frames of this size and luma range, whose colour matrix is the usual one for their height.
    ///
    /// # Errors
    /// [`EncodeError::Settings`] when a setting is out of range or OpenH264 refuses.
    pub fn open(settings: EncoderSettings, range: ColourRange) -> Result<Self, EncodeError> {
        Self::open_as(settings, range, ColourMatrix::usual(settings.height))
    }

    /// As [`SoftEncoder::open`], with the colour matrix stated; range and matrix are written into the stream (VUI, ITU-T H.264 annex E).
    ///
    /// # Errors
    /// As [`SoftEncoder::open`].
    pub fn open_as(settings: EncoderSettings, range: ColourRange, matrix: ColourMatrix) -> Result<Self, EncodeError> {
        check(&settings)?;
        let colours = match matrix {
            ColourMatrix::Bt601 => VuiConfig::bt601(),
            ColourMatrix::Bt709 => VuiConfig::bt709(),
            ColourMatrix::Bt2020 => VuiConfig::bt2020(),
        };
        let config = EncoderConfig::new()
            .bitrate(BitRate::from_bps(settings.bitrate_bps))
            .max_frame_rate(FrameRate::from_hz(settings.fps))
            .rate_control_mode(RateControlMode::Bitrate)
            .skip_frames(false)
            .usage_type(UsageType::CameraVideoRealTime)
            .complexity(Complexity::Low)
            .qp(QpRange::new(10, 48))
            .sps_pps_strategy(SpsPpsStrategy::ConstantId)
            .intra_frame_period(IntraFramePeriod::from_num_frames(settings.key_interval))
            .scene_change_detect(false)
            .background_detection(false)
            .long_term_reference(false)
            .num_threads(1)
            .vui(colours.full_range(range == ColourRange::Full));
        let mut encoder = openh264::encoder::Encoder::with_api_config(OpenH264API::from_source(), config)
            .map_err(|error| EncodeError::Settings(format!("OpenH264 does not start: {error}")))?;
        silence(&mut encoder)?;
        let chroma = settings.width / 2 * (settings.height / 2);
        Ok(Self { settings, range, matrix, encoder, started: false, cb: vec![0; chroma], cr: vec![0; chroma] })
    }

    fn check_frame(&self, frame: &MaskedFrame) -> Result<(), EncodeError> {
        let (info, settings) = (frame.info(), &self.settings);
        let Geometry { width, height, .. } = info.geometry;
        if (width, height) != (settings.width, settings.height) {
            return Err(EncodeError::Failed(format!(
                "the frame is {width}x{height}, the encoder is set to {}x{}; open an encoder of the frame's size",
                settings.width, settings.height
            )));
        }
        if info.range != self.range {
            return Err(EncodeError::Failed(format!(
                "the frame's luma range is {:?}, the stream says {:?}; open an encoder for the new range",
                info.range, self.range
            )));
        }
        Ok(())
    }
}

impl Encoder for SoftEncoder {
    fn settings(&self) -> &EncoderSettings {
        &self.settings
    }

    fn encode(&mut self, frame: MaskedFrame, key: bool, unit: &mut EncodedUnit) -> Result<(), EncodeError> {
        unit.data.clear();
        unit.key = false;
        self.check_frame(&frame)?;
        let geometry = frame.info().geometry;
        let planes = frame.planes();
        split_chroma(planes, &geometry, &mut self.cb, &mut self.cr);
        if key && self.started {
            self.encoder.force_intra_frame();
        }
        let source = Source { luma: planes.luma, cb: &self.cb, cr: &self.cr, geometry };
        let at = Timestamp::from_millis(frame.info().captured.monotonic_us / 1000);
        let picture = self
            .encoder
            .encode_at(&source, at)
            .map_err(|error| EncodeError::Failed(format!("OpenH264, frame {:?}: {error}", frame.info().id)))?;
        self.started = true;
        picture.write_vec(&mut unit.data);
        unit.key = picture.frame_type() == FrameType::IDR;
        // Only now may the camera have its buffer back.
        drop(frame);
        if unit.data.is_empty() {
            return Err(EncodeError::Failed("OpenH264 gave no picture although frame skipping is off".to_owned()));
        }
        Ok(())
    }
    fn change(&mut self, bitrate_bps: u32, fps: f32) -> Result<(), EncodeError> {
        let settings = EncoderSettings { bitrate_bps, fps, ..self.settings };
        check(&settings)?;
        // Before its first frame OpenH264 has nothing to change, and is set up with what the crate holds.
        if !self.started {
            *self = Self::open_as(settings, self.range, self.matrix)?;
            return Ok(());
        }
        let mut frames = fps;
        // SAFETY: this option takes a float (`codec_app_def.h`).
        unsafe { set_option(&mut self.encoder, ENCODER_OPTION_FRAME_RATE, &mut frames, "a frame rate") }?;
        // The crate set the greatest rate to the rate; it may at no time be below it.
        let greater = bitrate_bps.max(self.settings.bitrate_bps);
        for (option, bps) in [
            (ENCODER_OPTION_MAX_BITRATE, greater),
            (ENCODER_OPTION_BITRATE, bitrate_bps),
            (ENCODER_OPTION_MAX_BITRATE, bitrate_bps),
        ] {
            let mut rate = SBitrateInfo { iLayer: SPATIAL_LAYER_0, iBitrate: bps as c_int };
            // SAFETY: these options take an SBitrateInfo.
            unsafe { set_option(&mut self.encoder, option, &mut rate, "a bit rate") }?;
        }
        self.settings = settings;
        Ok(())
    }
}

/// Turns OpenH264's own messages off. The crate does so only after the set-up, which warns on standard error that it does not skip frames.
fn silence(encoder: &mut openh264::encoder::Encoder) -> Result<(), EncodeError> {
    let mut level: c_int = WELS_LOG_QUIET;
    // SAFETY: this option takes an int (`codec_app_def.h`) and may be set before the set-up.
    unsafe { set_option(encoder, ENCODER_OPTION_TRACE_LEVEL, &mut level, "a log level") }
}

/// Options that the crate does not offer.
///
/// # Safety
/// `option` must take a pointer to such a `value`, which is read during the call only.
unsafe fn set_option<T>(
    encoder: &mut openh264::encoder::Encoder,
    option: ENCODER_OPTION,
    value: &mut T,
    what: &str,
) -> Result<(), EncodeError> {
    // SAFETY: log level, bit rate and frame rate are nothing that the crate relies on.
    let raw = unsafe { encoder.raw_api() };
    // SAFETY: the caller's promise.
    let refused = unsafe { raw.set_option(option, (&raw mut *value).cast()) };
    if refused == 0 { Ok(()) } else { Err(EncodeError::Settings(format!("OpenH264 refuses {what} ({refused})"))) }
}

fn check(settings: &EncoderSettings) -> Result<(), EncodeError> {
    let EncoderSettings { codec, width, height, fps, bitrate_bps, .. } = *settings;
    let (longer, shorter) = (width.max(height), width.min(height));
    let refuse = |what: String| Err(EncodeError::Settings(what));
    if codec != Codec::H264 {
        return refuse("OpenH264 makes H.264 only".to_owned());
    }
    if width % 2 != 0 || height % 2 != 0 || shorter < MIN_SIDE_PX {
        return refuse(format!("{width}x{height}: width and height must be even and at least {MIN_SIDE_PX}"));
    }
    if longer > MAX_SIDES_PX.0 || shorter > MAX_SIDES_PX.1 {
        return refuse(format!("{width}x{height}: OpenH264 takes at most {}x{}", MAX_SIDES_PX.0, MAX_SIDES_PX.1));
    }
    if !(fps.is_finite() && (0.1..=240.0).contains(&fps)) {
        return refuse(format!("{fps} frames per second: allowed are 0.1 to 240"));
    }
    if !(10_000..=200_000_000).contains(&bitrate_bps) {
        return refuse(format!("{bitrate_bps} bit/s: allowed are 10000 to 200000000"));
    }
    Ok(())
}

/// NV12's interleaved chroma into the two planes that OpenH264 reads.
fn split_chroma(planes: Planes<'_>, geometry: &Geometry, cb: &mut [u8], cr: &mut [u8]) {
    let half = geometry.width / 2;
    let lines =
        planes.chroma.chunks(geometry.chroma_stride).zip(cb.chunks_exact_mut(half).zip(cr.chunks_exact_mut(half)));
    for (line, (cb, cr)) in lines {
        for ((pair, cb), cr) in line[..geometry.width].chunks_exact(2).zip(cb).zip(cr) {
            *cb = pair[0];
            *cr = pair[1];
        }
    }
}

/// The planes as OpenH264 wants to see them: luma where it lies, chroma split.
struct Source<'a> {
    luma: &'a [u8],
    cb: &'a [u8],
    cr: &'a [u8],
    geometry: Geometry,
}

impl YUVSource for Source<'_> {
    fn dimensions(&self) -> (usize, usize) {
        (self.geometry.width, self.geometry.height)
    }
    fn strides(&self) -> (usize, usize, usize) {
        (self.geometry.luma_stride, self.geometry.width / 2, self.geometry.width / 2)
    }
    fn y(&self) -> &[u8] {
        self.luma
    }
    fn u(&self) -> &[u8] {
        self.cb
    }
    fn v(&self) -> &[u8] {
        self.cr
    }
}
