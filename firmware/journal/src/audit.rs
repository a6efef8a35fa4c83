//! For an auditor who has files and trusts nobody: says what they prove.
//!
//! Line by line, so that files of any size need no memory. It believes the first line's own `seq` and `prev`; whether a beginning may be missing is
//! judged at the end, by what the journal itself says that the board removed.

use crate::chain::Chain;
use crate::recover::follow;
use contract::body::JournalHead;

/// Reads a journal, oldest segment first.
#[derive(Debug)]
pub struct Audit {
    chain: Option<Chain>,
    first: Option<(u64, JournalHead)>,
    removed_to: u64,
    times_ms: Option<(u64, u64)>,
    heads: Vec<(JournalHead, Option<String>)>,
}

/// How the journal begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// With the very first entry.
    Whole,
    /// With a later one; the journal says that the board itself removed all before it.
    Removed,
    /// With a later one; of the missing ones the journal says only up to `removed_to` (0: of none) that the board removed them.
    Missing {
        /// The newest entry that the board removed, as far as the journal says.
        removed_to: u64,
    },
}

/// A head seen earlier, held against the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// The journal went through it.
    Holds,
    /// The entry of that number has another hash: everything up to it was written anew.
    Differs,
    /// The journal ends before it: its end was cut off.
    CutOff,
    /// It lies before the first entry that is still there.
    Before,
}

/// What the files prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Number of the first entry that is there.
    pub first: u64,
    /// The newest head; its `entries` is the number of the last one.
    pub head: JournalHead,
    /// How it begins.
    pub beginning: Beginning,
    /// Time of the first and last entry, Unix milliseconds on the board.
    pub times_ms: Option<(u64, u64)>,
    /// Each head that was handed in.
    pub compared: Vec<(JournalHead, Compared)>,
}

impl Audit {
    /// An audit that will compare with `heads`.
    #[must_use]
    pub fn new(heads: impl IntoIterator<Item = JournalHead>) -> Self {
        let heads = heads.into_iter().map(|head| (head, None)).collect();
        Self { chain: None, first: None, removed_to: 0, times_ms: None, heads }
    }

    /// Takes the next line, without its `\n`.
    ///
    /// # Errors
    /// What is wrong with it; the audit then stands where it was.
    pub fn line(&mut self, line: &[u8]) -> Result<(), &'static str> {
        let (chain, link) = follow(line, self.chain.as_ref())?;
        if self.first.is_none() {
            let before = JournalHead { entries: link.seq - 1, head: link.prev.clone() };
            self.note(&before);
            self.first = Some((link.seq, before));
        }
        self.removed_to = self.removed_to.max(link.removed_to.unwrap_or(0));
        if let Some(at_ms) = link.at_ms {
            let (from_ms, _) = self.times_ms.unwrap_or((at_ms, at_ms));
            self.times_ms = Some((from_ms, at_ms));
        }
        self.note(&chain.head());
        self.chain = Some(chain);
        Ok(())
    }

    /// Number of the last entry that holds; 0 when there is none.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.chain.as_ref().map_or(0, |chain| chain.head().entries)
    }

    fn note(&mut self, head: &JournalHead) {
        for (wanted, found) in &mut self.heads {
            if wanted.entries == head.entries {
                *found = Some(head.head.clone());
            }
        }
    }

    /// What was proven; nothing when there was no line.
    #[must_use]
    pub fn finish(self) -> Option<Proof> {
        let (first, _) = self.first?;
        let head = self.chain?.head();
        let beginning = match first {
            1 => Beginning::Whole,
            first if self.removed_to >= first - 1 => Beginning::Removed,
            _ => Beginning::Missing { removed_to: self.removed_to },
        };
        let compare = |wanted: JournalHead, found: Option<String>| {
            let compared = match found {
                Some(hash) if hash == wanted.head => Compared::Holds,
                Some(_) => Compared::Differs,
                None if wanted.entries > head.entries => Compared::CutOff,
                None => Compared::Before,
            };
            (wanted, compared)
        };
        let compared = self.heads.into_iter().map(|(wanted, found)| compare(wanted, found)).collect();
        Some(Proof { first, head: head.clone(), beginning, times_ms: self.times_ms, compared })
    }
}
