//! Files of a stage: private keys that only their owner reads, folders that are there.

use super::StageError;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes `contents` to `path`, mode 0600, replacing what was there.
pub(crate) fn write_private(path: &Path, contents: &[u8]) -> Result<(), StageError> {
    let write = || {
        match std::fs::remove_file(path) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(contents)
    };
    write().map_err(|cause| StageError::File { path: path.to_owned(), cause })
}

/// Makes `path` and everything above it.
pub(crate) fn folder(path: &Path) -> Result<(), StageError> {
    std::fs::create_dir_all(path).map_err(|cause| StageError::File { path: path.to_owned(), cause })
}
