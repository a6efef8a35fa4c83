//! Pictures to stream: OpenH264 for H.264, canned access units for H.265.
#![allow(non_upper_case_globals, reason = "C's names of codings")]

use crate::objects::{Frame, Settings};
use openh264::encoder::{
    BitRate, Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, QpRange, RateControlMode, SpsPpsStrategy,
};
use openh264::formats::YUVSource;
use openh264::{OpenH264API, Timestamp};
use openh264_sys2::{
    ENCODER_OPTION_BITRATE, ENCODER_OPTION_FRAME_RATE, ENCODER_OPTION_MAX_BITRATE, ENCODER_OPTION_TRACE_LEVEL,
    SBitrateInfo, SPATIAL_LAYER_0, WELS_LOG_QUIET,
};
use rkmpp_sys::{MPP_FMT_YUV420SP, MPP_VIDEO_CodingAVC, MPP_VIDEO_CodingHEVC};
use std::ffi::c_void;

/// `ffmpeg -f lavfi -i color=gray:s=320x240:r=25 -frames:v 2 -pix_fmt yuv420p -c:v libx265 -x265-params
/// "info=0:keyint=50:bframes=0:repeat-headers=1:preset=ultrafast"`: VPS, SPS, PPS, a key picture and one that says the same.
const CANNED: &[u8] = include_bytes!("canned.h265");

/// A picture's NAL units, each with its start code.
pub(crate) struct Unit {
    pub(crate) nals: Vec<Vec<u8>>,
    pub(crate) key: bool,
}

/// The encoder of one context.
#[derive(Default)]
pub(crate) struct Codec {
    avc: Option<Avc>,
    since_key: Option<i64>,
}

struct Avc {
    encoder: Encoder,
    size: (usize, usize),
    rate: (i64, f32),
    started: bool,
}

impl Codec {
    /// Encodes what lies in the frame's buffer. `None` as hardware: something about size, strides or buffer is wrong.
    pub(crate) fn encode(&mut self, frame: &Frame, settings: &Settings, key: bool, coding: i32) -> Option<Unit> {
        let gop = settings.get("rc:gop", 60);
        let key = key || self.since_key.is_none_or(|since| gop > 0 && since + 1 >= gop);
        let view = frame.buffer.as_ref()?.buffer().view()?;
        let picture = Picture::read(frame, view.bytes(), settings)?;
        let unit = match coding {
            MPP_VIDEO_CodingAVC => self.avc(&picture, settings, key)?,
            MPP_VIDEO_CodingHEVC => canned(key),
            _ => return None,
        };
        self.since_key = Some(if unit.key { 0 } else { self.since_key.map_or(0, |since| since + 1) });
        Some(unit)
    }

    fn avc(&mut self, picture: &Picture, settings: &Settings, key: bool) -> Option<Unit> {
        let size = (picture.width, picture.height);
        let fps = settings.get("rc:fps_out_num", 30) as f32 / settings.get("rc:fps_out_denom", 1).max(1) as f32;
        let rate = (settings.get("rc:bps_target", 1_000_000), fps);
        if self.avc.as_ref().is_none_or(|avc| avc.size != size) {
            self.avc = Some(Avc { encoder: open(rate)?, size, rate, started: false });
        }
        let avc = self.avc.as_mut()?;
        if avc.rate != rate {
            change(&mut avc.encoder, avc.rate.0, rate);
            avc.rate = rate;
        }
        if key && avc.started {
            avc.encoder.force_intra_frame();
        }
        avc.started = true;
        let stream = avc.encoder.encode_at(picture, Timestamp::ZERO).ok()?;
        let mut nals = Vec::new();
        for layer in (0..stream.num_layers()).filter_map(|at| stream.layer(at)) {
            nals.extend((0..layer.nal_count()).filter_map(|at| layer.nal_unit(at)).map(<[u8]>::to_vec));
        }
        Some(Unit { nals, key: stream.frame_type() == FrameType::IDR })
    }
}

fn open((bps, fps): (i64, f32)) -> Option<Encoder> {
    let config = EncoderConfig::new()
        .bitrate(BitRate::from_bps(u32::try_from(bps).ok()?))
        .max_frame_rate(FrameRate::from_hz(fps))
        .rate_control_mode(RateControlMode::Bitrate)
        .skip_frames(false)
        .qp(QpRange::new(10, 48))
        .sps_pps_strategy(SpsPpsStrategy::ConstantId)
        .intra_frame_period(IntraFramePeriod::from_num_frames(0))
        .scene_change_detect(false)
        .num_threads(1);
    let mut encoder = Encoder::with_api_config(OpenH264API::from_source(), config).ok()?;
    let mut level = WELS_LOG_QUIET;
    // SAFETY: a log level is nothing that the encoder relies on.
    let raw = unsafe { encoder.raw_api() };
    // SAFETY: takes a pointer to an int, read during the call.
    unsafe { raw.set_option(ENCODER_OPTION_TRACE_LEVEL, (&raw mut level).cast()) };
    Some(encoder)
}

fn change(encoder: &mut Encoder, before: i64, (bps, mut fps): (i64, f32)) {
    // SAFETY: bit rate and frame rate are nothing that the crate keeps a copy of.
    let raw = unsafe { encoder.raw_api() };
    // SAFETY: takes a pointer to a float, read during the call.
    unsafe { raw.set_option(ENCODER_OPTION_FRAME_RATE, (&raw mut fps).cast::<c_void>()) };
    // The greatest rate may at no time be below the rate.
    for (option, bps) in [
        (ENCODER_OPTION_MAX_BITRATE, bps.max(before)),
        (ENCODER_OPTION_BITRATE, bps),
        (ENCODER_OPTION_MAX_BITRATE, bps),
    ] {
        let mut rate = SBitrateInfo { iLayer: SPATIAL_LAYER_0, iBitrate: bps as i32 };
        // SAFETY: takes a pointer to an SBitrateInfo, read during the call.
        unsafe { raw.set_option(option, (&raw mut rate).cast::<c_void>()) };
    }
}

fn canned(key: bool) -> Unit {
    let starts: Vec<usize> =
        CANNED.windows(4).enumerate().filter(|(_, code)| **code == [0, 0, 0, 1]).map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([CANNED.len()]);
    let nals: Vec<Vec<u8>> = starts.iter().zip(ends).map(|(start, end)| CANNED[*start..end].to_vec()).collect();
    let (first, later) = nals.split_at(nals.len() - 1);
    Unit { nals: if key { first } else { later }.to_vec(), key }
}

/// An NV12 picture as hardware reads it: with the strides of the settings, whatever the frame says.
struct Picture<'a> {
    width: usize,
    height: usize,
    stride: usize,
    luma: &'a [u8],
    cb: Vec<u8>,
    cr: Vec<u8>,
}

impl<'a> Picture<'a> {
    fn read(frame: &Frame, bytes: &'a [u8], settings: &Settings) -> Option<Self> {
        let get = |name| usize::try_from(settings.get(name, 0)).ok().filter(|value| *value > 0);
        let (width, height) = (get("prep:width")?, get("prep:height")?);
        let (stride, lines) = (get("prep:hor_stride")?, get("prep:ver_stride")?);
        let same = (frame.width as usize, frame.height as usize) == (width, height)
            && frame.format == MPP_FMT_YUV420SP
            && (frame.hor_stride as usize, frame.ver_stride as usize) == (stride, lines);
        if !same || stride < width || stride % 16 != 0 || lines < height || lines % 2 != 0 {
            return None;
        }
        // Hardware reads whole lines.
        let (luma, chroma) = bytes.get(..stride * lines * 3 / 2)?.split_at(stride * lines);
        let half = width / 2;
        let mut cb = Vec::with_capacity(half * height / 2);
        let mut cr = Vec::with_capacity(half * height / 2);
        for line in chroma.chunks_exact(stride).take(height / 2) {
            cb.extend(line[..width].iter().step_by(2));
            cr.extend(line[1..width].iter().step_by(2));
        }
        Some(Self { width, height, stride, luma, cb, cr })
    }
}

impl YUVSource for Picture<'_> {
    fn dimensions(&self) -> (usize, usize) {
        (self.width, self.height)
    }
    fn strides(&self) -> (usize, usize, usize) {
        (self.stride, self.width / 2, self.width / 2)
    }
    fn y(&self) -> &[u8] {
        self.luma
    }
    fn u(&self) -> &[u8] {
        &self.cb
    }
    fn v(&self) -> &[u8] {
        &self.cr
    }
}
