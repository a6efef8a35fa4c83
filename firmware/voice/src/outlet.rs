//! The way of one share's pictures out: packetiser, encryption where the share has a key, gate, and a bounded backlog for what the socket does not take at once.
//!
//! Contract: **between `open` and `close` packets go out in order; outside nothing does; what waits never waits longer than [`MAX_WAIT`].** A picture
//! that cannot keep that is dropped with all that follow up to the next key picture, so latency never creeps (P11).
//! No socket here: whoever sends is an argument. No allocation per packet once warm.

use crate::clock;
use crate::meter::Meter;
use rtp::srtp::Protector;
use rtp::{MediaTime, Packetiser};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::Duration;
use tokio::time::Instant;

/// Longest that a packet waits for the socket.
pub const MAX_WAIT: Duration = Duration::from_millis(100);
/// Most bytes that wait: one large key picture.
pub const MAX_BACKLOG_BYTES: usize = 512 * 1024;
/// After the last sign that nobody listens, this long without one means that somebody does. (A host may send such signs only once a second:
/// then a key picture is asked for once a second until somebody listens, which costs nobody anything.)
const REFUSAL_OVER: Duration = Duration::from_millis(300);

/// One encoded picture.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    /// Annex B access unit.
    pub unit: &'a [u8],
    /// Capture, monotonic microseconds.
    pub captured_monotonic_us: u64,
    /// Capture, UTC microseconds.
    pub captured_utc_us: u64,
    /// Whether decoding can start here.
    pub key: bool,
}

/// What became of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The kernel has it, or it waits in the backlog.
    Sent,
    /// Not sent: a key picture has to come first.
    AwaitsKey,
    /// Not sent, or not whole: the socket did not take it. A key picture has to come next.
    Dropped,
}

/// Sends a datagram without waiting; `WouldBlock` when there is no room.
pub trait Sink {
    /// Sends one datagram.
    ///
    /// # Errors
    /// As a connected UDP socket.
    fn send(&self, datagram: &[u8]) -> io::Result<()>;
}

/// One share's way out.
#[derive(Debug)]
pub struct Outlet {
    packetiser: Packetiser,
    protector: Option<Protector>,
    gate: Gate,
    awaits_key: bool,
}

/// What stands between a packet and the socket.
#[derive(Debug, Default)]
struct Gate {
    open: bool,
    bytes: Vec<u8>,
    /// Length of each waiting packet, and the capture time of the picture that it ends.
    waiting: VecDeque<(usize, Option<u64>)>,
    /// Where in `bytes` the first waiting packet begins.
    start: usize,
    since: Option<Instant>,
    refused_at: Option<Instant>,
    refusals: u32,
}

impl Outlet {
    /// A closed one.
    #[must_use]
    pub fn new(packetiser: Packetiser) -> Self {
        Self { packetiser, protector: None, gate: Gate::default(), awaits_key: true }
    }
    /// A closed one that encrypts.
    #[must_use]
    pub fn encrypting(packetiser: Packetiser, protector: Protector) -> Self {
        Self { protector: Some(protector), ..Self::new(packetiser) }
    }
    /// An RTCP packet as it goes out: encrypted as the media is.
    pub fn control<'a>(&'a mut self, packet: &'a [u8]) -> &'a [u8] {
        match &mut self.protector {
            Some(protector) => protector.rtcp(packet),
            None => packet,
        }
    }
    /// The share started, or goes on: with a key picture.
    pub fn open(&mut self) {
        self.gate.open = true;
        self.awaits_key = true;
    }
    /// The share is over or waits: what waits is forgotten, and nothing goes out any more.
    pub fn close(&mut self) {
        self.gate.open = false;
        self.gate.forget();
    }
    /// For sender reports.
    #[must_use]
    pub fn packetiser(&self) -> &Packetiser {
        &self.packetiser
    }
    /// Whether the next picture has to be a key picture.
    #[must_use]
    pub fn awaits_key(&self) -> bool {
        self.awaits_key
    }
    /// Whether packets wait for the socket.
    #[must_use]
    pub fn is_backed_up(&self) -> bool {
        !self.gate.waiting.is_empty()
    }
    /// A sign (ICMP port unreachable) came that nobody listens.
    pub fn refused(&mut self, now: Instant) {
        self.gate.refused_at = Some(now);
    }
    /// How many such signs came with the sending, since this was last asked.
    pub fn take_refusals(&mut self) -> u32 {
        std::mem::take(&mut self.gate.refusals)
    }
    /// Whether somebody began to listen where nobody did: true once, when refusals have ceased.
    pub fn listener_appeared(&mut self, now: Instant) -> bool {
        self.gate.refused_at.is_some_and(|at| now.duration_since(at) > REFUSAL_OVER)
            && self.gate.refused_at.take().is_some()
    }

    /// Sends a picture, or as much of it as the socket takes; the rest waits.
    pub fn picture(&mut self, picture: &Picture<'_>, now: Instant, sink: &impl Sink, meter: &mut Meter) -> Fate {
        if self.gate.since.is_some_and(|since| now.duration_since(since) > MAX_WAIT) {
            meter.dropped(self.gate.forget());
            self.awaits_key = true;
        }
        if self.awaits_key && !picture.key {
            meter.dropped(u64::from(self.packetiser.packets() > 0));
            return Fate::AwaitsKey;
        }
        let Self { packetiser, protector, gate, .. } = self;
        let mut whole = true;
        let at = MediaTime(picture.captured_monotonic_us);
        packetiser.packetise(picture.unit, at, picture.captured_utc_us, |packet| {
            // The marker (RFC 3550 §5.1) is on the picture's last packet.
            let ends = (packet[1] & 0x80 != 0).then_some(picture.captured_monotonic_us);
            let packet = match protector {
                Some(protector) => protector.rtp(packet),
                None => packet,
            };
            whole = whole && gate.pass(packet, ends, now, sink, meter);
        });
        self.awaits_key = !whole;
        if whole {
            return Fate::Sent;
        }
        meter.dropped(1);
        Fate::Dropped
    }

    /// The socket takes packets again.
    pub fn drain(&mut self, sink: &impl Sink, meter: &mut Meter) {
        self.gate.drain(sink, meter);
    }
}

impl Gate {
    /// Whether the packet is on its way.
    fn pass(&mut self, packet: &[u8], ends: Option<u64>, now: Instant, sink: &impl Sink, meter: &mut Meter) -> bool {
        if !self.open {
            meter.outside_share();
            return false;
        }
        if !self.waiting.is_empty() {
            return self.wait(packet, ends, now);
        }
        match self.send(packet, now, sink) {
            Ok(()) => {
                sent(packet.len(), ends, meter);
                true
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.wait(packet, ends, now),
            Err(_) => false,
        }
    }

    /// A refusal (ICMP port unreachable) speaks of an earlier packet and means that nobody listens yet: this packet is tried again.
    fn send(&mut self, packet: &[u8], now: Instant, sink: &impl Sink) -> io::Result<()> {
        match sink.send(packet) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                self.refused_at = Some(now);
                self.refusals += 1;
                match sink.send(packet) {
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
                    other => other,
                }
            }
            other => other,
        }
    }

    fn wait(&mut self, packet: &[u8], ends: Option<u64>, now: Instant) -> bool {
        if self.bytes.len() + packet.len() > MAX_BACKLOG_BYTES {
            return false;
        }
        self.bytes.extend_from_slice(packet);
        self.waiting.push_back((packet.len(), ends));
        self.since.get_or_insert(now);
        true
    }

    fn drain(&mut self, sink: &impl Sink, meter: &mut Meter) {
        while let Some(&(length, ends)) = self.waiting.front() {
            match sink.send(&self.bytes[self.start..self.start + length]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {}
                Ok(()) => sent(length, ends, meter),
            }
            self.waiting.pop_front();
            self.start += length;
        }
        self.forget();
    }

    /// Empties the backlog; how many pictures lost their end by that.
    fn forget(&mut self) -> u64 {
        let pictures = self.waiting.iter().filter(|(_, ends)| ends.is_some()).count();
        self.waiting.clear();
        self.bytes.clear();
        self.start = 0;
        self.since = None;
        pictures as u64
    }
}

fn sent(bytes: usize, ends: Option<u64>, meter: &mut Meter) {
    meter.packet(bytes);
    if let Some(captured_monotonic_us) = ends {
        meter.picture(captured_monotonic_us, clock::now());
    }
}
