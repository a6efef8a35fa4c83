//! What survives a restart, in one folder: `journal.jsonl`, `memory.json` (replay memory, mode, counters), `policy.json` (the bundle held).
//!
//! Small files are replaced whole (write, fsync, rename, fsync the folder), the journal is appended to and fsynced. No pixel is ever written here.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Largest journal that is read back at start.
const MAX_JOURNAL: u64 = 256 * 1024 * 1024;

/// A file operation failed.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {file}: {cause}")]
pub struct StoreError {
    doing: &'static str,
    file: String,
    cause: std::io::Error,
}

fn fail<'a>(doing: &'static str, file: &'a Path) -> impl Fn(std::io::Error) -> StoreError + 'a {
    move |cause| StoreError { doing, file: file.display().to_string(), cause }
}

/// The folder.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
}

impl Store {
    /// Uses `dir`, making it if it is not there.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be made.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(dir).map_err(fail("making folder", dir))?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Reads a small file; `None` when it is not there.
    ///
    /// # Errors
    /// [`StoreError`] when it is there but cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.dir.join(name);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fail("reading", &path)(error)),
        }
    }

    /// Replaces a small file, whole or not at all.
    ///
    /// # Errors
    /// [`StoreError`]; the old file is then still there.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.dir.join(name);
        let fresh = self.dir.join(format!("{name}.new"));
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&fresh)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&fresh, &path)?;
            File::open(&self.dir)?.sync_all()
        };
        write().map_err(fail("writing", &path))
    }

    /// Gives a file another name, for whoever investigates; `at_ms` makes it unique.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_aside(&self, name: &str, at_ms: u64) -> Result<(), StoreError> {
        let path = self.dir.join(name);
        std::fs::rename(&path, self.dir.join(format!("{name}.altered-{at_ms}"))).map_err(fail("setting aside", &path))
    }

    /// Opens the journal for appending and reads what it holds.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be opened or read, or is larger than any journal of ours.
    pub fn journal(&self) -> Result<(JournalFile, Vec<u8>), StoreError> {
        let path = self.dir.join("journal.jsonl");
        let open = || -> std::io::Result<(File, Vec<u8>)> {
            let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
            let length = file.metadata()?.len();
            if length > MAX_JOURNAL {
                return Err(std::io::Error::other(format!("{length} bytes, at most {MAX_JOURNAL} are read")));
            }
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok((file, bytes))
        };
        let (file, bytes) = open().map_err(fail("opening", &path))?;
        Ok((JournalFile { file, path }, bytes))
    }
}

/// The journal's file.
#[derive(Debug)]
pub struct JournalFile {
    file: File,
    path: PathBuf,
}

impl JournalFile {
    /// Cuts off what a power loss left behind the last whole entry.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn truncate(&mut self, length: u64) -> Result<(), StoreError> {
        let cut = |file: &mut File| -> std::io::Result<()> {
            file.set_len(length)?;
            file.seek(SeekFrom::End(0))?;
            file.sync_all()
        };
        cut(&mut self.file).map_err(fail("truncating", &self.path))
    }

    /// Appends one line and waits until it is on the disk.
    ///
    /// # Errors
    /// [`StoreError`]; what the line says must then not happen.
    pub fn append(&mut self, line: &[u8]) -> Result<(), StoreError> {
        let append = |file: &mut File| -> std::io::Result<()> {
            file.write_all(line)?;
            file.sync_data()
        };
        append(&mut self.file).map_err(fail("appending to", &self.path))
    }
}
