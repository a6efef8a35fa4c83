//! The journal as the office keeps it: what is written when, and what a restarted eye finds in it.

use super::OfficeError;
use crate::road::CameraStanding;
use crate::store::{JournalFile, Store, StoreError};
use contract::body::{JournalHead, Mode, SelfTestResult, Usage};
use contract::claims::Grant;
use contract::{EndReason, Jti, SubscriberId, ToldReason};
use grant::Now;
use journal::{Chain, Entry, Tail, What};
use std::collections::BTreeMap;

/// A share that was granted and never ended: the eye died under it.
pub(super) struct LeftOpen {
    pub(super) jti: Jti,
    pub(super) sub: SubscriberId,
}

/// Between two entries about the camera.
const CAMERA_EVERY_MS: u64 = 60_000;

/// The journal, open for appending.
pub struct Record {
    chain: Chain,
    file: JournalFile,
    length: u64,
    model_sha256: String,
    /// The newest entry about the self-test since the start.
    self_test: Option<What>,
    /// The newest entry about the camera, or what would have been one.
    camera: Option<What>,
    /// When it was written.
    camera_ms: Option<u64>,
}

impl Record {
    /// Reads the journal, cuts off what a power loss left half written, and writes that the eye has started.
    pub(super) fn open(
        store: &Store,
        (_, model_sha256): &(String, String),
        now: Now,
    ) -> Result<(Self, Vec<LeftOpen>), OfficeError> {
        let (mut file, bytes) = store.journal()?;
        let recovered = journal::recover(&bytes, None);
        let valid = &bytes[..recovered.valid_len];
        match &recovered.tail {
            Tail::Clean => {}
            Tail::Torn { bytes } => {
                tracing::warn!(bytes, "the journal's last line was not written whole; cut off");
                file.truncate(valid.len() as u64)?;
            }
            Tail::Broken(broken) => {
                tracing::error!(%broken, "the journal was altered; it is kept aside and a new segment goes on");
                store.set_aside("journal.jsonl", now.utc_ms)?;
                file = store.journal()?.0;
            }
        }
        let length = if matches!(recovered.tail, Tail::Broken(_)) { 0 } else { valid.len() as u64 };
        let left_open = left_open(valid);
        let mut record = Self {
            chain: recovered.chain,
            file,
            length,
            model_sha256: model_sha256.clone(),
            self_test: None,
            camera: None,
            camera_ms: None,
        };
        let mut boot = record.entry(What::Boot, now);
        boot.firmware = Some(env!("CARGO_PKG_VERSION").to_owned());
        record.write(&boot)?;
        Ok((record, left_open))
    }

    /// The newest head.
    #[must_use]
    pub fn head(&self) -> JournalHead {
        self.chain.head()
    }

    pub(super) fn policy(&mut self, version: u64, now: Now) -> Result<(), OfficeError> {
        let mut entry = self.entry(What::Policy, now);
        entry.policy_version = Some(version);
        self.write(&entry)
    }

    pub(super) fn granted(
        &mut self,
        grant: &Grant,
        token: Option<String>,
        policy_version: Option<u64>,
        now: Now,
    ) -> Result<(), OfficeError> {
        let mut entry = self.entry(What::Granted, now).of_grant(grant);
        entry.filter_effective = Some(grant.filter);
        entry.policy_version = policy_version;
        entry.token = token;
        self.write(&entry)
    }

    pub(super) fn started(&mut self, jti: &Jti, sub: &SubscriberId, now: Now) -> Result<(), OfficeError> {
        let mut entry = self.entry(What::Started, now);
        entry.share = Some(jti.clone());
        entry.recipient = Some(sub.clone());
        self.write(&entry)
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
        self.write(&entry)
    }

    pub(super) fn mode(&mut self, mode: Mode, now: Now) -> Result<(), OfficeError> {
        let what = match mode {
            Mode::Reserved => What::Preempted,
            Mode::Normal => What::Released,
        };
        let entry = self.entry(what, now);
        self.write(&entry)
    }

    /// An input of the board changed.
    pub(super) fn pins(&mut self, what: What, now: Now) -> Result<(), OfficeError> {
        let entry = self.entry(what, now);
        self.write(&entry)
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
        self.write(&entry)?;
        self.self_test = Some(what);
        Ok(())
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
            self.write(&entry)?;
            self.camera_ms = Some(now.monotonic_ms);
        }
        self.camera = Some(what);
        Ok(())
    }

    fn entry(&self, what: What, now: Now) -> Entry {
        let mut entry = Entry::new(now.utc_ms, now.synchronised, what);
        entry.model_sha256 = Some(self.model_sha256.clone());
        entry
    }

    /// On the disk, or not at all: a line that could not be written whole is cut off again, and the chain is as before.
    fn write(&mut self, entry: &Entry) -> Result<(), OfficeError> {
        let before = self.chain.clone();
        let line = self.chain.append(entry).map_err(|e| OfficeError::Journal(e.to_string()))?;
        match self.file.append(&line) {
            Ok(()) => {
                self.length += line.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.chain = before;
                let undone: Result<(), StoreError> = self.file.truncate(self.length);
                if let Err(error) = undone {
                    tracing::error!(%error, "a half-written line stays in the journal until the next start");
                }
                Err(error.into())
            }
        }
    }
}

/// Shares that were granted and have no end.
fn left_open(journal: &[u8]) -> Vec<LeftOpen> {
    let mut open = BTreeMap::new();
    for entry in journal::lines(journal).flatten() {
        let Some(jti) = entry.share else { continue };
        match entry.event {
            What::Granted => {
                if let Some(sub) = entry.recipient {
                    open.insert(jti, sub);
                }
            }
            What::Ended => drop(open.remove(&jti)),
            _ => {}
        }
    }
    open.into_iter().map(|(jti, sub)| LeftOpen { jti, sub }).collect()
}
