//! Lists of ours beside the models: heads and plates that the data sets left out, and what the models were trained on.

use super::{InputError, TruthBox, json_lines, text};
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::path::Path;

#[derive(Deserialize)]
struct Line {
    image: String,
    boxes: Vec<TruthBox>,
}

/// Heads and plates that are there but not annotated. Masking one is not false; missing one is not counted.
#[derive(Debug, Default)]
pub struct Extras {
    boxes: HashMap<String, Vec<TruthBox>>,
}

impl Extras {
    /// Reads one `{"image", "boxes": […]}` a line. A file that is not there holds none.
    ///
    /// # Errors
    /// A wrong line, with its number.
    pub fn read(file: &Path) -> Result<Self, InputError> {
        let mut boxes: HashMap<String, Vec<TruthBox>> = HashMap::new();
        if !file.exists() {
            return Ok(Self::default());
        }
        for (line, read) in json_lines::<Line>(file)? {
            if let Some(cause) = read.boxes.iter().find_map(TruthBox::fault) {
                return Err(InputError::Line { file: file.to_owned(), line, cause });
            }
            boxes.entry(read.image).or_default().extend(read.boxes);
        }
        Ok(Self { boxes })
    }

    /// Those of a picture (`images/NAME`).
    #[must_use]
    pub fn of(&self, image: &str) -> &[TruthBox] {
        self.boxes.get(image).map_or(&[], Vec::as_slice)
    }
}

/// Pictures that the models were trained on.
#[derive(Debug, Default)]
pub struct TrainedOn {
    images: HashSet<String>,
}

impl TrainedOn {
    /// Reads one `images/NAME` a line; lines that begin with `#` say what the file is.
    ///
    /// # Errors
    /// When it cannot be read: without it nobody knows which figures are kind.
    pub fn read(file: &Path) -> Result<Self, InputError> {
        let text = text(file)?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Ok(Self { images: lines.map(str::to_owned).collect() })
    }

    /// Whether a picture (`images/NAME`) is in it.
    #[must_use]
    pub fn contains(&self, image: &str) -> bool {
        self.images.contains(image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn extras_may_be_absent_and_lines_of_one_picture_add_up() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("extra.jsonl");
        assert_eq!(Extras::read(&file).unwrap().of("images/a.jpg"), &[]);
        let line = r#"{"image":"images/a.jpg","boxes":[{"cls":"plate","x":1,"y":2,"w":3,"h":4}]}"#;
        fs::write(&file, format!("{line}\n{line}\n")).unwrap();
        let extras = Extras::read(&file).unwrap();
        assert_eq!((extras.of("images/a.jpg").len(), extras.of("images/b.jpg").len()), (2, 0));
        fs::write(&file, format!("{line}\n{{\"image\":1}}\n")).unwrap();
        assert!(Extras::read(&file).unwrap_err().to_string().contains("extra.jsonl:2: "));
    }

    #[test]
    fn what_was_trained_on_must_be_known() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trained-on.txt");
        assert!(TrainedOn::read(&file).unwrap_err().to_string().contains("trained-on.txt"));
        fs::write(&file, "# rule\nimages/a.jpg\n\n").unwrap();
        let trained = TrainedOn::read(&file).unwrap();
        assert!(trained.contains("images/a.jpg") && !trained.contains("# rule") && !trained.contains(""));
    }
}
