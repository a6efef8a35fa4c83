//! How often a subscriber may speak: a token bucket for each and one for all together.
//!
//! Contract: **who floods is refused, nobody else is**, and the table's memory is bounded. What only closes something (`withdraw`, `leave`,
//! `report-leak`) has buckets of its own, so that requests cannot use them up. Who a subscriber is comes from the topic, which the broker's access
//! list binds to a certificate. Pure: time is an argument.

use contract::SubscriberId;
use contract::topic::AskTopic;
use tokio::time::Instant;

/// Most subscribers told apart at once; those beyond share one bucket until others have been quiet.
pub const MOST_SUBSCRIBERS: usize = 64;
/// One subscriber's requests: so many at once, so many a second after that.
const REQUESTS: Rate = Rate { burst: 8.0, per_s: 1.0 };
/// One subscriber's other words.
const OTHERS: Rate = Rate { burst: 8.0, per_s: 2.0 };
/// All requests together.
const ALL_REQUESTS: Rate = Rate { burst: 32.0, per_s: 8.0 };
/// All other words together.
const ALL_OTHERS: Rate = Rate { burst: 64.0, per_s: 16.0 };
/// Refusals that one subscriber is sent: answering a flood would be another.
const REFUSALS: Rate = Rate { burst: 4.0, per_s: 1.0 };

#[derive(Debug, Clone, Copy)]
struct Rate {
    burst: f64,
    per_s: f64,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    rate: Rate,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn full(rate: Rate, now: Instant) -> Self {
        Self { rate, tokens: rate.burst, at: now }
    }
    fn level(&self, now: Instant) -> f64 {
        let grown = now.saturating_duration_since(self.at).as_secs_f64() * self.rate.per_s;
        (self.tokens + grown).min(self.rate.burst)
    }
    fn take(&mut self, now: Instant) -> bool {
        let level = self.level(now);
        let has = level >= 1.0;
        *self = Self { tokens: if has { level - 1.0 } else { level }, at: now, ..*self };
        has
    }
    fn is_full(&self, now: Instant) -> bool {
        self.level(now) >= self.rate.burst
    }
}

#[derive(Debug)]
struct Account {
    requests: Bucket,
    others: Bucket,
    refusals: Bucket,
}

impl Account {
    fn new(now: Instant) -> Self {
        let full = |rate| Bucket::full(rate, now);
        Self { requests: full(REQUESTS), others: full(OTHERS), refusals: full(REFUSALS) }
    }
    /// Forgetting it changes nothing.
    fn is_idle(&self, now: Instant) -> bool {
        [&self.requests, &self.others, &self.refusals].iter().all(|bucket| bucket.is_full(now))
    }
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may go on.
    Pass,
    /// Too fast: it is refused with an answer.
    Refuse,
    /// Too fast, and enough refusals were sent already.
    Ignore,
}

/// The table.
#[derive(Debug)]
pub struct Limits {
    known: Vec<(SubscriberId, Account)>,
    /// Of those for whom the table has no room, and of names that are none.
    crowd: Account,
    all_requests: Bucket,
    all_others: Bucket,
}

impl Limits {
    /// Everything allowed to its burst.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            known: Vec::new(),
            crowd: Account::new(now),
            all_requests: Bucket::full(ALL_REQUESTS, now),
            all_others: Bucket::full(ALL_OTHERS, now),
        }
    }

    /// Whether `subscriber` (`None`: a name that is none) may say this now. Counts it.
    pub fn admit(&mut self, ask: AskTopic, subscriber: Option<&SubscriberId>, now: Instant) -> Verdict {
        let (all_requests, all_others) = (&mut self.all_requests, &mut self.all_others);
        let account = match subscriber {
            Some(subscriber) => account(&mut self.known, &mut self.crowd, subscriber, now),
            None => &mut self.crowd,
        };
        let (own, all) = match ask {
            AskTopic::Request => (&mut account.requests, all_requests),
            AskTopic::Withdraw | AskTopic::Leave | AskTopic::ReportLeak => (&mut account.others, all_others),
        };
        if own.take(now) && all.take(now) {
            Verdict::Pass
        } else if account.refusals.take(now) {
            Verdict::Refuse
        } else {
            Verdict::Ignore
        }
    }

    /// Subscribers told apart now.
    #[must_use]
    pub fn known(&self) -> usize {
        self.known.len()
    }
}

fn account<'a>(
    known: &'a mut Vec<(SubscriberId, Account)>,
    crowd: &'a mut Account,
    subscriber: &SubscriberId,
    now: Instant,
) -> &'a mut Account {
    let found = known.iter().position(|(id, _)| id == subscriber);
    let at = match found {
        Some(at) => at,
        None if known.len() < MOST_SUBSCRIBERS => {
            known.push((subscriber.clone(), Account::new(now)));
            known.len() - 1
        }
        None => match known.iter().position(|(_, account)| account.is_idle(now)) {
            Some(idle) => {
                known[idle] = (subscriber.clone(), Account::new(now));
                idle
            }
            None => return crowd,
        },
    };
    &mut known[at].1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn sub(name: &str) -> SubscriberId {
        SubscriberId::new(name).unwrap()
    }
    fn passed(limits: &mut Limits, ask: AskTopic, name: &str, times: usize, now: Instant) -> usize {
        let id = sub(name);
        (0..times).filter(|_| limits.admit(ask, Some(&id), now) == Verdict::Pass).count()
    }

    #[tokio::test]
    async fn a_flood_is_cut_to_its_own_rate_and_others_are_heard() {
        let start = Instant::now();
        let mut limits = Limits::new(start);
        let mut flooded = 0;
        for ms in 0..10_000 {
            flooded += passed(&mut limits, AskTopic::Request, "flood", 10, start + Duration::from_millis(ms));
            if ms % 2_000 == 0 {
                let now = start + Duration::from_millis(ms);
                assert_eq!(passed(&mut limits, AskTopic::Request, "quiet", 1, now), 1, "at {ms} ms");
            }
        }
        assert!((17..=19).contains(&flooded), "{flooded} of 100 000 in 10 s");
    }

    #[tokio::test]
    async fn a_flood_of_requests_does_not_silence_a_leak_report_of_the_same_subscriber() {
        let now = Instant::now();
        let mut limits = Limits::new(now);
        passed(&mut limits, AskTopic::Request, "one", 1_000, now);
        assert_eq!(passed(&mut limits, AskTopic::ReportLeak, "one", 1, now), 1);
        assert_eq!(passed(&mut limits, AskTopic::Leave, "one", 1, now), 1);
    }

    #[tokio::test]
    async fn refusals_are_few() {
        let now = Instant::now();
        let mut limits = Limits::new(now);
        let id = sub("one");
        let answered =
            (0..10_000).filter(|_| limits.admit(AskTopic::Request, Some(&id), now) == Verdict::Refuse).count();
        assert_eq!(answered, 4);
    }

    #[tokio::test]
    async fn the_table_is_bounded_and_the_quiet_ones_make_room() {
        let start = Instant::now();
        let mut limits = Limits::new(start);
        for number in 0..10_000 {
            passed(&mut limits, AskTopic::Request, &format!("s{number}"), 1, start);
        }
        assert_eq!(limits.known(), MOST_SUBSCRIBERS);
        let later = start + Duration::from_secs(60);
        assert_eq!(passed(&mut limits, AskTopic::Request, "newcomer", 9, later), 8);
        assert_eq!(limits.known(), MOST_SUBSCRIBERS);
    }
}
