//! Which files are to be masked, and under which names. Folders are taken whole, in the order of their names; what is neither picture nor clip is left out
//! there, but not when it was named itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const PICTURES: [&str; 3] = ["jpg", "jpeg", "png"];
const CLIPS: [&str; 11] = ["mp4", "m4v", "mov", "mkv", "avi", "webm", "ts", "mts", "mpg", "mpeg", "flv"];
/// Containers that hold H.264; a clip in another becomes `.mkv`.
const H264_CONTAINERS: [&str; 8] = ["mp4", "m4v", "mov", "mkv", "avi", "ts", "mts", "flv"];

/// What a file is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// JPEG or PNG.
    Picture,
    /// Anything that ffmpeg decodes.
    Clip,
}

/// One file to mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Where it is.
    pub file: PathBuf,
    /// Its path below the folder that was given; of a file given itself, its name.
    pub name: PathBuf,
    /// What it is.
    pub kind: Kind,
}

impl Input {
    /// Where its masked twin goes below `out`: the same name, except for a clip whose container does not hold H.264.
    #[must_use]
    pub fn target(&self, out: &Path) -> PathBuf {
        let target = out.join(&self.name);
        match self.kind {
            Kind::Clip if !H264_CONTAINERS.contains(&extension(&self.name).as_str()) => target.with_extension("mkv"),
            _ => target,
        }
    }
    /// Its name as text, for the report.
    #[must_use]
    pub fn label(&self) -> String {
        self.name.to_string_lossy().into_owned()
    }
}

/// Finds the files of `paths`.
///
/// # Errors
/// The path that does not exist or cannot be listed.
pub fn find(paths: &[PathBuf]) -> Result<Vec<Input>, (PathBuf, io::Error)> {
    let mut inputs = Vec::new();
    for path in paths {
        let about = fs::metadata(path).map_err(|error| (path.clone(), error))?;
        if about.is_dir() {
            walk(path, Path::new(""), &mut inputs)?;
        } else {
            let name = path.file_name().map_or_else(|| path.clone(), PathBuf::from);
            let kind = kind_of(path).unwrap_or(Kind::Clip);
            inputs.push(Input { file: path.clone(), name, kind });
        }
    }
    Ok(inputs)
}

fn walk(root: &Path, below: &Path, inputs: &mut Vec<Input>) -> Result<(), (PathBuf, io::Error)> {
    let folder = root.join(below);
    let failed = |error| (folder.clone(), error);
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name());
    }
    names.sort();
    for name in names {
        let name = below.join(name);
        let file = root.join(&name);
        // A link that leads nowhere is an unreadable file, not the end of the folder.
        if fs::metadata(&file).is_ok_and(|about| about.is_dir()) {
            walk(root, &name, inputs)?;
        } else if let Some(kind) = kind_of(&file) {
            inputs.push(Input { file, name, kind });
        }
    }
    Ok(())
}

fn kind_of(file: &Path) -> Option<Kind> {
    let extension = extension(file);
    if PICTURES.contains(&extension.as_str()) {
        Some(Kind::Picture)
    } else if CLIPS.contains(&extension.as_str()) {
        Some(Kind::Clip)
    } else {
        None
    }
}

fn extension(file: &Path) -> String {
    file.extension().map(|extension| extension.to_string_lossy().to_lowercase()).unwrap_or_default()
}
