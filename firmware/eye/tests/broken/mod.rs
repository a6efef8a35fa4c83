//! Real models, broken in one particular way.

// Each test program uses a part of this; a helper that fails fails the test.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use board_hal::{Detector, DetectorError, DetectorSpec, OutputRole, QuantisedTensor};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use toml::Table;

/// The repository's manifest.
pub fn manifest() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/manifest.toml")
}

/// Network pixels per cell.
const CELL_PX: usize = 4;
/// Width of the golden pictures.
const PICTURE_PX: usize = 640;

/// A sound network whose input or output is tampered with.
pub struct Broken {
    inner: Box<dyn Detector>,
    input: fn(i8) -> i8,
    red_is_blue: bool,
    scale: Option<(OutputRole, f32)>,
    shift: usize,
    behind: bool,
    /// What is handed out, by role.
    told: Vec<Vec<i8>>,
    newest: Vec<Vec<i8>>,
    buffer: Vec<i8>,
}

impl Broken {
    pub fn new(inner: Box<dyn Detector>) -> Self {
        let told = OutputRole::ALL.map(|role| vec![-128; inner.output(role).data.len()]).to_vec();
        let newest = told.clone();
        Self {
            inner,
            input: |q| q,
            red_is_blue: false,
            scale: None,
            shift: 0,
            behind: false,
            told,
            newest,
            buffer: vec![],
        }
    }
    /// Every byte of the input.
    pub fn input(self, input: fn(i8) -> i8) -> Self {
        Self { input, ..self }
    }
    /// The network takes red for blue and blue for red.
    pub fn red_is_blue(self) -> Self {
        Self { red_is_blue: true, ..self }
    }
    /// The quantisation step of one tensor, times `factor`.
    pub fn scale(self, role: OutputRole, factor: f32) -> Self {
        Self { scale: Some((role, factor)), ..self }
    }
    /// Everything lies so many pixels of the golden picture further right.
    pub fn shift_by(self, px: usize) -> Self {
        let shift = (px * self.inner.spec().width).div_ceil(PICTURE_PX * CELL_PX);
        Self { shift, ..self }
    }
    /// Each answer comes one picture late.
    pub fn one_behind(self) -> Self {
        Self { behind: true, ..self }
    }
}

impl Detector for Broken {
    fn spec(&self) -> &DetectorSpec {
        self.inner.spec()
    }
    fn infer(&mut self, input: &[i8]) -> Result<(), DetectorError> {
        self.buffer.clear();
        self.buffer.extend(input.iter().map(|q| (self.input)(*q)));
        if self.red_is_blue {
            self.buffer.chunks_exact_mut(3).for_each(|pixel| pixel.swap(0, 2));
        }
        self.inner.infer(&self.buffer)?;
        if self.behind {
            std::mem::swap(&mut self.told, &mut self.newest);
        }
        for (at, role) in OutputRole::ALL.into_iter().enumerate() {
            let tensor = self.inner.output(role);
            let into = if self.behind { &mut self.newest[at] } else { &mut self.told[at] };
            let row = tensor.width * tensor.channels;
            for (from, to) in tensor.data.chunks_exact(row).zip(into.chunks_exact_mut(row)) {
                to.copy_from_slice(from);
                to.rotate_right(self.shift * tensor.channels);
            }
        }
        Ok(())
    }
    fn output(&self, role: OutputRole) -> QuantisedTensor<'_> {
        let tensor = self.inner.output(role);
        let at = OutputRole::ALL.iter().position(|each| *each == role).unwrap();
        let factor = self.scale.filter(|(which, _)| *which == role).map_or(1.0, |(_, factor)| factor);
        QuantisedTensor { data: &self.told[at], scale: tensor.scale * factor, ..tensor }
    }
}

/// A copy of the manifest and one model, which may be altered; gone on drop.
pub struct ModelFolder {
    folder: tempfile::TempDir,
    setting: String,
}

impl ModelFolder {
    pub fn new(setting: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(manifest(), folder.path().join("manifest.toml")).unwrap();
        let copy = Self { folder, setting: setting.to_owned() };
        std::fs::copy(manifest().with_file_name(copy.file()), copy.folder.path().join(copy.file())).unwrap();
        copy
    }
    pub fn manifest(&self) -> PathBuf {
        self.folder.path().join("manifest.toml")
    }
    fn file(&self) -> String {
        board_tflite::manifest::select(&self.manifest(), &self.setting).unwrap().file
    }
    /// Weights of the other sign, in a model that is whole in every other respect: the manifest's hash fits it.
    pub fn negate_weights(&self) {
        let path = self.folder.path().join(self.file());
        let mut bytes = std::fs::read(&path).unwrap();
        for (from, to) in longest_blocks(&bytes) {
            assert!(to - from > 50_000, "{} bytes are too few to be a layer's weights", to - from);
            // The middle half, so that whatever frames the block stays.
            let quarter = (to - from) / 4;
            for byte in &mut bytes[from + quarter..to - quarter] {
                *byte = (*byte as i8).saturating_neg() as u8;
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        let sha256 = Sha256::digest(&bytes).iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
        let mut table: Table = std::fs::read_to_string(self.manifest()).unwrap().parse().unwrap();
        for model in table["model"].as_array_mut().unwrap() {
            if model["setting"].as_str() == Some(&self.setting) {
                model.as_table_mut().unwrap().insert("sha256".into(), sha256.clone().into());
            }
        }
        std::fs::write(self.manifest(), table.to_string()).unwrap();
    }
}

/// The three longest stretches without three zero bytes in a row, which everything in the file but weights is full of.
fn longest_blocks(bytes: &[u8]) -> Vec<(usize, usize)> {
    let (mut blocks, mut from, mut zeros) = (vec![], 0, 0);
    for (at, byte) in bytes.iter().enumerate() {
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        if zeros == 3 {
            blocks.push((from, at - 2));
            from = at + 1;
        }
    }
    blocks.sort_by_key(|(from, to)| std::cmp::Reverse(to.saturating_sub(*from)));
    blocks.truncate(3);
    blocks
}
