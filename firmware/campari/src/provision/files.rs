//! Files that a power cut leaves whole or not there at all.

use super::ProvisionError;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, chown};
use std::path::Path;

/// Largest file that is taken from a stick: a policy bundle's limit and more.
const LARGEST_BYTES: u64 = 4 << 20;

pub(super) fn at(path: &Path) -> impl Fn(std::io::Error) -> ProvisionError + '_ {
    |cause| ProvisionError::File { path: path.to_owned(), cause }
}

/// A file of the stick, if it is there.
pub(super) fn read(path: &Path) -> Result<Option<String>, ProvisionError> {
    let file = match std::fs::metadata(path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        found => found.map_err(at(path))?,
    };
    if !file.is_file() || file.len() > LARGEST_BYTES {
        return Err(super::content(path, format!("no file of at most {LARGEST_BYTES} bytes")));
    }
    std::fs::read_to_string(path).map(Some).map_err(at(path))
}

/// As [`read`], of a file without which nothing goes on.
pub(super) fn needed(path: &Path) -> Result<String, ProvisionError> {
    read(path)?.ok_or_else(|| at(path)(std::io::ErrorKind::NotFound.into()))
}

/// Writes `contents` beside `path`, to the disk, and gives it its name then.
pub(super) fn write(path: &Path, contents: &str, mode: u32, owner: Option<u32>) -> Result<(), ProvisionError> {
    let new = path.with_extension("new");
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        match std::fs::remove_file(&new) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
        if owner.is_some() {
            chown(&new, owner, owner)?;
        }
        file.write_all(contents.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(at(path))
}
