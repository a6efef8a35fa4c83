//! MQTT topics, root `campari/v1/<site>/<camera>/`.

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
}

impl CommandTopic {
    /// All command topics.
    pub const ALL: [CommandTopic; 6] = [
        CommandTopic::Grant,
        CommandTopic::Extend,
        CommandTopic::Deny,
        CommandTopic::Revoke,
        CommandTopic::Preempt,
        CommandTopic::Release,
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
    /// Events of one share, for its subscriber and the control room.
    #[must_use]
    pub fn share(&self, subscriber: &SubscriberId, jti: &Jti) -> String {
        self.of(&format!("share/{subscriber}/{jti}"))
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
    /// The topic level of a command that arrived, if `topic` is one of this board's command topics.
    #[must_use]
    pub fn parse_command(&self, topic: &str) -> Option<CommandTopic> {
        CommandTopic::ALL.into_iter().find(|c| topic == self.command(*c) || topic == self.all(*c))
    }
}
