//! The agent at work: what it hears, what it keeps, and its heartbeat while it leads.

use super::election::{AgentId, Claim, Election, Seat};
use super::memory::{self, Counter, Kept};
use super::standing::{self, Noted, Standing};
use super::{BEAT_EVERY, Pulse, RoomSettings, presence};
use crate::clock;
use crate::mqtt::{Bus, Message};
use contract::body::{RoomBusy, RoomPresence, ShareLog, State};
use contract::claims::{Envelope, Heartbeat, TokenKind};
use contract::topic::Topics;
use contract::{Audience, CameraId, Jti};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, watch};

/// A leader that was not heard for so long is gone; a quarter of the lease stays for those that take over. At least a heartbeat and a bit.
const PATIENCE_MS: std::ops::RangeInclusive<u64> = 2_500..=5_000;
/// A claim that was issued longer ago, or further ahead, is no sign of life, seconds.
const CLAIM_SKEW_S: u64 = 30;
/// Most extensions that are kept for one share.
const MAX_EXTENDS: usize = 64;

/// A share's signed tokens, to be kept.
#[derive(Debug, Default)]
struct Tokens {
    grant: String,
    extends: Vec<String>,
}

pub(super) struct Agent {
    settings: RoomSettings,
    bus: Bus,
    messages: broadcast::Receiver<Arc<Message>>,
    topics: Topics,
    started: Instant,
    id: AgentId,
    election: Election,
    counter: Counter,
    standing: Standing,
    /// The signed grants behind `standing`.
    tokens: BTreeMap<Jti, Tokens>,
    reserve_epoch: u64,
    /// The newest heartbeat of another agent.
    leader: Option<String>,
    /// The highest counter of this run's heartbeats.
    spoken: u64,
    /// When this agent's last heartbeat went out.
    beat_at_ms: u64,
    /// What the broker last told of the room's presence.
    present: Option<RoomPresence>,
    pulse: watch::Sender<Pulse>,
}

impl Agent {
    pub(super) fn new(
        settings: RoomSettings,
        bus: Bus,
        topics: Topics,
        kept: Kept,
        pulse: watch::Sender<Pulse>,
    ) -> Self {
        let known = kept.agent.as_deref().and_then(|id| id.parse().ok());
        let id = known.unwrap_or_else(|| AgentId::new(rand::random()));
        let mut agent = Self {
            messages: bus.messages(),
            bus,
            topics,
            started: Instant::now(),
            id,
            election: Election::new(id, patience_ms(&settings), 0),
            counter: Counter::resume(kept.counter_free_from),
            standing: Standing::default(),
            tokens: BTreeMap::new(),
            reserve_epoch: kept.reserve_epoch,
            leader: None,
            spoken: 0,
            beat_at_ms: 0,
            present: None,
            settings,
            pulse,
        };
        agent.remember(kept);
        agent.keep();
        agent
    }

    /// Milliseconds since the start.
    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        while let Err(cause) = tokio::select! {
            ready = self.bus.ready(Duration::from_secs(5)) => ready,
            _ = async { stopping.wait_for(|stop| *stop).await.is_ok() } => return,
        } {
            tracing::warn!(%cause, "no heartbeat yet");
        }
        self.election.come_back(self.now_ms());
        let mut beat = tokio::time::interval(BEAT_EVERY);
        // After a pause, one heartbeat and not all that were missed.
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let due = self.election.due_ms().map(|due_ms| self.started + Duration::from_millis(due_ms));
            tokio::select! {
                _ = beat.tick() => self.beat(),
                () = until(due) => if self.election.tick(self.now_ms(), clock::unix_ms()) {
                    tracing::info!(agent = %self.id, "leads");
                    self.beat_at_ms = self.now_ms();
                    self.beat();
                    beat.reset_after(second_beat(rand::random_range(0.0..=1.0)));
                },
                message = self.messages.recv() => match message {
                    Ok(message) => self.heard(&message),
                    Err(broadcast::error::RecvError::Lagged(missed)) => tracing::error!(missed, "too many messages, some were missed"),
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                _ = async { stopping.wait_for(|stop| *stop).await.is_ok() } => break,
            }
        }
        if self.election.seat() == Seat::Leading {
            // In this order: whoever takes over says that the room is there after we said that it is not.
            let leave = presence(&self.topics, false, false);
            let gone = [(leave.topic, leave.payload), (self.topics.lead(), Vec::new())];
            for (topic, payload) in gone {
                if let Err(cause) = self.bus.publish(&topic, payload, true) {
                    tracing::debug!(%cause, "the last will says it");
                }
            }
        }
        self.bus.close().await;
    }

    fn beat(&mut self) {
        let now = clock::unix_s();
        if self.standing.forget(now) {
            self.keep();
        }
        let now_ms = self.now_ms();
        if let Some(claim) = self.election.claim() {
            if self.was_cut_off(now_ms) {
                if self.bus.is_connected() {
                    self.come_back(now_ms);
                }
            } else if self.speak(claim, now) {
                self.beat_at_ms = now_ms;
                self.say_presence();
            }
        }
        let stands = self.standing.stands(now).len();
        let (connected, leads) = (self.bus.is_connected(), self.election.seat() == Seat::Leading);
        let busy = self.settings.busy;
        self.pulse.send_modify(|pulse| {
            (pulse.stands, pulse.connected, pulse.leads, pulse.busy) = (stands, connected, leads, busy);
        });
    }

    /// Whether another agent may have taken over, because boards heard nothing of this one.
    fn was_cut_off(&self, now_ms: u64) -> bool {
        self.election.seat() == Seat::Leading && now_ms.saturating_sub(self.beat_at_ms) > patience_ms(&self.settings)
    }

    fn come_back(&mut self, now_ms: u64) {
        tracing::warn!(agent = %self.id, "was cut off; listens whether another agent leads by now");
        self.election.come_back(now_ms);
    }

    /// One heartbeat, to the boards and to the other agents. Answers whether it went out.
    fn speak(&mut self, claim: Claim, now: u64) -> bool {
        let (counter, keep) = self.counter.next(clock::unix_ms());
        if keep.is_some() {
            self.keep();
        }
        let Some(jti) = claim.jti(counter) else { return false };
        self.spoken = self.spoken.max(counter);
        let claims = Heartbeat {
            envelope: Envelope {
                iss: self.settings.key.kid.clone(),
                aud: Audience::site(self.settings.site.clone()),
                iat: now,
                jti,
                challenge: None,
            },
            counter,
            stands: self.standing.stands(now),
            reserve_epoch: self.reserve_epoch,
            busy: self.settings.busy,
        };
        let lasts = Duration::from_millis(patience_ms(&self.settings));
        let sent = token::sign(TokenKind::Heartbeat, &self.settings.key.kid, &claims, &self.settings.key.key)
            .map_err(|cause| cause.to_string())
            .and_then(|token| {
                let heartbeat = self.bus.publish(&self.topics.heartbeat(), token.clone(), false);
                heartbeat
                    .and_then(|()| self.bus.publish_for(&self.topics.lead(), token, lasts))
                    .map_err(|cause| cause.to_string())
            });
        match &sent {
            Ok(()) => tracing::debug!(counter, named = claims.stands.len(), "heartbeat"),
            Err(cause) => tracing::error!(cause, "no heartbeat; shares will end within the lease"),
        }
        self.pulse.send_modify(|pulse| pulse.beats += u64::from(sent.is_ok()));
        sent.is_ok()
    }

    /// Says that the room is there, unless the broker says so already. Another agent's last will may have said otherwise.
    fn say_presence(&mut self) {
        let wanted = RoomPresence { online: true, busy: self.settings.busy };
        if self.present.as_ref() == Some(&wanted) {
            return;
        }
        match self.bus.announce(presence(&self.topics, true, self.settings.busy)) {
            Ok(()) => self.present = Some(wanted),
            Err(cause) => tracing::debug!(%cause, "presence waits for the connection"),
        }
    }

    fn heard(&mut self, message: &Message) {
        let Some(below) = message.topic.strip_prefix(&format!("campari/v1/{}/", self.settings.site)) else { return };
        let payload = &message.payload;
        match below {
            "policy" => return self.policy(payload),
            "room/lead" => return self.led(payload),
            "room/busy" => return self.busy(payload),
            "room/presence" => return self.presence_told(payload),
            _ => {}
        }
        match below.split_once('/') {
            Some((_, "grant")) => self.grant(payload),
            Some((_, "extend")) => self.extend(payload),
            Some((_, "revoke")) => self.revoke(payload),
            Some((_, "preempt")) => self.reserve(TokenKind::Preempt, payload),
            Some((_, "release")) => self.reserve(TokenKind::Release, payload),
            Some((camera, level @ ("share-log" | "state"))) => self.reported(camera, level, payload),
            _ => {}
        }
    }

    fn policy(&mut self, bundle: &[u8]) {
        match self.settings.trust.renew(bundle) {
            Ok(true) => {
                tracing::info!(version = self.settings.trust.policy().version, "newer policy");
                self.standing.restores = self.settings.trust.policy().restore_after_release;
            }
            Ok(false) => {}
            Err(cause) => tracing::warn!(%cause, "policy on the broker not believed"),
        }
    }

    /// Another agent's heartbeat, or ours.
    fn led(&mut self, token: &[u8]) {
        let now_ms = self.now_ms();
        if token.is_empty() {
            return self.election.vacated(now_ms);
        }
        let heartbeat = match self.settings.trust.heartbeat(token) {
            Ok(heartbeat) => heartbeat,
            Err(cause) => return tracing::warn!(%cause, "an agent is not believed"),
        };
        let now = clock::unix_s();
        if heartbeat.envelope.iat.abs_diff(now) > CLAIM_SKEW_S {
            let off_s = heartbeat.envelope.iat.abs_diff(now);
            return tracing::warn!(off_s, "an agent's heartbeat is old, or its clock is off; ignored");
        }
        let Some(claim) = Claim::of(&heartbeat.envelope.jti) else { return };
        if self.was_cut_off(now_ms) {
            self.come_back(now_ms);
        }
        let led = self.election.seat();
        // What this agent said itself, before it led anew, may come late: the broker, or this machine, has much to do. Another one counts on.
        let is_new = heartbeat.counter > self.spoken;
        if claim.agent == self.id && is_new && self.election.claim().is_some_and(|own| own != claim) {
            tracing::error!(agent = %self.id, "another agent uses this agent's state file; give each its own with --state");
            self.id = AgentId::new(rand::random());
            self.election = Election::new(self.id, patience_ms(&self.settings), now_ms);
            return;
        }
        if !self.election.heard(claim, now_ms) {
            return;
        }
        self.reserve_epoch = self.reserve_epoch.max(heartbeat.reserve_epoch);
        if heartbeat.envelope.iss == self.settings.key.kid {
            self.counter.used(heartbeat.counter);
        }
        if self.election.seat() == Seat::Following {
            if led != Seat::Following {
                tracing::info!(leader = %claim.agent, agent = %self.id, "follows");
                self.bus.announce_nothing();
            }
            let changed = self.standing.led(&heartbeat.stands, heartbeat.envelope.iat, now);
            self.leader = Some(String::from_utf8_lossy(token).into_owned());
            if changed {
                self.keep();
            }
        }
    }

    fn busy(&mut self, payload: &[u8]) {
        match serde_json::from_slice::<RoomBusy>(payload) {
            Ok(told) if told.busy != self.settings.busy => {
                tracing::info!(busy = told.busy, by = told.by, "a centralist says so");
                self.settings.busy = told.busy;
                if self.election.seat() == Seat::Leading {
                    self.beat();
                }
            }
            Ok(_) => {}
            Err(cause) => tracing::warn!(%cause, "room/busy not understood"),
        }
    }

    fn presence_told(&mut self, payload: &[u8]) {
        self.present = serde_json::from_slice(payload).ok();
        // At once when it is somebody's last will; at the next heartbeat when two agents disagree.
        if self.election.seat() == Seat::Leading && self.present.as_ref().is_some_and(|told| !told.online) {
            self.say_presence();
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
                let grant_token = String::from_utf8_lossy(token).into_owned();
                self.tokens.insert(grant.envelope.jti, Tokens { grant: grant_token, extends: Vec::new() });
                self.keep();
            }
            Noted::Known => {}
            Noted::Full => tracing::error!(most = standing::MAX_STANDING, "too many shares; this one will end"),
        }
    }

    fn extend(&mut self, token: &[u8]) {
        match self.settings.trust.extend(token) {
            Ok(extend) => {
                if !self.standing.extended(&extend) {
                    return;
                }
                tracing::info!(jti = %extend.share, "stands longer");
                if let Some(tokens) = self.tokens.get_mut(&extend.share).filter(|t| t.extends.len() < MAX_EXTENDS) {
                    tokens.extends.push(String::from_utf8_lossy(token).into_owned());
                }
                self.keep();
            }
            Err(cause) => tracing::warn!(%cause, "extension not believed"),
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

    fn reserve(&mut self, kind: TokenKind, token: &[u8]) {
        match self.settings.trust.reserve_epoch(kind, token) {
            Ok(epoch) if epoch > self.reserve_epoch => {
                tracing::info!(epoch, ?kind, "reserve epoch");
                self.reserve_epoch = epoch;
                self.keep();
            }
            Ok(_) => {}
            Err(cause) => tracing::warn!(%cause, ?kind, "not believed"),
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
        let trust = &self.settings.trust;
        self.standing.restores = trust.policy().restore_after_release;
        for (jti, exp) in kept.gone {
            self.standing.over(jti, exp);
        }
        for grant_token in kept.grants {
            match trust.grant(grant_token.as_bytes()) {
                Ok(grant) => {
                    if self.standing.granted(&grant, now) == Noted::New {
                        let tokens = Tokens { grant: grant_token, extends: Vec::new() };
                        self.tokens.insert(grant.envelope.jti, tokens);
                    }
                }
                Err(cause) => tracing::warn!(%cause, "a remembered grant is not believed any more"),
            }
        }
        for token in kept.extends {
            if let Ok(extend) = trust.extend(token.as_bytes())
                && self.standing.extended(&extend)
                && let Some(tokens) = self.tokens.get_mut(&extend.share)
            {
                tokens.extends.push(token);
            }
        }
        if let Some(token) = kept.leader
            && let Ok(heartbeat) = trust.heartbeat(token.as_bytes())
        {
            // Issued now, as far as shares are concerned whose end was told since.
            self.standing.led(&heartbeat.stands, 0, heartbeat.envelope.iat);
            self.leader = Some(token);
        }
    }

    fn keep(&mut self) {
        let standing = &self.standing;
        self.tokens.retain(|jti, _| standing.knows(jti));
        let Some(path) = &self.settings.memory else { return };
        let kept = Kept {
            counter_free_from: self.counter.free_from(),
            grants: self.tokens.values().map(|tokens| tokens.grant.clone()).collect(),
            extends: self.tokens.values().flat_map(|tokens| tokens.extends.clone()).collect(),
            gone: self.standing.gone().map(|(jti, exp)| (jti.clone(), exp)).collect(),
            agent: Some(self.id.to_string()),
            reserve_epoch: self.reserve_epoch,
            leader: self.leader.clone(),
        };
        if let Err(cause) = memory::write(path, &kept) {
            tracing::error!(%cause, "shares that stand now will end when this agent restarts");
        }
    }
}

/// When the beat after an agent's first is due. All agents of a broker that came back come back with it, and each beat goes to every board of a site: a `lot`
/// of 0 to 1 keeps sites from beating in the same moment ever after. Never later than without it.
fn second_beat(lot: f64) -> Duration {
    BEAT_EVERY.mul_f64(lot)
}

/// How long a leader may be silent: half the lease, so that whoever takes over is heard in time.
fn patience_ms(settings: &RoomSettings) -> u64 {
    let lease_ms = u64::from(settings.trust.policy().lease_s) * 1000;
    (lease_ms / 2).clamp(*PATIENCE_MS.start(), *PATIENCE_MS.end())
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_that_came_back_together_do_not_beat_together_and_none_beats_later_than_it_should() {
        let drawn: Vec<_> = (0..400).map(|_| second_beat(rand::random_range(0.0..=1.0))).collect();
        assert!(drawn.iter().all(|pause| *pause <= BEAT_EVERY));
        for eighth in 0..8 {
            let (from, to) = (BEAT_EVERY * eighth / 8, BEAT_EVERY * (eighth + 1) / 8);
            assert!(drawn.iter().any(|pause| (from..=to).contains(pause)), "none beats between {from:?} and {to:?}");
        }
    }
}
