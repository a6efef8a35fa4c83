//! `annotations.jsonl`: one picture a line, boxes in pixels of that picture, origin top left.

use super::{InputError, json_lines};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fmt;
use std::path::{Component, Path, PathBuf};

/// What a box is around. Data sets call a head `face`, however much of the head is in the box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A head.
    #[serde(alias = "head")]
    Face,
    /// A licence plate.
    Plate,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Face, Self::Plate];
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Face => "heads",
            Self::Plate => "plates",
        })
    }
}

/// A box in pixels, not necessarily whole ones; it may reach out of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

impl Rect {
    /// The box with `share` of its size added on every side.
    #[must_use]
    pub fn grown(self, share: f64) -> Self {
        let (dx, dy) = (share * self.w, share * self.h);
        Self { x: self.x - dx, y: self.y - dy, w: (1.0 + 2.0 * share) * self.w, h: (1.0 + 2.0 * share) * self.h }
    }

    /// Its central 60 % x 60 %.
    #[must_use]
    pub fn core(self) -> Self {
        Self { x: self.x + 0.2 * self.w, y: self.y + 0.2 * self.h, w: 0.6 * self.w, h: 0.6 * self.h }
    }

    pub(super) fn is_sound(self) -> bool {
        [self.x, self.y, self.w, self.h].iter().all(|side| side.is_finite()) && self.w >= 0.0 && self.h >= 0.0
    }
}

/// An annotated box.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct TruthBox {
    /// What it is around.
    pub cls: Class,
    /// Where it is.
    #[serde(flatten)]
    pub rect: Rect,
}

impl TruthBox {
    /// Says what is wrong with a box, if anything is.
    pub(super) fn fault(&self) -> Option<String> {
        (!self.rect.is_sound()).then(|| format!("a box without a place or with a negative size: {:?}", self.rect))
    }
}

/// An annotated picture.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Annotated {
    /// `images/NAME`, below the data set's folder.
    pub image: String,
    /// Pixels per line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// Where the picture comes from.
    pub source: String,
    /// What is annotated in it; not necessarily all there is.
    pub boxes: Vec<TruthBox>,
}

impl Annotated {
    /// Its name below `images/`: what `campari-mask` calls it when it is given that folder.
    #[must_use]
    pub fn name(&self) -> &str {
        self.image.strip_prefix("images/").unwrap_or(&self.image)
    }

    fn fault(&self) -> Option<String> {
        let plain = Path::new(&self.image).components().all(|part| matches!(part, Component::Normal(_)));
        if !plain || !self.image.starts_with("images/") {
            return Some(format!("image {:?} is not of the form images/NAME", self.image));
        }
        if self.width == 0 || self.height == 0 {
            return Some(format!("{}: {}x{} pixels", self.image, self.width, self.height));
        }
        self.boxes.iter().find_map(TruthBox::fault)
    }
}

/// Annotated pictures in a folder.
#[derive(Debug)]
pub struct Dataset {
    /// Holds `annotations.jsonl` and `images/`.
    pub folder: PathBuf,
    /// In the file's order.
    pub pictures: Vec<Annotated>,
}

impl Dataset {
    /// Reads the annotations in `data`, or in `data/dev`, and sees that every picture is there.
    ///
    /// # Errors
    /// No annotations, a wrong line (with its number), a picture that is named twice or is missing.
    pub fn open(data: &Path) -> Result<Self, InputError> {
        let folder = [data.to_owned(), data.join("dev")]
            .into_iter()
            .find(|folder| folder.join("annotations.jsonl").is_file())
            .ok_or_else(|| InputError::NoAnnotations { folder: data.to_owned() })?;
        let file = folder.join("annotations.jsonl");
        let wrong = |line, cause| InputError::Line { file: file.clone(), line, cause };
        let mut seen = HashSet::new();
        let mut pictures: Vec<Annotated> = Vec::new();
        for (line, picture) in json_lines::<Annotated>(&file)? {
            if let Some(fault) = picture.fault() {
                return Err(wrong(line, fault));
            }
            if !seen.insert(picture.image.clone()) {
                return Err(wrong(line, format!("{} is annotated twice", picture.image)));
            }
            if !folder.join(&picture.image).is_file() {
                return Err(wrong(line, format!("the picture {} is missing", folder.join(&picture.image).display())));
            }
            pictures.push(picture);
        }
        if pictures.is_empty() {
            return Err(InputError::File { file, cause: "no picture is annotated in it".into() });
        }
        Ok(Self { folder, pictures })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const GOOD: &str = r#"{"image":"images/a.png","width":4,"height":2,"source":"s","boxes":[{"cls":"face","x":1,"y":0.5,"w":2,"h":1}]}"#;

    fn open(lines: &str, below: &str) -> Result<Dataset, InputError> {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join(below);
        fs::create_dir_all(folder.join("images")).unwrap();
        fs::write(folder.join("annotations.jsonl"), lines).unwrap();
        fs::write(folder.join("images/a.png"), "").unwrap();
        Dataset::open(data.path())
    }

    fn refusal(lines: &str) -> String {
        open(lines, "").unwrap_err().to_string()
    }

    #[test]
    fn a_folder_is_read_as_it_is_or_through_dev() {
        for below in ["", "dev"] {
            let read = open(&format!("{GOOD}\n\n"), below).unwrap();
            assert_eq!(read.pictures.len(), 1);
            assert_eq!(read.pictures[0].name(), "a.png");
            assert_eq!(read.pictures[0].boxes[0].rect, Rect { x: 1.0, y: 0.5, w: 2.0, h: 1.0 });
        }
    }

    #[test]
    fn a_folder_without_annotations_is_named() {
        let empty = tempfile::tempdir().unwrap();
        let told = Dataset::open(empty.path()).unwrap_err().to_string();
        assert!(told.contains(&empty.path().display().to_string()) && told.contains("annotations.jsonl"), "{told}");
    }

    #[test]
    fn a_wrong_line_is_told_with_its_number() {
        assert!(refusal(&format!("{GOOD}\nnonsense")).contains("annotations.jsonl:2: "));
        assert!(refusal(&GOOD.replace("face", "cat")).contains(":1: unknown variant `cat`"));
        assert!(refusal(&GOOD.replace(r#""width":4,"#, "")).contains("missing field `width`"));
        assert!(refusal(&GOOD.replace(r#""w":2"#, r#""w":-2"#)).contains("negative size"));
        assert!(refusal(&GOOD.replace("images/a", "images/../a")).contains("not of the form images/NAME"));
    }

    #[test]
    fn a_picture_that_is_missing_or_named_twice_is_refused() {
        assert!(refusal(&GOOD.replace("a.png", "b.png")).contains("images/b.png is missing"));
        assert!(refusal(&format!("{GOOD}\n{GOOD}")).contains(":2: images/a.png is annotated twice"));
        assert!(refusal("\n").contains("no picture is annotated"));
    }

    #[test]
    fn a_box_grows_on_every_side_and_has_a_core() {
        let rect = Rect { x: 10.0, y: 20.0, w: 10.0, h: 100.0 };
        assert_eq!(rect.grown(0.3), Rect { x: 7.0, y: -10.0, w: 16.0, h: 160.0 });
        assert_eq!(rect.core(), Rect { x: 12.0, y: 40.0, w: 6.0, h: 60.0 });
    }
}
