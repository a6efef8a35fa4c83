//! The chain: turns entries into lines, each bound to the one before it.

use crate::Entry;
use contract::body::{JournalHead, Usage};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// `prev` of the very first line.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Longest line, in bytes, its `\n` included: the longest token and room for everything else.
pub const MAX_LINE: usize = 32 * 1024;

/// Why an entry did not become a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// Longer than a reader accepts.
    #[error("journal entry {seq} takes {bytes} bytes, a line has at most {MAX_LINE}")]
    TooLong {
        /// Its number.
        seq: u64,
        /// How long it would be.
        bytes: usize,
    },
    /// Seconds that are infinite or no number: JSON cannot hold them.
    #[error("journal entry {seq} has usage seconds that are not finite")]
    NotANumber {
        /// Its number.
        seq: u64,
    },
    /// serde refused.
    #[error("journal entry {seq} cannot be written as JSON: {why}")]
    NotJson {
        /// Its number.
        seq: u64,
        /// serde's message.
        why: String,
    },
}

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    prev: &'a str,
    #[serde(flatten)]
    entry: &'a Entry,
}

/// What every line says of its place, whatever else a newer version may add.
#[derive(Deserialize)]
pub(crate) struct Link {
    pub(crate) seq: u64,
    pub(crate) prev: String,
    /// See [`Entry::removed_to`].
    #[serde(default)]
    pub(crate) removed_to: Option<u64>,
    #[serde(default)]
    pub(crate) at_ms: Option<u64>,
}

/// The end of the chain: how many entries there are, and the hash of the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    entries: u64,
    head: String,
}

impl Default for Chain {
    fn default() -> Self {
        Self { entries: 0, head: GENESIS.into() }
    }
}

impl Chain {
    /// A chain without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
    /// The chain that ends at `head`: where a new segment goes on.
    #[must_use]
    pub fn resume(head: &JournalHead) -> Self {
        Self { entries: head.entries, head: head.head.clone() }
    }
    /// The newest head, to be published.
    #[must_use]
    pub fn head(&self) -> JournalHead {
        JournalHead { entries: self.entries, head: self.head.clone() }
    }
    /// Adds `entry`; gives the bytes to write, `\n` included. The chain has moved on: keep a clone to go back to if writing fails.
    ///
    /// # Errors
    /// [`JournalError`]; the chain is then as it was.
    pub fn append(&mut self, entry: &Entry) -> Result<Vec<u8>, JournalError> {
        let seq = self.entries.saturating_add(1);
        if entry.usage.is_some_and(|usage| !is_finite(&usage)) {
            return Err(JournalError::NotANumber { seq });
        }
        let mut line = serde_json::to_vec(&Line { seq, prev: &self.head, entry })
            .map_err(|e| JournalError::NotJson { seq, why: e.to_string() })?;
        if line.len() >= MAX_LINE {
            return Err(JournalError::TooLong { seq, bytes: line.len() + 1 });
        }
        self.advance(&line);
        line.push(b'\n');
        Ok(line)
    }

    pub(crate) fn advance(&mut self, line: &[u8]) {
        self.entries = self.entries.saturating_add(1);
        self.head = Sha256::digest(line).iter().map(|byte| format!("{byte:02x}")).collect();
    }
}

fn is_finite(usage: &Usage) -> bool {
    [usage.seconds_clear, usage.seconds_cautious, usage.seconds_covered, usage.seconds_dark]
        .iter()
        .all(|seconds| seconds.is_finite())
}
