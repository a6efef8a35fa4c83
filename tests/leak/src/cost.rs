//! What an inference costs on boards that are not here: an estimate from multiply-adds, and all that it assumes.
//!
//! expected ms = multiply-adds / (cores x clock x rate), *rate* being int8 multiply-adds a cycle and core. The rate is not guessed: it is
//! what published runs of int8 MobileNets on the same core reached (the middle one of [`Board::published`]; the slowest and the quickest give the
//! range), and for each its share of the peak is told. Peaks, of the instructions' issue rates:
//!
//! - Cortex-A76: two 128-bit SDOT a cycle, 16 multiply-adds each: 32 (Arm Cortex-A76 Software Optimization Guide, table of ASIMD integer instructions).
//! - Cortex-A55: one 128-bit SDOT a cycle: 16 (Arm Cortex-A55 Software Optimization Guide).
//! - Cortex-A53: no dot product; SMULL, SMLAL2 and SADALP make 16 multiply-adds in three 128-bit instructions: about 5.3.
//!
//! A network of large pictures and few channels, as ours, may do better (fewer, longer rows) or worse (the caches of a small core overflow) than
//! MobileNet at 224 x 224. Threads lose some tenths to one another; the published runs have four, so that is in the rate. Not in it: preparing the
//! picture, decoding tensors, and whatever else the board does. A board that is there should be measured.

/// Multiply-adds of MobileNet v1 1.0 at 224 x 224 (Howard et al. 2017, table 8).
const MOBILENET_V1: f64 = 569e6;
/// Multiply-adds of MobileNet v2 1.0 at 224 x 224 (Sandler et al. 2018, table 4).
const MOBILENET_V2: f64 = 300e6;
/// Cores of every board here, and threads of every published run.
pub const CORES: f64 = 4.0;

/// A published run of an int8 network on four cores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// Who says so.
    pub source: &'static str,
    /// Multiply-adds of the network.
    pub multiply_adds: f64,
    /// What it took.
    pub ms: f64,
    /// The clock it ran at.
    pub ghz: f64,
}

impl Run {
    /// Multiply-adds a cycle and core.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.multiply_adds / (self.ms * 1e-3 * CORES * self.ghz * 1e9)
    }
}

/// A board with four equal cores.
#[derive(Debug, Clone, Copy)]
pub struct Board {
    /// Its cores and their clock.
    pub name: &'static str,
    /// The clock that is assumed.
    pub ghz: f64,
    /// The most int8 multiply-adds a cycle and core.
    pub peak: f64,
    /// Runs on the same core.
    pub published: &'static [Run],
}

/// What an inference is expected to take, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// At the middle one of the published rates.
    pub ms: f64,
    /// At the quickest.
    pub low_ms: f64,
    /// At the slowest.
    pub high_ms: f64,
}

/// The boards that are told of.
pub const BOARDS: [Board; 3] = [
    Board {
        name: "4x A76 2.4 GHz (RK3588)",
        ghz: 2.4,
        peak: 32.0,
        published: &[
            Run { source: "ncnn, RK3588, MobileNet v1", multiply_adds: MOBILENET_V1, ms: 5.15, ghz: 2.4 },
            Run { source: "ncnn, Orange Pi 5 Plus, MobileNet v1", multiply_adds: MOBILENET_V1, ms: 6.96, ghz: 2.4 },
            Run { source: "ncnn, Raspberry Pi 5, MobileNet v1", multiply_adds: MOBILENET_V1, ms: 8.74, ghz: 2.4 },
        ],
    },
    Board {
        name: "4x A55 2.0 GHz (RK3568)",
        ghz: 2.0,
        peak: 16.0,
        published: &[
            Run { source: "ncnn, A55 of RK3588, MobileNet v1", multiply_adds: MOBILENET_V1, ms: 14.91, ghz: 1.8 },
            Run { source: "ncnn, RK3566, MobileNet v1", multiply_adds: MOBILENET_V1, ms: 28.05, ghz: 1.8 },
            Run { source: "ncnn, RK3568, MobileNet v1", multiply_adds: MOBILENET_V1, ms: 34.40, ghz: 2.0 },
        ],
    },
    Board {
        name: "4x A53 1.4 GHz (Raspberry Pi 3B+)",
        ghz: 1.4,
        peak: 16.0 / 3.0,
        published: &[
            Run { source: "XNNPACK, Raspberry Pi 3B+, MobileNet v1", multiply_adds: MOBILENET_V1, ms: 46.0, ghz: 1.4 },
            Run { source: "XNNPACK, Raspberry Pi 3B+, MobileNet v2", multiply_adds: MOBILENET_V2, ms: 30.0, ghz: 1.4 },
            Run { source: "ncnn, Raspberry Pi 3B+, MobileNet v1", multiply_adds: MOBILENET_V1, ms: 67.03, ghz: 1.4 },
        ],
    },
];

/// Where the published runs stand.
pub const SOURCES: &str = "XNNPACK: README of google/XNNPACK, section Raspberry Pi (int8, February 2022); ncnn: benchmark/README.md of \
                           Tencent/ncnn (int8, four threads)";

impl Board {
    /// The published rates, slowest first.
    fn rates(&self) -> Vec<f64> {
        let mut rates: Vec<f64> = self.published.iter().map(Run::rate).collect();
        rates.sort_by(f64::total_cmp);
        rates
    }

    /// The middle one of the published rates, int8 multiply-adds a cycle and core.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let rates = self.rates();
        rates[rates.len() / 2]
    }

    /// What a network of so many multiply-adds is expected to take.
    #[must_use]
    pub fn expected(&self, multiply_adds: u64) -> Expected {
        let at = |rate: f64| multiply_adds as f64 / (CORES * self.ghz * 1e9 * rate) * 1e3;
        let rates = self.rates();
        Expected { ms: at(self.rate()), low_ms: at(rates[rates.len() - 1]), high_ms: at(rates[0]) }
    }

    /// The assumption, in a sentence.
    #[must_use]
    pub fn assumption(&self) -> String {
        let (rate, peak) = (self.rate(), self.peak);
        let runs: Vec<String> =
            self.published.iter().map(|run| format!("{}: {} ms, {:.1}", run.source, run.ms, run.rate())).collect();
        format!(
            "{}: peak {peak:.1} int8 multiply-adds a cycle and core, {rate:.1} assumed ({:.0} % of it), from {}",
            self.name,
            100.0 * rate / peak,
            runs.join("; ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_network_is_expected_to_take_what_was_published() {
        // The middle run of each board, at the board's clock.
        for board in BOARDS {
            let run = board.published.iter().find(|run| run.rate() == board.rate()).unwrap();
            let expected = board.expected(run.multiply_adds as u64);
            assert!((expected.ms - run.ms * run.ghz / board.ghz).abs() < 1e-9, "{}: {expected:?}", board.name);
            assert!(expected.low_ms < expected.ms && expected.ms < expected.high_ms, "{expected:?}");
        }
    }

    #[test]
    fn no_board_is_assumed_to_exceed_its_peak_and_dot_products_help() {
        for board in BOARDS {
            assert!(board.rates().iter().all(|rate| *rate < board.peak), "{}", board.assumption());
        }
        let per_cycle = BOARDS.map(|board| board.rate());
        assert!(per_cycle[0] > per_cycle[1] && per_cycle[1] > per_cycle[2]);
    }

    #[test]
    fn the_assumption_says_rate_peak_and_where_from() {
        let told = BOARDS[2].assumption();
        for part in ["A53", "peak 5.3", "1.8 assumed (33 % of it)", "46 ms", "XNNPACK"] {
            assert!(told.contains(part), "{part} not in {told}");
        }
    }
}
