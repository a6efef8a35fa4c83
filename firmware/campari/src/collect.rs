//! Collects usage records from the broker into one file, each once, and acknowledges them to their boards.
//!
//! Contract: **a record is acknowledged when it is on this disk, not before**, and is written once however often it is told. The acknowledgement is signed
//! with the room's key: somebody else's would cost the city the record. A record itself is believed as far as the broker's access list is: only the board
//! may write to its topic; what it says can be held against the board's journal.

use crate::clock;
use crate::keys::NamedKey;
use crate::lines;
use crate::mqtt::{Broker, Bus, BusError, BusSettings, Message};
use contract::claims::{TokenKind, UsageAck};
use contract::topic::{CommandTopic, Topics};
use contract::usage::{MAX_USAGE_RECORD, UsageRecord};
use contract::{Audience, CameraId, SiteId};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{Error, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// Why nothing is collected.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The file.
    #[error("usage records {}: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Another collector writes it.
    #[error("usage records {}: another program is writing this file", path.display())]
    Taken {
        /// Which.
        path: PathBuf,
    },
    /// The broker.
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// The file, and which records are in it.
#[derive(Debug)]
pub struct Collection {
    path: PathBuf,
    file: File,
    length: u64,
    known: BTreeSet<String>,
}

impl Collection {
    /// Opens the file, or makes it; cuts off what a power loss left of a record.
    ///
    /// # Errors
    /// [`CollectError`].
    pub fn open(path: &Path) -> Result<Self, CollectError> {
        let fail = |cause| CollectError::File { path: path.to_owned(), cause };
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(CollectError::Taken { path: path.to_owned() }),
            Err(std::fs::TryLockError::Error(cause)) => return Err(fail(cause)),
        }
        let (mut known, mut length) = (BTreeSet::new(), 0);
        lines::each::<Error>(path, MAX_USAGE_RECORD, |line| {
            if line.whole {
                length = line.offset + line.bytes.len() as u64 + 1;
                match serde_json::from_slice::<UsageRecord>(line.bytes) {
                    Ok(record) if !line.too_long => drop(known.insert(record.id())),
                    _ => tracing::warn!(line = line.number, "no usage record; it stays where it is"),
                }
            }
            Ok(())
        })
        .map_err(fail)?;
        // Of a line that is too long only the beginning was seen.
        let end = file.metadata().map_err(fail)?.len();
        if end > length && last_byte(path).map_err(fail)? == Some(b'\n') {
            length = end;
        }
        if end > length {
            tracing::warn!(
                bytes = end - length,
                "the last record was not written whole; cut off, its board tells it again"
            );
            file.set_len(length).and_then(|()| file.sync_all()).map_err(fail)?;
        }
        Ok(Self { path: path.to_owned(), file, length, known })
    }

    /// How many records there are.
    #[must_use]
    pub fn records(&self) -> usize {
        self.known.len()
    }

    /// Writes a record down unless it is there. True when it is new. It is on the disk when this comes back.
    ///
    /// # Errors
    /// [`CollectError`]; do not acknowledge it then.
    pub fn take(&mut self, record: &UsageRecord) -> Result<bool, CollectError> {
        if self.known.contains(&record.id()) {
            return Ok(false);
        }
        let write = |file: &mut File| -> std::io::Result<u64> {
            let mut line = serde_json::to_vec(record)?;
            line.push(b'\n');
            file.write_all(&line)?;
            file.sync_data()?;
            Ok(line.len() as u64)
        };
        match write(&mut self.file) {
            Ok(bytes) => self.length += bytes,
            Err(cause) => {
                if let Err(cause) = self.file.set_len(self.length) {
                    tracing::error!(%cause, "half a record stays in the file until the next start");
                }
                return Err(CollectError::File { path: self.path.clone(), cause });
            }
        }
        self.known.insert(record.id());
        Ok(true)
    }
}

fn last_byte(path: &Path) -> std::io::Result<Option<u8>> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(None);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut byte = [0];
    file.read_exact(&mut byte)?;
    Ok(Some(byte[0]))
}

/// How a collector is to work.
#[derive(Debug, Clone)]
pub struct CollectSettings {
    /// The broker, with the certificate of the role `room`.
    pub broker: Broker,
    /// MQTT client id.
    pub client_id: String,
    /// Its site.
    pub site: SiteId,
    /// The room's key.
    pub key: NamedKey,
}

/// Collects until it is dropped; `tell` hears of every record that comes, and whether it is new. Keeps trying to reach the broker; boards tell again what
/// came while nobody listened.
///
/// # Errors
/// [`CollectError`] when certificates are unusable. A record that cannot be written is not acknowledged, and comes again.
pub async fn collect(
    settings: CollectSettings,
    mut collection: Collection,
    mut tell: impl FnMut(&UsageRecord, bool),
) -> Result<(), CollectError> {
    let subscribe = vec![format!("campari/v1/{}/+/usage", settings.site)];
    let bus = Bus::open(
        &settings.broker,
        BusSettings { client_id: settings.client_id.clone(), subscribe, ..BusSettings::default() },
    )?;
    let mut messages = bus.messages();
    if let Err(cause) = bus.ready(Duration::from_secs(10)).await {
        tracing::warn!(%cause, "nothing is collected yet; trying on");
    }
    loop {
        match messages.recv().await {
            Ok(message) => {
                let Some(record) = record_of(&settings.site, &message) else { continue };
                match collection.take(&record) {
                    Ok(new) => {
                        tell(&record, new);
                        acknowledge(&settings, &bus, &record);
                    }
                    // A disk that is full: the board keeps it and tells it again.
                    Err(error) => tracing::error!("{}; not acknowledged", crate::chain(&error)),
                }
            }
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "messages were missed; their boards tell them again");
            }
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

/// A record that came by the topic of the camera that it names.
fn record_of(site: &SiteId, message: &Message) -> Option<UsageRecord> {
    let camera = message.topic.strip_prefix(&format!("campari/v1/{site}/"))?.strip_suffix("/usage")?;
    if message.payload.len() > MAX_USAGE_RECORD {
        tracing::warn!(camera, bytes = message.payload.len(), "longer than any usage record; ignored");
        return None;
    }
    match serde_json::from_slice::<UsageRecord>(&message.payload) {
        Ok(record) if record.site == *site && record.camera.as_str() == camera => Some(record),
        Ok(_) => {
            tracing::warn!(camera, "a usage record of another camera; ignored");
            None
        }
        Err(cause) => {
            tracing::warn!(camera, %cause, "no usage record; ignored");
            None
        }
    }
}

fn acknowledge(settings: &CollectSettings, bus: &Bus, record: &UsageRecord) {
    let (site, camera): (SiteId, CameraId) = (record.site.clone(), record.camera.clone());
    let claims = UsageAck {
        iss: settings.key.kid.clone(),
        aud: Audience::camera(site.clone(), camera.clone()),
        iat: clock::unix_s(),
        records: vec![record.part()],
    };
    let topic = Topics::new(site, camera).command(CommandTopic::UsageAck);
    let sent = token::sign(TokenKind::UsageAck, &settings.key.kid, &claims, &settings.key.key)
        .map_err(|cause| cause.to_string())
        .and_then(|token| bus.publish(&topic, token, false).map_err(|cause| cause.to_string()));
    if let Err(cause) = sent {
        tracing::warn!(cause, "not acknowledged; the board will tell it again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::body::Usage;
    use contract::{EndReason, Filter};

    fn record(jti: &str) -> UsageRecord {
        UsageRecord {
            site: "almere".parse().unwrap(),
            camera: "613".parse().unwrap(),
            jti: jti.parse().unwrap(),
            sub: "tlc".parse().unwrap(),
            purpose: "traffic".into(),
            view: "v".parse().unwrap(),
            filter: Filter::Fill,
            granted_at_ms: 1,
            started_at_ms: None,
            ended_at_ms: 2,
            reason: EndReason::Expired,
            usage: Usage::default(),
        }
    }

    #[test]
    fn p9_each_record_is_written_once_and_a_file_cut_at_any_byte_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("usage.jsonl");
        let mut collection = Collection::open(&path).unwrap();
        assert!(collection.take(&record("a")).unwrap());
        assert!(!collection.take(&record("a")).unwrap());
        assert!(collection.take(&record("b")).unwrap());
        drop(collection);
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let mut collection = Collection::open(&path).unwrap();
            for jti in ["a", "b", "a"] {
                collection.take(&record(jti)).unwrap();
            }
            assert_eq!(collection.records(), 2, "cut at {cut}");
            drop(collection);
            let mut lines: Vec<_> = std::fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
            lines.sort();
            assert_eq!(lines.join("\n") + "\n", String::from_utf8(whole.clone()).unwrap(), "cut at {cut}");
        }
    }

    #[test]
    fn two_collectors_of_one_file_are_refused_and_foreign_lines_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("usage.jsonl");
        std::fs::write(&path, format!("not ours\n{}\n", "x".repeat(10_000))).unwrap();
        let mut first = Collection::open(&path).unwrap();
        assert!(matches!(Collection::open(&path), Err(CollectError::Taken { .. })));
        first.take(&record("a")).unwrap();
        drop(first);
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3);
        assert_eq!(Collection::open(&path).unwrap().records(), 1);
    }

    #[test]
    fn a_record_that_comes_by_another_cameras_topic_is_ignored() {
        let site: SiteId = "almere".parse().unwrap();
        let message = |topic: &str| Message {
            topic: topic.into(),
            payload: serde_json::to_vec(&record("a")).unwrap(),
            retained: false,
            response_topic: None,
            correlation: vec![],
        };
        assert!(record_of(&site, &message("campari/v1/almere/613/usage")).is_some());
        assert!(record_of(&site, &message("campari/v1/almere/614/usage")).is_none());
        assert!(record_of(&site, &message("campari/v1/utrecht/613/usage")).is_none());
    }
}
