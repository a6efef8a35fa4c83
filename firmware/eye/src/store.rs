//! What survives a restart, in one folder: the journal's segments ([`crate::journal_files`]), `memory.json` (replay memory, mode, counters), `policy.json`
//! (the bundle held), `board-key.jwk` ([`crate::board_key`]), `pull-key` ([`crate::pull_key`]), `usage/` ([`crate::usage_store`]).
//!
//! Small files are replaced whole (write, fsync, rename, fsync the folder). No pixel is ever written here.
//!
//! **Room is kept in reserve** for what must still be written when the disk is full: the file `reserve` is let go then, once, and made again when there is
//! room. While it is gone the disk counts as full, and nobody may watch ([`Store::has_reserve`]).

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Room in reserve: the ends of eight shares, their usage records, the memory, each with a block or two of the file system's own.
pub const RESERVE_BYTES: usize = 256 * 1024;
const RESERVE: &str = "reserve";

/// A file operation failed.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {file}: {cause}")]
pub struct StoreError {
    doing: &'static str,
    file: String,
    cause: std::io::Error,
}

impl StoreError {
    /// What the system said.
    #[must_use]
    pub fn cause(&self) -> &std::io::Error {
        &self.cause
    }
}

pub(crate) fn fail<'a>(doing: &'static str, file: &'a Path) -> impl Fn(std::io::Error) -> StoreError + 'a {
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

    /// Where a file of that name lies.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Makes what was created, renamed or removed in the folder survive a power loss.
    pub(crate) fn sync_folder(&self, folder: &Path) -> std::io::Result<()> {
        File::open(folder)?.sync_all()
    }

    /// Makes a folder in the folder, if it is not there.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be made.
    pub(crate) fn make_folder(&self, name: &str) -> Result<(), StoreError> {
        let path = self.dir.join(name);
        match std::fs::create_dir(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            made => made.and_then(|()| self.sync_folder(&self.dir)).map_err(fail("making folder", &path)),
        }
    }

    /// Reads a small file; `None` when it is not there.
    ///
    /// # Errors
    /// [`StoreError`] when it is there but cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.dir.join(name);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fail("reading", &path)(error)),
        }
    }

    /// Replaces a small file, whole or not at all. On a full disk it takes the reserve.
    ///
    /// # Errors
    /// [`StoreError`]; the old file is then still there.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.dir.join(name);
        self.with_reserve(|| self.put(&path, bytes, 0o640)).map_err(fail("writing", &path))
    }

    /// As [`Store::replace`], for a file that nobody but its owner may read. A full disk is an error at once.
    ///
    /// # Errors
    /// [`StoreError`]; the old file is then still there.
    pub fn replace_secret(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.dir.join(name);
        self.put(&path, bytes, 0o600).map_err(fail("writing", &path))
    }

    fn put(&self, path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(".new");
        let fresh = PathBuf::from(fresh);
        let write = || {
            // One that a power loss left behind has whatever mode it had.
            drop(std::fs::remove_file(&fresh));
            let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&fresh, path)
        };
        if let Err(error) = write() {
            // Half a file takes room that others need.
            drop(std::fs::remove_file(&fresh));
            return Err(error);
        }
        self.sync_folder(path.parent().unwrap_or(&self.dir))
    }

    /// Gives a file another name, for whoever investigates; `at_ms` makes it unique.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_aside(&self, name: &str, at_ms: u64) -> Result<(), StoreError> {
        let path = self.dir.join(name);
        std::fs::rename(&path, self.dir.join(format!("{name}.altered-{at_ms}"))).map_err(fail("setting aside", &path))
    }

    /// Does `write`; on a full disk it lets the reserve go, if that is still there, and does it again.
    pub(crate) fn with_reserve<T>(&self, mut write: impl FnMut() -> std::io::Result<T>) -> std::io::Result<T> {
        match write() {
            Err(error) if is_full(&error) && std::fs::remove_file(self.dir.join(RESERVE)).is_ok() => {
                tracing::error!("the disk is full; what was in reserve is used for what must be written");
                write()
            }
            outcome => outcome,
        }
    }

    /// Whether there is room in reserve.
    #[must_use]
    pub fn has_reserve(&self) -> bool {
        std::fs::metadata(self.dir.join(RESERVE)).is_ok_and(|file| file.len() == RESERVE_BYTES as u64)
    }

    /// Lays room by, if there is none yet.
    ///
    /// # Errors
    /// [`StoreError`] while the disk is full.
    pub fn lay_by(&self) -> Result<(), StoreError> {
        if self.has_reserve() {
            return Ok(());
        }
        let path = self.dir.join(RESERVE);
        // Not zeros: a file system may keep those without taking room.
        self.put(&path, &[0xa5; RESERVE_BYTES], 0o600).map_err(fail("laying by room in", &path))
    }
}

/// No room, by whatever limit.
fn is_full(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}
