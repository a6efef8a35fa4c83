//! What each share consumes, for the journal and the bill.

use contract::body::Usage;
use contract::{Jti, Rung};

/// A gap between two pictures longer than this is not billed as viewing, microseconds.
const LONGEST_STEP_US: u64 = 2_000_000;
/// The descriptions of one share that are signed: a voice needs one, and one that asks on and on must not keep the office busy.
const DESCRIPTIONS: u8 = 4;

/// Consumption of the running shares, and the pace of the last two seconds for `state`.
#[derive(Debug)]
pub(super) struct Tallies {
    shares: heapless::Vec<Tally, { grant::MAX_SHARES }>,
    pace: heapless::HistoryBuf<Step, 64>,
    sent: u64,
}

impl Default for Tallies {
    fn default() -> Self {
        Self { shares: heapless::Vec::new(), pace: heapless::HistoryBuf::new(), sent: 0 }
    }
}

#[derive(Debug)]
struct Tally {
    jti: Jti,
    usage: Usage,
    last_us: Option<u64>,
    described: u8,
}

/// One picture handed to the voice.
#[derive(Debug, Clone, Copy)]
struct Step {
    at_us: u64,
    latency_us: u64,
}

impl Tallies {
    /// Begins to count a share. There is room for as many as the authority opens.
    pub(super) fn begin(&mut self, jti: &Jti) {
        let _ = self.shares.push(Tally { jti: jti.clone(), usage: Usage::default(), last_us: None, described: 0 });
    }

    /// Ends counting and says what it came to.
    pub(super) fn end(&mut self, jti: &Jti) -> Usage {
        match self.shares.iter().position(|tally| tally.jti == *jti) {
            Some(index) => self.shares.swap_remove(index).usage,
            None => Usage::default(),
        }
    }

    /// Whether one more description of the share may be signed; counts as one.
    pub(super) fn may_describe(&mut self, jti: &Jti) -> bool {
        let tally = self.shares.iter_mut().find(|tally| tally.jti == *jti && tally.described < DESCRIPTIONS);
        tally.map(|tally| tally.described += 1).is_some()
    }

    /// What a running share has consumed so far.
    pub(super) fn so_far(&self, jti: &Jti) -> Option<Usage> {
        self.shares.iter().find(|tally| tally.jti == *jti).map(|tally| tally.usage)
    }

    /// One picture of `bytes` went to `jti`.
    pub(super) fn picture(&mut self, jti: &Jti, bytes: usize, rung: Rung, at_us: u64) {
        let Some(tally) = self.shares.iter_mut().find(|tally| tally.jti == *jti) else { return };
        tally.usage.pictures += 1;
        tally.usage.bytes += bytes as u64;
        let step_us = tally.last_us.map_or(0, |last_us| at_us.saturating_sub(last_us)).min(LONGEST_STEP_US);
        tally.last_us = Some(at_us);
        let seconds = match rung {
            Rung::Clear => &mut tally.usage.seconds_clear,
            Rung::Cautious => &mut tally.usage.seconds_cautious,
            Rung::Covered => &mut tally.usage.seconds_covered,
            Rung::Dark => &mut tally.usage.seconds_dark,
        };
        *seconds += step_us as f64 / 1e6;
    }

    /// A picture left at `at_us`, `latency_us` after its capture.
    pub(super) fn pace(&mut self, at_us: u64, latency_us: u64) {
        self.pace.write(Step { at_us, latency_us });
        self.sent += 1;
    }

    /// Pictures handed to the voice since start.
    pub(super) fn pictures_sent(&self) -> u64 {
        self.sent
    }

    /// 99th percentile of capture to link in milliseconds, over the two seconds before `now_us`; 0 without pictures.
    pub(super) fn latency_p99_ms(&self, now_us: u64) -> f32 {
        let mut latencies: heapless::Vec<u64, 64> = self
            .pace
            .oldest_ordered()
            .filter(|step| now_us.saturating_sub(step.at_us) <= 2_000_000)
            .map(|step| step.latency_us)
            .collect();
        latencies.sort_unstable();
        let p99 = latencies.get((latencies.len() * 99) / 100).or(latencies.last()).copied().unwrap_or(0);
        p99 as f32 / 1_000.0
    }
}
