//! Who is behind a pseudonym: one JSON file of the control room, outside every journal, each name with the day until which it may be kept.
//!
//! Journals and usage records hold pseudonyms only; erasing a name here changes none of them, and their chains verify on.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Largest file that is read.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// By pseudonym.
    names: BTreeMap<String, Name>,
}

/// One name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Name {
    /// Of the person or organisation.
    pub name: String,
    /// The last day on which it may be kept.
    pub until: Date,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NamesError {
    /// It cannot be read or written.
    #[error("names {}: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// It is something else.
    #[error("names {}: {cause}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What the parser said.
        cause: serde_json::Error,
    },
}

impl Names {
    /// Reads the file.
    ///
    /// # Errors
    /// [`NamesError`].
    pub fn read(path: &Path) -> Result<Self, NamesError> {
        let file = |cause| NamesError::File { path: path.to_owned(), cause };
        let length = std::fs::metadata(path).map_err(file)?.len();
        if length > MAX_BYTES {
            let cause = std::io::Error::other(format!("{length} bytes, at most {MAX_BYTES} are read"));
            return Err(file(cause));
        }
        let json = std::fs::read(path).map_err(file)?;
        serde_json::from_slice(&json).map_err(|cause| NamesError::Content { path: path.to_owned(), cause })
    }

    /// The same; one that is not there holds nothing.
    ///
    /// # Errors
    /// [`NamesError`].
    pub fn read_or_new(path: &Path) -> Result<Self, NamesError> {
        if path.exists() { Self::read(path) } else { Ok(Self::default()) }
    }

    /// Writes the file, mode 0600, all or nothing.
    ///
    /// # Errors
    /// [`NamesError`].
    pub fn write(&self, path: &Path) -> Result<(), NamesError> {
        let json =
            serde_json::to_vec_pretty(self).map_err(|cause| NamesError::Content { path: path.to_owned(), cause })?;
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let write = || {
            let mut file =
                std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
            file.write_all(&json)?;
            file.sync_all()?;
            std::fs::rename(&beside, path)
        };
        write().map_err(|cause| NamesError::File { path: path.to_owned(), cause })
    }

    /// Adds a name or replaces it.
    pub fn add(&mut self, pseudonym: String, name: Name) {
        self.names.insert(pseudonym, name);
    }

    /// Erases every name that may be kept no later than the day before `date`; gives their pseudonyms.
    pub fn erase_before(&mut self, date: Date) -> Vec<String> {
        let gone: Vec<String> =
            self.names.iter().filter(|(_, name)| name.until < date).map(|(pseudonym, _)| pseudonym.clone()).collect();
        self.names.retain(|_, name| name.until >= date);
        gone
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Name)> {
        self.names.iter().map(|(pseudonym, name)| (pseudonym.as_str(), name))
    }

    /// The name behind `pseudonym`.
    #[must_use]
    pub fn name(&self, pseudonym: &str) -> Option<&str> {
        self.names.get(pseudonym).map(|known| known.name.as_str())
    }

    /// The name behind `pseudonym`, with it; the pseudonym alone when there is none.
    #[must_use]
    pub fn tell(&self, pseudonym: &str) -> String {
        match self.names.get(pseudonym) {
            Some(known) => format!("{} ({pseudonym})", known.name),
            None => pseudonym.to_owned(),
        }
    }
}
