//! An int8 network: bytes in, tensors out. What the tensors mean is `detect`'s business.

/// What an output tensor holds. Names as in `models/manifest.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutputRole {
    /// `head_heat`
    HeadHeat,
    /// `head_scale`
    HeadScale,
    /// `head_offset`
    HeadOffset,
    /// `head_landmarks`
    HeadLandmarks,
    /// `plate_heat`
    PlateHeat,
    /// `plate_scale`
    PlateScale,
    /// `plate_offset`
    PlateOffset,
}

impl OutputRole {
    /// All roles.
    pub const ALL: [OutputRole; 7] = [
        OutputRole::HeadHeat,
        OutputRole::HeadScale,
        OutputRole::HeadOffset,
        OutputRole::HeadLandmarks,
        OutputRole::PlateHeat,
        OutputRole::PlateScale,
        OutputRole::PlateOffset,
    ];
    /// The name in the manifest.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            OutputRole::HeadHeat => "head_heat",
            OutputRole::HeadScale => "head_scale",
            OutputRole::HeadOffset => "head_offset",
            OutputRole::HeadLandmarks => "head_landmarks",
            OutputRole::PlateHeat => "plate_heat",
            OutputRole::PlateScale => "plate_scale",
            OutputRole::PlateOffset => "plate_offset",
        }
    }
    /// Channels of the tensor.
    #[must_use]
    pub fn channels(self) -> usize {
        match self {
            OutputRole::HeadHeat | OutputRole::PlateHeat => 1,
            OutputRole::HeadLandmarks => 10,
            _ => 2,
        }
    }
}

/// What a network takes and gives.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectorSpec {
    /// Name, for state and log.
    pub name: String,
    /// sha256 of the model file, hex.
    pub sha256: String,
    /// Input width, pixels.
    pub width: usize,
    /// Input height, pixels.
    pub height: usize,
}

/// One int8 output, height x width x channels; real value = (q - zero_point) * scale.
#[derive(Debug, Clone, Copy)]
pub struct QuantisedTensor<'a> {
    /// The numbers.
    pub data: &'a [i8],
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// Step.
    pub scale: f32,
    /// The number that means zero.
    pub zero_point: i32,
}

/// Why a network cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DetectorError {
    /// File missing, wrong hash, foreign tensors.
    #[error("model {file}: {cause}")]
    Model {
        /// Which file.
        file: String,
        /// What is wrong and what to do.
        cause: String,
    },
    /// The inference failed.
    #[error("inference failed: {0}")]
    Inference(String),
}

/// A loaded network.
pub trait Detector: Send {
    /// What it takes and gives.
    fn spec(&self) -> &DetectorSpec;
    /// Runs the network on `input` (height x width x RGB; value 0..=255 stored as `(v as i16 - 128) as i8`). Blocks; may hang: the caller watches.
    ///
    /// # Errors
    /// [`DetectorError::Inference`] when it failed; there is no answer then.
    fn infer(&mut self, input: &[i8]) -> Result<(), DetectorError>;
    /// An output of the last [`Detector::infer`].
    fn output(&self, role: OutputRole) -> QuantisedTensor<'_>;
}
