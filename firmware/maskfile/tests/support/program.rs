//! `campari-mask` itself, with the models of this checkout.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub const SETTINGS: [&str; 3] = ["light", "fast", "full"];
pub const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/manifest.toml");

/// What a run of the program left: status, words, report, and the files below `out`.
pub struct Run {
    pub status: Option<i32>,
    pub said: String,
    pub lines: Vec<Value>,
    pub out: PathBuf,
}

impl Run {
    /// The lines of one picture or clip.
    pub fn of(&self, image: &str) -> Vec<&Value> {
        self.lines.iter().filter(|line| line["image"] == image).collect()
    }
    /// The only line of a picture.
    pub fn line(&self, image: &str) -> &Value {
        let lines = self.of(image);
        assert_eq!(lines.len(), 1, "lines of {image}; it said:\n{}", self.said);
        lines[0]
    }
    /// Why a file failed.
    pub fn error(&self, image: &str) -> &str {
        let error = self.line(image)["error"].as_str().unwrap_or_else(|| panic!("{image} did not fail"));
        assert!(self.said.contains(error), "the person is told too: {error}\n{}", self.said);
        error
    }
    /// Every file below `out`, hidden ones too.
    pub fn written(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let mut folders = vec![self.out.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    names.insert(path.strip_prefix(&self.out).unwrap().display().to_string());
                }
            }
        }
        names
    }
}

/// The program on `inputs` in `folder`, into `out` below it.
pub fn arguments(folder: &Path, inputs: &[&str], more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_campari-mask"));
    equip(&mut command, folder, inputs, more);
    command
}

/// The same through another program that runs it, such as `prlimit`.
pub fn through(wrapper: &[&str], folder: &Path, inputs: &[&str], more: &[&str]) -> Command {
    let mut command = Command::new(wrapper[0]);
    command.args(&wrapper[1..]).arg(env!("CARGO_BIN_EXE_campari-mask"));
    equip(&mut command, folder, inputs, more);
    command
}

fn equip(command: &mut Command, folder: &Path, inputs: &[&str], more: &[&str]) {
    command.current_dir(folder).args(inputs).args(["--out", "out", "--report", "report.jsonl", "--manifest", MANIFEST]);
    command.args(more);
}

/// Runs it to its end.
pub fn finish(folder: &Path, command: &mut Command) -> Run {
    let Output { status, stderr, .. } = command.output().unwrap();
    let report = fs::read_to_string(folder.join("report.jsonl")).unwrap_or_default();
    assert!(report.is_empty() || report.ends_with('\n'), "the last line is whole");
    Run {
        status: status.code(),
        said: String::from_utf8_lossy(&stderr).into_owned(),
        lines: report.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        out: folder.join("out"),
    }
}

pub fn run(folder: &Path, inputs: &[&str], more: &[&str]) -> Run {
    finish(folder, &mut arguments(folder, inputs, more))
}

/// Size, objects and areas of a masked picture's line, checked: nothing missing, nothing that is no number, nothing outside.
pub fn check_line(line: &Value, (width, height): (u32, u32)) {
    let keys: Vec<_> = line.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys.join(" "), "frame height image ladder mask millis objects width", "{line}");
    assert_eq!((line["width"].as_u64(), line["height"].as_u64()), (Some(width.into()), Some(height.into())), "{line}");
    assert!(["clear", "cautious", "covered", "dark"].contains(&line["ladder"].as_str().unwrap()), "{line}");
    for stage in ["prepare", "infer", "mask", "total"] {
        assert!(line["millis"][stage].as_f64().unwrap() >= 0.0, "{line}");
    }
    for object in line["objects"].as_array().unwrap() {
        assert!(["head", "plate"].contains(&object["class"].as_str().unwrap()), "{object}");
        assert!((0.0..=1.0).contains(&object["score"].as_f64().unwrap()), "{object}");
        inside(object, (width, height));
    }
    for area in line["mask"].as_array().unwrap() {
        inside(area, (width, height));
    }
}

fn inside(shape: &Value, (width, height): (u32, u32)) {
    let side = |key: &str| shape[key].as_f64().unwrap_or_else(|| panic!("{key} is no number: {shape}"));
    assert!(side("x") >= 0.0 && side("y") >= 0.0 && side("w") > 0.0 && side("h") > 0.0, "{shape}");
    assert!(side("x") + side("w") <= f64::from(width) + 0.011, "{shape} in {width}x{height}");
    assert!(side("y") + side("h") <= f64::from(height) + 0.011, "{shape} in {width}x{height}");
}
