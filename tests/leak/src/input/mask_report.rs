//! What `campari-mask --report` says: one JSON line a picture.

use super::{InputError, Rect, json_lines};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;

/// How a mask is shaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// All of its box.
    Rect,
    /// The ellipse within its box.
    Ellipse,
}

/// A painted shape, in pixels of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Shape {
    /// How it is shaped.
    pub shape: Kind,
    /// Where it is.
    #[serde(flatten)]
    pub rect: Rect,
}

/// An object that the detector found.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Found {
    /// `head` or `plate`.
    pub class: String,
    /// 0 to 1.
    pub score: f64,
    /// Where it is.
    #[serde(flatten)]
    pub rect: Rect,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Millis {
    infer: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Line {
    image: String,
    #[serde(default)]
    frame: u64,
    #[serde(default)]
    width: usize,
    #[serde(default)]
    height: usize,
    #[serde(default)]
    objects: Vec<Found>,
    #[serde(default)]
    mask: Vec<Shape>,
    #[serde(default)]
    millis: Millis,
    ladder: Option<String>,
    error: Option<String>,
}

impl Line {
    fn masked(self) -> Masked {
        let in_doubt = self.ladder.is_some_and(|rung| rung != "clear");
        Masked { objects: self.objects, mask: self.mask, infer_ms: self.millis.infer, in_doubt }
    }
}

/// What was done to one picture.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Masked {
    /// What was found.
    pub objects: Vec<Found>,
    /// What was painted.
    pub mask: Vec<Shape>,
    /// What the network took, milliseconds.
    pub infer_ms: Option<f64>,
    /// Doubt: the picture was covered whole, whatever was found in it.
    pub in_doubt: bool,
}

/// A whole report.
#[derive(Debug, Default)]
pub struct MaskReport {
    pictures: HashMap<String, Masked>,
    /// Pictures that could not be masked, and why.
    pub failed: Vec<(String, String)>,
}

impl MaskReport {
    /// Reads it.
    ///
    /// # Errors
    /// A missing file, a wrong line (with its number).
    pub fn read(file: &Path) -> Result<Self, InputError> {
        let mut report = Self::default();
        for (_, line) in json_lines::<Line>(file)? {
            if let Some(error) = line.error {
                report.failed.push((line.image, error));
            } else {
                report.pictures.insert(line.image.clone(), line.masked());
            }
        }
        Ok(report)
    }

    /// What was done to a picture, by its name below `images/`; `None` when it was not masked.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<&Masked> {
        self.pictures.get(name)
    }
}

/// One frame of a clip as it was shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The clip's own number, from 0.
    pub frame: u64,
    /// Pixels per line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// What was done to it.
    pub masked: Masked,
}

/// A report on clips: each one's frames in the order in which they were shown.
#[derive(Debug, Default)]
pub struct ClipReport {
    clips: HashMap<String, Vec<Frame>>,
    /// Clips that could not be masked, or not to their end, and why.
    pub failed: Vec<(String, String)>,
}

impl ClipReport {
    /// Reads it.
    ///
    /// # Errors
    /// A wrong line, with its number.
    pub fn read(file: &Path) -> Result<Self, InputError> {
        let mut report = Self::default();
        for (_, mut line) in json_lines::<Line>(file)? {
            if let Some(error) = line.error.take() {
                report.failed.push((line.image, error));
            } else {
                let (frame, width, height) = (line.frame, line.width, line.height);
                let frames = report.clips.entry(line.image.clone()).or_default();
                frames.push(Frame { frame, width, height, masked: line.masked() });
            }
        }
        Ok(report)
    }

    /// The frames of a clip that were shown.
    #[must_use]
    pub fn of(&self, clip: &str) -> &[Frame] {
        self.clips.get(clip).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_and_failed_pictures_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.jsonl");
        let lines = concat!(
            r#"{"image":"a.jpg","objects":[{"class":"head","score":0.5,"x":1,"y":2,"w":3,"h":4}],"#,
            r#""mask":[{"shape":"rect","x":0,"y":2,"w":4,"h":4}],"millis":{"infer":7.5,"total":9}}"#,
            "\n",
            r#"{"image":"c.jpg","mask":[{"shape":"rect","x":0,"y":0,"w":9,"h":9}],"ladder":"dark"}"#,
            "\n",
            r#"{"image":"b.jpg","error":"not a picture"}"#
        );
        std::fs::write(&file, lines).unwrap();
        let report = MaskReport::read(&file).unwrap();
        let a = report.of("a.jpg").unwrap();
        assert_eq!((a.infer_ms, a.mask[0].shape, a.mask[0].rect.w), (Some(7.5), Kind::Rect, 4.0));
        assert!(!a.in_doubt && report.of("c.jpg").unwrap().in_doubt);
        assert_eq!(report.of("b.jpg"), None);
        assert_eq!(report.failed, [("b.jpg".to_owned(), "not a picture".to_owned())]);
    }

    #[test]
    fn frames_of_a_clip_keep_their_order_and_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.jsonl");
        let line = |frame: u64| {
            format!(r#"{{"image":"a.mp4","frame":{frame},"width":64,"height":48,"mask":[],"ladder":"clear"}}"#)
        };
        std::fs::write(&file, format!("{}\n{}\n{}", line(0), line(5), r#"{"image":"b.mp4","error":"no clip"}"#))
            .unwrap();
        let report = ClipReport::read(&file).unwrap();
        let frames: Vec<(u64, usize)> = report.of("a.mp4").iter().map(|frame| (frame.frame, frame.width)).collect();
        assert_eq!(frames, [(0, 64), (5, 64)]);
        assert!(report.of("b.mp4").is_empty() && report.failed.len() == 1);
    }

    #[test]
    fn a_shape_that_is_not_known_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.jsonl");
        std::fs::write(&file, r#"{"image":"a.jpg","mask":[{"shape":"star","x":0,"y":2,"w":4,"h":4}]}"#).unwrap();
        let told = MaskReport::read(&file).unwrap_err().to_string();
        assert!(told.contains("report.jsonl:1: unknown variant `star`"), "{told}");
    }
}
