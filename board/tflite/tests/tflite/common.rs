//! A copy of the model folder that a test may alter.

use board_hal::DetectorError;
use board_tflite::TfliteDetector;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

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
    /// Width and height that the manifest gives the model's input.
    pub(crate) fn input_size(&self) -> (i64, i64) {
        let input = board_tflite::manifest::select(&self.manifest(), "fast").unwrap().input;
        (input.width as i64, input.height as i64)
    }
    pub(crate) fn model(&self) -> PathBuf {
        self.0.path().join(self.model_name())
    }
    /// Changes the entry of setting "fast" in the manifest.
    pub(crate) fn edit(&self, change: impl FnOnce(&mut Table)) -> &Self {
        let mut manifest: Table = std::fs::read_to_string(self.manifest()).unwrap().parse().unwrap();
        let models = manifest["model"].as_array_mut().unwrap();
        let fast = models.iter_mut().find(|m| m["setting"].as_str() == Some("fast")).unwrap();
        change(fast.as_table_mut().unwrap());
        std::fs::write(self.manifest(), manifest.to_string()).unwrap();
        self
    }
    /// Gives one existing field of that entry another value.
    pub(crate) fn set(&self, path: &[&str], value: impl Into<Value>) -> &Self {
        self.edit(|entry| {
            let (field, tables) = path.split_last().unwrap();
            let table = tables.iter().fold(entry, |table, name| table[*name].as_table_mut().unwrap());
            table.insert((*field).to_owned(), value.into()).expect("the manifest has no such field");
        })
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
