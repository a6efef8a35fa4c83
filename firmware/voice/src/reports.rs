//! What a share's receiver reports (RFC 3550 §6.4): loss, jitter, round trip; and what it sends that is no report.
//!
//! Contract: **a receiver's words change figures and nothing else here; whatever it sends is bounded in memory and logged once.** The round trip is
//! measured on the monotonic clock between a sender report and the report that names it, so neither a clock that is set nor an invented stamp
//! changes it. Pure: time is an argument.

use rtp::NtpTime;
use rtp::rtcp::{self, Reception};
use rtp::time::CLOCK_HZ;
use tokio::time::Instant;

/// Sender reports remembered: 20 s of them, as receivers name the newest that they have.
const REMEMBERED: usize = 8;

/// What is known of a receiver, from its newest report.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Heard {
    /// Reports about our stream.
    pub reports: u64,
    /// Lost since the report before, 0 to 1.
    pub fraction_lost: f64,
    /// Lost since the start; below zero when more came twice than was lost.
    pub lost: i32,
    /// Interarrival jitter, seconds.
    pub jitter_s: f64,
    /// Time there and back, seconds; absent until a report named one of our sender reports.
    pub round_trip_s: Option<f64>,
    /// Requests for a key picture.
    pub key_requests: u64,
    /// Datagrams that were no RTCP, or not authentic.
    pub garbage: u64,
    /// Reports of a receiver that calls itself what our stream is called.
    pub collisions: u64,
}

/// A receiver's figures and what they are made from.
#[derive(Debug, Default)]
pub struct Reports {
    sent: [Option<(u32, Instant)>; REMEMBERED],
    next: usize,
    heard: Heard,
}

impl Reports {
    /// A sender report with this time went out.
    pub fn sent(&mut self, ntp: NtpTime, now: Instant) {
        self.sent[self.next] = Some((rtcp::middle(ntp), now));
        self.next = (self.next + 1) % REMEMBERED;
    }
    /// A report block about our stream came.
    pub fn reception(&mut self, reception: &Reception, now: Instant) {
        let sent = self.sent.iter().flatten().find(|(stamp, _)| *stamp == reception.last_report);
        let round_trip = sent
            .filter(|_| reception.last_report != 0)
            .and_then(|(_, at)| reception.round_trip(now.saturating_duration_since(*at)));
        self.heard = Heard {
            reports: self.heard.reports + 1,
            fraction_lost: f64::from(reception.fraction_lost) / 256.0,
            lost: reception.lost,
            jitter_s: f64::from(reception.jitter) / f64::from(CLOCK_HZ),
            round_trip_s: round_trip.map(|time| time.as_secs_f64()).or(self.heard.round_trip_s),
            ..self.heard
        };
    }
    /// A key picture was asked for.
    pub fn key_request(&mut self) {
        self.heard.key_requests += 1;
    }
    /// Something else than RTCP came. True the first time: worth a line in the log.
    #[must_use]
    pub fn garbage(&mut self) -> bool {
        self.heard.garbage += 1;
        self.heard.garbage == 1
    }
    /// The receiver calls itself what our stream is called. True the first time.
    #[must_use]
    pub fn collision(&mut self) -> bool {
        self.heard.collisions += 1;
        self.heard.collisions == 1
    }
    /// The figures.
    #[must_use]
    pub fn heard(&self) -> &Heard {
        &self.heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn reception(last_report: u32, since_last_report: u32) -> Reception {
        let (fraction_lost, lost, jitter, highest_sequence) = (64, 9, 900, 7);
        Reception { fraction_lost, lost, jitter, highest_sequence, last_report, since_last_report }
    }

    #[test]
    fn the_round_trip_is_that_of_the_report_which_is_named() {
        let (start, mut reports) = (Instant::now(), Reports::default());
        let stamps: Vec<NtpTime> =
            (0..3).map(|n| NtpTime::from_utc_us(1_790_000_000_000_000 + n * 2_500_000)).collect();
        for (number, ntp) in (0..).zip(&stamps) {
            reports.sent(*ntp, start + Duration::from_millis(2_500 * number));
        }
        // It had the second one for a second and a half, and says so 1.55 s after that was sent.
        let half = 65_536 + 65_536 / 2;
        reports.reception(&reception(rtcp::middle(stamps[1]), half), start + Duration::from_millis(4_050));
        let heard = *reports.heard();
        assert!((heard.round_trip_s.unwrap() - 0.05).abs() < 1e-6);
        assert_eq!((heard.fraction_lost, heard.lost, heard.jitter_s), (0.25, 9, 0.01));
        // A stamp that nobody sent, none, and one that would be from the future leave it as it was.
        for (stamp, kept) in [(12_345, 0), (0, 0), (rtcp::middle(stamps[2]), 70_000_000)] {
            reports.reception(&reception(stamp, kept), start + Duration::from_secs(6));
            assert_eq!(reports.heard().round_trip_s, heard.round_trip_s);
        }
        assert_eq!(reports.heard().reports, 4);
    }

    #[test]
    fn what_is_no_report_is_worth_one_line_in_the_log_and_then_only_counted() {
        let mut reports = Reports::default();
        assert_eq!([reports.garbage(), reports.garbage(), reports.garbage()], [true, false, false]);
        assert_eq!([reports.collision(), reports.collision()], [true, false]);
        assert_eq!((reports.heard().garbage, reports.heard().collisions), (3, 2));
    }
}
