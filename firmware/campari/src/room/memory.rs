//! What the agent must know after a restart: who it is, its counter, the reserve epoch, the grants that stand, the shares that are over.
//!
//! One JSON file, written to a neighbour and renamed, so that power loss leaves the old or the new one. Grants are kept as the
//! signed tokens and verified again when read: the file cannot give what no centralist signed.

use contract::Jti;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// How far ahead the counter is reserved, so that not every heartbeat writes.
const RESERVE: u64 = 60_000;

/// The file's contents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// No heartbeat before had this counter.
    #[serde(default)]
    pub counter_free_from: u64,
    /// Grants that may stand, as signed.
    #[serde(default)]
    pub grants: Vec<String>,
    /// Extensions of them, as signed.
    #[serde(default)]
    pub extends: Vec<String>,
    /// Ended shares and the end of their window, Unix seconds.
    #[serde(default)]
    pub gone: Vec<(Jti, u64)>,
    /// Which agent this is ([`super::election::AgentId`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Highest reserve epoch that was heard of.
    #[serde(default)]
    pub reserve_epoch: u64,
    /// The newest heartbeat of another agent, as signed: it names shares whose grant this one never saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<String>,
}

/// Why the agent's memory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// It cannot be read or written.
    #[error("state file {}: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// It is something else.
    #[error("state file {}: {cause}; move it away to start anew (running shares will end)", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What the parser said.
        cause: serde_json::Error,
    },
}

/// Reads the file; one that is not there holds nothing.
///
/// # Errors
/// [`MemoryError`].
pub fn read(path: &Path) -> Result<Kept, MemoryError> {
    match std::fs::read(path) {
        Ok(json) => {
            serde_json::from_slice(&json).map_err(|cause| MemoryError::Content { path: path.to_owned(), cause })
        }
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(Kept::default()),
        Err(cause) => Err(MemoryError::File { path: path.to_owned(), cause }),
    }
}

/// Writes the file, mode 0600, all or nothing.
///
/// # Errors
/// [`MemoryError`].
pub fn write(path: &Path, kept: &Kept) -> Result<(), MemoryError> {
    let unwritten = |cause| MemoryError::File { path: path.to_owned(), cause };
    let json = serde_json::to_vec(kept).map_err(|cause| MemoryError::Content { path: path.to_owned(), cause })?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let write = || {
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(&json)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().map_err(unwritten)
}

/// A counter that only grows, over restarts and clock steps: the time in milliseconds, or one more than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    next_least: u64,
    reserved_to: u64,
}

impl Counter {
    /// Goes on from what was kept.
    #[must_use]
    pub fn resume(free_from: u64) -> Self {
        Self { next_least: free_from, reserved_to: free_from }
    }

    /// The next value at `unix_ms`, and, when the reserve is used up, what must be kept before the value goes out.
    pub fn next(&mut self, unix_ms: u64) -> (u64, Option<u64>) {
        let value = self.next_least.max(unix_ms);
        self.next_least = value + 1;
        if self.next_least <= self.reserved_to {
            return (value, None);
        }
        self.reserved_to = value + RESERVE;
        (value, Some(self.reserved_to))
    }

    /// Another agent used this value, with the same key.
    pub fn used(&mut self, value: u64) {
        self.next_least = self.next_least.max(value.saturating_add(1));
    }

    /// What a later run may start from.
    #[must_use]
    pub fn free_from(&self) -> u64 {
        self.reserved_to.max(self.next_least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_grows_through_restarts_and_clock_steps() {
        let (mut last, mut kept) = (0, 0);
        let mut counter = Counter::resume(kept);
        for (unix_ms, restart) in
            [(1_000_000, false), (1_002_000, false), (5, false), (5, true), (1_000_000, true), (9_000_000, false)]
        {
            if restart {
                counter = Counter::resume(kept);
            }
            let (value, keep) = counter.next(unix_ms);
            kept = keep.unwrap_or(kept);
            assert!(value > last, "{value} after {last}");
            last = value;
        }
    }

    #[test]
    fn most_heartbeats_write_nothing() {
        let mut counter = Counter::resume(0);
        let writes = (0..300_u64).filter(|beat| counter.next(1_000_000 + beat * 2_000).1.is_some()).count();
        assert!(writes <= 11, "{writes}");
    }

    #[test]
    fn memory_comes_back_and_a_foreign_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("room.json");
        assert_eq!(read(&path).unwrap(), Kept::default());
        let kept = Kept {
            counter_free_from: 7,
            grants: vec!["a.b.c".into()],
            gone: vec![("x".parse().unwrap(), 9)],
            reserve_epoch: 3,
            agent: Some("0f".into()),
            ..Kept::default()
        };
        write(&path, &kept).unwrap();
        assert_eq!(read(&path).unwrap(), kept);
        std::fs::write(&path, b"{\"counter\":7}").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("room.json") && error.contains("move it away"), "{error}");
    }
}
