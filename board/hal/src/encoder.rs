//! A video encoder. It takes masked frames and nothing else (P2).

use mask::MaskedFrame;
use std::time::Duration;

/// What the stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Codec {
    /// ITU-T H.264, what every receiver takes.
    #[default]
    H264,
    /// ITU-T H.265.
    H265,
}

impl std::fmt::Display for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Codec::H264 => "H.264",
            Codec::H265 => "H.265",
        })
    }
}

/// What to encode to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncoderSettings {
    /// What the stream is.
    pub codec: Codec,
    /// Pixels per line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// Frames per second, nominal.
    pub fps: f32,
    /// Target, bits per second.
    pub bitrate_bps: u32,
    /// A key picture at least this often, in frames.
    pub key_interval: u32,
}

/// One access unit, Annex B (start codes), parameter sets before every key picture.
#[derive(Debug, Default)]
pub struct EncodedUnit {
    /// The bytes; reused from frame to frame.
    pub data: Vec<u8>,
    /// Whether decoding can start here.
    pub key: bool,
}

/// Why there is no access unit.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The encoder refused its settings.
    #[error("encoder: {0}")]
    Settings(String),
    /// The encoder failed on this frame.
    #[error("encoder failed: {0}")]
    Failed(String),
    /// The encoder does not come back from a call. It was left behind; another one may be built.
    #[error("the encoder is stuck: no answer for {0:?}")]
    Stuck(Duration),
    /// So many were left behind that no other may be built in this process.
    #[error("{0} encoders are stuck; only a new process can have another")]
    Wedged(usize),
}

/// An encoder.
pub trait Encoder: Send {
    /// What it encodes to.
    fn settings(&self) -> &EncoderSettings;
    /// Encodes one frame into `unit`; `key` asks for a key picture. May hang: the caller watches.
    ///
    /// # Errors
    /// [`EncodeError::Failed`]; the encoder should be built anew.
    fn encode(&mut self, frame: MaskedFrame, key: bool, unit: &mut EncodedUnit) -> Result<(), EncodeError>;
    /// Another target and frame rate from the next frame on, without a key picture and without a gap.
    ///
    /// # Errors
    /// [`EncodeError::Settings`] when they are out of range or refused: the former ones stay. Any other: the encoder should be built anew.
    fn change(&mut self, bitrate_bps: u32, fps: f32) -> Result<(), EncodeError>;
}
