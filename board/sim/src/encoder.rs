//! An encoder whose units say which frame they hold, that fails, or that hangs.
//!
//! A unit is Annex B with the NAL unit types of H.264 (SPS, PPS, then an IDR or non-IDR slice), so that packetisers take it; the slice holds
//! ASCII instead of a picture, and no decoder can show it.

use crate::{Gate, Script, Witness};
use board_hal::{EncodeError, EncodedUnit, Encoder, EncoderSettings};
use mask::{FrameId, MaskedFrame};

/// Start code, SPS of baseline level 3.1.
const SPS: &[u8] = &[0, 0, 0, 1, 0x67, 0x42, 0xC0, 0x1F, 0xDA, 0x01, 0x40, 0x16, 0xEC];
/// Start code, PPS.
const PPS: &[u8] = &[0, 0, 0, 1, 0x68, 0xCE, 0x3C, 0x80];
const START: &[u8] = &[0, 0, 0, 1];
const IDR: u8 = 0x65;
const NON_IDR: u8 = 0x41;

/// What the encoder does with one frame.
#[derive(Debug, Clone)]
pub enum EncoderStep {
    /// A unit.
    Unit,
    /// A unit of at least so many bytes.
    Big(usize),
    /// Fails.
    Fail,
    /// Fails for good: only a new process helps.
    Wedged,
    /// Hangs at the gate; then a unit.
    Hang(Gate),
    /// Panics, as a defect in a driver's wrapper would.
    Panic,
}

/// What a unit of [`SimEncoder`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimUnit {
    /// The frame in it.
    pub frame: FrameId,
    /// Whether it is a key picture.
    pub key: bool,
    /// Mean luma of the masked frame.
    pub mean_luma: u8,
    /// Frames per second that rate control reckons with, rounded.
    pub fps: u32,
}

impl SimUnit {
    /// Reads a unit; `None` for one that no [`SimEncoder`] made.
    #[must_use]
    pub fn read(data: &[u8]) -> Option<Self> {
        let key = data.starts_with(SPS);
        let slice = if key { data.strip_prefix(SPS)?.strip_prefix(PPS)? } else { data };
        let body = slice.strip_prefix(START)?.strip_prefix(&[if key { IDR } else { NON_IDR }])?;
        let mut words = std::str::from_utf8(body).ok()?.split_ascii_whitespace();
        let frame = FrameId(words.next()?.strip_prefix("frame=")?.parse().ok()?);
        let mean_luma = words.next()?.strip_prefix("luma=")?.parse().ok()?;
        let fps = words.next()?.strip_prefix("fps=")?.parse().ok()?;
        Some(Self { frame, key, mean_luma, fps })
    }
}

/// An encoder that follows a script.
pub struct SimEncoder {
    settings: EncoderSettings,
    script: Script<EncoderStep>,
    since_key: Option<u32>,
    witness: Option<Witness>,
}

impl SimEncoder {
    /// An encoder for frames of the size in `settings`.
    #[must_use]
    pub fn new(settings: EncoderSettings, script: Script<EncoderStep>) -> Self {
        Self { settings, script, since_key: None, witness: None }
    }
    /// Shows `witness` every frame that it is given.
    #[must_use]
    pub fn shown_to(mut self, witness: Witness) -> Self {
        self.witness = Some(witness);
        self
    }
    fn write(&mut self, frame: &MaskedFrame, key: bool, unit: &mut EncodedUnit) {
        use std::io::Write;
        let key = key || self.since_key.is_none_or(|since| since + 1 >= self.settings.key_interval);
        self.since_key = Some(if key { 0 } else { self.since_key.map_or(0, |since| since + 1) });
        unit.key = key;
        unit.data.clear();
        if key {
            unit.data.extend_from_slice(SPS);
            unit.data.extend_from_slice(PPS);
        }
        unit.data.extend_from_slice(START);
        unit.data.push(if key { IDR } else { NON_IDR });
        let (id, luma, fps) = (frame.info().id.0, mean_luma(frame), self.settings.fps.round() as u32);
        write!(unit.data, "frame={id} luma={luma} fps={fps} ").expect("a Vec takes every byte");
    }
}

fn mean_luma(frame: &MaskedFrame) -> u8 {
    let geometry = frame.info().geometry;
    let rows = frame.planes().luma.chunks(geometry.luma_stride).take(geometry.height);
    let sum: u64 = rows.flat_map(|row| &row[..geometry.width]).map(|luma| u64::from(*luma)).sum();
    u8::try_from(sum / (geometry.width * geometry.height) as u64).expect("a mean of bytes is a byte")
}

impl Encoder for SimEncoder {
    fn settings(&self) -> &EncoderSettings {
        &self.settings
    }
    fn encode(&mut self, frame: MaskedFrame, key: bool, unit: &mut EncodedUnit) -> Result<(), EncodeError> {
        let geometry = frame.info().geometry;
        if (geometry.width, geometry.height) != (self.settings.width, self.settings.height) {
            let EncoderSettings { width, height, .. } = self.settings;
            let cause = format!("frame of {}x{}, set up for {width}x{height}", geometry.width, geometry.height);
            return Err(EncodeError::Failed(cause));
        }
        if let Some(witness) = &self.witness {
            witness.see(&frame);
        }
        match &*self.script.next() {
            EncoderStep::Unit => self.write(&frame, key, unit),
            EncoderStep::Big(bytes) => {
                self.write(&frame, key, unit);
                let filled = unit.data.len().max(*bytes);
                unit.data.resize(filled, b' ');
            }
            EncoderStep::Fail => return Err(EncodeError::Failed("scripted".to_owned())),
            EncoderStep::Wedged => return Err(EncodeError::Wedged(1)),
            EncoderStep::Hang(gate) => {
                gate.pass();
                self.write(&frame, key, unit);
            }
            EncoderStep::Panic => panic!("scripted"),
        }
        Ok(())
    }
    fn change(&mut self, bitrate_bps: u32, fps: f32) -> Result<(), EncodeError> {
        if bitrate_bps == 0 || !(fps.is_finite() && fps > 0.0) {
            return Err(EncodeError::Settings(format!("{bitrate_bps} bit/s at {fps} frames per second")));
        }
        (self.settings.bitrate_bps, self.settings.fps) = (bitrate_bps, fps);
        Ok(())
    }
}
