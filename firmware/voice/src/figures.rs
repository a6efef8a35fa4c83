//! What is counted of the media that goes out, for each share and for all: counters that only grow, and one histogram, as a scraper wants them.
//!
//! Reads no clock, publishes nothing; [`crate::metrics`] does.

use contract::Rung;
use contract::body::Usage;

/// Upper bounds of the histogram of capture to last packet, seconds. The promise is one second to the screen (P11), so the finest steps lie below.
pub const LATENCY_BOUNDS_S: [f64; 14] =
    [0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5];

/// Why a picture was not sent, or not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// It waited too long for the socket.
    Late,
    /// More would have waited than may.
    Full,
    /// The network refused a packet.
    Network,
    /// The share does not run.
    Outside,
    /// One before it was dropped: it cannot be decoded without a key picture.
    AwaitsKey,
}

impl Dropped {
    /// All, in the order of [`Figures::dropped`].
    pub const ALL: [Self; 5] = [Self::Late, Self::Full, Self::Network, Self::Outside, Self::AwaitsKey];

    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Full => "full",
            Self::Network => "network",
            Self::Outside => "outside",
            Self::AwaitsKey => "awaits_key",
        }
    }
}

/// The counters.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    /// RTP packets that the kernel took.
    pub packets: u64,
    /// Their bytes, RTP headers included.
    pub bytes: u64,
    /// Pictures whose last packet the kernel took.
    pub pictures: u64,
    /// Pictures not sent, or not whole, in the order of [`Dropped::ALL`].
    pub dropped: [u64; Dropped::ALL.len()],
    /// Pictures by latency: one more than [`LATENCY_BOUNDS_S`], the last beyond all bounds.
    pub latency: [u64; LATENCY_BOUNDS_S.len() + 1],
    /// Sum of all latencies, seconds.
    pub latency_sum_s: f64,
}

impl Figures {
    /// The kernel took an RTP packet.
    pub fn packet(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
    }
    /// The kernel took several.
    pub fn packets_of(&mut self, packets: u64, bytes: usize) {
        self.packets += packets;
        self.bytes += bytes as u64;
    }
    /// The kernel took a picture's last packet, so long after its capture.
    pub fn picture(&mut self, latency_us: u64) {
        self.pictures += 1;
        let latency_s = latency_us as f64 / 1e6;
        self.latency_sum_s += latency_s;
        self.latency[LATENCY_BOUNDS_S.partition_point(|bound| *bound < latency_s)] += 1;
    }
    /// So many pictures were not sent, or not whole.
    pub fn drop(&mut self, why: Dropped, pictures: u64) {
        self.dropped[why as usize] += pictures;
    }
}

/// Longest stretch between two pictures that counts as watched, seconds.
const LONGEST_STRETCH_S: f64 = 1.0;

/// What one viewer was shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Watched {
    usage: Usage,
    last_us: Option<u64>,
}

impl Watched {
    /// A picture of so many bytes, captured at that moment of the monotonic clock, microseconds.
    pub fn picture(&mut self, bytes: usize, captured_us: u64, rung: Rung) {
        self.usage.pictures += 1;
        self.usage.bytes += bytes as u64;
        let stretch_s = self.last_us.map_or(0.0, |last| captured_us.saturating_sub(last) as f64 / 1e6);
        self.last_us = Some(captured_us);
        let seconds = match rung {
            Rung::Clear => &mut self.usage.seconds_clear,
            Rung::Cautious => &mut self.usage.seconds_cautious,
            Rung::Covered => &mut self.usage.seconds_covered,
            Rung::Dark => &mut self.usage.seconds_dark,
        };
        *seconds += stretch_s.min(LONGEST_STRETCH_S);
    }
    /// Nothing is shown until the next picture: the time between is not watched.
    pub fn pause(&mut self) {
        self.last_us = None;
    }
    /// The sum.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latency_counts_in_the_first_bound_that_holds_it() {
        let mut figures = Figures::default();
        for us in [0, 5_000, 5_001, 1_000_000, 99_000_000] {
            figures.picture(us);
        }
        assert_eq!((figures.latency[0], figures.latency[1], figures.latency[12], figures.latency[14]), (2, 1, 1, 1));
        assert_eq!(figures.latency.iter().sum::<u64>(), figures.pictures);
    }
}
