//! The way of one share's pictures out: packetiser, encryption where the share has a key, gate, and a bounded backlog for what the socket does not take at once.
//!
//! Contract: **between `open` and `close` packets go out in order; outside nothing does; what waits never waits longer than [`MAX_WAIT`].** A picture
//! that cannot keep that is dropped with all that follow up to the next key picture, so latency never creeps (P11). A paced outlet sends a large picture
//! in bursts of [`LEAST_BURST_BYTES`] or an eighth of it, one each time the timer ticks (a millisecond), so that a small switch can take it and it is over within about
//! 8 ms, a fifth of the time between two pictures at 25 a second. Packets of equal size go to the socket together, where it takes them so.
//! No socket here: whoever sends is an argument. No allocation per packet once warm.

use crate::clock;
use crate::figures::{Dropped, Figures};
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
/// Least burst of a paced outlet: what is smaller goes at once, as most pictures do. 32 KiB is a quarter of what the smallest switches hold.
pub const LEAST_BURST_BYTES: usize = 32 * 1024;
/// Most bursts of one picture.
pub const MOST_BURSTS: usize = 8;
/// Least time from one burst to the next. Half of what the runtime's timer rounds up to, so that with many viewers no tick is missed.
pub const BURST_EVERY: Duration = Duration::from_micros(500);
/// A timer that comes this late lets out two bursts at once, and never more.
const LATE: Duration = Duration::from_millis(2);
/// Most packets and bytes in one run; the kernel takes 64 and one datagram's length (UDP GSO).
const RUN_PACKETS: usize = 64;
const RUN_BYTES: usize = 60_000;
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
    /// Sends datagrams of `each` bytes that lie behind one another in `run`, the last of which may be shorter: as many as it likes, at least one. How
    /// many bytes it took.
    ///
    /// # Errors
    /// As [`Sink::send`]; then it took none.
    fn send_run(&self, run: &[u8], each: usize) -> io::Result<usize> {
        let first = &run[..each.min(run.len())];
        self.send(first).map(|()| first.len())
    }
}

/// One share's way out.
#[derive(Debug)]
pub struct Outlet {
    packetiser: Packetiser,
    protector: Option<Protector>,
    gate: Gate,
    awaits_key: bool,
    figures: Figures,
}

/// Spreads what leaves.
#[derive(Debug, Clone, Copy)]
struct Pace {
    burst_bytes: usize,
    /// What may still leave of this burst.
    credit: usize,
    /// When this burst began.
    at: Option<Instant>,
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
    pace: Option<Pace>,
    /// The socket had no room when it was last tried.
    blocked: bool,
    refused_at: Option<Instant>,
    refusals: u32,
}

impl Outlet {
    /// A closed one.
    #[must_use]
    pub fn new(packetiser: Packetiser) -> Self {
        let figures = Figures::default();
        Self { packetiser, protector: None, gate: Gate::default(), awaits_key: true, figures }
    }
    /// The same, with large pictures spread: for datagrams. A stream has a pace of its own.
    #[must_use]
    pub fn paced(mut self) -> Self {
        self.gate.pace = Some(Pace { burst_bytes: LEAST_BURST_BYTES, credit: LEAST_BURST_BYTES, at: None });
        self
    }
    /// What was sent and what was not.
    #[must_use]
    pub fn figures(&self) -> &Figures {
        &self.figures
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
    /// Whether packets wait, for the socket or for their burst.
    #[must_use]
    pub fn is_backed_up(&self) -> bool {
        !self.gate.waiting.is_empty()
    }
    /// Whether packets wait for the socket to take more.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.is_backed_up() && self.gate.blocked
    }
    /// When the next burst is due: [`Outlet::drain`].
    #[must_use]
    pub fn burst_at(&self) -> Option<Instant> {
        let at = self.gate.pace.and_then(|pace| pace.at).map(|at| at + BURST_EVERY);
        at.filter(|_| self.is_backed_up() && !self.gate.blocked)
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

    /// Sends a picture, or as much of it as socket and pace allow; the rest waits.
    pub fn picture(&mut self, picture: &Picture<'_>, now: Instant, sink: &impl Sink, meter: &mut Meter) -> Fate {
        if self.gate.since.is_some_and(|since| now.duration_since(since) > MAX_WAIT) {
            let late = self.gate.forget();
            self.dropped(Dropped::Late, late, meter);
        }
        if self.awaits_key && !picture.key {
            self.count(Dropped::AwaitsKey, u64::from(self.packetiser.packets() > 0), meter);
            return Fate::AwaitsKey;
        }
        let Self { packetiser, protector, gate, figures, .. } = self;
        let mut passed = Ok(());
        let at = MediaTime(picture.captured_monotonic_us);
        packetiser.packetise(picture.unit, at, picture.captured_utc_us, |packet| {
            // The marker (RFC 3550 §5.1) is on the picture's last packet.
            let ends = (packet[1] & 0x80 != 0).then_some(picture.captured_monotonic_us);
            let packet = match protector {
                Some(protector) => protector.rtp(packet),
                None => packet,
            };
            if passed.is_ok() {
                passed = gate.pass(packet, ends, now, sink, &mut (&mut *figures, &mut *meter));
            }
        });
        self.awaits_key = passed.is_err();
        let left = match passed {
            Ok(()) => {
                self.gate.begin_bursts();
                self.flush(now, sink, meter)
            }
            Err(Stop::Closed) => {
                meter.outside_share();
                self.count(Dropped::Outside, 1, meter);
                return Fate::Dropped;
            }
            Err(Stop::Full) => {
                self.count(Dropped::Full, 1, meter);
                let _ = self.flush(now, sink, meter);
                return Fate::Dropped;
            }
            Err(Stop::Broken) => {
                // Its own end never came to wait.
                let others = self.gate.forget();
                self.dropped(Dropped::Network, others + 1, meter);
                return Fate::Dropped;
            }
        };
        if left { Fate::Sent } else { Fate::Dropped }
    }

    /// The socket takes packets again, or a burst is due.
    pub fn drain(&mut self, now: Instant, sink: &impl Sink, meter: &mut Meter) {
        let _ = self.flush(now, sink, meter);
    }

    /// False when the network refused a packet: all that waited is dropped with it.
    fn flush(&mut self, now: Instant, sink: &impl Sink, meter: &mut Meter) -> bool {
        let Self { gate, figures, .. } = self;
        gate.refill(now);
        let sent = gate.flush(now, sink, &mut (figures, &mut *meter));
        if sent.is_err() {
            let pictures = self.gate.forget();
            self.dropped(Dropped::Network, pictures, meter);
        }
        sent.is_ok()
    }

    fn dropped(&mut self, why: Dropped, pictures: u64, meter: &mut Meter) {
        self.awaits_key = true;
        self.count(why, pictures, meter);
    }
    fn count(&mut self, why: Dropped, pictures: u64, meter: &mut Meter) {
        self.figures.drop(why, pictures);
        meter.dropped(why, pictures);
    }
}

/// Why a packet is not on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The share does not run.
    Closed,
    /// Too much waits.
    Full,
    /// The network refused one.
    Broken,
}

/// Where packets are counted: their share, and all.
type Counts<'a> = (&'a mut Figures, &'a mut Meter);

impl Gate {
    /// Puts a packet into the row. Sends from its head only when there is no room, so that a picture larger than the row passes a free socket.
    fn pass(
        &mut self,
        packet: &[u8],
        ends: Option<u64>,
        now: Instant,
        sink: &impl Sink,
        counts: &mut Counts<'_>,
    ) -> Result<(), Stop> {
        if !self.open {
            return Err(Stop::Closed);
        }
        if self.bytes.len() + packet.len() > MAX_BACKLOG_BYTES {
            self.bytes.drain(..self.start);
            self.start = 0;
            if self.bytes.len() + packet.len() > MAX_BACKLOG_BYTES {
                if let Some(pace) = &mut self.pace {
                    pace.credit = usize::MAX;
                }
                self.flush(now, sink, counts).map_err(|_| Stop::Broken)?;
            }
        }
        if self.bytes.len() + packet.len() > MAX_BACKLOG_BYTES {
            return Err(Stop::Full);
        }
        self.bytes.extend_from_slice(packet);
        self.waiting.push_back((packet.len(), ends));
        Ok(())
    }

    /// How large the bursts must be for what waits now.
    fn begin_bursts(&mut self) {
        if let Some(pace) = &mut self.pace {
            pace.burst_bytes = LEAST_BURST_BYTES.max((self.bytes.len() - self.start).div_ceil(MOST_BURSTS));
        }
    }

    /// Another burst may leave when the last is long enough ago; after a timer that came late, two.
    fn refill(&mut self, now: Instant) {
        let Some(pace) = &mut self.pace else { return };
        let since = pace.at.map_or(BURST_EVERY, |at| now.saturating_duration_since(at));
        if since >= BURST_EVERY {
            let bursts = if since >= LATE && pace.at.is_some() && self.since.is_some() { 2 } else { 1 };
            pace.credit = pace.burst_bytes * bursts;
            pace.at = Some(now);
        }
    }

    /// Sends from the head of the row until it is empty, the burst is over or the socket has no room.
    fn flush(&mut self, now: Instant, sink: &impl Sink, counts: &mut Counts<'_>) -> io::Result<()> {
        self.blocked = false;
        while let Some((run, each)) = self.run() {
            match self.send(&self.bytes[self.start..self.start + run], each, sink) {
                (Ok(taken), refusals) => {
                    self.refuse(refusals, now);
                    self.leave(taken, counts);
                }
                (Err(error), refusals) => {
                    self.refuse(refusals, now);
                    if error.kind() != ErrorKind::WouldBlock {
                        return Err(error);
                    }
                    self.blocked = true;
                    break;
                }
            }
        }
        if self.waiting.is_empty() {
            self.forget();
        } else {
            self.since.get_or_insert(now);
        }
        Ok(())
    }

    /// The packets at the head that may go together: bytes of all, bytes of each. All are equal but the last, which may be shorter.
    fn run(&self) -> Option<(usize, usize)> {
        let credit = self.pace.map_or(usize::MAX, |pace| pace.credit);
        let (each, _) = *self.waiting.front().filter(|_| credit > 0)?;
        let mut bytes = 0;
        for (length, _) in self.waiting.iter().take(RUN_PACKETS) {
            let full = bytes > 0 && (bytes >= credit || bytes + length > RUN_BYTES);
            if *length > each || full {
                break;
            }
            bytes += length;
            if *length < each {
                break;
            }
        }
        Some((bytes, each))
    }

    /// A refusal (ICMP port unreachable) speaks of an earlier packet and means that nobody listens yet: this run is tried again. With how many came.
    fn send(&self, run: &[u8], each: usize, sink: &impl Sink) -> (io::Result<usize>, u32) {
        match sink.send_run(run, each) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => match sink.send_run(run, each) {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => (Ok(each.min(run.len())), 1),
                other => (other, 1),
            },
            other => (other, 0),
        }
    }
    fn refuse(&mut self, refusals: u32, now: Instant) {
        if refusals > 0 {
            self.refused_at = Some(now);
            self.refusals += refusals;
        }
    }

    /// The kernel took so many bytes of whole packets.
    fn leave(&mut self, taken: usize, (figures, meter): &mut Counts<'_>) {
        if let Some(pace) = &mut self.pace {
            pace.credit = pace.credit.saturating_sub(taken);
        }
        let end = self.start + taken;
        while self.start < end
            && let Some((length, ends)) = self.waiting.pop_front()
        {
            self.start += length;
            figures.packet(length);
            meter.packet(length);
            if let Some(captured_monotonic_us) = ends {
                figures.picture(meter.picture(captured_monotonic_us, clock::now()));
            }
        }
    }

    /// Empties the backlog; how many pictures lost their end by that.
    fn forget(&mut self) -> u64 {
        let pictures = self.waiting.iter().filter(|(_, ends)| ends.is_some()).count();
        self.waiting.clear();
        self.bytes.clear();
        self.start = 0;
        self.since = None;
        self.blocked = false;
        pictures as u64
    }
}
