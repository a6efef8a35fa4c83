//! Figures of a run: how long verdicts took, what processes use, and whether something grows in a straight line.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Verdicts on grants.
#[derive(Debug, Clone, Default)]
pub struct Verdicts {
    took: Vec<Duration>,
    granted: u64,
    refused: BTreeMap<String, u64>,
    missing: BTreeMap<String, u64>,
}

impl Verdicts {
    pub(crate) fn granted(&mut self, took: Duration) {
        self.took.push(took);
        self.granted += 1;
    }
    pub(crate) fn refused(&mut self, took: Duration, why: String) {
        self.took.push(took);
        *self.refused.entry(why).or_default() += 1;
    }
    pub(crate) fn missing(&mut self, why: String) {
        *self.missing.entry(why).or_default() += 1;
    }

    /// Sums it up.
    #[must_use]
    pub fn sum(mut self) -> Sum {
        self.took.sort_unstable();
        let at = |part: f64| {
            let last = self.took.len().saturating_sub(1);
            self.took.get((part * last as f64).ceil() as usize).map(|took| took.as_secs_f64() * 1e3)
        };
        Sum {
            granted: self.granted,
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            max_ms: at(1.0),
            refused: self.refused,
            missing: self.missing,
        }
    }
}

/// What came of the grants of a phase.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sum {
    /// Accepted.
    pub granted: u64,
    /// Refused, by error code; they count in the times.
    pub refused: BTreeMap<String, u64>,
    /// Without a verdict, by what was said instead; they do not count in the times.
    pub missing: BTreeMap<String, u64>,
    /// From the centralist's hand to the board's verdict, median, milliseconds.
    pub p50_ms: Option<f64>,
    /// 99th percentile.
    pub p99_ms: Option<f64>,
    /// Largest.
    pub max_ms: Option<f64>,
}

/// Resident memory of a process, KiB.
#[must_use]
pub fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Processor time of a process so far, seconds (proc(5): `USER_HZ` is 100).
#[must_use]
pub fn cpu_s(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit_once(')').map_or(Vec::new(), |(_, rest)| rest.split_whitespace().collect());
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Load average over the last minute.
#[must_use]
pub fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|one| one.parse().ok()).unwrap_or(0.0)
}

/// The straight line that fits best.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// At 0.
    pub base: f64,
    /// For each one more.
    pub each: f64,
    /// Share of the variance that the line explains, 0 to 1.
    pub r2: f64,
}

/// Least squares; `None` for fewer than three points, through which a line means nothing.
#[must_use]
pub fn line(points: &[(f64, f64)]) -> Option<Line> {
    if points.len() < 3 {
        return None;
    }
    let n = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (mx, my) = (mean(|p| p.0), mean(|p| p.1));
    let sxx: f64 = points.iter().map(|p| (p.0 - mx).powi(2)).sum();
    let sxy: f64 = points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum();
    let syy: f64 = points.iter().map(|p| (p.1 - my).powi(2)).sum();
    let each = sxy / sxx;
    let r2 = if syy > 0.0 { sxy * sxy / (sxx * syy) } else { 1.0 };
    Some(Line { base: my - each * mx, each, r2 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_line_is_found_and_a_curve_is_told_apart() {
        let straight = line(&[(1.0, 5.0), (2.0, 7.0), (4.0, 11.0)]).unwrap();
        assert!((straight.each - 2.0).abs() < 1e-9 && (straight.base - 3.0).abs() < 1e-9 && straight.r2 > 0.999_999);
        let square: Vec<_> = (0..6).map(|x| (f64::from(x), f64::from(x * x))).collect();
        assert!(line(&square).unwrap().r2 < 0.95);
        assert!(line(&square[..2]).is_none());
    }

    #[test]
    fn the_99th_of_a_hundred_is_not_hidden_by_the_median() {
        let mut verdicts = Verdicts::default();
        (1..=100).for_each(|ms| verdicts.granted(Duration::from_millis(ms)));
        verdicts.missing("no answer".into());
        let sum = verdicts.sum();
        assert!(sum.p99_ms.unwrap() >= 99.0 && sum.max_ms.unwrap() >= 100.0 && sum.p50_ms.unwrap() <= 51.0);
        assert_eq!((sum.granted, sum.missing.len()), (100, 1));
        assert_eq!(Verdicts::default().sum().p99_ms, None);
    }

    #[test]
    fn this_process_has_memory_and_processor_time() {
        let own = std::process::id();
        assert!(resident_kib(own) > 500, "{}", resident_kib(own));
        assert!(cpu_s(own) < 60.0);
    }
}
