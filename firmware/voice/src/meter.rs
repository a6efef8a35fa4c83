//! What the voice measures of the media that it sends; published in `state`.
//!
//! Counts for all shares together, from the moment the first of the running ones started. No averages: counters, and one histogram of the time
//! between capture and the moment the picture's last packet was handed to the kernel.

use crate::figures::{Dropped, Figures};
use crate::metrics::Snapshot;
use contract::body::{Latency, VoiceState};
use hdrhistogram::Histogram;
use rtp::rtcp::Now;

/// Latencies above this count as this, microseconds.
const LARGEST_US: u64 = 60_000_000;

/// How long after its capture a picture went, microseconds.
#[must_use]
pub fn latency_us(captured_monotonic_us: u64, now: Now) -> u64 {
    now.media.0.saturating_sub(captured_monotonic_us).clamp(1, LARGEST_US)
}

/// Counters and the histogram.
#[derive(Debug)]
pub struct Meter {
    /// Absent only if the library refused its constant bounds.
    latency_us: Option<Histogram<u32>>,
    shown: bool,
    totals: Figures,
    pictures: u64,
    pictures_dropped: u64,
    packets: u64,
    bytes: u64,
    last_packet_at_ms: u64,
    packets_outside_share: u64,
    messages_lost: u64,
    asks_refused: u64,
    asks_dropped: u64,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            latency_us: Histogram::new_with_bounds(1, LARGEST_US, 2).ok(),
            shown: false,
            totals: Figures::default(),
            pictures: 0,
            pictures_dropped: 0,
            packets: 0,
            bytes: 0,
            last_packet_at_ms: 0,
            packets_outside_share: 0,
            messages_lost: 0,
            asks_refused: 0,
            asks_dropped: 0,
        }
    }
}

impl Meter {
    /// The first of the running shares starts: counts of media begin anew; those of what went wrong go on.
    pub fn begin(&mut self) {
        let mut latency_us = self.latency_us.take();
        if let Some(histogram) = &mut latency_us {
            histogram.reset();
        }
        *self = Self {
            latency_us,
            shown: true,
            pictures: 0,
            pictures_dropped: 0,
            packets: 0,
            bytes: 0,
            last_packet_at_ms: 0,
            ..*self
        };
    }
    /// The same, if that is so.
    pub fn begin_if_idle(&mut self, idle: bool) {
        if idle {
            self.begin();
        }
    }
    /// The kernel took an RTP packet.
    pub fn packet(&mut self, bytes: usize) {
        self.totals.packet(bytes);
        self.packets += 1;
        self.bytes += bytes as u64;
    }
    /// The kernel took several.
    pub fn packets_of(&mut self, packets: u64, bytes: usize) {
        self.totals.packets_of(packets, bytes);
        self.packets += packets;
        self.bytes += bytes as u64;
    }
    /// The kernel took a picture's last packet at `now`; how long after its capture, microseconds.
    pub fn picture(&mut self, captured_monotonic_us: u64, now: Now) -> u64 {
        self.pictures += 1;
        self.last_packet_at_ms = now.utc_us / 1000;
        let latency_us = latency_us(captured_monotonic_us, now);
        if let Some(histogram) = &mut self.latency_us {
            histogram.saturating_record(latency_us);
        }
        self.totals.picture(latency_us);
        latency_us
    }
    /// Pictures that were not sent, or not whole.
    pub fn dropped(&mut self, why: Dropped, pictures: u64) {
        self.totals.drop(why, pictures);
        self.pictures_dropped += pictures;
    }
    /// Something tried to send outside a share; it was stopped.
    pub fn outside_share(&mut self) {
        self.shown = true;
        self.packets_outside_share += 1;
    }
    /// What a subscriber said was not passed on.
    pub fn ask_refused(&mut self) {
        self.shown = true;
        self.asks_refused += 1;
    }
    /// So many messages to the broker, and from subscribers, were given up since the start.
    pub fn broker_lost(&mut self, messages: u64, asks: u64) {
        self.shown |= messages + asks > 0;
        self.messages_lost = messages;
        self.asks_dropped = asks;
    }
    /// RTP packets so far.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.packets
    }
    /// Media since the voice started.
    #[must_use]
    pub fn totals(&self) -> &Figures {
        &self.totals
    }
    /// For a scraper, without what is not measured here.
    #[must_use]
    pub fn metrics(&self) -> Snapshot {
        Snapshot {
            totals: self.totals,
            packets_outside_share: self.packets_outside_share,
            messages_lost: self.messages_lost,
            asks_refused: self.asks_refused + self.asks_dropped,
            ..Snapshot::default()
        }
    }
    /// For `state`; nothing before the first share.
    #[must_use]
    pub fn read(&self) -> Option<VoiceState> {
        let millis = |us: u64| us as f64 / 1000.0;
        let latency = self.latency_us.as_ref().map_or_else(Latency::default, |histogram| Latency {
            p50: millis(histogram.value_at_quantile(0.5)),
            p99: millis(histogram.value_at_quantile(0.99)),
            max: millis(histogram.max()),
        });
        self.shown.then_some(VoiceState {
            capture_to_packet_ms: latency,
            pictures: self.pictures,
            pictures_dropped: self.pictures_dropped,
            packets: self.packets,
            bytes: self.bytes,
            last_packet_at_ms: self.last_packet_at_ms,
            packets_outside_share: self.packets_outside_share,
            messages_lost: self.messages_lost,
            asks_refused: self.asks_refused + self.asks_dropped,
        })
    }
}
