//! A copy of the model folder that a test may alter.

use board_hal::DetectorError;
use board_tflite::TfliteDetector;
use std::path::{Path, PathBuf};

/// The repository's manifest.
pub(crate) fn manifest() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/manifest.toml")
}

/// A folder with manifest and models; gone on drop.
pub(crate) struct ModelFolder(tempfile::TempDir);

impl ModelFolder {
    /// The repository's manifest and the model of setting "fast".
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(manifest(), folder.path().join("manifest.toml")).unwrap();
        let copy = Self(folder);
        std::fs::copy(manifest().with_file_name(copy.model_name()), copy.model()).unwrap();
        copy
    }
    pub(crate) fn manifest(&self) -> PathBuf {
        self.0.path().join("manifest.toml")
    }
    fn model_name(&self) -> String {
        board_tflite::manifest::select(&self.manifest(), "fast").unwrap().file
    }
    pub(crate) fn model(&self) -> PathBuf {
        self.0.path().join(self.model_name())
    }
    /// Replaces text in the manifest; the text must be there.
    pub(crate) fn edit(&self, from: &str, to: &str) -> &Self {
        let text = std::fs::read_to_string(self.manifest()).unwrap();
        assert!(text.contains(from), "the manifest has no {from:?}");
        std::fs::write(self.manifest(), text.replacen(from, to, 1)).unwrap();
        self
    }
    /// What opening it says; it must refuse.
    pub(crate) fn refusal(&self) -> String {
        match TfliteDetector::open(self.manifest(), "fast", 1) {
            Ok(_) => panic!("the model was accepted"),
            Err(e @ DetectorError::Model { .. }) => e.to_string(),
            Err(e) => panic!("refused as {e:?}"),
        }
    }
}
