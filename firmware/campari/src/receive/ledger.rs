//! What a receiver saw: counts, moments, loss, jitter (RFC 3550 §6.4.1), latency from `abs-capture-time`. Bounded, however long it runs.

use hdrhistogram::Histogram;
use rtp::AccessUnit;
use rtp::depacketise::Received;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::watch;

/// Longest latency that is told apart, microseconds.
const LATENCY_MAX_US: u64 = 60_000_000;

/// When something arrived, on both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) at: Instant,
    pub(super) utc_us: u64,
}

/// What came so far; a copy of one moment.
#[derive(Debug, Clone, Default)]
pub struct Reception {
    /// Datagrams on the media port, whatever they were.
    pub datagrams: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Datagrams on the control port.
    pub control_datagrams: u64,
    /// Packets that were RTP of the stream followed.
    pub packets: u64,
    /// Sequence numbers that never came.
    pub packets_lost: u64,
    /// Whole access units.
    pub units: u64,
    /// Access units of which a part was missing.
    pub units_dropped: u64,
    /// Units where decoding can start.
    pub key_units: u64,
    /// Interarrival jitter, milliseconds.
    pub jitter_ms: f64,
    /// First datagram on the media port.
    pub first_datagram: Option<Instant>,
    /// Last datagram on the media port.
    pub last_datagram: Option<Instant>,
    /// First whole key unit.
    pub first_key: Option<Instant>,
    /// First whole key unit since [`Ledger::mark`].
    pub first_key_since_mark: Option<Instant>,
    /// Last BYE.
    pub goodbye: Option<Instant>,
    /// Capture to whole unit, microseconds, with the clocks as they are.
    pub latency_us: Option<Latency>,
    /// Units whose capture lies in our future: the clocks disagree.
    pub from_the_future: u64,
    /// Highest sequence number with its cycles, for reports.
    pub highest_sequence: u32,
}

/// A distribution in three figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// Half are faster.
    pub p50: u64,
    /// 99 % are faster.
    pub p99: u64,
    /// The slowest.
    pub max: u64,
}

impl Reception {
    /// Megabits per second between the first and last datagram.
    #[must_use]
    pub fn megabits_per_s(&self) -> Option<f64> {
        let lasted = self.last_datagram?.duration_since(self.first_datagram?).as_secs_f64();
        (lasted > 0.0).then(|| self.bytes as f64 * 8.0 / lasted / 1e6)
    }
}

/// Collects; shared between receiver and onlookers.
#[derive(Debug)]
pub struct Ledger {
    inner: Mutex<Inner>,
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct Inner {
    seen: Reception,
    latency: Histogram<u64>,
    /// Counters of sources that were followed before.
    earlier: Received,
    /// Arrival minus timestamp of the packet before, in RTP ticks.
    transit: Option<i64>,
    began: Instant,
    jitter_ticks: f64,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            inner: Mutex::new(Inner {
                seen: Reception::default(),
                latency: histogram(),
                earlier: Received::default(),
                transit: None,
                began: Instant::now(),
                jitter_ticks: 0.0,
            }),
            changed: watch::channel(()).0,
        }
    }
}

/// Microseconds with three significant digits.
fn histogram() -> Histogram<u64> {
    match Histogram::new_with_bounds(1, LATENCY_MAX_US, 3) {
        Ok(histogram) => histogram,
        Err(cause) => unreachable!("constant bounds: {cause}"),
    }
}

impl Ledger {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came so far.
    #[must_use]
    pub fn snapshot(&self) -> Reception {
        let inner = self.inner();
        let mut seen = inner.seen.clone();
        if !inner.latency.is_empty() {
            let at = |quantile| inner.latency.value_at_quantile(quantile);
            seen.latency_us = Some(Latency { p50: at(0.5), p99: at(0.99), max: inner.latency.max() });
        }
        seen
    }

    /// Forgets the first key unit, so that the next one can be timed.
    pub fn mark(&self) {
        self.inner().seen.first_key_since_mark = None;
    }

    /// Waits until what came satisfies `wanted`.
    pub async fn until(&self, wanted: impl Fn(&Reception) -> bool) -> Reception {
        let mut changed = self.changed.subscribe();
        loop {
            let seen = self.snapshot();
            if wanted(&seen) {
                return seen;
            }
            if changed.changed().await.is_err() {
                return seen;
            }
        }
    }

    fn update(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.inner());
        self.changed.send_replace(());
    }

    pub(super) fn datagram(&self, bytes: usize, at: Instant) {
        self.update(|inner| {
            let seen = &mut inner.seen;
            seen.datagrams += 1;
            seen.bytes += bytes as u64;
            seen.first_datagram.get_or_insert(at);
            seen.last_datagram = Some(at);
        });
    }

    pub(super) fn control(&self, _at: Instant) {
        self.update(|inner| inner.seen.control_datagrams += 1);
    }

    pub(super) fn goodbye(&self, at: Instant) {
        self.update(|inner| inner.seen.goodbye = Some(at));
    }

    /// A used packet: jitter of RFC 3550 appendix A.8, over its timestamp (bytes 4 to 7) and sequence number (2, 3).
    pub(super) fn packet(&self, datagram: &[u8], at: Instant, received: Received) {
        let Some(&[s0, s1, t0, t1, t2, t3]) = datagram.get(2..8).and_then(|head| head.first_chunk::<6>()) else {
            return;
        };
        let timestamp = u32::from_be_bytes([t0, t1, t2, t3]);
        self.update(|inner| {
            let ticks = at.duration_since(inner.began).as_micros() as u64 * 9 / 100;
            // Modulo 2^32, so that a wrapping timestamp is no jump.
            let transit = i64::from((ticks as u32).wrapping_sub(timestamp) as i32);
            if let Some(before) = inner.transit.replace(transit) {
                let step = i64::from((transit - before) as i32).unsigned_abs() as f64;
                inner.jitter_ticks += (step - inner.jitter_ticks) / 16.0;
                inner.seen.jitter_ms = inner.jitter_ticks / 90.0;
            }
            inner.seen.highest_sequence = extend(inner.seen.highest_sequence, u16::from_be_bytes([s0, s1]));
            inner.count(received);
        });
    }

    pub(super) fn refused(&self, received: Received) {
        self.update(|inner| inner.count(received));
    }

    pub(super) fn new_source(&self, old: Received) {
        self.update(|inner| {
            inner.count(old);
            inner.earlier = Received {
                packets: inner.seen.packets,
                packets_lost: inner.seen.packets_lost,
                units: inner.seen.units,
                units_dropped: inner.seen.units_dropped,
            };
            inner.transit = None;
            inner.seen.highest_sequence = 0;
        });
    }

    pub(super) fn unit(&self, unit: &AccessUnit<'_>, Arrival { at, utc_us }: Arrival) {
        self.update(|inner| {
            if unit.key {
                inner.seen.key_units += 1;
                inner.seen.first_key.get_or_insert(at);
                inner.seen.first_key_since_mark.get_or_insert(at);
            }
            if let Some(captured) = unit.captured {
                match utc_us.checked_sub(captured.utc_us()) {
                    Some(latency) => inner.latency.saturating_record(latency.max(1)),
                    None => inner.seen.from_the_future += 1,
                }
            }
        });
    }
}

impl Inner {
    fn count(&mut self, now: Received) {
        self.seen.packets = self.earlier.packets + now.packets;
        self.seen.packets_lost = self.earlier.packets_lost + now.packets_lost;
        self.seen.units = self.earlier.units + now.units;
        self.seen.units_dropped = self.earlier.units_dropped + now.units_dropped;
    }
}

/// The 32-bit sequence number nearest after `highest` (RFC 3550 appendix A.1).
fn extend(highest: u32, sequence: u16) -> u32 {
    if highest == 0 {
        return u32::from(sequence);
    }
    let ahead = sequence.wrapping_sub(highest as u16);
    if ahead < 0x8000 { highest.wrapping_add(u32::from(ahead)) } else { highest }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn head(sequence: u16, timestamp: u32) -> Vec<u8> {
        let mut datagram = vec![0x80, 96];
        datagram.extend(sequence.to_be_bytes());
        datagram.extend(timestamp.to_be_bytes());
        datagram.extend([0; 4]);
        datagram
    }

    #[test]
    fn even_pacing_has_no_jitter_though_the_timestamp_wraps() {
        let ledger = Ledger::default();
        let began = Instant::now();
        for n in 0..100_u32 {
            let timestamp = 0xffff_ff00_u32.wrapping_add(n * 3600);
            let at = began + Duration::from_millis(40) * n;
            ledger.packet(&head(u16::try_from(n).unwrap(), timestamp), at, Received::default());
        }
        assert!(ledger.snapshot().jitter_ms < 0.05, "{}", ledger.snapshot().jitter_ms);
    }

    #[test]
    fn uneven_pacing_shows_as_jitter() {
        let ledger = Ledger::default();
        let began = Instant::now();
        for n in 0..200_u32 {
            let late = Duration::from_millis(if n % 2 == 0 { 0 } else { 10 });
            let at = began + Duration::from_millis(40) * n + late;
            ledger.packet(&head(u16::try_from(n).unwrap(), n * 3600), at, Received::default());
        }
        let jitter_ms = ledger.snapshot().jitter_ms;
        assert!((9.0..=10.5).contains(&jitter_ms), "{jitter_ms}");
    }

    #[test]
    fn sequence_numbers_count_their_cycles() {
        assert_eq!(extend(0, 65_535), 65_535);
        assert_eq!(extend(65_535, 1), 65_537);
        assert_eq!(extend(65_537, 65_535), 65_537, "a late packet does not lower it");
    }

    #[test]
    fn a_new_source_adds_to_what_the_old_one_brought() {
        let ledger = Ledger::default();
        let first = Received { packets: 7, packets_lost: 1, units: 2, units_dropped: 1 };
        ledger.new_source(first);
        ledger.packet(&head(1, 0), Instant::now(), Received { packets: 1, ..Received::default() });
        let seen = ledger.snapshot();
        assert_eq!((seen.packets, seen.packets_lost, seen.units, seen.units_dropped), (8, 1, 2, 1));
    }
}
