//! Every topic as data: what is said there, by whom, to whom, and how (MQTT 5).

use super::tokens::name_of;
use crate::claims::{COMMAND_LIFE_S, TokenKind};
use crate::topic::{AskTopic, CommandTopic, Topics};
use crate::{CameraId, Jti, SiteId, SubscriberId};

/// Who speaks and listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// The board beside the camera.
    Board,
    /// A centralist in the control room.
    Centralist,
    /// The control room's agent.
    Room,
    /// A traffic system.
    Subscriber,
    /// Who signs and publishes policy.
    PolicyOffice,
    /// Who looks into leak reports.
    PrivacyOfficer,
}

impl Party {
    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Party::Board => "board",
            Party::Centralist => "centralist",
            Party::Room => "room",
            Party::Subscriber => "subscriber",
            Party::PolicyOffice => "policy office",
            Party::PrivacyOfficer => "privacy officer",
        }
    }
}

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// A compact JWS.
    Token(TokenKind),
    /// JSON, by the name of its schema.
    Body(&'static str),
}

impl Message {
    /// `grant`, `state` …
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Message::Token(kind) => name_of(kind),
            Message::Body(name) => name,
        }
    }
}

/// One topic.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Its name in the document.
    pub name: String,
    /// With parameters in braces.
    pub address: String,
    /// What is said there.
    pub messages: Vec<Message>,
    /// Who publishes.
    pub writes: &'static [Party],
    /// Who subscribes.
    pub reads: &'static [Party],
    /// Whether the newest message is retained.
    pub retained: bool,
    /// Message Expiry Interval that the publisher sets, seconds.
    pub expiry_s: Option<u64>,
    /// Whether the board answers to the message's Response Topic.
    pub answered: bool,
}

/// Stands for a parameter in topics that [`Topics`] builds.
fn slot<T: std::str::FromStr<Err = crate::IdError>>(name: &str) -> T {
    match name.parse() {
        Ok(id) => id,
        Err(cause) => unreachable!("a constant: {cause}"),
    }
}

/// The slots become parameters.
fn address(topic: &str) -> String {
    let level = |level: &str| match level {
        "SITE" | "CAMERA" | "SUBSCRIBER" | "ID" => format!("{{{}}}", level.to_ascii_lowercase()),
        other => other.to_owned(),
    };
    topic.split('/').map(level).collect::<Vec<_>>().join("/")
}

fn command_kind(command: CommandTopic) -> TokenKind {
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

fn ask_kind(ask: AskTopic) -> TokenKind {
    match ask {
        AskTopic::Request => TokenKind::Request,
        AskTopic::Withdraw => TokenKind::Withdraw,
        AskTopic::Leave => TokenKind::Leave,
        AskTopic::ReportLeak => TokenKind::ReportLeak,
    }
}

fn writers(command: CommandTopic) -> &'static [Party] {
    match command {
        CommandTopic::ReportLeak => &[Party::Centralist, Party::PrivacyOfficer],
        CommandTopic::ClearLeak => &[Party::PrivacyOfficer],
        CommandTopic::UsageAck => &[Party::Room, Party::Centralist],
        _ => &[Party::Centralist],
    }
}

/// Commands that may go to every camera of a site.
const TO_ALL: [CommandTopic; 3] = [CommandTopic::Revoke, CommandTopic::Preempt, CommandTopic::Release];

/// Every topic of the contract.
#[must_use]
pub fn channels() -> Vec<Channel> {
    let topics = Topics::new(slot::<SiteId>("SITE"), slot::<CameraId>("CAMERA"));
    let (subscriber, id) = (slot::<SubscriberId>("SUBSCRIBER"), slot::<Jti>("ID"));
    let mut channels = Vec::new();
    let mut signed = |name: String, topic: &str, kind, writes| {
        channels.push(Channel {
            name,
            address: address(topic),
            messages: vec![Message::Token(kind)],
            writes,
            reads: &[Party::Board],
            retained: false,
            expiry_s: Some(COMMAND_LIFE_S),
            answered: true,
        });
    };
    for command in CommandTopic::ALL {
        let kind = command_kind(command);
        signed(command.level().into(), &topics.command(command), kind, writers(command));
        if TO_ALL.contains(&command) {
            signed(format!("all-{}", command.level()), &topics.all(command), kind, writers(command));
        }
    }
    for ask in AskTopic::ALL {
        let name = match ask {
            AskTopic::ReportLeak => "report-leak-by-subscriber",
            other => other.level(),
        };
        signed(name.into(), &topics.ask(ask, &subscriber), ask_kind(ask), &[Party::Subscriber]);
    }
    channels.extend(spoken(&topics, &subscriber, &id));
    channels
}

/// What is not a command.
fn spoken(topics: &Topics, subscriber: &SubscriberId, id: &Jti) -> Vec<Channel> {
    use Party::{Board, Centralist, PolicyOffice, PrivacyOfficer, Room, Subscriber};
    const INSIDE: &[Party] = &[Centralist, Room, PrivacyOfficer];
    let said = |name: &str, topic: String, messages: &[Message], writes, reads, retained| Channel {
        name: name.into(),
        address: address(&topic),
        messages: messages.to_vec(),
        writes,
        reads,
        retained,
        expiry_s: None,
        answered: false,
    };
    let body = Message::Body;
    vec![
        said(
            "state",
            topics.state(),
            &[body("state")],
            &[Board],
            &[Centralist, Room, PrivacyOfficer, PolicyOffice],
            true,
        ),
        said(
            "catalogue",
            topics.catalogue(),
            &[body("catalogue")],
            &[Board],
            &[Centralist, Room, Subscriber, PrivacyOfficer, PolicyOffice],
            true,
        ),
        said("inbox", topics.inbox(), &[body("inbox")], &[Board], &[Centralist, Room], true),
        said(
            "share",
            topics.share(subscriber, id),
            &[body("request-event"), body("share-event")],
            &[Board],
            &[Subscriber, Centralist, Room],
            false,
        ),
        said("share-log", topics.share_log(), &[body("share-log")], &[Board], INSIDE, false),
        said("usage", topics.usage(), &[body("usage-record")], &[Board], &[Room, Centralist], false),
        said("journal", topics.journal(), &[body("journal-head")], &[Board], INSIDE, true),
        said("policy", topics.policy(), &[body("signed-policy")], &[PolicyOffice], &[Board, Room, Centralist], true),
        said("heartbeat", topics.heartbeat(), &[Message::Token(TokenKind::Heartbeat)], &[Room], &[Board], false),
        said(
            "presence",
            topics.presence(),
            &[body("presence")],
            &[Room],
            &[Centralist, Subscriber, PrivacyOfficer],
            true,
        ),
        said("busy", topics.busy(), &[body("busy")], &[Centralist], &[Room, Centralist], true),
        said("taken", topics.taken(id), &[body("taken")], &[Centralist, Room], &[Centralist, Room], true),
        said("lead", topics.lead(), &[Message::Token(TokenKind::Heartbeat)], &[Room], &[Room, Centralist], true),
        said(
            "answer",
            format!("{}/SITE/answer/ASKER", super::ROOT).replace("ASKER", "{asker}"),
            &[body("answer")],
            &[Board],
            &[Centralist, Room, Subscriber, PrivacyOfficer],
            false,
        ),
    ]
}
