//! MQTT topics, root `campari/v1/<site>/<camera>/`.

use crate::claims::TokenKind;
use crate::{CameraId, Jti, SiteId, SubscriberId};

/// Topics of one camera.
#[derive(Debug, Clone)]
pub struct Topics {
    site: SiteId,
    camera: CameraId,
}

/// A command topic, board-bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandTopic {
    /// `grant`
    Grant,
    /// `extend`
    Extend,
    /// `deny`
    Deny,
    /// `revoke`
    Revoke,
    /// `preempt`
    Preempt,
    /// `release`
    Release,
    /// `report-leak`, from the control room
    ReportLeak,
    /// `clear-leak`
    ClearLeak,
    /// `usage-ack`
    UsageAck,
}

/// What a subscriber may say to the board; its topic ends in the subscriber's id, so that the broker's access list can bind it to a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskTopic {
    /// `request/<sub>`
    Request,
    /// `withdraw/<sub>`
    Withdraw,
    /// `leave/<sub>`
    Leave,
    /// `report-leak/<sub>`
    ReportLeak,
}

impl AskTopic {
    /// All of them.
    pub const ALL: [AskTopic; 4] = [AskTopic::Request, AskTopic::Withdraw, AskTopic::Leave, AskTopic::ReportLeak];
    /// Topic level before the subscriber's.
    #[must_use]
    pub fn level(self) -> &'static str {
        match self {
            AskTopic::Request => "request",
            AskTopic::Withdraw => "withdraw",
            AskTopic::Leave => "leave",
            AskTopic::ReportLeak => "report-leak",
        }
    }
    /// The kind of token that it carries.
    #[must_use]
    pub fn kind(self) -> TokenKind {
        match self {
            AskTopic::Request => TokenKind::Request,
            AskTopic::Withdraw => TokenKind::Withdraw,
            AskTopic::Leave => TokenKind::Leave,
            AskTopic::ReportLeak => TokenKind::ReportLeak,
        }
    }
    /// Whether tokens of `kind` come by it.
    #[must_use]
    pub fn carries(self, kind: TokenKind) -> bool {
        self.kind() == kind
    }
}

impl CommandTopic {
    /// All command topics.
    pub const ALL: [CommandTopic; 9] = [
        CommandTopic::Grant,
        CommandTopic::Extend,
        CommandTopic::Deny,
        CommandTopic::Revoke,
        CommandTopic::Preempt,
        CommandTopic::Release,
        CommandTopic::ReportLeak,
        CommandTopic::ClearLeak,
        CommandTopic::UsageAck,
    ];
    /// Last topic level.
    #[must_use]
    pub fn level(self) -> &'static str {
        match self {
            CommandTopic::Grant => "grant",
            CommandTopic::Extend => "extend",
            CommandTopic::Deny => "deny",
            CommandTopic::Revoke => "revoke",
            CommandTopic::Preempt => "preempt",
            CommandTopic::Release => "release",
            CommandTopic::ReportLeak => "report-leak",
            CommandTopic::ClearLeak => "clear-leak",
            CommandTopic::UsageAck => "usage-ack",
        }
    }
}

impl Topics {
    /// Topics of `camera` at `site`.
    #[must_use]
    pub fn new(site: SiteId, camera: CameraId) -> Self {
        Self { site, camera }
    }
    fn of(&self, level: &str) -> String {
        format!("campari/v1/{}/{}/{level}", self.site, self.camera)
    }
    /// Retained; mode, shares, ladder, challenge, health. Last will lives here too.
    #[must_use]
    pub fn state(&self) -> String {
        self.of("state")
    }
    /// Retained; what a subscriber may know.
    #[must_use]
    pub fn catalogue(&self) -> String {
        self.of("catalogue")
    }
    /// A signed command to this board.
    #[must_use]
    pub fn command(&self, command: CommandTopic) -> String {
        self.of(command.level())
    }
    /// What a subscriber says to this board.
    #[must_use]
    pub fn ask(&self, ask: AskTopic, subscriber: &SubscriberId) -> String {
        self.of(&format!("{}/{subscriber}", ask.level()))
    }
    /// What every subscriber says to this board, as a filter to subscribe to.
    #[must_use]
    pub fn asks(&self, ask: AskTopic) -> String {
        self.of(&format!("{}/+", ask.level()))
    }
    /// Which of them `topic` is, and whose, if it is one of this board's.
    #[must_use]
    pub fn parse_ask(&self, topic: &str) -> Option<(AskTopic, SubscriberId)> {
        self.split_ask(topic).and_then(|(ask, subscriber)| Some((ask, subscriber?)))
    }
    /// As [`Topics::parse_ask`]; the subscriber is `None` where the last level is no identifier.
    #[must_use]
    pub fn split_ask(&self, topic: &str) -> Option<(AskTopic, Option<SubscriberId>)> {
        let (level, subscriber) = topic.strip_prefix(&self.of(""))?.split_once('/')?;
        let ask = AskTopic::ALL.into_iter().find(|ask| ask.level() == level)?;
        Some((ask, SubscriberId::new(subscriber).ok()))
    }
    /// Requests that wait for a centralist, retained.
    #[must_use]
    pub fn inbox(&self) -> String {
        self.of("inbox")
    }
    /// Which centralist has a request in hand, retained in the control room until it is decided.
    #[must_use]
    pub fn taken(&self, request: &Jti) -> String {
        format!("campari/v1/{}/room/taken/{}/{request}", self.site, self.camera)
    }
    /// Events of one share or request, for its subscriber and the control room.
    #[must_use]
    pub fn share(&self, subscriber: &SubscriberId, jti: &Jti) -> String {
        self.of(&format!("share/{subscriber}/{jti}"))
    }
    /// The agent that leads the control room, retained and expiring: its newest heartbeat. For agents and centralists, never for subscribers.
    #[must_use]
    pub fn lead(&self) -> String {
        format!("campari/v1/{}/room/lead", self.site)
    }
    /// Whether every centralist is busy ([`crate::body::RoomBusy`]), retained; centralists write it, agents put it into heartbeat and presence.
    #[must_use]
    pub fn busy(&self) -> String {
        format!("campari/v1/{}/room/busy", self.site)
    }
    /// Every share event with its full reason, for the control room.
    #[must_use]
    pub fn share_log(&self) -> String {
        self.of("share-log")
    }
    /// Usage records.
    #[must_use]
    pub fn usage(&self) -> String {
        self.of("usage")
    }
    /// Newest journal head, retained.
    #[must_use]
    pub fn journal(&self) -> String {
        self.of("journal")
    }
    /// The signed policy bundle, retained; one serves a site.
    #[must_use]
    pub fn policy(&self) -> String {
        format!("campari/v1/{}/policy", self.site)
    }
    /// The control room's heartbeat.
    #[must_use]
    pub fn heartbeat(&self) -> String {
        format!("campari/v1/{}/room/heartbeat", self.site)
    }
    /// The control room's presence, retained.
    #[must_use]
    pub fn presence(&self) -> String {
        format!("campari/v1/{}/room/presence", self.site)
    }
    /// Commands to every camera of the site.
    #[must_use]
    pub fn all(&self, command: CommandTopic) -> String {
        format!("campari/v1/{}/all/{}", self.site, command.level())
    }
    /// Every topic one level below this board, as a filter: its commands, those that it does not know among them.
    #[must_use]
    pub fn any_of_camera(&self) -> String {
        self.of("+")
    }
    /// Every command to the whole site, as a filter.
    #[must_use]
    pub fn any_of_all(&self) -> String {
        format!("campari/v1/{}/all/+", self.site)
    }
    /// The topic level of a command that arrived, if `topic` is one of this board's command topics.
    #[must_use]
    pub fn parse_command(&self, topic: &str) -> Option<CommandTopic> {
        CommandTopic::ALL.into_iter().find(|c| topic == self.command(*c) || topic == self.all(*c))
    }
}
