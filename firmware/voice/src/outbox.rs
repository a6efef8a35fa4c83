//! What is to be published, kept until the broker has it: the newest of each retained topic, and what must not be lost.
//!
//! Contract: **a message leaves the box when the broker acknowledged it or its own expiry is over, not before**, except that something gives way
//! when the box is full: share events first, oldest first; then the share log, usage records and ends, oldest first. What gave way is counted.
//! After a lost connection everything that was not acknowledged is offered again, in order. Pure: no socket, time is an argument.

use std::collections::{BTreeMap, VecDeque};
use tokio::time::Instant;

/// Most messages that wait, answers aside.
pub const MOST_WAITING: usize = 512;
/// Most answers that wait.
pub const MOST_ANSWERS: usize = 64;
/// Most messages handed out and not yet acknowledged; below the broker's usual receive maximum of 20.
pub const MOST_UNACKNOWLEDGED: usize = 16;

/// A message to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// Where.
    pub topic: String,
    /// What.
    pub payload: Vec<u8>,
    /// How it is treated.
    pub kind: Kind,
    /// MQTT 5 Correlation Data of an answer.
    pub correlation: Option<Vec<u8>>,
    /// From then on it is of use to nobody; the broker is told how long that is (MQTT 5 §3.3.2.3.3).
    pub expires_at: Option<Instant>,
}

/// How a message is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Retained by the broker; only the newest counts, and it is published anew on every connection.
    Latest,
    /// Not lost: resent until acknowledged.
    Assured,
    /// As [`Kind::Assured`], but gives way to those when the box is full.
    Event,
    /// An answer to somebody who waits: goes first, and is resent until acknowledged or expired.
    Answer,
}

/// The box.
#[derive(Debug, Default)]
pub struct Outbox {
    connected: bool,
    latest: BTreeMap<String, (Vec<u8>, bool)>,
    waiting: VecDeque<Entry>,
    answers: VecDeque<Entry>,
    next_id: u64,
    /// Handed out, not yet given a packet id; in the order in which they will be.
    handed_out: VecDeque<Option<u64>>,
    /// Packet id → which entry.
    unacknowledged: BTreeMap<u16, Option<u64>>,
    lost: u64,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    publication: Publication,
    handed_out: bool,
}

impl Entry {
    fn is_over(&self, now: Instant) -> bool {
        !self.handed_out && self.publication.expires_at.is_some_and(|at| at <= now)
    }
}

impl Outbox {
    /// Puts a message in.
    pub fn put(&mut self, publication: Publication) {
        if publication.kind == Kind::Latest {
            self.latest.insert(publication.topic, (publication.payload, true));
            return;
        }
        self.next_id += 1;
        let entry = Entry { id: self.next_id, publication, handed_out: false };
        if entry.publication.kind == Kind::Answer {
            if self.answers.len() >= MOST_ANSWERS {
                self.answers.pop_front();
                self.lost += 1;
            }
            self.answers.push_back(entry);
            return;
        }
        if self.waiting.len() >= MOST_WAITING {
            let event = self.waiting.iter().position(|entry| entry.publication.kind == Kind::Event);
            self.waiting.remove(event.unwrap_or(0));
            self.lost += 1;
        }
        self.waiting.push_back(entry);
    }

    /// The connection stands: retained messages go out anew.
    pub fn connected(&mut self) {
        self.connected = true;
        for (_, fresh) in self.latest.values_mut() {
            *fresh = true;
        }
    }

    /// The connection is lost: what was not acknowledged will be offered again.
    pub fn disconnected(&mut self) {
        self.connected = false;
        self.handed_out.clear();
        self.unacknowledged.clear();
        for entry in self.waiting.iter_mut().chain(&mut self.answers) {
            entry.handed_out = false;
        }
    }

    /// The next message to hand to the broker, if it may have one more. Every one is sent with QoS 1.
    pub fn hand_out(&mut self, now: Instant) -> Option<Publication> {
        if !self.connected || self.handed_out.len() + self.unacknowledged.len() >= MOST_UNACKNOWLEDGED {
            return None;
        }
        self.waiting.retain(|entry| !entry.is_over(now));
        self.answers.retain(|entry| !entry.is_over(now));
        if let Some(entry) = self.answers.iter_mut().chain(&mut self.waiting).find(|entry| !entry.handed_out) {
            entry.handed_out = true;
            self.handed_out.push_back(Some(entry.id));
            return Some(entry.publication.clone());
        }
        let (topic, (payload, fresh)) = self.latest.iter_mut().find(|(_, (_, fresh))| *fresh)?;
        *fresh = false;
        self.handed_out.push_back(None);
        let (topic, payload) = (topic.clone(), payload.clone());
        Some(Publication { topic, payload, kind: Kind::Latest, correlation: None, expires_at: None })
    }

    /// The oldest message handed out got this packet id.
    pub fn left(&mut self, packet_id: u16) {
        if let Some(id) = self.handed_out.pop_front() {
            self.unacknowledged.insert(packet_id, id);
        }
    }

    /// The broker has it.
    pub fn acknowledged(&mut self, packet_id: u16) {
        if let Some(Some(id)) = self.unacknowledged.remove(&packet_id) {
            self.waiting.retain(|entry| entry.id != id);
            self.answers.retain(|entry| entry.id != id);
        }
    }

    /// Whether there is a connection.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connected
    }
    /// Whether the broker has everything.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.waiting.is_empty()
            && self.answers.is_empty()
            && self.handed_out.is_empty()
            && self.unacknowledged.is_empty()
            && self.latest.values().all(|(_, fresh)| !fresh)
    }
    /// Messages that had to give way.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }
}
