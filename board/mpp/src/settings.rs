//! What the library is asked for, by name. Names and their types are those of `mpp/base/mpp_enc_cfg.cpp`; they have outlived every release so far.

use crate::handles::Config;
use crate::layout::Layout;
use board_hal::{Codec, EncodeError, EncoderSettings};
use mask::{ColourMatrix, ColourRange};
use rkmpp_sys::*;
use std::ffi::CStr;
use std::time::Duration;

/// How bits are spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RateControl {
    /// As many in a quiet scene as in a busy one.
    #[default]
    Constant,
    /// Fewer in a quiet scene; in a busy one up to a sixteenth above the target.
    Variable,
}

/// What an MPP encoder can be told beyond [`EncoderSettings`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MppOptions {
    /// How bits are spent.
    pub rate_control: RateControl,
    /// Renews so many rows of blocks with every picture instead of all at once, so that key pictures may be rare and no picture is large.
    pub intra_refresh_rows: Option<u32>,
    /// Cuts pictures into slices of about so many bytes, which a receiver can show though one is lost; the hardware hands them over as they are ready.
    pub slice_bytes: Option<u32>,
    /// An encoder that takes longer than this for one picture is stuck.
    pub stuck_after: Duration,
}

impl Default for MppOptions {
    fn default() -> Self {
        Self {
            rate_control: RateControl::default(),
            intra_refresh_rows: None,
            slice_bytes: None,
            // A picture takes 4 ms of an RK3588 and some 15 of an RK3568; half a second is what may be lost.
            stuck_after: Duration::from_millis(400),
        }
    }
}

/// Largest picture, pixels: what every supported board's encoder takes.
const MAX_SIDES_PX: (usize, usize) = (4096, 2304);
const MIN_SIDE_PX: usize = 96;

/// Refuses what no library needs to be asked.
pub(crate) fn check(settings: &EncoderSettings) -> Result<(), EncodeError> {
    let EncoderSettings { width, height, fps, bitrate_bps, key_interval, .. } = *settings;
    let refuse = |what: String| Err(EncodeError::Settings(what));
    let (longer, shorter) = (width.max(height), width.min(height));
    if width % 2 != 0 || height % 2 != 0 || shorter < MIN_SIDE_PX {
        return refuse(format!("{width}x{height}: width and height must be even and at least {MIN_SIDE_PX}"));
    }
    if longer > MAX_SIDES_PX.0 || shorter > MAX_SIDES_PX.1 {
        return refuse(format!("{width}x{height}: at most {}x{}", MAX_SIDES_PX.0, MAX_SIDES_PX.1));
    }
    if !(fps.is_finite() && (0.1..=240.0).contains(&fps)) {
        return refuse(format!("{fps} frames per second: allowed are 0.1 to 240"));
    }
    if !(10_000..=200_000_000).contains(&bitrate_bps) {
        return refuse(format!("{bitrate_bps} bit/s: allowed are 10000 to 200000000"));
    }
    if key_interval == 0 || i32::try_from(key_interval).is_err() {
        return refuse(format!("a key picture every {key_interval} frames: allowed are 1 to {}", i32::MAX));
    }
    Ok(())
}

/// Everything that is asked for at the start.
pub(crate) fn apply(
    config: &mut Config,
    settings: &EncoderSettings,
    (range, matrix): (ColourRange, ColourMatrix),
    options: &MppOptions,
    layout: Layout,
) -> Result<(), EncodeError> {
    config.signed(c"codec:type", crate::library::coding(settings.codec))?;
    config.signed(c"prep:width", number(settings.width)?)?;
    config.signed(c"prep:height", number(settings.height)?)?;
    config.signed(c"prep:format", MPP_FMT_YUV420SP)?;
    apply_layout(config, layout)?;
    colours(config, range, matrix);
    config.signed(c"rc:gop", number(settings.key_interval as usize)?)?;
    apply_rate(config, settings, options)?;
    // A picture that was masked and asked for is a picture that is sent: none is left out, or coded again for its size.
    config.unsigned(c"rc:drop_mode", MPP_ENC_RC_DROP_FRM_DISABLED)?;
    wish(c"rc:max_reenc_times", config.unsigned(c"rc:max_reenc_times", 0));
    wish(c"rc:super_mode", config.unsigned(c"rc:super_mode", MPP_ENC_RC_SUPER_FRM_NONE));
    for (name, quantiser) in [(c"rc:qp_min", 10), (c"rc:qp_max", 48), (c"rc:qp_min_i", 10), (c"rc:qp_max_i", 48)] {
        wish(name, config.signed(name, quantiser));
    }
    if settings.codec == Codec::H264 {
        // High profile with CABAC: what the hardware does at no cost, and every receiver reads.
        config.signed(c"h264:profile", 100)?;
        config.signed(c"h264:level", level(settings))?;
        config.signed(c"h264:cabac_en", 1)?;
        config.signed(c"h264:cabac_idc", 0)?;
        config.signed(c"h264:trans8x8", 1)?;
    }
    if let Some(rows) = options.intra_refresh_rows {
        config.unsigned(c"rc:refresh_en", 1)?;
        config.unsigned(c"rc:refresh_mode", MPP_ENC_RC_INTRA_REFRESH_ROW)?;
        config.unsigned(c"rc:refresh_num", rows)?;
    }
    if let Some(bytes) = options.slice_bytes {
        config.unsigned(c"split:mode", MPP_ENC_SPLIT_BY_BYTE)?;
        config.unsigned(c"split:arg", bytes)?;
        config.unsigned(c"split:out", MPP_ENC_SPLIT_OUT_LOWDELAY)?;
    }
    Ok(())
}

/// Where planes lie from now on.
pub(crate) fn apply_layout(config: &mut Config, layout: Layout) -> Result<(), EncodeError> {
    config.signed(c"prep:hor_stride", number(layout.stride)?)?;
    config.signed(c"prep:ver_stride", number(layout.lines)?)
}

/// Bit rate and frame rate from now on.
pub(crate) fn apply_rate(
    config: &mut Config,
    settings: &EncoderSettings,
    options: &MppOptions,
) -> Result<(), EncodeError> {
    let target = number(settings.bitrate_bps as usize)?;
    let (mode, least) = match options.rate_control {
        RateControl::Constant => (MPP_ENC_RC_MODE_CBR, target / 16 * 15),
        RateControl::Variable => (MPP_ENC_RC_MODE_VBR, target / 16),
    };
    config.signed(c"rc:mode", mode)?;
    config.signed(c"rc:bps_target", target)?;
    config.signed(c"rc:bps_max", target / 16 * 17)?;
    config.signed(c"rc:bps_min", least)?;
    let (frames, seconds) = fraction(settings.fps);
    for (flex, numerator, denominators) in [
        (c"rc:fps_in_flex", c"rc:fps_in_num", [c"rc:fps_in_denom", c"rc:fps_in_denorm"]),
        (c"rc:fps_out_flex", c"rc:fps_out_num", [c"rc:fps_out_denom", c"rc:fps_out_denorm"]),
    ] {
        config.signed(flex, 0)?;
        config.signed(numerator, frames)?;
        // Misspelt in libraries of before 2023.
        let [name, former] = denominators;
        config.signed(name, seconds).or_else(|_| config.signed(former, seconds))?;
    }
    Ok(())
}

/// Frames in so many seconds. Whole rates as such: parts of the library reckon in whole numbers.
fn fraction(fps: f32) -> (i32, i32) {
    let whole = fps.round();
    if whole >= 1.0 && (fps - whole).abs() < 0.005 * whole {
        (whole as i32, 1)
    } else {
        ((fps * 1000.0).round() as i32, 1000)
    }
}

/// Colour description (ITU-T H.264 annex E). A library without it makes a stream that says nothing of colours.
fn colours(config: &mut Config, range: ColourRange, matrix: ColourMatrix) {
    let (primaries, transfer, matrix) = match matrix {
        ColourMatrix::Bt601 => (MPP_FRAME_PRI_BT470BG, MPP_FRAME_TRC_SMPTE170M, MPP_FRAME_SPC_BT470BG),
        ColourMatrix::Bt709 => (MPP_FRAME_PRI_BT709, MPP_FRAME_TRC_BT709, MPP_FRAME_SPC_BT709),
        ColourMatrix::Bt2020 => (MPP_FRAME_PRI_BT2020, MPP_FRAME_TRC_BT2020_10, MPP_FRAME_SPC_BT2020_NCL),
    };
    let range = match range {
        ColourRange::Limited => MPP_FRAME_RANGE_MPEG,
        ColourRange::Full => MPP_FRAME_RANGE_JPEG,
    };
    for (name, value) in [
        (c"prep:colorprim", primaries),
        (c"prep:colortrc", transfer),
        (c"prep:colorspace", matrix),
        (c"prep:colorrange", range),
    ] {
        wish(name, config.signed(name, value));
    }
}

/// What would be good to have, but no reason to go without pictures.
fn wish(name: &CStr, asked: Result<(), EncodeError>) {
    if let Err(error) = asked {
        tracing::warn!(?name, %error, "MPP goes without a setting");
    }
}

/// The lowest level that allows such pictures (ITU-T H.264 table A-1), times ten; 5.2 above them all.
fn level(settings: &EncoderSettings) -> i32 {
    let blocks = settings.width.div_ceil(16) * settings.height.div_ceil(16);
    let blocks_per_second = blocks as f32 * settings.fps;
    [
        (31, 3_600, 108_000.0, 14_000_000),
        (32, 5_120, 216_000.0, 20_000_000),
        (40, 8_192, 245_760.0, 20_000_000),
        (41, 8_192, 245_760.0, 50_000_000),
        (42, 8_704, 522_240.0, 50_000_000),
        (50, 22_080, 589_824.0, 135_000_000),
        (51, 36_864, 983_040.0, 240_000_000),
    ]
    .into_iter()
    .find(|(_, size, speed, bps)| blocks <= *size && blocks_per_second <= *speed && settings.bitrate_bps <= *bps)
    .map_or(52, |(level, ..)| level)
}

fn number(value: usize) -> Result<i32, EncodeError> {
    i32::try_from(value).map_err(|_| EncodeError::Settings(format!("{value} is out of range")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_whole_where_they_can_be() {
        assert_eq!(fraction(25.0), (25, 1));
        assert_eq!(fraction(29.97), (30, 1));
        assert_eq!(fraction(12.5), (12_500, 1000));
        assert_eq!(fraction(0.5), (500, 1000));
    }

    #[test]
    fn the_level_is_the_lowest_that_allows_size_speed_and_rate() {
        let at = |width, height, fps, bitrate_bps| {
            level(&EncoderSettings { codec: Codec::H264, width, height, fps, bitrate_bps, key_interval: 50 })
        };
        assert_eq!(at(1280, 720, 25.0, 4_000_000), 31);
        assert_eq!(at(1920, 1080, 30.0, 4_000_000), 40);
        assert_eq!(at(1920, 1080, 30.0, 30_000_000), 41);
        assert_eq!(at(1920, 1080, 60.0, 4_000_000), 42);
        assert_eq!(at(3840, 2160, 30.0, 20_000_000), 51);
        assert_eq!(at(4096, 2304, 60.0, 20_000_000), 52);
    }
}
