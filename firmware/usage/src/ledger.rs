//! Every record once, by its id.

use crate::Month;
use contract::body::Usage;
use contract::usage::{MAX_USAGE_RECORD, UsageRecord};
use std::collections::BTreeMap;

/// Most seconds that one share can have on one rung: a year.
const MOST_SECONDS: f64 = 366.0 * 86_400.0;

/// Records by their id.
#[derive(Debug, Default)]
pub struct Ledger {
    records: BTreeMap<String, (Month, UsageRecord)>,
    repeated: u64,
    refused: u64,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is a record that was not there before.
    New,
    /// It was there already, the same to the last field.
    Repeated,
}

/// Why a line does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRecord {
    /// Longer than any record.
    #[error("{0} bytes; a usage record has at most {MAX_USAGE_RECORD}")]
    TooLong(usize),
    /// Not JSON, or not a usage record.
    #[error("not a usage record: {0}")]
    Malformed(String),
    /// A number that cannot be.
    #[error("record {id}: {what}")]
    Impossible {
        /// Which.
        id: String,
        /// What is wrong.
        what: &'static str,
    },
    /// The same id with other contents; the first one counts.
    #[error("record {0} was read before and says something else here; the first one counts")]
    Contradicts(String),
}

impl Ledger {
    /// Takes one line of a file of records.
    ///
    /// # Errors
    /// [`NoRecord`]; the line does not count then.
    pub fn line(&mut self, line: &[u8]) -> Result<Taken, NoRecord> {
        let taken = self.take(line);
        match &taken {
            Ok(Taken::New) => {}
            Ok(Taken::Repeated) => self.repeated += 1,
            Err(_) => self.refused += 1,
        }
        taken
    }

    fn take(&mut self, line: &[u8]) -> Result<Taken, NoRecord> {
        if line.len() > MAX_USAGE_RECORD {
            return Err(NoRecord::TooLong(line.len()));
        }
        let record: UsageRecord =
            serde_json::from_slice(line).map_err(|error| NoRecord::Malformed(error.to_string()))?;
        let id = record.id();
        let impossible = |what| NoRecord::Impossible { id: id.clone(), what };
        let Usage { seconds_clear, seconds_cautious, seconds_covered, seconds_dark, .. } = record.usage;
        if ![seconds_clear, seconds_cautious, seconds_covered, seconds_dark]
            .iter()
            .all(|seconds| (0.0..=MOST_SECONDS).contains(seconds))
        {
            return Err(impossible("seconds that are below 0 or above a year"));
        }
        if record.ended_at_ms < record.granted_at_ms {
            return Err(impossible("it ended before it was granted"));
        }
        let month = Month::of_unix_ms(record.ended_at_ms).ok_or_else(|| impossible("its end is no date"))?;
        match self.records.get(&id) {
            Some((_, known)) if *known == record => Ok(Taken::Repeated),
            Some(_) => Err(NoRecord::Contradicts(id)),
            None => {
                self.records.insert(id, (month, record));
                Ok(Taken::New)
            }
        }
    }

    /// The records, each with the month in which it ended, in the order of their ids.
    pub fn records(&self) -> impl Iterator<Item = (Month, &UsageRecord)> {
        self.records.values().map(|(month, record)| (*month, record))
    }
    /// Different records.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.records.len() as u64
    }
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
    /// Whether a record of that id is there.
    #[must_use]
    pub fn knows(&self, id: &str) -> bool {
        self.records.contains_key(id)
    }
    /// Lines that said again what was there.
    #[must_use]
    pub fn repeated(&self) -> u64 {
        self.repeated
    }
    /// Lines that do not count.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }
}
