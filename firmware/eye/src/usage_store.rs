//! The usage records of this board, kept in `usage/` of the state folder until the control room says that it has them.
//!
//! Contract: **a record is told until it is acknowledged, and leaves no earlier**, whatever restarts in between. `JTI@WHEN.json` is a record; `JTI@WHEN.open` is
//! what a running share has consumed so far, written down every [`CHECKPOINT_MS`], so that a power loss costs seconds of the bill and never adds any.
//! Only a disk that is full keeps a record in memory until there is room.
//!
//! Told at once when it is new; then, while nobody acknowledges anything, the [`WINDOW`] oldest again after [`AGAIN_MS`], twice that, and so on up to
//! [`SELDOM_MS`]. An acknowledgement lets the next ones go: so a control room that was away for a month gets all, and one that never comes costs nothing.

use crate::store::{Store, StoreError, fail};
use contract::body::Usage;
use contract::claims::Grant;
use contract::usage::{MAX_USAGE_RECORD, RecordId, UsageRecord};
use contract::{CameraId, EndReason, Jti, SiteId};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

/// A running share's consumption is written down this often.
pub const CHECKPOINT_MS: u64 = 10_000;
/// Records told again at once.
pub const WINDOW: usize = 16;
/// A record is told again after this long.
pub const AGAIN_MS: u64 = 10_000;
/// And at the least this often.
pub const SELDOM_MS: u64 = 300_000;
/// With an acknowledgement the next ones go after this long.
const NEXT_MS: u64 = 500;
/// Whoever carries them may have them told anew this often: a voice that says so without pause must not have the office tell without pause.
pub const AFRESH_MS: u64 = 1_000;
/// Records that wait at most; then the oldest gives way. The journal has them all.
const MOST_WAITING: usize = 10_000;

const FOLDER: &str = "usage";

/// See the [module](self).
#[derive(Debug)]
pub struct UsageStore {
    store: Store,
    site: SiteId,
    camera: CameraId,
    running: Vec<UsageRecord>,
    checkpoint_ms: u64,
    /// Oldest first.
    waiting: VecDeque<Waiting>,
    /// What a share had consumed when the eye died under it.
    cut_short: BTreeMap<RecordId, UsageRecord>,
    tries: u32,
    again_ms: u64,
    /// When any were told last.
    told_ms: Option<u64>,
}

#[derive(Debug)]
struct Waiting {
    record: UsageRecord,
    told: bool,
    stored: bool,
}

impl UsageStore {
    /// Reads what was kept. A file that is no record is kept aside.
    ///
    /// # Errors
    /// [`StoreError`] when the folder cannot be made or read.
    pub fn open(store: &Store, site: &SiteId, camera: &CameraId, now_utc_ms: u64) -> Result<Self, StoreError> {
        let folder = store.path(FOLDER);
        match std::fs::create_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            // A new file is refused on a full disk; a share cannot begin then anyhow.
            Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {}
            made => made.map_err(fail("making folder", &folder))?,
        }
        let mut opened = Self {
            store: store.clone(),
            site: site.clone(),
            camera: camera.clone(),
            running: Vec::new(),
            checkpoint_ms: 0,
            waiting: VecDeque::new(),
            cut_short: BTreeMap::new(),
            tries: 0,
            again_ms: 0,
            told_ms: None,
        };
        let mut waiting = Vec::new();
        for name in names(&folder)? {
            let kept = format!("{FOLDER}/{name}");
            let ending = Path::new(&name).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            if !matches!(ending, "json" | "open") {
                continue;
            }
            match read(store, &kept) {
                Ok(record) if ending == "json" => waiting.push(record),
                Ok(record) => drop(opened.cut_short.insert(record.part(), record)),
                Err(cause) => {
                    tracing::error!(file = kept, cause, "no usage record; kept aside");
                    store.set_aside(&kept, now_utc_ms)?;
                }
            }
        }
        waiting.sort_by_key(|record| record.ended_at_ms);
        opened.waiting = waiting.into_iter().map(|record| Waiting { record, told: true, stored: true }).collect();
        Ok(opened)
    }

    /// A share is granted.
    pub fn granted(&mut self, grant: &Grant, at_ms: u64) {
        self.running.push(UsageRecord {
            site: self.site.clone(),
            camera: self.camera.clone(),
            jti: grant.envelope.jti.clone(),
            sub: grant.sub.clone(),
            purpose: grant.purpose.clone(),
            view: grant.view.clone(),
            filter: grant.filter,
            granted_at_ms: at_ms,
            started_at_ms: None,
            ended_at_ms: at_ms,
            reason: EndReason::Fault,
            usage: Usage::default(),
        });
    }

    /// Its media may flow.
    pub fn started(&mut self, jti: &Jti, at_ms: u64) {
        if let Some(record) = self.running.iter_mut().find(|record| record.jti == *jti) {
            record.started_at_ms = Some(at_ms);
            write_down(&self.store, record, "open");
        }
    }

    /// Writes down what the running shares have consumed, when it is time.
    pub fn checkpoint(&mut self, so_far: impl Fn(&Jti) -> Option<Usage>, utc_ms: u64, monotonic_ms: u64) {
        if monotonic_ms.saturating_sub(self.checkpoint_ms) < CHECKPOINT_MS {
            return;
        }
        self.checkpoint_ms = monotonic_ms;
        for record in self.running.iter_mut().filter(|record| record.started_at_ms.is_some()) {
            if let Some(usage) = so_far(&record.jti).filter(|usage| *usage != record.usage) {
                (record.usage, record.ended_at_ms) = (usage, utc_ms);
                write_down(&self.store, record, "open");
            }
        }
        // What a full disk did not take.
        for waiting in self.waiting.iter_mut().filter(|waiting| !waiting.stored) {
            waiting.stored = write_down(&self.store, &waiting.record, "json");
        }
    }

    /// A share is over. The record is on the disk when this comes back, before the journal has the end.
    pub fn ended(&mut self, jti: &Jti, reason: EndReason, usage: Usage, at_ms: u64) {
        let Some(at) = self.running.iter().position(|record| record.jti == *jti) else { return };
        let mut record = self.running.swap_remove(at);
        (record.reason, record.usage, record.ended_at_ms) = (reason, usage, at_ms);
        self.keep(record);
    }

    /// What a share had consumed that the eye died under; its record is kept now, once. `None` when nothing of it had flowed.
    pub fn cut_short(&mut self, part: &RecordId, at_ms: u64) -> Option<Usage> {
        // Its record was kept, and then the power went before the journal had its end.
        let kept =
            self.waiting.iter().find(|waiting| waiting.record.part() == *part).map(|waiting| waiting.record.usage);
        if kept.is_some() {
            return kept;
        }
        let mut record = self.cut_short.remove(part)?;
        (record.reason, record.ended_at_ms) = (EndReason::Fault, at_ms);
        let usage = record.usage;
        self.keep(record);
        Some(usage)
    }

    /// Removes what is left of shares whose end the journal has already.
    pub fn tidy(&mut self) {
        for part in std::mem::take(&mut self.cut_short).into_keys() {
            self.remove(&part, "open");
        }
    }

    fn keep(&mut self, record: UsageRecord) {
        let stored = write_down(&self.store, &record, "json");
        self.remove(&record.part(), "open");
        if self.waiting.len() >= MOST_WAITING
            && let Some(oldest) = self.waiting.pop_front()
        {
            tracing::error!("nobody takes usage records; the oldest gives way, the journal has it");
            self.remove(&oldest.record.part(), "json");
        }
        self.waiting.push_back(Waiting { record, told: false, stored });
    }

    fn remove(&self, part: &RecordId, ending: &str) {
        let path = self.store.path(&file(part, ending));
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::error!(%error, file = %path.display(), "cannot be removed");
            }
            _ => {}
        }
    }

    /// The records to tell now.
    pub fn due(&mut self, monotonic_ms: u64) -> Vec<&UsageRecord> {
        let again = !self.waiting.is_empty() && monotonic_ms >= self.again_ms;
        let mut due = Vec::new();
        for (at, waiting) in self.waiting.iter_mut().enumerate() {
            if due.len() >= WINDOW {
                break;
            }
            if !waiting.told || (again && at < WINDOW) {
                waiting.told = true;
                due.push(&waiting.record);
            }
        }
        if !due.is_empty() {
            self.told_ms = Some(monotonic_ms);
            self.again_ms = monotonic_ms + (AGAIN_MS << self.tries.min(5)).min(SELDOM_MS);
            self.tries = if again { self.tries.saturating_add(1) } else { self.tries };
        }
        due
    }

    /// There is a new voice, or its broker is back: what waits is told again, within a second.
    pub fn afresh(&mut self, monotonic_ms: u64) {
        let soonest_ms = self.told_ms.map_or(monotonic_ms, |told_ms| monotonic_ms.max(told_ms + AFRESH_MS));
        // Never later than they would be anyway.
        (self.tries, self.again_ms) = (0, self.again_ms.min(soonest_ms));
    }

    /// The control room has these. Says how many of them were waiting.
    pub fn acknowledged(&mut self, records: &[RecordId], monotonic_ms: u64) -> usize {
        let before = self.waiting.len();
        for part in records {
            if let Some(at) = self.waiting.iter().position(|waiting| waiting.record.part() == *part) {
                self.remove(part, "json");
                self.waiting.remove(at);
            }
        }
        if self.waiting.len() < before {
            (self.tries, self.again_ms) = (0, monotonic_ms + NEXT_MS);
        }
        before - self.waiting.len()
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

fn file(RecordId { jti, granted_at_ms }: &RecordId, ending: &str) -> String {
    format!("{FOLDER}/{jti}@{granted_at_ms}.{ending}")
}

/// Whether it is on the disk.
fn write_down(store: &Store, record: &UsageRecord, ending: &str) -> bool {
    let written = serde_json::to_vec(record).map_err(|error| error.to_string()).and_then(|bytes| {
        store.make_folder(FOLDER).map_err(|error| error.to_string())?;
        store.replace(&file(&record.part(), ending), &bytes).map_err(|error| error.to_string())
    });
    if let Err(cause) = &written {
        tracing::error!(cause, "a usage record is not on disk");
    }
    written.is_ok()
}

fn names(folder: &Path) -> Result<Vec<String>, StoreError> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(fail("listing", folder))?,
    };
    Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

fn read(store: &Store, name: &str) -> Result<UsageRecord, String> {
    let bytes = store.read(name).map_err(|error| error.to_string())?.unwrap_or_default();
    if bytes.len() > MAX_USAGE_RECORD {
        return Err(format!("{} bytes, at most {MAX_USAGE_RECORD}", bytes.len()));
    }
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}
