//! The part of `models/manifest.toml` that says what a model costs.

use super::{InputError, text};
use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize)]
struct Manifest {
    model: Vec<Model>,
}

/// A model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// `light`, `fast`, `full`.
    pub setting: String,
    /// Its file, beside the manifest.
    pub file: String,
    /// The file's SHA-256, lower-case hexadecimal.
    pub sha256: String,
    /// The file's size.
    pub bytes: u64,
    /// Multiply-adds of one inference.
    pub multiply_adds: u64,
    /// What it takes in.
    pub input: Input,
}

/// What a model takes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Input {
    /// Pixels per line.
    pub width: u32,
    /// Lines.
    pub height: u32,
}

/// The models of a manifest whose settings are asked for, in the order asked; all of them when none is.
///
/// # Errors
/// A manifest that cannot be read, a setting that is not in it.
pub fn models(manifest: &Path, settings: &[String]) -> Result<Vec<Model>, InputError> {
    let wrong = |cause: String| InputError::File { file: manifest.to_owned(), cause };
    let all = toml::from_str::<Manifest>(&text(manifest)?).map_err(|error| wrong(error.to_string()))?.model;
    if settings.is_empty() {
        return Ok(all);
    }
    let find = |setting: &String| {
        all.iter().find(|model| model.setting == *setting).cloned().ok_or_else(|| {
            let known: Vec<&str> = all.iter().map(|model| model.setting.as_str()).collect();
            wrong(format!("no model for the setting {setting:?}; there are {}", known.join(", ")))
        })
    };
    settings.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
        [[model]]
        name = "m"
        setting = "light"
        file = "m.tflite"
        sha256 = "00"
        bytes = 5
        multiply_adds = 7
        card = "not read here"
        input = { tensor = "image", width = 352, height = 192 }
    "#;

    #[test]
    fn models_are_found_by_setting() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("manifest.toml");
        std::fs::write(&file, MANIFEST).unwrap();
        assert_eq!(models(&file, &[]).unwrap()[0].input.width, 352);
        assert_eq!(models(&file, &["light".into()]).unwrap()[0].multiply_adds, 7);
        let told = models(&file, &["huge".into()]).unwrap_err().to_string();
        assert!(told.contains("\"huge\"; there are light"), "{told}");
    }
}
