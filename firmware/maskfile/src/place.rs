//! Where masked files go: never over an original, never over each other, never half.

use crate::FileError;
use crate::inputs::Input;
use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The places below the folder of masked files that are still free.
pub struct Places<'a> {
    out: &'a Path,
    /// What must stay as it is, with links resolved: every input, and the report.
    kept: HashSet<PathBuf>,
    taken: HashSet<PathBuf>,
}

impl<'a> Places<'a> {
    /// Places below `out` for the masked `inputs`; none of them is ever where an input or one of `kept` is.
    #[must_use]
    pub fn new(out: &'a Path, inputs: &[Input], kept: &[PathBuf]) -> Self {
        let files = inputs.iter().map(|input| &input.file).chain(kept);
        Self { out, kept: files.filter_map(|file| file.canonicalize().ok()).collect(), taken: HashSet::new() }
    }

    /// The place for the masked twin of `input`. Its folder is made.
    ///
    /// # Errors
    /// [`FileError::Collision`], and [`FileError::Unwritable`] when the folder cannot be made.
    pub fn reserve(&mut self, input: &Input) -> Result<PathBuf, FileError> {
        let target = input.target(self.out);
        let kept = target.canonicalize().is_ok_and(|target| self.kept.contains(&target));
        if kept || !self.taken.insert(target.clone()) {
            return Err(FileError::Collision { file: input.file.clone(), target });
        }
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|error| FileError::Unwritable { file: target.clone(), cause: error.to_string() })?;
        }
        Ok(target)
    }
}

/// A masked file while it is written: it has another name until it is whole, and is gone when it never becomes so.
pub struct Part {
    file: PathBuf,
    target: PathBuf,
}

impl Part {
    /// For `target`: beside it, with the same ending, by which ffmpeg knows the container.
    #[must_use]
    pub fn of(target: &Path) -> Self {
        let mut name = OsString::from(format!(".campari-mask-{}.part", std::process::id()));
        if let Some(extension) = target.extension() {
            name.push(".");
            name.push(extension);
        }
        Self { file: target.with_file_name(name), target: target.to_owned() }
    }
    /// Where to write.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }
    /// Where it will be.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }
    /// Gives the whole file its name.
    ///
    /// # Errors
    /// [`FileError::Unwritable`].
    pub fn finish(&self) -> Result<(), FileError> {
        std::fs::rename(&self.file, &self.target)
            .map_err(|error| FileError::Unwritable { file: self.target.clone(), cause: error.to_string() })
    }
}

impl Drop for Part {
    /// After [`Part::finish`] there is nothing left to remove.
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.file));
    }
}
