//! A list of ours beside the models: what annotated heads wear and which way they look, as judged by eye.

use super::{InputError, json_lines};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;

/// Which way a head looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum View {
    /// Both eyes towards the camera.
    Front,
    /// In profile.
    Side,
    /// From behind.
    Back,
    /// Bent: mostly hair or forehead.
    Down,
}

/// What is known of one annotated head; `None` where the eye could not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// Wears a mask over mouth or chin.
    pub mask_worn: Option<bool>,
    /// Looks this way.
    pub view: Option<View>,
}

#[derive(Deserialize)]
struct Line {
    image: String,
    mask_worn: Vec<Option<bool>>,
    view: Vec<Option<View>>,
}

/// Heads by picture.
#[derive(Debug, Default)]
pub struct Heads {
    heads: HashMap<String, Vec<Head>>,
}

impl Heads {
    /// Reads one `{"image", "mask_worn": […], "view": […]}` a line, an entry for each annotated head in the order of the annotations.
    /// A file that is not there knows of none.
    ///
    /// # Errors
    /// A wrong line, with its number.
    pub fn read(file: &Path) -> Result<Self, InputError> {
        let mut heads = HashMap::new();
        if !file.exists() {
            return Ok(Self::default());
        }
        for (line, read) in json_lines::<Line>(file)? {
            if read.mask_worn.len() != read.view.len() {
                let cause = format!("{} masks, {} views", read.mask_worn.len(), read.view.len());
                return Err(InputError::Line { file: file.to_owned(), line, cause });
            }
            let both = read.mask_worn.into_iter().zip(read.view);
            heads.insert(read.image, both.map(|(mask_worn, view)| Head { mask_worn, view }).collect());
        }
        Ok(Self { heads })
    }

    /// Those of a picture (`images/NAME`) that has `count` annotated heads. Where the list speaks of another number it speaks of another
    /// picture: then nothing is known.
    #[must_use]
    pub fn of(&self, image: &str, count: usize) -> Vec<Head> {
        match self.heads.get(image) {
            Some(heads) if heads.len() == count => heads.clone(),
            _ => vec![Head::default(); count],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_list_of_another_length_is_of_another_picture() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("heads.jsonl");
        assert_eq!(Heads::read(&file).unwrap().of("images/a.jpg", 1), [Head::default()]);
        let line = r#"{"image":"images/a.jpg","mask_worn":[true,null],"view":["down",null]}"#;
        fs::write(&file, format!("{line}\n")).unwrap();
        let heads = Heads::read(&file).unwrap();
        let known = Head { mask_worn: Some(true), view: Some(View::Down) };
        assert_eq!(heads.of("images/a.jpg", 2), [known, Head::default()]);
        assert_eq!(heads.of("images/a.jpg", 3), [Head::default(); 3]);
    }

    #[test]
    fn lists_must_be_of_one_length() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("heads.jsonl");
        fs::write(&file, r#"{"image":"images/a.jpg","mask_worn":[true],"view":[]}"#).unwrap();
        assert!(Heads::read(&file).unwrap_err().to_string().contains("heads.jsonl:1: 1 masks, 0 views"));
    }
}
