//! The journal as the office keeps it: what is written when, and what a restarted eye finds in it.
//!
//! While it cannot be written ([`Record::fault`]) nobody may watch. What happens then and must be in it is owed: kept in memory, with its time, and
//! written when there is room again ([`Record::mend`]).

use super::OfficeError;
use crate::journal_files::JournalFiles;
use crate::road::CameraStanding;
use crate::store::Store;
use contract::body::{JournalHead, Mode, SelfTestResult, Usage};
use contract::claims::Grant;
use contract::{EndReason, Filter, Jti, SubscriberId, ToldReason};
use grant::Now;
use journal::segment::Limits;
use journal::{Chain, Entry, What};
use std::collections::{BTreeMap, VecDeque};

/// A share that was granted and never ended: the eye died under it.
pub(super) struct LeftOpen {
    pub(super) jti: Jti,
    pub(super) sub: SubscriberId,
    pub(super) granted_at_ms: u64,
}

/// Between two entries about the camera.
const CAMERA_EVERY_MS: u64 = 60_000;

const FULL: &str = "the disk is full";
/// Entries owed; beyond that the oldest give way.
const MOST_OWED: usize = 256;

/// The journal, open for appending.
pub struct Record {
    chain: Chain,
    files: JournalFiles,
    store: Store,
    /// Why it cannot be written.
    fault: Option<String>,
    /// What could not be written, oldest first.
    owed: VecDeque<Entry>,
    model_sha256: String,
    /// The newest entry about the self-test since the start.
    self_test: Option<What>,
    /// The newest entry about the camera, or what would have been one.
    camera: Option<What>,
    /// When it was written.
    camera_ms: Option<u64>,
    /// When a viewer's going was written last, monotonic.
    pub(super) viewers_ms: Option<u64>,
    /// Whose, until the return is written.
    pub(super) gone: Option<Jti>,
}

impl Record {
    /// Reads the journal, cuts off what a power loss left half written, and writes that the eye has started. A full disk is no error: see [`Record::fault`].
    pub(super) fn open(
        store: &Store,
        limits: Limits,
        (_, model_sha256): &(String, String),
        now: Now,
    ) -> Result<(Self, Vec<LeftOpen>), OfficeError> {
        let mut open = BTreeMap::new();
        let (mut files, found) = JournalFiles::open(store, limits, now.utc_ms, |lines| left_open(lines, &mut open))?;
        files.cut_off()?;
        let mut record = Self {
            chain: found.chain,
            files,
            store: store.clone(),
            fault: None,
            owed: VecDeque::new(),
            model_sha256: model_sha256.clone(),
            self_test: None,
            camera: None,
            camera_ms: None,
            viewers_ms: None,
            gone: None,
        };
        if let Err(error) = store.lay_by() {
            record.fail(&error.to_string(), now);
        }
        if found.altered {
            let entry = record.entry(What::JournalAltered, now);
            record.owe(entry);
        }
        let mut boot = record.entry(What::Boot, now);
        boot.firmware = Some(env!("CARGO_PKG_VERSION").to_owned());
        record.owe(boot);
        record.pay(now);
        Ok((record, open.into_values().collect()))
    }

    /// Why nothing can be written; meanwhile nobody may watch.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// Tries to get out of a fault: lays room by again, then writes what is owed. True when it has come to that.
    pub(super) fn mend(&mut self, now: Now) -> bool {
        if self.fault.is_none() || self.store.lay_by().is_err() {
            return false;
        }
        self.fault = None;
        self.pay(now);
        if self.fault.is_some() {
            return false;
        }
        let entry = self.entry(What::JournalRestored, now);
        self.owe(entry);
        self.pay(now);
        tracing::info!("the journal can be written again");
        self.fault.is_none()
    }

    /// Whether the room in reserve had to be used by anything.
    pub(super) fn check(&mut self, now: Now) {
        if !self.store.has_reserve() {
            self.fail(FULL, now);
        }
    }

    fn fail(&mut self, cause: &str, now: Now) {
        if self.fault.is_some() {
            return;
        }
        tracing::error!(cause, "the journal cannot be written; nobody may watch until it can");
        self.fault = Some(cause.to_owned());
        // Once, however often it is tried in vain.
        if self.owed.iter().all(|entry| entry.event != What::JournalFault) {
            let entry = self.entry(What::JournalFault, now);
            self.owe(entry);
        }
    }

    fn owe(&mut self, entry: Entry) {
        if self.owed.len() >= MOST_OWED {
            self.owed.pop_front();
            tracing::error!("more must be in the journal than can be kept until it can be written; the oldest is lost");
        }
        self.owed.push_back(entry);
    }

    /// Writes what is owed, as far as it goes.
    fn pay(&mut self, now: Now) {
        while let Some(entry) = self.owed.pop_front() {
            match self.append(&entry, now) {
                Ok(()) => {}
                // What cannot be a line today cannot be one tomorrow.
                Err(error @ OfficeError::Journal(_)) => tracing::error!(%error, "an entry is not in the journal"),
                Err(error) => {
                    tracing::debug!(%error, "still owed");
                    self.owed.push_front(entry);
                    return;
                }
            }
        }
    }

    /// The newest head.
    #[must_use]
    pub fn head(&self) -> JournalHead {
        self.chain.head()
    }

    pub(super) fn policy(&mut self, version: u64, now: Now) -> Result<(), OfficeError> {
        let mut entry = self.entry(What::Policy, now);
        entry.policy_version = Some(version);
        self.write(&entry, now)
    }

    pub(super) fn granted(
        &mut self,
        grant: &Grant,
        filter: Filter,
        token: Option<String>,
        policy_version: Option<u64>,
        now: Now,
    ) -> Result<(), OfficeError> {
        let mut entry = self.entry(What::Granted, now).of_grant(grant);
        entry.filter_effective = Some(filter);
        entry.policy_version = policy_version;
        entry.token = token;
        self.write(&entry, now)
    }

    pub(super) fn started(&mut self, jti: &Jti, sub: &SubscriberId, now: Now) -> Result<(), OfficeError> {
        let mut entry = self.entry(What::Started, now);
        entry.share = Some(jti.clone());
        entry.recipient = Some(sub.clone());
        // Never owed: where it cannot be written nothing starts.
        self.pay(now);
        if self.owed.is_empty() { self.append(&entry, now) } else { Err(self.not_written()) }
    }

    pub(super) fn ended(
        &mut self,
        jti: &Jti,
        sub: &SubscriberId,
        reason: EndReason,
        told: ToldReason,
        usage: &Usage,
        now: Now,
    ) -> Result<(), OfficeError> {
        let mut entry = self.entry(What::Ended, now).of_end(jti.clone(), reason, *usage);
        entry.recipient = Some(sub.clone());
        entry.told_reason = Some(told);
        self.write(&entry, now)
    }

    pub(super) fn mode(&mut self, mode: Mode, now: Now) -> Result<(), OfficeError> {
        let what = match mode {
            Mode::Reserved => What::Preempted,
            Mode::Normal => What::Released,
        };
        let entry = self.entry(what, now);
        self.write(&entry, now)
    }

    /// An input of the board changed.
    pub(super) fn pins(&mut self, what: What, now: Now) -> Result<(), OfficeError> {
        let entry = self.entry(what, now);
        self.write(&entry, now)
    }

    /// What the detector's self-test came to, if that is not what was written last. A test that still runs is nothing yet.
    pub(super) fn self_test(&mut self, result: SelfTestResult, now: Now) -> Result<(), OfficeError> {
        let what = match result {
            SelfTestResult::Running => return Ok(()),
            SelfTestResult::Passed => What::SelfTestPassed,
            SelfTestResult::Failed => What::SelfTestFailed,
        };
        if self.self_test == Some(what) {
            return Ok(());
        }
        let entry = self.entry(what, now);
        self.self_test = Some(what);
        self.write(&entry, now)
    }

    /// How it is with the camera, if that is not what was written last. A loose plug is not to fill the disk: after an entry there is none for a minute.
    pub(super) fn camera(&mut self, standing: CameraStanding, now: Now) -> Result<(), OfficeError> {
        let what = match standing {
            CameraStanding::Awaited => return Ok(()),
            CameraStanding::Delivering => What::CameraBack,
            CameraStanding::Lost | CameraStanding::Frozen => What::CameraLost,
        };
        let too_soon = self.camera_ms.is_some_and(|at_ms| now.monotonic_ms.saturating_sub(at_ms) < CAMERA_EVERY_MS);
        if self.camera == Some(what) || too_soon {
            return Ok(());
        }
        // A camera that is there from the start is nothing to write about.
        if self.camera.is_some() || what == What::CameraLost {
            let entry = self.entry(what, now);
            self.camera_ms = Some(now.monotonic_ms);
            self.camera = Some(what);
            return self.write(&entry, now);
        }
        self.camera = Some(what);
        Ok(())
    }

    pub(super) fn entry(&self, what: What, now: Now) -> Entry {
        let mut entry = Entry::new(now.utc_ms, now.synchronised, what);
        entry.model_sha256 = Some(self.model_sha256.clone());
        entry
    }

    /// On the disk, in the order in which things happened, or owed until it can be.
    pub(super) fn write(&mut self, entry: &Entry, now: Now) -> Result<(), OfficeError> {
        self.pay(now);
        if self.owed.is_empty() {
            match self.append(entry, now) {
                Ok(()) => return Ok(()),
                Err(error @ OfficeError::Journal(_)) => return Err(error),
                Err(error) => tracing::debug!(%error, "owed"),
            }
        }
        self.owe(entry.clone());
        Err(self.not_written())
    }

    fn not_written(&self) -> OfficeError {
        OfficeError::Journal(self.fault.clone().unwrap_or_default())
    }

    /// On the disk, or not at all: the chain is then as before.
    fn append(&mut self, entry: &Entry, now: Now) -> Result<(), OfficeError> {
        let before = self.chain.clone();
        let line = self.chain.append(entry).map_err(|e| OfficeError::Journal(e.to_string()))?;
        if let Err(error) = self.files.append(&line, self.chain.head().entries) {
            self.chain = before;
            self.fail(&error.to_string(), now);
            return Err(error.into());
        }
        if !self.store.has_reserve() {
            self.fail(FULL, now);
        }
        self.shorten(now);
        Ok(())
    }

    /// Lets the oldest segments go when the journal is larger than it may be: first in words, then in deed.
    fn shorten(&mut self, now: Now) {
        let Some(removed_to) = self.files.surplus() else { return };
        let mut entry = self.entry(What::Truncated, now);
        entry.removed_to = Some(removed_to);
        let before = self.chain.clone();
        let Ok(line) = self.chain.append(&entry) else { return };
        if let Err(error) = self.files.append(&line, self.chain.head().entries) {
            self.chain = before;
            self.fail(&error.to_string(), now);
            return;
        }
        if let Err(error) = self.files.remove_to(removed_to) {
            tracing::error!(%error, "old segments of the journal stay for now");
        }
    }
}

/// Adds the shares that `journal` grants to `open`, and takes those out that it ends.
fn left_open(journal: &[u8], open: &mut BTreeMap<Jti, LeftOpen>) {
    for entry in journal::lines(journal).flatten() {
        let Some(jti) = entry.share else { continue };
        match entry.event {
            What::Granted | What::Restored => {
                if let Some(sub) = entry.recipient {
                    open.insert(jti.clone(), LeftOpen { jti, sub, granted_at_ms: entry.at_ms });
                }
            }
            What::Ended => drop(open.remove(&jti)),
            _ => {}
        }
    }
}
