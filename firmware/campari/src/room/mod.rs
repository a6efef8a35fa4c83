//! The control room's agent: a signed heartbeat every two seconds that names the shares that stand, and the room's presence.
//!
//! It grants nothing. It listens to what centralists sign and boards report, believes signatures only (see [`standing`]), and is
//! silent when it is not connected: boards then end every share by themselves within the lease (P4).

pub mod memory;
pub mod standing;

use crate::clock;
use crate::keys::{NamedKey, fresh_jti};
use crate::mqtt::{Broker, Bus, BusError, BusSettings, Message, Retained};
use crate::trust::Trust;
use contract::body::{RoomPresence, ShareLog, State};
use contract::claims::{Envelope, Heartbeat, TokenKind};
use contract::topic::{CommandTopic, Topics};
use contract::{Audience, CameraId, SiteId};
use memory::{Counter, Kept, MemoryError};
use standing::{Noted, Standing};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, watch};
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
    /// Whether all centralists are busy.
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
        // Any camera's name serves: the agent uses the site's topics only.
        let Ok(any) = CameraId::new("any") else { unreachable!("a constant") };
        let topics = Topics::new(settings.site.clone(), any);
        let bus = Bus::open(&settings.broker, bus_settings(&settings, &topics))?;
        let (stop, stopping) = watch::channel(false);
        let (tell, pulse) = watch::channel(Pulse::default());
        let mut agent = Agent {
            messages: bus.messages(),
            bus,
            topics,
            counter: Counter::resume(kept.counter_free_from),
            standing: Standing::default(),
            tokens: BTreeMap::new(),
            settings,
            pulse: tell,
        };
        agent.remember(kept);
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

fn bus_settings(settings: &RoomSettings, topics: &Topics) -> BusSettings {
    let every = |level: &str| format!("campari/v1/{}/+/{level}", settings.site);
    BusSettings {
        client_id: settings.client_id.clone(),
        subscribe: vec![
            every(CommandTopic::Grant.level()),
            every(CommandTopic::Revoke.level()),
            every("share-log"),
            every("state"),
            topics.policy(),
        ],
        answers: None,
        birth: Some(presence(topics, true, settings.busy)),
        will: Some(presence(topics, false, false)),
    }
}

struct Agent {
    settings: RoomSettings,
    bus: Bus,
    messages: broadcast::Receiver<Arc<Message>>,
    topics: Topics,
    counter: Counter,
    standing: Standing,
    /// The signed grants behind `standing`, to be kept.
    tokens: BTreeMap<contract::Jti, String>,
    pulse: watch::Sender<Pulse>,
}

impl Agent {
    async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        let mut beat = tokio::time::interval(BEAT_EVERY);
        // After a pause, one heartbeat and not all that were missed.
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // The first one as soon as the connection is there, whenever that is.
        while let Err(cause) = tokio::select! {
            ready = self.bus.ready(Duration::from_secs(5)) => ready,
            _ = async { stopping.wait_for(|stop| *stop).await.is_ok() } => return,
        } {
            tracing::warn!(%cause, "no heartbeat yet");
        }
        loop {
            tokio::select! {
                _ = beat.tick() => self.beat(),
                message = self.messages.recv() => match message {
                    Ok(message) => self.heard(&message),
                    Err(broadcast::error::RecvError::Lagged(missed)) => tracing::error!(missed, "too many messages, some were missed"),
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                _ = async { stopping.wait_for(|stop| *stop).await.is_ok() } => break,
            }
        }
        let leave = presence(&self.topics, false, false);
        if let Err(cause) = self.bus.publish(&leave.topic, leave.payload, true) {
            tracing::debug!(%cause, "the last will says it");
        }
        self.bus.close().await;
    }

    fn beat(&mut self) {
        let now = clock::unix_s();
        if self.standing.forget(now) {
            self.keep();
        }
        let (counter, keep) = self.counter.next(clock::unix_ms());
        if keep.is_some() {
            self.keep();
        }
        let stands = self.standing.stands(now);
        let named = stands.len();
        let claims = Heartbeat {
            envelope: Envelope {
                iss: self.settings.key.kid.clone(),
                aud: Audience::site(self.settings.site.clone()),
                iat: now,
                jti: fresh_jti(),
                challenge: None,
            },
            counter,
            stands,
            reserve_epoch: 0,
            busy: false,
        };
        let sent = token::sign(TokenKind::Heartbeat, &self.settings.key.kid, &claims, &self.settings.key.key)
            .map_err(|cause| cause.to_string())
            .and_then(|token| {
                self.bus.publish(&self.topics.heartbeat(), token, false).map_err(|cause| cause.to_string())
            });
        match &sent {
            Ok(()) => tracing::debug!(counter, named, "heartbeat"),
            Err(cause) => tracing::error!(cause, "no heartbeat; shares will end within the lease"),
        }
        self.pulse.send_modify(|pulse| {
            pulse.beats += u64::from(sent.is_ok());
            pulse.stands = named;
            pulse.connected = sent.is_ok();
        });
    }

    fn heard(&mut self, message: &Message) {
        let Some(below) = message.topic.strip_prefix(&format!("campari/v1/{}/", self.settings.site)) else { return };
        match below.split_once('/') {
            None if below == "policy" => self.policy(&message.payload),
            Some((_, "grant")) => self.grant(&message.payload),
            Some((_, "revoke")) => self.revoke(&message.payload),
            Some((camera, level @ ("share-log" | "state"))) => self.reported(camera, level, &message.payload),
            _ => {}
        }
    }

    fn policy(&mut self, bundle: &[u8]) {
        match self.settings.trust.renew(bundle) {
            Ok(true) => tracing::info!(version = self.settings.trust.policy().version, "newer policy"),
            Ok(false) => {}
            Err(cause) => tracing::warn!(%cause, "policy on the broker not believed"),
        }
    }

    fn grant(&mut self, token: &[u8]) {
        let grant = match self.settings.trust.grant(token) {
            Ok(grant) => grant,
            Err(cause) => return tracing::warn!(%cause, "grant not believed"),
        };
        match self.standing.granted(&grant, clock::unix_s()) {
            Noted::New => {
                tracing::info!(jti = %grant.envelope.jti, "stands");
                self.tokens.insert(grant.envelope.jti.clone(), String::from_utf8_lossy(token).into_owned());
                self.keep();
            }
            Noted::Known => {}
            Noted::Full => tracing::error!(most = standing::MAX_STANDING, "too many shares; this one will end"),
        }
    }

    fn revoke(&mut self, token: &[u8]) {
        match self.settings.trust.revoke(token) {
            Ok(revoke) => {
                let ended = self.standing.revoked(&revoke);
                if !ended.is_empty() {
                    tracing::info!(count = ended.len(), "revoked");
                    self.keep();
                }
            }
            Err(cause) => tracing::warn!(%cause, "revoke not believed"),
        }
    }

    fn reported(&mut self, camera: &str, level: &str, payload: &[u8]) {
        let Ok(camera) = CameraId::new(camera) else { return };
        if level == "state" {
            if let Ok(State { eye: Some(eye), .. }) = serde_json::from_slice(payload) {
                self.standing.listed(&camera, &eye);
            }
        } else if let Ok(log) = serde_json::from_slice::<ShareLog>(payload)
            && self.standing.logged(&camera, &log)
        {
            self.keep();
        }
    }

    /// What an earlier run kept; grants are believed only if they still verify.
    fn remember(&mut self, kept: Kept) {
        let now = clock::unix_s();
        for (jti, exp) in kept.gone {
            self.standing.over(jti, exp);
        }
        for token in kept.grants {
            match self.settings.trust.grant(token.as_bytes()) {
                Ok(grant) => {
                    if self.standing.granted(&grant, now) == Noted::New {
                        self.tokens.insert(grant.envelope.jti, token);
                    }
                }
                Err(cause) => tracing::warn!(%cause, "a remembered grant is not believed any more"),
            }
        }
    }

    fn keep(&mut self) {
        let standing = &self.standing;
        self.tokens.retain(|jti, _| standing.knows(jti));
        let Some(path) = &self.settings.memory else { return };
        let kept = Kept {
            counter_free_from: self.counter.free_from(),
            grants: self.tokens.values().cloned().collect(),
            gone: self.standing.gone().map(|(jti, exp)| (jti.clone(), exp)).collect(),
        };
        if let Err(cause) = memory::write(path, &kept) {
            tracing::error!(%cause, "shares that stand now will end when this agent restarts");
        }
    }
}
