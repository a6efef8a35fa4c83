//! The detector on TensorFlow Lite.
//!
//! It runs an int8 network and hands out its tensors; what they mean is `detect`'s business, which network is `models/manifest.toml`'s.
//! **The model runs from the very memory whose sha256 was compared with the manifest; a model that differs from the manifest in any tensor is
//! refused.** No unsafe code: tflitec's safe API is enough.
#![forbid(unsafe_code)]

mod library;
pub mod manifest;
mod network;
mod verify;

use board_hal::{Detector, DetectorError, DetectorSpec, OutputRole, QuantisedTensor};
use detect::Decoding;
use manifest::ModelEntry;
use network::Network;
use std::path::Path;

/// A loaded network: implements [`Detector`].
pub struct TfliteDetector {
    spec: DetectorSpec,
    entry: ModelEntry,
    network: Network,
}

impl TfliteDetector {
    /// Opens the model that `manifest_path` lists for `setting` ("fast", "full"), to run on `threads` threads.
    ///
    /// # Errors
    /// [`DetectorError::Model`] when the manifest or the model is missing, altered, cut short, or not what the manifest says.
    pub fn open(manifest_path: impl AsRef<Path>, setting: &str, threads: usize) -> Result<Self, DetectorError> {
        let manifest_path = manifest_path.as_ref();
        let entry = manifest::select(manifest_path, setting)?;
        let model_path = manifest_path.with_file_name(&entry.file);
        let bytes = verify::read(&model_path, &entry)?;
        let network = Network::load(bytes, &entry, threads)
            .map_err(|cause| DetectorError::Model { file: model_path.display().to_string(), cause })?;
        let spec = DetectorSpec {
            name: entry.name.clone(),
            sha256: entry.sha256.clone(),
            width: entry.input.width,
            height: entry.input.height,
        };
        Ok(Self { spec, entry, network })
    }
    /// The manifest's numbers for [`detect::decode`].
    #[must_use]
    pub fn decoding(&self) -> Decoding {
        self.entry.decoding()
    }
    /// What fills the input beside the picture, 0 to 255 in all three channels.
    #[must_use]
    pub fn pad(&self) -> u8 {
        self.entry.input.pad
    }
    /// The manifest's whole entry: licence, card, tensors.
    #[must_use]
    pub fn entry(&self) -> &ModelEntry {
        &self.entry
    }
    /// The version of the TensorFlow Lite library, "2.17.1".
    #[must_use]
    pub fn library_version() -> &'static str {
        tflitec::tf_lite_version()
    }
}

impl Detector for TfliteDetector {
    fn spec(&self) -> &DetectorSpec {
        &self.spec
    }
    fn infer(&mut self, input: &[i8]) -> Result<(), DetectorError> {
        self.network.infer(input)
    }
    fn output(&self, role: OutputRole) -> QuantisedTensor<'_> {
        self.network.output(role)
    }
}
