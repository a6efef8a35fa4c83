//! A centralist's commands: wait for the board's challenge, sign, publish, wait for the board's answer.

use crate::clock;
use crate::keys::{NamedKey, fresh_jti};
use crate::mqtt::{Bus, BusError, Message};
use contract::body::{Answer, EyeState, Presence, State};
use contract::claims::{Actors, Delivery, Envelope, Grant, Revoke, TokenKind};
use contract::topic::{CommandTopic, Topics};
use contract::{Audience, CameraId, Filter, Jti, SiteId, SubscriberId, ViewName};
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast;

/// How long a board may take to answer.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long the retained state may take to come.
pub const STATE_WITHIN: Duration = Duration::from_secs(5);
/// A grant's window opens this much before now, so that a board whose clock is a little behind takes it.
const HEAD_START_S: u64 = 1;

/// Why a command had no effect, beside a refusal by the board.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The bus.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// Nothing is known of the camera.
    #[error("camera {camera} of site {site} has no state on the broker: is its name right, was it ever connected?")]
    UnknownCamera {
        /// The site.
        site: SiteId,
        /// The camera.
        camera: CameraId,
    },
    /// The board is away.
    #[error("camera {camera} cannot take commands: {presence}")]
    Absent {
        /// The camera.
        camera: CameraId,
        /// What its state says.
        presence: &'static str,
    },
    /// It could not be signed.
    #[error("signing: {0}")]
    Sign(#[from] token::TokenError),
}

/// What a centralist grants.
#[derive(Debug, Clone)]
pub struct GrantOrder {
    /// Who will watch.
    pub subscriber: SubscriberId,
    /// Which view.
    pub view: ViewName,
    /// The weakest filter that may be shown.
    pub filter: Filter,
    /// For how long, from now.
    pub lasts: Duration,
    /// Where to.
    pub delivery: Delivery,
    /// What for.
    pub purpose: String,
    /// Who acts.
    pub act: Actors,
}

/// A command and what came of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The board's answer.
    pub answer: Answer,
    /// The command's token id; a grant's names its share.
    pub jti: Jti,
    /// When it was published.
    pub sent_at: Instant,
}

/// One camera, one centralist, one connection.
pub struct Desk<'a> {
    /// The connection; must listen to [`state_filter`] and to answers.
    pub bus: &'a Bus,
    /// The centralist's key.
    pub key: &'a NamedKey,
    /// The site.
    pub site: SiteId,
    /// The camera.
    pub camera: CameraId,
}

/// The topic filter of every camera's state at a site.
#[must_use]
pub fn state_filter(site: &SiteId) -> String {
    format!("campari/v1/{site}/+/state")
}

/// The camera that a state message is about, and the state.
#[must_use]
pub fn read_state(site: &SiteId, message: &Message) -> Option<(CameraId, State)> {
    let camera = message.topic.strip_prefix(&format!("campari/v1/{site}/"))?.strip_suffix("/state")?;
    Some((CameraId::new(camera).ok()?, serde_json::from_slice(&message.payload).ok()?))
}

impl Desk<'_> {
    fn topics(&self) -> Topics {
        Topics::new(self.site.clone(), self.camera.clone())
    }

    /// Waits for the board's retained state on `messages`, taken before the bus was ready.
    ///
    /// # Errors
    /// [`CommandError::UnknownCamera`] or [`CommandError::Absent`].
    pub async fn state(&self, messages: &mut broadcast::Receiver<Arc<Message>>) -> Result<EyeState, CommandError> {
        let find = async {
            loop {
                match messages.recv().await {
                    Ok(message) => {
                        if let Some((camera, state)) = read_state(&self.site, &message)
                            && camera == self.camera
                        {
                            return Some(state);
                        }
                    }
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        };
        let found = tokio::time::timeout(STATE_WITHIN, find).await.ok().flatten();
        let state = found
            .ok_or_else(|| CommandError::UnknownCamera { site: self.site.clone(), camera: self.camera.clone() })?;
        let absent = |presence| CommandError::Absent { camera: self.camera.clone(), presence };
        match (state.presence, state.eye) {
            (Presence::Online, Some(eye)) => Ok(eye),
            (Presence::Offline, _) => Err(absent("the board is offline")),
            _ => Err(absent("its eye is not running")),
        }
    }

    fn envelope(&self, eye: &EyeState) -> Envelope {
        Envelope {
            iss: self.key.kid.clone(),
            aud: Audience::camera(self.site.clone(), self.camera.clone()),
            iat: clock::unix_s(),
            jti: fresh_jti(),
            challenge: Some(eye.challenge.clone()),
        }
    }

    /// Signs a grant that starts now.
    ///
    /// # Errors
    /// [`CommandError::Sign`].
    pub fn sign_grant(&self, eye: &EyeState, order: GrantOrder) -> Result<(Jti, String), CommandError> {
        let envelope = self.envelope(eye);
        let jti = envelope.jti.clone();
        let opens = envelope.iat.saturating_sub(HEAD_START_S);
        let claims = Grant {
            nbf: opens,
            exp: opens + order.lasts.as_secs(),
            envelope,
            sub: order.subscriber,
            view: order.view,
            filter: order.filter,
            fps: None,
            delivery: order.delivery,
            purpose: order.purpose,
            act: order.act,
            cnf: None,
            request: None,
        };
        self.sign(TokenKind::Grant, &claims).map(|token| (jti, token))
    }

    /// Signs a revoke of `share`, or of every share of the camera.
    ///
    /// # Errors
    /// [`CommandError::Sign`].
    pub fn sign_revoke(&self, eye: &EyeState, share: Option<Jti>, act: Actors) -> Result<(Jti, String), CommandError> {
        let envelope = self.envelope(eye);
        let jti = envelope.jti.clone();
        self.sign(TokenKind::Revoke, &Revoke { envelope, share, act }).map(|token| (jti, token))
    }

    fn sign(&self, kind: TokenKind, claims: &impl Serialize) -> Result<String, CommandError> {
        Ok(token::sign(kind, &self.key.kid, claims, &self.key.key)?)
    }

    /// Publishes a signed command and waits for its answer.
    ///
    /// # Errors
    /// [`CommandError::Bus`] when there is none; a refusal is an answer.
    pub async fn send(&self, topic: CommandTopic, (jti, token): (Jti, String)) -> Result<Outcome, CommandError> {
        let sent_at = Instant::now();
        let answer = self.bus.request(&self.topics().command(topic), token, ANSWER_WITHIN).await?;
        Ok(Outcome { answer, jti, sent_at })
    }
}
