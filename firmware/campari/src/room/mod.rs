//! The control room's agent: a signed heartbeat every two seconds that names the shares that stand, and the room's presence.
//!
//! It grants nothing. It listens to what centralists sign and boards report, believes signatures only (see [`standing`]), and is
//! silent when it is not connected: boards then end every share by themselves within the lease (P4). Two may run: one leads (see
//! [`election`]), the other keeps the same list and takes over.

mod agent;
pub mod election;
pub mod memory;
pub mod standing;

use crate::keys::NamedKey;
use crate::mqtt::{Broker, Bus, BusError, BusSettings, Retained};
use crate::trust::Trust;
use agent::Agent;
use contract::body::RoomPresence;
use contract::topic::{CommandTopic, Topics};
use contract::{CameraId, SiteId};
use memory::MemoryError;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Between two heartbeats.
pub const BEAT_EVERY: Duration = Duration::from_secs(2);

/// How an agent is to work.
#[derive(Debug, Clone)]
pub struct RoomSettings {
    /// The broker, with the certificate of the role `room`.
    pub broker: Broker,
    /// MQTT client id.
    pub client_id: String,
    /// Its site.
    pub site: SiteId,
    /// The room's key.
    pub key: NamedKey,
    /// Whose grants count.
    pub trust: Trust,
    /// Where it remembers; `None` forgets at the end, and running shares end with it.
    pub memory: Option<PathBuf>,
    /// Whether all centralists are busy, until one says so on the broker.
    pub busy: bool,
}

/// Why the agent does not run.
#[derive(Debug, thiserror::Error)]
pub enum RoomError {
    /// Broker or certificates.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// What it should remember.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The room's key is not in the policy, so that no board would listen.
    #[error("key {0} is no room's key in policy version {1}: add it with role = \"room\", or use the right key")]
    NotTheRoom(contract::KeyId, u64),
}

/// What the agent did last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pulse {
    /// Heartbeats published.
    pub beats: u64,
    /// Shares that the last one named.
    pub stands: usize,
    /// Whether it is connected.
    pub connected: bool,
    /// Whether it leads; another agent's heartbeats count otherwise.
    pub leads: bool,
    /// Whether every centralist is busy.
    pub busy: bool,
}

/// A running agent. Dropping it is what a crash is: the broker tells the last will, heartbeats stop.
pub struct Room {
    task: JoinHandle<()>,
    stop: watch::Sender<bool>,
    pulse: watch::Receiver<Pulse>,
}

impl Room {
    /// Starts the agent; it keeps trying to reach the broker.
    ///
    /// # Errors
    /// [`RoomError`] when key, memory or certificates are unusable.
    pub fn start(settings: RoomSettings) -> Result<Self, RoomError> {
        let policy = settings.trust.policy();
        let own = policy.keys.iter().find(|key| key.kid == settings.key.kid);
        let fits = |key: &contract::policy::TrustedKey| {
            key.role == contract::policy::Role::Room && key.x == settings.key.key.public().x()
        };
        if !own.is_some_and(fits) {
            return Err(RoomError::NotTheRoom(settings.key.kid.clone(), policy.version));
        }
        let kept = settings.memory.as_deref().map(memory::read).transpose()?.unwrap_or_default();
        let topics = topics(&settings.site);
        let bus = Bus::open(&settings.broker, bus_settings(&settings, &topics))?;
        let (stop, stopping) = watch::channel(false);
        let (tell, pulse) = watch::channel(Pulse::default());
        let agent = Agent::new(settings, bus, topics, kept, tell);
        Ok(Self { task: tokio::spawn(agent.run(stopping)), stop, pulse })
    }

    /// How it does; changes with every heartbeat.
    #[must_use]
    pub fn pulse(&self) -> watch::Receiver<Pulse> {
        self.pulse.clone()
    }

    /// Says that the room is closed, and ends.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let _gone = (&mut self.task).await;
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn presence(topics: &Topics, online: bool, busy: bool) -> Retained {
    let body = RoomPresence { online, busy };
    Retained { topic: topics.presence(), payload: serde_json::to_vec(&body).unwrap_or_default() }
}

/// Any camera's name serves: the agent uses the site's topics only.
fn topics(site: &SiteId) -> Topics {
    let Ok(any) = CameraId::new("any") else { unreachable!("a constant") };
    Topics::new(site.clone(), any)
}

fn bus_settings(settings: &RoomSettings, topics: &Topics) -> BusSettings {
    let every = |level: &str| format!("campari/v1/{}/+/{level}", settings.site);
    let commands =
        [CommandTopic::Grant, CommandTopic::Extend, CommandTopic::Revoke, CommandTopic::Preempt, CommandTopic::Release];
    let mut subscribe: Vec<_> = commands.iter().map(|command| every(command.level())).collect();
    subscribe.extend([every("share-log"), every("state")]);
    subscribe.extend([topics.policy(), topics.lead(), topics.busy(), topics.presence()]);
    BusSettings {
        client_id: settings.client_id.clone(),
        subscribe,
        answers: None,
        // Only the one that leads says that the room is there.
        birth: None,
        will: Some(presence(topics, false, false)),
    }
}
