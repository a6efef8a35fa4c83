//! Clips and their reference tracks: `<clip>.mp4` and, beside it or in `models/eval/clips/`, `<clip>.jsonl`.
//!
//! One box a line: `{"frame","track","cls","x","y","w","h"}`, pixels, origin top left, frames from 0; `"ignore": true` marks a box that is no miss
//! when it is bare and not false when it is masked (more than half hidden, say). The first line may be `{"kind": …}`: what the clip is.

use super::{Class, InputError, Rect, json_lines};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A box of a reference track in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct TrackBox {
    /// The clip's frame, from 0.
    pub frame: u64,
    /// Which object, within its clip.
    pub track: u32,
    /// What it is.
    pub cls: Class,
    /// Where it is.
    #[serde(flatten)]
    pub rect: Rect,
    /// Neither missed nor false.
    #[serde(default)]
    pub ignore: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Kind { kind: String },
    Box(TrackBox),
}

/// A clip with its reference.
#[derive(Debug, Clone)]
pub struct Clip {
    /// The clip's file.
    pub file: PathBuf,
    /// Its name as `campari-mask` reports it.
    pub name: String,
    /// `filmed`, `sequence`, `moved-still`, `rendered`: the tables keep them apart.
    pub kind: String,
    /// By frame.
    pub boxes: BTreeMap<u64, Vec<TrackBox>>,
}

/// The clips of `folder` that have a reference, by name. References may lie beside them or in `fallback`.
///
/// # Errors
/// No clip with a reference, or a wrong line.
pub fn clips(folder: &Path, fallback: &Path) -> Result<Vec<Clip>, InputError> {
    let wrong = |cause: String| InputError::File { file: folder.to_owned(), cause };
    let listed = fs::read_dir(folder).map_err(|error| wrong(error.to_string()))?;
    let mut files: Vec<PathBuf> = listed.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    files.sort();
    let mut clips = Vec::new();
    for file in files.into_iter().filter(|file| file.extension().is_some_and(|ending| ending == "mp4")) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let reference = Path::new(&name).with_extension("jsonl");
        let places = [folder.join(&reference), fallback.join(&reference)];
        if let Some(reference) = places.iter().find(|place| place.is_file()) {
            let (kind, boxes) = read(reference)?;
            clips.push(Clip { file, name, kind, boxes });
        }
    }
    if clips.is_empty() {
        return Err(wrong(
            "no clip with a reference: NAME.mp4 with NAME.jsonl beside it or in models/eval/clips".into(),
        ));
    }
    Ok(clips)
}

fn read(file: &Path) -> Result<(String, BTreeMap<u64, Vec<TrackBox>>), InputError> {
    let mut kind = "filmed".to_owned();
    let mut boxes: BTreeMap<u64, Vec<TrackBox>> = BTreeMap::new();
    for (line, read) in json_lines::<Line>(file)? {
        match read {
            Line::Kind { kind: told } => kind = told,
            Line::Box(one) if one.rect.is_sound() => boxes.entry(one.frame).or_default().push(one),
            Line::Box(one) => {
                let cause = format!("a box without a place or with a negative size: {:?}", one.rect);
                return Err(InputError::Line { file: file.to_owned(), line, cause });
            }
        }
    }
    Ok((kind, boxes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = concat!(
        r#"{"kind":"rendered"}"#,
        "\n",
        r#"{"frame":3,"track":1,"cls":"head","x":1,"y":2,"w":3,"h":4}"#,
        "\n",
        r#"{"frame":3,"track":2,"cls":"plate","x":1,"y":2,"w":3,"h":4,"ignore":true}"#
    );

    #[test]
    fn clips_are_those_with_a_reference_beside_them_or_of_ours() {
        let (folder, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for name in ["a.mp4", "b.mp4", "c.mp4", "d.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::write(folder.path().join("a.jsonl"), LINES).unwrap();
        fs::write(ours.path().join("c.jsonl"), LINES.split_once('\n').unwrap().1).unwrap();
        let found = clips(folder.path(), ours.path()).unwrap();
        let told: Vec<(&str, &str)> = found.iter().map(|clip| (clip.name.as_str(), clip.kind.as_str())).collect();
        assert_eq!(told, [("a.mp4", "rendered"), ("c.mp4", "filmed")]);
        let boxes = &found[0].boxes[&3];
        assert_eq!((boxes.len(), boxes[0].cls, boxes[0].ignore, boxes[1].ignore), (2, Class::Face, false, true));
    }

    #[test]
    fn no_reference_and_a_wrong_box_are_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.mp4"), "").unwrap();
        assert!(clips(folder.path(), folder.path()).unwrap_err().to_string().contains("no clip with a reference"));
        fs::write(folder.path().join("a.jsonl"), LINES.replace("\"w\":3", "\"w\":-3")).unwrap();
        let told = clips(folder.path(), folder.path()).unwrap_err().to_string();
        assert!(told.contains("a.jsonl:2: a box without"), "{told}");
    }
}
