//! The model file, read once; what is checked here is the memory that runs, so that nobody can swap the file between check and use.

use crate::manifest::ModelEntry;
use board_hal::DetectorError;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Largest model that is read at all, bytes.
const MAX_BYTES: u64 = 256 << 20;

/// Reads the file and compares length and sha256 with the manifest.
pub(crate) fn read(path: &Path, entry: &ModelEntry) -> Result<Vec<u8>, DetectorError> {
    let refuse = |cause: String| DetectorError::Model { file: path.display().to_string(), cause };
    if entry.bytes > MAX_BYTES {
        return Err(refuse(format!(
            "the manifest says {} bytes; more than {MAX_BYTES} is no model for a board",
            entry.bytes
        )));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(entry.bytes + 1).read_to_end(&mut bytes))
        .map_err(|e| refuse(format!("cannot be read ({e}); it belongs beside the manifest")))?;
    if bytes.len() as u64 != entry.bytes {
        let have = if bytes.len() as u64 > entry.bytes { "more".to_owned() } else { bytes.len().to_string() };
        return Err(refuse(format!("has {have} bytes, the manifest says {}; copy the file again", entry.bytes)));
    }
    let found = hex(&Sha256::digest(&bytes));
    if found != entry.sha256 {
        return Err(refuse(format!(
            "has sha256 {found}, the manifest says {}; it was altered or is from another release: take both from one release",
            entry.sha256
        )));
    }
    Ok(bytes)
}

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
