//! Which files are to be masked, and under which names. Folders are taken whole, in the order of their names; what is neither picture nor clip is left out
//! there, but not when it was named itself.
//!
//! Every folder is taken once, however many links lead to it, so that links in a circle end; and the folder of the masked files is left out.

use crate::{FileError, InputError};
use std::collections::{HashSet, VecDeque};
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
        label(&self.name)
    }
}

/// A name as text, for the report.
fn label(name: &Path) -> String {
    name.to_string_lossy().into_owned()
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Files to mask.
    pub inputs: Vec<Input>,
    /// Folders that cannot be listed: the name that the report has them by, and why. What is in them is not masked.
    pub unlisted: Vec<(String, FileError)>,
}

/// Finds the files of `paths` that are to be masked into `out`.
///
/// # Errors
/// [`InputError`]: a path that does not exist or cannot be listed, or that is `out` itself.
pub fn find(paths: &[PathBuf], out: &Path) -> Result<Found, InputError> {
    let mut found = Found::default();
    let out = out.canonicalize().ok();
    for path in paths {
        let missing = |cause| InputError::Missing { path: path.clone(), cause };
        if !fs::metadata(path).map_err(missing)?.is_dir() {
            let name = path.file_name().map_or_else(|| path.clone(), PathBuf::from);
            let kind = kind_of(path).unwrap_or(Kind::Clip);
            found.inputs.push(Input { file: path.clone(), name, kind });
            continue;
        }
        let root = path.canonicalize().map_err(missing)?;
        if out.as_ref() == Some(&root) {
            return Err(InputError::OutIsInput { out: path.clone() });
        }
        let mut walk =
            Walk { root: path, seen: HashSet::from([root]), links: VecDeque::new(), found: Found::default() };
        walk.seen.extend(out.clone());
        walk.folder(Path::new("")).map_err(missing)?;
        let mut below = walk.finish();
        below.inputs.sort_by(|a, b| a.name.cmp(&b.name));
        found.inputs.append(&mut below.inputs);
        found.unlisted.append(&mut below.unlisted);
    }
    Ok(found)
}

/// One folder that was given, and all below it.
struct Walk<'a> {
    root: &'a Path,
    /// Folders that were taken or are left out, with links resolved.
    seen: HashSet<PathBuf>,
    /// Links to folders, to be followed last: what also lies in the tree itself keeps its own name.
    links: VecDeque<PathBuf>,
    found: Found,
}

impl Walk<'_> {
    fn finish(mut self) -> Found {
        while let Some(link) = self.links.pop_front() {
            self.enter(&link);
        }
        self.found
    }
    /// Takes a folder below the root, unless it has been.
    fn enter(&mut self, below: &Path) {
        let folder = self.root.join(below);
        let whole = folder.canonicalize();
        if whole.as_ref().is_ok_and(|whole| !self.seen.insert(whole.clone())) {
            return;
        }
        if let Err(error) = whole.and_then(|_| self.folder(below)) {
            self.found.unlisted.push((label(below), FileError::Unlisted { folder, cause: error.to_string() }));
        }
    }
    fn folder(&mut self, below: &Path) -> io::Result<()> {
        let mut entries = fs::read_dir(self.root.join(below))?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = below.join(entry.file_name());
            let file = self.root.join(&name);
            match fs::metadata(&file) {
                Ok(about) if about.is_dir() && entry.file_type()?.is_symlink() => self.links.push_back(name),
                Ok(about) if about.is_dir() => self.enter(&name),
                // A pipe or a device would be waited for without end.
                Ok(about) if !about.is_file() => {}
                // A link that leads nowhere is an unreadable file, not the end of the folder.
                _ => self.found.inputs.extend(kind_of(&file).map(|kind| Input { file, name, kind })),
            }
        }
        Ok(())
    }
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
