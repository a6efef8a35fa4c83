//! Whether a receiver that was there still is: RTCP says so, silence and refusals say the opposite.
//!
//! Contract: **only who has been heard can fall silent.** A receiver that never sent RTCP is not judged: plain RTP asks for none. Pure: time is an argument.

use std::time::Duration;
use tokio::time::Instant;

/// A receiver that was heard and says nothing for this long is gone. RTCP receivers report every 5 s on average (RFC 3550 §6.2).
pub const SILENCE: Duration = Duration::from_secs(15);
/// As many refusals (ICMP port unreachable) in a row, over at least [`REFUSED_FOR`], mean the same; a host may send no more than one a second.
pub const REFUSALS: u32 = 3;
/// See [`REFUSALS`]. A receiver that is started anew gets no gap if it is faster.
pub const REFUSED_FOR: Duration = Duration::from_secs(2);
/// Refusals further apart than this are not in a row.
const ROW: Duration = Duration::from_secs(3);

/// What is known of one receiver.
#[derive(Debug, Default)]
pub struct Hearing {
    heard_at: Option<Instant>,
    lost: bool,
    refusals: Option<Row>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    count: u32,
    first: Instant,
    last: Instant,
}

impl Hearing {
    /// It said something. True when it was not known to be there.
    #[must_use]
    pub fn heard(&mut self, now: Instant) -> bool {
        self.refusals = None;
        self.heard_at.replace(now).is_none() | std::mem::take(&mut self.lost)
    }
    /// So many refusals came. True when it has become lost by that.
    #[must_use]
    pub fn refused(&mut self, count: u32, now: Instant) -> bool {
        if count == 0 || self.lost || self.heard_at.is_none() {
            return false;
        }
        let fresh = Row { count: 0, first: now, last: now };
        let row = self.refusals.filter(|row| now.saturating_duration_since(row.last) <= ROW).unwrap_or(fresh);
        let row = Row { count: row.count.saturating_add(count), last: now, ..row };
        self.refusals = Some(row);
        self.lost = row.count >= REFUSALS && now.saturating_duration_since(row.first) >= REFUSED_FOR;
        self.lost
    }
    /// True when it has become lost by silence.
    #[must_use]
    pub fn fell_silent(&mut self, now: Instant) -> bool {
        let silent = self.deadline().is_some_and(|at| at <= now);
        self.lost |= silent;
        silent
    }
    /// Whether it was heard and is not lost.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.heard_at.is_some() && !self.lost
    }
    /// When it will be lost by silence.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.heard_at.filter(|_| !self.lost).map(|at| at + SILENCE)
    }
    /// Its media flows again: it has all the time anew.
    pub fn resume(&mut self, now: Instant) {
        self.lost = false;
        self.refusals = None;
        if self.heard_at.is_some() {
            self.heard_at = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn p9_one_that_was_heard_is_lost_after_fifteen_seconds_of_silence_once() {
        let (start, mut hearing) = (Instant::now(), Hearing::default());
        assert!(hearing.heard(start), "the first word is a join");
        assert!(!hearing.heard(start + ms(5_000)));
        assert!(!hearing.fell_silent(start + ms(19_999)));
        assert!(hearing.fell_silent(start + ms(20_000)));
        assert!(!hearing.fell_silent(start + ms(60_000)), "told once");
        assert!(hearing.heard(start + ms(61_000)), "back");
    }

    #[test]
    fn one_that_was_never_heard_is_not_judged() {
        let (start, mut hearing) = (Instant::now(), Hearing::default());
        assert!(!hearing.fell_silent(start + ms(3_600_000)));
        assert!((0..100).all(|second| !hearing.refused(1, start + ms(second * 1_000))));
    }

    #[test]
    fn refusals_count_when_they_come_in_a_row_and_nothing_is_heard_between() {
        let (start, mut hearing) = (Instant::now(), Hearing::default());
        let _ = hearing.heard(start);
        // A burst at one moment: a receiver that is being restarted.
        assert!(!hearing.refused(50, start + ms(100)));
        assert!(!hearing.refused(1, start + ms(2_000)));
        assert!(hearing.refused(1, start + ms(2_100)));
        assert!(hearing.heard(start + ms(3_000)), "back");
        assert!(!hearing.refused(10, start + ms(4_000)));
        assert!(!hearing.refused(10, start + ms(7_001)), "too far apart: a new row");
        assert!(!hearing.heard(start + ms(7_500)));
        assert!(!hearing.refused(10, start + ms(9_500)), "heard in between: a new row");
    }
}
