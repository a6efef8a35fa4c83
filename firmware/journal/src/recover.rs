//! Reading it back: after a power loss at any byte, and for an auditor who trusts nothing.

use crate::chain::{Chain, Link, MAX_LINE};
use crate::{Entry, GENESIS};
use contract::body::JournalHead;

/// What follows the valid part of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tail {
    /// Nothing: the segment ends with a whole line.
    Clean,
    /// The beginning of a line whose writing was interrupted. It was never acknowledged; cutting it off loses nothing.
    Torn {
        /// How many bytes of it there are.
        bytes: usize,
    },
    /// A whole line that does not fit. No power loss does that: keep the file for whoever investigates, and go on in a new segment.
    Broken(Broken),
}

/// Where and why the chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal does not hold at byte {offset}, after entry {after}: {why}")]
pub struct Broken {
    /// First byte of the line.
    pub offset: usize,
    /// Number of the last entry that holds.
    pub after: u64,
    /// What is wrong with it.
    pub why: &'static str,
}

/// What is left of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Length of the part that holds, in bytes: truncate the file to this.
    pub valid_len: usize,
    /// The chain at its end: append to this.
    pub chain: Chain,
    /// What came after it.
    pub tail: Tail,
}

/// Reads a segment that may have been cut anywhere. `before` is the chain at the end of the segment before it; `None` believes the
/// first line's own `seq` and `prev`, for a segment whose predecessors were deleted by retention date.
#[must_use]
pub fn recover(segment: &[u8], before: Option<&Chain>) -> Recovered {
    let mut chain = before.cloned();
    let mut valid_len = 0;
    let tail = loop {
        let rest = &segment[valid_len..];
        let Some(end) = rest.iter().take(MAX_LINE).position(|byte| *byte == b'\n') else {
            break match rest.len() {
                0 => Tail::Clean,
                bytes if bytes < MAX_LINE => Tail::Torn { bytes },
                _ => broken(valid_len, chain.as_ref(), "the line is longer than any that was written"),
            };
        };
        match step(&rest[..end], chain.as_ref()) {
            Ok(next) => chain = Some(next),
            Err(why) => break broken(valid_len, chain.as_ref(), why),
        }
        valid_len += end + 1;
    };
    Recovered { valid_len, chain: chain.unwrap_or_default(), tail }
}

/// Verifies a whole journal from its first entry. Compare the result with a head that the board published.
///
/// # Errors
/// [`Broken`] at the first line that does not hold; a torn last line counts as broken here.
pub fn verify(journal: &[u8]) -> Result<JournalHead, Broken> {
    let recovered = recover(journal, Some(&Chain::new()));
    let head = recovered.chain.head();
    match recovered.tail {
        Tail::Clean => Ok(head),
        Tail::Torn { .. } => {
            Err(Broken { offset: recovered.valid_len, after: head.entries, why: "the last line is not whole" })
        }
        Tail::Broken(broken) => Err(broken),
    }
}

/// The entries of a journal, for showing; verify it first. A line that a newer version wrote and this one cannot read is an error.
pub fn lines(journal: &[u8]) -> impl Iterator<Item = Result<Entry, serde_json::Error>> {
    journal.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(serde_json::from_slice)
}

fn broken(offset: usize, chain: Option<&Chain>, why: &'static str) -> Tail {
    Tail::Broken(Broken { offset, after: chain.map_or(0, |chain| chain.head().entries), why })
}

/// The chain after `line`, if it follows `chain`.
fn step(line: &[u8], chain: Option<&Chain>) -> Result<Chain, &'static str> {
    follow(line, chain).map(|(chain, _)| chain)
}

/// The same, and what the line says of itself.
pub(crate) fn follow(line: &[u8], chain: Option<&Chain>) -> Result<(Chain, Link), &'static str> {
    let link: Link = serde_json::from_slice(line).map_err(|_| "not a line of a journal")?;
    let mut chain = match chain {
        Some(chain) => chain.clone(),
        None if link.seq == 0 || !is_hash(&link.prev) => return Err("seq or prev is not one that was ever written"),
        None => Chain::resume(&JournalHead { entries: link.seq - 1, head: link.prev.clone() }),
    };
    let JournalHead { entries, head } = chain.head();
    if link.seq.checked_sub(1) != Some(entries) {
        return Err("seq does not follow: a line was left out, inserted or moved");
    }
    if link.prev != head {
        return Err("prev is not the hash of the line before: one of the two was altered");
    }
    chain.advance(line);
    Ok((chain, link))
}

fn is_hash(text: &str) -> bool {
    text.len() == GENESIS.len() && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
