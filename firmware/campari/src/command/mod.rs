//! What centralists, privacy officers and subscribers say to boards: wait for the board's challenge, sign, publish, wait for the answer.

mod ask;
mod epoch;
mod orders;
mod remedy;
mod seen;
mod site;

pub use ask::{AskOrder, Booth, Events, Told, subscriber_of};
pub use epoch::{epoch_told, next_epoch};
pub use orders::{GrantOrder, Signed, believed};
pub use remedy::remedy;
pub use seen::{Seen, site_topics};
pub use site::{Everywhere, SiteReport, everywhere};

use crate::keys::NamedKey;
use crate::mqtt::{Bus, BusError, Message};
use contract::asking::Inbox;
use contract::body::{Answer, EyeState, State};
use contract::claims::TokenKind;
use contract::topic::{CommandTopic, Topics};
use contract::{CameraId, Jti, SiteId};
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast;

/// How long a board may take to answer.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long the retained state may take to come.
pub const STATE_WITHIN: Duration = Duration::from_secs(5);

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
    /// Nothing of that name waits.
    #[error(
        "no request {request} waits{}: it was decided, withdrawn, or lapsed (`campari status` shows what waits)",
        camera.as_ref().map(|camera| format!(" at camera {camera}")).unwrap_or_default()
    )]
    NoSuchRequest {
        /// Its name.
        request: Jti,
        /// Where it was looked for; everywhere when absent.
        camera: Option<CameraId>,
    },
    /// A request that its subscriber did not sign.
    #[error("request {request} is not to be believed: {cause}; do not grant it, and tell the policy office")]
    ForgedRequest {
        /// Its name.
        request: Jti,
        /// What is off.
        cause: String,
    },
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

/// The topic filter of every camera's requests at a site.
#[must_use]
pub fn inbox_filter(site: &SiteId) -> String {
    format!("campari/v1/{site}/+/inbox")
}

/// The camera that an inbox message is about, and what waits there.
#[must_use]
pub fn read_inbox(site: &SiteId, message: &Message) -> Option<(CameraId, Inbox)> {
    let camera = message.topic.strip_prefix(&format!("campari/v1/{site}/"))?.strip_suffix("/inbox")?;
    // A board takes its inbox back by an empty message.
    let inbox =
        if message.payload.is_empty() { Inbox::default() } else { serde_json::from_slice(&message.payload).ok()? };
    Some((CameraId::new(camera).ok()?, inbox))
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
        let mut seen = Seen::of(self.site.clone());
        seen.until(messages, STATE_WITHIN, |seen| seen.states.contains_key(&self.camera)).await;
        seen.eye(&self.camera)
    }

    pub(crate) fn sign(&self, kind: TokenKind, claims: &impl Serialize) -> Result<String, CommandError> {
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
