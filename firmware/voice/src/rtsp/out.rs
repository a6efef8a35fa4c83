//! What waits for one connection: answers, and packets framed for it (RFC 2326 §10.12), in order and bounded.
//!
//! Packets that the connection has not begun to take can be taken back; answers are never lost. No allocation per packet once warm.

use super::hall::{Sent, moment};
use std::collections::VecDeque;
use tokio::time::Instant;

/// Most bytes of pictures that wait: one large key picture.
pub(super) const MAX_BACKLOG_BYTES: usize = 512 * 1024;

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Out {
    bytes: Vec<u8>,
    /// Where in `bytes` the first that waits begins.
    start: usize,
    chunks: VecDeque<Chunk>,
    /// Of the first chunk so many bytes are gone already.
    begun: usize,
    media_bytes: usize,
    since: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Chunk {
    length: usize,
    media: bool,
    /// Capture time of the picture that it ends.
    ends: Option<u64>,
}

impl Out {
    /// Bytes of answers.
    pub(super) fn answers(&self) -> usize {
        self.bytes.len() - self.start - self.media_bytes
    }
    /// Since when something waits that the connection has taken nothing of.
    pub(super) fn since(&self) -> Option<Instant> {
        self.since
    }
    /// The bytes to write next.
    pub(super) fn pending(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(super) fn answer(&mut self, bytes: &[u8], now: Instant) {
        self.bytes.extend_from_slice(bytes);
        self.add(bytes.len(), false, None, now);
    }
    /// A packet for `channel`. False when there is no room.
    pub(super) fn packet(&mut self, channel: u8, packet: &[u8], ends: Option<u64>, now: Instant) -> bool {
        let (Ok(length), true) = (u16::try_from(packet.len()), self.media_bytes + packet.len() <= MAX_BACKLOG_BYTES)
        else {
            return false;
        };
        self.bytes.extend_from_slice(&[b'$', channel]);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(packet);
        self.media_bytes += 4 + packet.len();
        self.add(4 + packet.len(), true, ends, now);
        true
    }
    fn add(&mut self, length: usize, media: bool, ends: Option<u64>, now: Instant) {
        self.chunks.push_back(Chunk { length, media, ends });
        self.since.get_or_insert(now);
    }

    /// The connection took `taken` bytes; what was sent by that.
    pub(super) fn took(&mut self, mut taken: usize, now: Instant) -> Option<Sent> {
        let mut sent = Sent { packets: 0, bytes: 0, ends: None };
        self.start += taken;
        self.since = Some(now);
        while let Some(first) = self.chunks.front() {
            let left = first.length - self.begun;
            if taken < left {
                self.begun += taken;
                self.media_bytes -= if first.media { taken } else { 0 };
                return (sent.packets > 0).then_some(sent);
            }
            taken -= left;
            if first.media {
                self.media_bytes -= left;
                sent.packets += 1;
                sent.bytes += first.length - 4;
                sent.ends = first.ends.map(|captured_us| (captured_us, moment())).or(sent.ends);
            }
            self.begun = 0;
            self.chunks.pop_front();
        }
        self.bytes.clear();
        self.start = 0;
        self.since = None;
        (sent.packets > 0).then_some(sent)
    }

    /// Takes back every packet that the connection has not begun to take. Whether one is begun and not finished.
    pub(super) fn forget_media(&mut self) -> bool {
        let mut kept = Vec::with_capacity(self.answers());
        let (mut at, mut first) = (self.start, true);
        let (begun, mut media_bytes) = (self.begun, 0);
        let bytes = &self.bytes;
        self.chunks.retain(|chunk| {
            let left = if first { chunk.length - begun } else { chunk.length };
            let keeps = !chunk.media || (first && begun > 0);
            if keeps {
                kept.extend_from_slice(&bytes[at..at + left]);
                media_bytes += if chunk.media { left } else { 0 };
            }
            (at, first) = (at + left, false);
            keeps
        });
        (self.bytes, self.start, self.media_bytes) = (kept, 0, media_bytes);
        if self.chunks.is_empty() {
            self.since = None;
        }
        media_bytes > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_begun_is_finished_what_is_not_is_taken_back_and_answers_stay() {
        let (mut out, now) = (Out::default(), Instant::now());
        assert!(out.packet(0, b"first", None, now));
        out.answer(b"answer", now);
        assert!(out.packet(0, b"second", Some(7), now));
        assert!(out.took(6, now).is_none());
        assert!(out.forget_media(), "the first packet is begun");
        assert_eq!(out.pending(), b"rstanswer");
        let sent = out.took(3, now).expect("the first packet is out");
        assert_eq!((sent.packets, sent.bytes, sent.ends.is_none()), (1, 5, true));
        assert_eq!((out.answers(), out.pending()), (6, &b"answer"[..]));
        assert!(out.took(6, now).is_none() && out.pending().is_empty() && out.since().is_none());
    }

    #[test]
    fn there_is_an_end_to_what_waits() {
        let (mut out, now) = (Out::default(), Instant::now());
        let packet = [0; 1_000];
        let taken = (0..10_000).take_while(|_| out.packet(0, &packet, None, now)).count();
        assert!((500..=525).contains(&taken), "{taken} packets");
        assert!(!out.forget_media() && out.pending().is_empty(), "none was begun");
    }
}
