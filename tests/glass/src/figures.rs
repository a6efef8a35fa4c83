//! What was measured, and the figures made of it.

use serde::{Deserialize, Serialize};

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Processors of the machine; all programs share them.
    pub processors: usize,
    /// What else ran: the load of the last minute, before.
    pub load_before: f64,
    /// The detector's setting.
    pub detector: String,
    /// What the players showed.
    pub clients: Vec<Glass>,
    /// What `campari view` measured of a share of its own.
    pub view: View,
    /// Capture to last packet of every picture of the run: upper bounds in milliseconds, and how many were not slower. The last bound has no end, and is absent.
    pub to_packet: Vec<(Option<f64>, u64)>,
}

/// What one player showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Glass {
    /// Player and way.
    pub name: String,
    /// How it was started, as README has it.
    pub line: String,
    /// From the player's start to the first picture on the screen that was captured after it, milliseconds.
    pub first_ms: Option<f64>,
    /// Pictures a second that reached the screen.
    pub fps: f64,
    /// Longest time without a new picture, milliseconds.
    pub longest_gap_ms: f64,
    /// Capture to last packet in the same share, median and 99th percentile, as the board told it.
    pub to_packet_ms: Option<(f64, f64)>,
    /// Capture to screen, of each picture in its order, milliseconds. The start is not among them.
    pub latencies_ms: Vec<f64>,
    /// Why there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// What `campari view` said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// From listening to the first picture that can be decoded, milliseconds, of each time that it joined a share which already ran.
    pub first_picture_ms: Vec<f64>,
    /// Capture to arrival: median, 99th percentile, slowest, milliseconds.
    pub arrival_ms: Option<(f64, f64, f64)>,
    /// Pictures that this was measured on.
    pub pictures: u64,
}

/// The value that so large a part does not exceed; `None` of nothing.
#[must_use]
pub fn part(values: &[f64], part: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    sorted.get((part * last as f64).ceil() as usize).copied()
}

/// How many of `values` fall into each of `count` bins of `width`; what lies beyond counts in the last.
#[must_use]
pub fn bins(values: &[f64], width: f64, count: usize) -> Vec<u64> {
    let mut bins = vec![0; count];
    for value in values {
        let at = ((value / width).max(0.0) as usize).min(count.saturating_sub(1));
        if let Some(bin) = bins.get_mut(at) {
            *bin += 1;
        }
    }
    bins
}

/// To a tenth.
#[must_use]
pub fn tenth(ms: f64) -> f64 {
    (ms * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_a_value_that_was_measured_and_never_a_smaller_one() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!([0.0, 0.5, 0.99, 1.0].map(|p| part(&values, p).unwrap()), [1.0, 51.0, 100.0, 100.0]);
        assert_eq!(part(&[], 0.5), None);
    }

    #[test]
    fn no_value_is_lost_among_bins() {
        assert_eq!(bins(&[0.0, 19.9, 20.0, 59.0, 1e9, -1.0], 20.0, 3), [3, 1, 2]);
    }
}
