//! Commands on their way to the eye: who is owed an answer, and until when.
//!
//! Opens no token and judges nothing; it only keeps the letterhead (response topic, correlation data) while the eye reads the letter.

use contract::claims::TokenKind;
use contract::topic::{AskTopic, CommandTopic, Topics};
use rumqttc::v5::mqttbytes::valid_topic;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Most commands that may wait for the eye at once.
pub const MOST_IN_FLIGHT: usize = 32;
/// Of these, most that subscribers may have: the rest is for the control room.
pub const MOST_ASKS_IN_FLIGHT: usize = MOST_IN_FLIGHT / 2;
/// The eye answers within this time or counts as absent.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Longest correlation data that is carried, bytes.
pub const MAX_CORRELATION: usize = 256;
/// Longest response topic, bytes.
const MAX_TOPIC: usize = 256;

/// Where an answer goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnAddress {
    /// MQTT 5 Response Topic (§3.3.2.3.5), checked.
    pub topic: String,
    /// MQTT 5 Correlation Data (§3.3.2.3.6), as it came.
    pub correlation: Vec<u8>,
}

/// Topic levels below a site that are no camera's.
const SITE_LEVELS: [&str; 3] = ["policy", "room", "all"];
/// Topic levels below a camera on which a board speaks.
const BOARD_LEVELS: [&str; 7] = ["state", "catalogue", "inbox", "share", "share-log", "usage", "journal"];

/// Whether somebody says something on this level below a camera.
fn is_spoken(level: &str) -> bool {
    BOARD_LEVELS.contains(&level)
        || CommandTopic::ALL.into_iter().any(|command| command.level() == level)
        || AskTopic::ALL.into_iter().any(|ask| ask.level() == level)
}

impl ReturnAddress {
    /// Where to answer, if that is a place where this board may speak: within the site, no wildcard, and no topic on which a board, the
    /// control room or the policy office says something.
    #[must_use]
    pub fn of(topic: Option<&str>, correlation: Option<&[u8]>, topics: &Topics, site: &str) -> Option<Self> {
        let (topic, correlation) = (topic?, correlation.unwrap_or_default());
        let prefix = format!("campari/v1/{site}/");
        let inside = topic.strip_prefix(&prefix)?;
        let mut levels = inside.split('/');
        let (first, second) = (levels.next().unwrap_or_default(), levels.next());
        let spoken =
            SITE_LEVELS.contains(&first) || second.is_some_and(is_spoken) || topics.parse_command(topic).is_some();
        let fits = topic.len() <= MAX_TOPIC && correlation.len() <= MAX_CORRELATION;
        let valid = !inside.is_empty() && valid_topic(topic) && !topic.contains('\0');
        (fits && valid && !spoken).then(|| Self { topic: topic.to_owned(), correlation: correlation.to_vec() })
    }
}

/// The kind of token that a command topic carries.
#[must_use]
pub fn kind(command: CommandTopic) -> TokenKind {
    match command {
        CommandTopic::Grant => TokenKind::Grant,
        CommandTopic::Extend => TokenKind::Extend,
        CommandTopic::Deny => TokenKind::Deny,
        CommandTopic::Revoke => TokenKind::Revoke,
        CommandTopic::Preempt => TokenKind::Preempt,
        CommandTopic::Release => TokenKind::Release,
        CommandTopic::ReportLeak => TokenKind::ReportLeak,
        CommandTopic::ClearLeak => TokenKind::ClearLeak,
        CommandTopic::UsageAck => TokenKind::UsageAck,
    }
}

/// The kind of token that a subscriber's topic carries.
#[must_use]
pub fn kind_of_ask(ask: AskTopic) -> TokenKind {
    match ask {
        AskTopic::Request => TokenKind::Request,
        AskTopic::Withdraw => TokenKind::Withdraw,
        AskTopic::Leave => TokenKind::Leave,
        AskTopic::ReportLeak => TokenKind::ReportLeak,
    }
}

/// Who is owed an answer.
#[derive(Debug, Default)]
pub struct InFlight {
    owed: BTreeMap<u64, (ReturnAddress, Instant)>,
    last: u64,
}

impl InFlight {
    /// A correlation number for the eye, never used before in this process.
    pub fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
    /// Whether one more may wait.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.owed.len() < MOST_IN_FLIGHT
    }
    /// Whether a subscriber's word may wait too.
    #[must_use]
    pub fn has_room_for_ask(&self) -> bool {
        self.owed.len() < MOST_ASKS_IN_FLIGHT
    }
    /// Remembers who is owed the answer to `number`.
    pub fn owe(&mut self, number: u64, address: ReturnAddress, now: Instant) {
        self.owed.insert(number, (address, now + ANSWER_WITHIN));
    }
    /// The eye answered.
    pub fn answered(&mut self, number: u64) -> Option<ReturnAddress> {
        self.owed.remove(&number).map(|(address, _)| address)
    }
    /// Takes one whose time is over.
    pub fn overdue(&mut self, now: Instant) -> Option<ReturnAddress> {
        let (&number, _) = self.owed.iter().find(|(_, (_, until))| *until <= now)?;
        self.answered(number)
    }
    /// Takes one, whatever its time: the eye is gone.
    pub fn abandon(&mut self) -> Option<ReturnAddress> {
        self.owed.pop_first().map(|(_, (address, _))| address)
    }
    /// When the next one's time is over.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.owed.values().map(|(_, until)| *until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(topic: &str) -> Option<ReturnAddress> {
        let topics = Topics::new("s".parse().unwrap(), "613".parse().unwrap());
        ReturnAddress::of(Some(topic), Some(b"c"), &topics, "s")
    }

    #[test]
    fn answers_go_only_where_a_board_may_speak() {
        assert!(address("campari/v1/s/answers/1").is_some());
        assert!(address("campari/v1/s/613/answers/room").is_some());
        let nowhere = [
            "campari/v1/s/",
            "campari/v1/other/answers/1",
            "campari/v1/s/answers/#",
            "campari/v1/s/+/x",
            "campari/v1/s/a\0b",
            "campari/v1/s/613/grant",
            "campari/v1/s/all/preempt",
            "campari/v1/s/613/state",
            "campari/v1/s/613/share/tc/1",
            "campari/v1/s/614/share/tc/1",
            "campari/v1/s/614/inbox",
            "campari/v1/s/614/request/tc",
            "campari/v1/s/room/taken/613/1",
            "campari/v1/s/policy",
            "campari/v1/s/room/heartbeat",
            "elsewhere",
            "",
        ];
        for topic in nowhere {
            assert_eq!(address(topic), None, "{topic:?}");
        }
        assert_eq!(address(&format!("campari/v1/s/{}", "x".repeat(300))), None);
    }

    #[tokio::test]
    async fn an_answer_is_owed_once_and_for_two_seconds() {
        let mut in_flight = InFlight::default();
        let now = Instant::now();
        let to = address("campari/v1/s/answers/1").unwrap();
        let (first, second) = (in_flight.number(), in_flight.number());
        in_flight.owe(first, to.clone(), now);
        in_flight.owe(second, to.clone(), now);
        assert_eq!(in_flight.answered(first), Some(to.clone()));
        assert_eq!(in_flight.answered(first), None);
        assert_eq!(in_flight.overdue(now + ANSWER_WITHIN - Duration::from_millis(1)), None);
        assert_eq!(in_flight.overdue(now + ANSWER_WITHIN), Some(to));
        assert_eq!(in_flight.deadline(), None);
    }
}
