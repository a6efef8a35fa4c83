//! The journal's segments on disk: `journal-000001.jsonl` and so on, in the state folder.
//!
//! Contract: **a line that [`JournalFiles::append`] took is on the disk; of one that it did not take nothing is left.** What a power loss leaves at any
//! byte is cut off at the next start, also between making a segment and writing its first line. What goes into the lines is `office::record`'s.

use crate::store::{Store, StoreError, fail};
use journal::segment::{self, Limits, UNDIVIDED};
use journal::{Chain, Tail};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{Error, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Largest segment that is read back at start; that of an older version was the whole journal.
const MAX_SEGMENT: u64 = 256 * 1024 * 1024;

/// The segments, the newest open for appending.
#[derive(Debug)]
pub struct JournalFiles {
    store: Store,
    limits: Limits,
    /// Oldest first.
    segments: VecDeque<Segment>,
    /// The newest one's file; opened when it is first written.
    file: Option<File>,
    /// Bytes of a line that was not taken may still lie behind the newest segment's length.
    ragged: bool,
}

#[derive(Debug)]
struct Segment {
    number: u32,
    /// Number of its last entry.
    last: u64,
    bytes: u64,
}

/// What was found at start.
#[derive(Debug)]
pub struct Found {
    /// Where the chain goes on.
    pub chain: Chain,
    /// Something did not hold; it is kept aside.
    pub altered: bool,
}

impl JournalFiles {
    /// Reads every segment, hands what holds of each to `each`, oldest first, and puts the newest in order. The one file of an older version becomes the
    /// first segment.
    ///
    /// # Errors
    /// [`StoreError`] when a file cannot be read, or is larger than any journal of ours. A full disk is no error here.
    pub fn open(
        store: &Store,
        limits: Limits,
        now_ms: u64,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(Self, Found), StoreError> {
        let mut files = Self { store: store.clone(), limits, segments: VecDeque::new(), file: None, ragged: false };
        let mut altered = files.take_over(now_ms)?;
        let numbers = files.numbers()?;
        let mut chain: Option<Chain> = None;
        for (index, number) in numbers.iter().enumerate() {
            let newest = index + 1 == numbers.len();
            let bytes = files.read(*number)?;
            let mut recovered = journal::recover(&bytes, chain.as_ref());
            if recovered.valid_len == 0 && !bytes.is_empty() && chain.is_some() {
                // It does not follow the one before. What is newer says where the chain stands.
                let own = journal::recover(&bytes, None);
                if own.valid_len > 0 {
                    tracing::error!(segment = number, "a segment of the journal does not follow the one before it");
                    (recovered, altered) = (own, true);
                }
            }
            let valid = &bytes[..recovered.valid_len];
            match &recovered.tail {
                Tail::Clean => {}
                Tail::Torn { bytes } if newest => {
                    tracing::warn!(bytes, "the journal's last line was not written whole; cut off");
                    files.ragged = true;
                }
                Tail::Torn { .. } => {
                    tracing::error!(segment = number, "a segment of the journal was cut");
                    altered = true;
                }
                Tail::Broken(broken) => {
                    tracing::error!(%broken, segment = number, "the journal was altered");
                    altered = true;
                    if newest {
                        files.keep_aside(*number, &bytes, valid, now_ms)?;
                    }
                }
            }
            each(valid);
            let last = recovered.chain.head().entries;
            files.segments.push_back(Segment { number: *number, last, bytes: recovered.valid_len as u64 });
            chain = Some(recovered.chain);
        }
        Ok((files, Found { chain: chain.unwrap_or_default(), altered }))
    }

    /// The undivided journal of an older version becomes segment 1. When there are segments already it cannot be ours.
    fn take_over(&self, now_ms: u64) -> Result<bool, StoreError> {
        let old = self.store.path(UNDIVIDED);
        if !old.exists() {
            return Ok(false);
        }
        if !self.numbers()?.is_empty() {
            tracing::error!("there is a journal.jsonl beside the journal's segments; kept aside");
            self.store.set_aside(UNDIVIDED, now_ms)?;
            return Ok(true);
        }
        let rename = || {
            std::fs::rename(&old, self.path(1))?;
            self.sync()
        };
        rename().map_err(fail("taking over", &old))?;
        Ok(false)
    }

    /// The altered file whole for whoever investigates, and in its place what holds of it, so that the chain goes on without a gap.
    fn keep_aside(&self, number: u32, bytes: &[u8], valid: &[u8], now_ms: u64) -> Result<(), StoreError> {
        let name = segment::name(number);
        let aside = format!("{name}.altered-{now_ms}");
        if self.store.path(&aside).exists() {
            return self.store.replace(&name, valid);
        }
        self.store.replace(&aside, bytes)?;
        self.store.replace(&name, valid)
    }

    fn path(&self, number: u32) -> PathBuf {
        self.store.path(&segment::name(number))
    }

    fn sync(&self) -> std::io::Result<()> {
        self.store.sync_folder(&self.store.path(""))
    }

    fn numbers(&self) -> Result<Vec<u32>, StoreError> {
        let folder = self.store.path("");
        let list = || -> std::io::Result<Vec<u32>> {
            let mut numbers = Vec::new();
            for entry in std::fs::read_dir(&folder)? {
                numbers.extend(entry?.file_name().to_str().and_then(segment::number).filter(|number| *number > 0));
            }
            numbers.sort_unstable();
            Ok(numbers)
        };
        list().map_err(fail("listing", &folder))
    }

    fn read(&self, number: u32) -> Result<Vec<u8>, StoreError> {
        let path = self.path(number);
        let read = || -> std::io::Result<Vec<u8>> {
            let file = File::open(&path)?;
            let length = file.metadata()?.len();
            if length > MAX_SEGMENT {
                return Err(Error::other(format!("{length} bytes, at most {MAX_SEGMENT} are read")));
            }
            let mut bytes = Vec::new();
            file.take(MAX_SEGMENT).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read().map_err(fail("opening", &path))
    }

    /// Appends the line of entry `seq` and waits until it is on the disk. A full segment is followed by a new one.
    ///
    /// # Errors
    /// [`StoreError`]; what the line says must then not happen.
    pub fn append(&mut self, line: &[u8], seq: u64) -> Result<(), StoreError> {
        let path = self.path(self.segments.back().map_or(1, |segment| segment.number));
        let store = self.store.clone();
        store.with_reserve(|| self.try_append(line, seq)).map_err(|error| {
            if let Err(error) = self.trim() {
                tracing::error!(%error, "what there is of a line that was not written stays in the journal for now");
            }
            fail("appending to", &path)(error)
        })
    }

    fn try_append(&mut self, line: &[u8], seq: u64) -> std::io::Result<()> {
        self.trim()?;
        let full =
            |segment: &Segment| segment.bytes > 0 && segment.bytes + line.len() as u64 > self.limits.segment_bytes;
        if self.segments.back().is_none_or(full) {
            self.begin_segment()?;
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.open_newest()?,
        };
        // Until it is known to be on the disk it is not there.
        self.ragged = true;
        file.write_all(line)?;
        file.sync_data()?;
        self.ragged = false;
        self.file = Some(file);
        if let Some(segment) = self.segments.back_mut() {
            segment.bytes += line.len() as u64;
            segment.last = seq;
        }
        Ok(())
    }

    /// Cuts off what is left of a line that was not taken.
    fn trim(&mut self) -> std::io::Result<()> {
        if !self.ragged {
            return Ok(());
        }
        let Some(segment) = self.segments.back() else { return Ok(()) };
        let file = match self.file.take() {
            Some(file) => file,
            None => self.open_newest()?,
        };
        file.set_len(segment.bytes)?;
        file.sync_all()?;
        self.ragged = false;
        self.file = Some(file);
        Ok(())
    }

    /// As [`JournalFiles::append`] does before each line; for a start that writes nothing yet.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn cut_off(&mut self) -> Result<(), StoreError> {
        let path = self.path(self.segments.back().map_or(1, |segment| segment.number));
        self.trim().map_err(fail("truncating", &path))
    }

    fn open_newest(&self) -> std::io::Result<File> {
        let number = self.segments.back().map_or(1, |segment| segment.number);
        OpenOptions::new().append(true).open(self.path(number))
    }

    fn begin_segment(&mut self) -> std::io::Result<()> {
        let (number, last) =
            self.segments.back().map_or((1, 0), |segment| (segment.number.saturating_add(1), segment.last));
        let file = OpenOptions::new().append(true).create(true).mode(0o640).open(self.path(number))?;
        // What a try of before may have left.
        file.set_len(0)?;
        self.sync()?;
        self.segments.push_back(Segment { number, last, bytes: 0 });
        self.file = Some(file);
        Ok(())
    }

    /// The number of the newest entry that should go so that the journal keeps its size.
    #[must_use]
    pub fn surplus(&self) -> Option<u64> {
        let count = self.limits.surplus(self.segments.iter().map(|segment| segment.bytes));
        self.segments.get(count.checked_sub(1)?).map(|segment| segment.last)
    }

    /// Removes the segments whose entries all have numbers up to `last`. The journal must say so already.
    ///
    /// # Errors
    /// [`StoreError`]; the next call tries again.
    pub fn remove_to(&mut self, last: u64) -> Result<(), StoreError> {
        while self.segments.len() > 2 && self.segments.front().is_some_and(|segment| segment.last <= last) {
            let Some(oldest) = self.segments.front() else { return Ok(()) };
            let path = self.path(oldest.number);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(fail("removing", &path)(error));
                }
                _ => drop(self.segments.pop_front()),
            }
        }
        let folder = self.store.path("");
        self.sync().map_err(fail("removing from", &folder))
    }

    /// How many segments there are.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.segments.len()
    }
}
