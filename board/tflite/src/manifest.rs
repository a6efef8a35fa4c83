//! `models/manifest.toml`: which model file, what its tensors are, and the numbers to read them with.
//!
//! Its format is described in `models/README.md`. Unknown fields are refused: a misspelt threshold must not fall back to anything.

use board_hal::{DetectorError, OutputRole};
use detect::{CandidateByWidth, Decoding, HeadGrowth, PerClass, PlateGrowth, ScoreByWidth, Thresholds};
use serde::Deserialize;
use std::path::Path;

/// Largest input or output grid side that makes sense, cells or pixels.
const MAX_SIDE: usize = 8192;

/// The input tensor and how a picture gets into it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputEntry {
    /// Name in the file.
    pub tensor: String,
    /// Pixels per line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// Step of the quantisation; 1.
    pub scale: f32,
    /// The number that means zero; -128.
    pub zero_point: i32,
    /// Fills the rest of the input, 0 to 255.
    pub pad: u8,
}

/// An output tensor.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputEntry {
    /// Name in the file.
    pub tensor: String,
    /// Batch, rows, columns, channels.
    pub shape: [usize; 4],
    /// Step of the quantisation.
    pub scale: f32,
    /// The number that means zero.
    pub zero_point: i32,
}

/// The output tensors by role.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the names are the roles, described at OutputRole")]
pub struct OutputEntries {
    pub head_heat: OutputEntry,
    pub head_scale: OutputEntry,
    pub head_offset: OutputEntry,
    pub head_landmarks: OutputEntry,
    pub plate_heat: OutputEntry,
    pub plate_scale: OutputEntry,
    pub plate_offset: OutputEntry,
}

impl OutputEntries {
    /// The entry of a role.
    #[must_use]
    pub fn of(&self, role: OutputRole) -> &OutputEntry {
        match role {
            OutputRole::HeadHeat => &self.head_heat,
            OutputRole::HeadScale => &self.head_scale,
            OutputRole::HeadOffset => &self.head_offset,
            OutputRole::HeadLandmarks => &self.head_landmarks,
            OutputRole::PlateHeat => &self.plate_heat,
            OutputRole::PlateScale => &self.plate_scale,
            OutputRole::PlateOffset => &self.plate_offset,
        }
    }
}

/// One `[[model]]` table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// For state, log and journal.
    pub name: String,
    /// What a configuration asks for: "fast", "full".
    pub setting: String,
    /// File name, beside the manifest.
    pub file: String,
    /// sha256 of that file, 64 lower-case hex digits.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
    /// Work of one inference.
    pub multiply_adds: u64,
    /// Where its abilities and limits are described.
    pub card: String,
    /// SPDX.
    pub licence: String,
    /// Who made it and what it was made from.
    pub attribution: String,
    /// Its input.
    pub input: InputEntry,
    /// Scores from which a cell counts.
    pub thresholds: Thresholds,
    /// Overlap from which two boxes are one object.
    pub nms_iou: PerClass,
    /// Plate box to mask box.
    pub plate_growth: PlateGrowth,
    /// How much surer a wide plate must be.
    #[serde(default)]
    pub plate_by_width: Option<ScoreByWidth>,
    /// How much surer a candidate for a wide head must be.
    #[serde(default)]
    pub head_by_width: Option<CandidateByWidth>,
    /// Face box to head box.
    pub head_growth: HeadGrowth,
    /// Its outputs.
    pub outputs: OutputEntries,
}

impl ModelEntry {
    /// The numbers for [`detect::decode`].
    #[must_use]
    pub fn decoding(&self) -> Decoding {
        Decoding {
            thresholds: self.thresholds,
            nms_iou: self.nms_iou,
            plate_growth: self.plate_growth,
            plate_by_width: self.plate_by_width,
            head_by_width: self.head_by_width,
            head_growth: self.head_growth,
        }
    }

    /// What is wrong with the entry by itself, before any model file is looked at.
    fn fault(&self) -> Option<String> {
        if self.file.is_empty() || self.file.contains(['/', '\\']) || self.file.starts_with('.') {
            return Some(format!("file = {:?} must be the plain name of a file beside the manifest", self.file));
        }
        if self.sha256.len() != 64 || !self.sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Some(format!("sha256 = {:?} must be 64 lower-case hex digits", self.sha256));
        }
        let input = &self.input;
        if [input.width, input.height].iter().any(|side| !(32..=MAX_SIDE).contains(side)) {
            return Some(format!("input is {}x{}: each side must be 32 to {MAX_SIDE}", input.width, input.height));
        }
        if input.scale != 1.0 || input.zero_point != -128 {
            return Some(format!(
                "input has scale {} and zero_point {}; Campari feeds pixels as u8 - 128, which is scale 1 and zero_point -128",
                input.scale, input.zero_point
            ));
        }
        for role in OutputRole::ALL {
            let OutputEntry { shape, scale, zero_point, .. } = self.outputs.of(role);
            let expected = [1, input.height / 4, input.width / 4, role.channels()];
            if *shape != expected {
                return Some(format!("outputs.{}.shape is {shape:?}, the decoder reads {expected:?}", role.name()));
            }
            if !(scale.is_finite() && *scale > 0.0 && (-128..=127).contains(zero_point)) {
                return Some(format!("outputs.{} has scale {scale} and zero_point {zero_point}", role.name()));
            }
        }
        self.decoding().check().err().map(|e| e.to_string())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    model: Vec<ModelEntry>,
}

/// Reads all entries of a manifest and checks each by itself.
///
/// # Errors
/// [`DetectorError::Model`] when the manifest cannot be read, or an entry cannot be meant.
pub fn read(path: &Path) -> Result<Vec<ModelEntry>, DetectorError> {
    let refuse = |cause: String| DetectorError::Model { file: path.display().to_string(), cause };
    let text = std::fs::read_to_string(path)
        .map_err(|e| refuse(format!("cannot be read ({e}); it belongs beside the .tflite files of the release")))?;
    let entries = toml::from_str::<Manifest>(&text)
        .map_err(|e| {
            refuse(format!("is not a model manifest ({e}); take manifest.toml and the models from one release"))
        })?
        .model;
    for entry in &entries {
        if let Some(fault) = entry.fault() {
            return Err(refuse(format!("[[model]] {:?}: {fault}", entry.name)));
        }
    }
    Ok(entries)
}

/// The one entry for `setting`.
///
/// # Errors
/// As [`read`]; also when there is no such setting, or more than one.
pub fn select(path: &Path, setting: &str) -> Result<ModelEntry, DetectorError> {
    let refuse = |cause: String| DetectorError::Model { file: path.display().to_string(), cause };
    let entries = read(path)?;
    let offered = entries.iter().map(|e| e.setting.as_str()).collect::<Vec<_>>().join(", ");
    let mut fitting = entries.into_iter().filter(|e| e.setting == setting);
    match (fitting.next(), fitting.next()) {
        (Some(entry), None) => Ok(entry),
        (None, _) => Err(refuse(format!("has no model with setting {setting:?}; it offers: {offered}"))),
        (Some(_), Some(_)) => Err(refuse(format!("has more than one model with setting {setting:?}; keep one"))),
    }
}
