//! What a subscriber says to a board: it asks, takes back, leaves, reports a leak; and what it is told afterwards.
//!
//! A subscriber does not read `state`, so its tokens carry no challenge; the board counts their `iat`.

use super::{ANSWER_WITHIN, CommandError, Outcome};
use crate::clock;
use crate::keys::{NamedKey, fresh_jti};
use crate::mqtt::{Bus, Message};
use contract::asking::RequestEvent;
use contract::body::ShareEvent;
use contract::claims::{Delivery, Envelope, Leaked, Leave, ReportLeak, Request, TokenKind, Withdraw};
use contract::topic::{AskTopic, Topics};
use contract::{Audience, CameraId, Filter, IdError, Jti, SiteId, SubscriberId, ViewName};
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast;

/// What a subscriber asks for.
#[derive(Debug, Clone)]
pub struct AskOrder {
    /// Which view.
    pub view: ViewName,
    /// Which filter; absent leaves it to the policy.
    pub filter: Option<Filter>,
    /// Pictures a second, at most.
    pub fps: Option<u8>,
    /// For how long.
    pub lasts: Duration,
    /// Where to.
    pub delivery: Delivery,
    /// What for.
    pub purpose: String,
    /// The person who asks, a pseudonym.
    pub requester: Option<String>,
    /// The public JWK to which credentials are encrypted.
    pub cnf: Option<serde_json::Value>,
}

/// One camera, one subscriber, one connection. The subscriber's id is its key's name.
pub struct Booth<'a> {
    /// The connection; must listen to [`Booth::events_filter`] and to answers.
    pub bus: &'a Bus,
    /// The subscriber's key.
    pub key: &'a NamedKey,
    /// Who it is.
    pub subscriber: SubscriberId,
    /// The site.
    pub site: SiteId,
    /// The camera.
    pub camera: CameraId,
}

/// What a subscriber is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// Of a request.
    Request(RequestEvent),
    /// Of a share.
    Share(ShareEvent),
}

/// The events of one subscriber at one camera.
pub struct Events {
    messages: broadcast::Receiver<Arc<Message>>,
    prefix: String,
}

/// The subscriber that a key is of.
///
/// # Errors
/// [`IdError`] when its name is none of a subscriber.
pub fn subscriber_of(key: &NamedKey) -> Result<SubscriberId, IdError> {
    SubscriberId::new(key.kid.as_str())
}

impl Events {
    /// Events of `subscriber` among `messages`.
    #[must_use]
    pub fn of(
        messages: broadcast::Receiver<Arc<Message>>,
        site: &SiteId,
        camera: &CameraId,
        subscriber: &SubscriberId,
    ) -> Self {
        Self { messages, prefix: format!("campari/v1/{site}/{camera}/share/{subscriber}/") }
    }

    /// The next event; `None` when the connection is closed.
    pub async fn next(&mut self) -> Option<(Jti, Told)> {
        loop {
            match self.messages.recv().await {
                Ok(message) => {
                    if let Some(found) = self.read(&message) {
                        return Some(found);
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    fn read(&self, message: &Message) -> Option<(Jti, Told)> {
        let jti = Jti::new(message.topic.strip_prefix(&self.prefix)?).ok()?;
        // Both are tagged by `event`; `granted` is told of a request with its share, and of a share with its end.
        let told = serde_json::from_slice(&message.payload)
            .map(Told::Request)
            .or_else(|_| serde_json::from_slice(&message.payload).map(Told::Share));
        told.ok().map(|told| (jti, told))
    }
}

impl Booth<'_> {
    /// What must be listened to.
    #[must_use]
    pub fn events_filter(site: &SiteId, camera: &CameraId, subscriber: &SubscriberId) -> String {
        format!("campari/v1/{site}/{camera}/share/{subscriber}/#")
    }

    /// Where answers come: below the subscriber's own name, which the broker's access list binds to its certificate.
    #[must_use]
    pub fn answers(site: &SiteId, subscriber: &SubscriberId, client_id: &str) -> String {
        format!("campari/v1/{site}/answer/{subscriber}/{client_id}")
    }

    /// Asks; the outcome's `jti` names the request.
    ///
    /// # Errors
    /// [`CommandError`] when there is no answer; a refusal is an answer.
    pub async fn ask(&self, order: AskOrder) -> Result<Outcome, CommandError> {
        let request = |envelope| Request {
            envelope,
            view: order.view,
            filter: order.filter,
            fps: order.fps,
            duration_s: order.lasts.as_secs(),
            delivery: order.delivery,
            purpose: order.purpose,
            requester: order.requester,
            cnf: order.cnf,
        };
        self.say(AskTopic::Request, TokenKind::Request, request).await
    }

    /// Takes a request back, or gives up the share that it became.
    ///
    /// # Errors
    /// As [`Booth::ask`].
    pub async fn withdraw(&self, request: Jti) -> Result<Outcome, CommandError> {
        self.say(AskTopic::Withdraw, TokenKind::Withdraw, |envelope| Withdraw { envelope, request }).await
    }

    /// Watches no longer.
    ///
    /// # Errors
    /// As [`Booth::ask`].
    pub async fn leave(&self, share: Jti) -> Result<Outcome, CommandError> {
        self.say(AskTopic::Leave, TokenKind::Leave, |envelope| Leave { envelope, share }).await
    }

    /// Saw something uncovered.
    ///
    /// # Errors
    /// As [`Booth::ask`].
    pub async fn report_leak(&self, what: Leaked, share: Option<Jti>) -> Result<Outcome, CommandError> {
        let report = |envelope: Envelope| {
            let seen_at = Some(envelope.iat);
            ReportLeak { envelope, share, seen_at, what, act: None }
        };
        self.say(AskTopic::ReportLeak, TokenKind::ReportLeak, report).await
    }

    async fn say<T: Serialize>(
        &self,
        topic: AskTopic,
        kind: TokenKind,
        claims: impl FnOnce(Envelope) -> T,
    ) -> Result<Outcome, CommandError> {
        let jti = fresh_jti();
        let envelope = Envelope {
            iss: self.key.kid.clone(),
            aud: Audience::camera(self.site.clone(), self.camera.clone()),
            iat: clock::unix_s(),
            jti: jti.clone(),
            challenge: None,
        };
        let token = token::sign(kind, &self.key.kid, &claims(envelope), &self.key.key)?;
        let topics = Topics::new(self.site.clone(), self.camera.clone());
        let sent_at = Instant::now();
        let answer = self.bus.request(&topics.ask(topic, &self.subscriber), token, ANSWER_WITHIN).await?;
        Ok(Outcome { answer, jti, sent_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::ToldReason;

    #[test]
    fn granted_is_told_apart_of_requests_and_shares() {
        let (_keep, messages) = broadcast::channel(1);
        let events = Events::of(messages, &"almere".parse().unwrap(), &"613".parse().unwrap(), &"tlc".parse().unwrap());
        let read = |topic: &str, payload: &str| {
            let message = Message {
                topic: format!("campari/v1/almere/{topic}"),
                payload: payload.into(),
                retained: false,
                response_topic: None,
                correlation: Vec::new(),
            };
            events.read(&message)
        };
        let share: Jti = "s1".parse().unwrap();
        let cases = [
            (r#"{"event":"granted","share":"s1"}"#, Told::Request(RequestEvent::Granted { share })),
            (
                r#"{"event":"granted","exp":9,"filter":"fill"}"#,
                Told::Share(ShareEvent::Granted { exp: 9, filter: Filter::Fill, url: None, credential: None }),
            ),
            (r#"{"event":"ended","reason":"left"}"#, Told::Share(ShareEvent::Ended { reason: ToldReason::Left })),
        ];
        for (payload, told) in cases {
            assert_eq!(read("613/share/tlc/r1", payload), Some(("r1".parse().unwrap(), told)));
        }
        assert_eq!(read("613/share/vws/r1", cases_payload()), None, "another subscriber's");
        assert_eq!(read("613/share/tlc/a/b", cases_payload()), None, "an id with a slash");
    }

    fn cases_payload() -> &'static str {
        r#"{"event":"withdrawn"}"#
    }
}
