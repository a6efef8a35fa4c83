//! The watch's hands: listens to the broker, verifies what subscribers signed, signs and sends what the centralist wants.

use super::model::{Asked, Heard, Order};
use crate::clock;
use crate::command::{
    CommandError, Desk, Everywhere, Outcome, Seen, Signed, believed, everywhere, next_epoch, read_inbox, read_state,
    remedy, site_topics,
};
use crate::keys::NamedKey;
use crate::mqtt::{Bus, Message};
use crate::trust::Trust;
use contract::asking::Inbox;
use contract::body::{EyeState, RoomBusy, Taken};
use contract::claims::{Actors, Leaked};
use contract::topic::{CommandTopic, Topics};
use contract::{CameraId, Jti, SiteId};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;

/// A centralist's ears: what was told so far, and whose requests count.
pub struct WatchDesk {
    /// The site.
    pub site: SiteId,
    /// Who works here.
    pub operator: String,
    /// Whose requests count.
    pub trust: Trust,
    /// What was told so far.
    pub seen: Seen,
}

/// A centralist's hands.
pub struct Hand {
    /// The connection; must listen to [`WatchDesk::subscriptions`] and to answers.
    pub bus: Bus,
    /// Whose key signs.
    pub key: NamedKey,
    /// Who works here.
    pub operator: String,
    /// The site.
    pub site: SiteId,
}

fn json<T: DeserializeOwned>(message: &Message) -> Option<T> {
    serde_json::from_slice(&message.payload).ok()
}

impl WatchDesk {
    /// What must be listened to.
    #[must_use]
    pub fn subscriptions(site: &SiteId) -> Vec<String> {
        let mut topics = Seen::everything(site);
        topics.push(format!("campari/v1/{site}/+/catalogue"));
        topics.push(format!("campari/v1/{site}/+/share-log"));
        topics.push(format!("campari/v1/{site}/room/taken/+/+"));
        topics.push(site_topics(site).presence());
        topics
    }

    /// What a message means for the screen; inboxes with each request verified.
    pub fn hear(&mut self, message: &Message) -> Option<Heard> {
        self.seen.hear(message);
        let site = self.site.clone();
        if let Some((camera, state)) = read_state(&site, message) {
            return Some(Heard::State(camera, Box::new(state)));
        }
        if let Some((camera, inbox)) = read_inbox(&site, message) {
            return Some(self.verified(camera, inbox));
        }
        let below = message.topic.strip_prefix(&format!("campari/v1/{site}/"))?;
        match below.split('/').collect::<Vec<_>>().as_slice() {
            ["policy"] => {
                if let Err(cause) = self.trust.renew(&message.payload) {
                    tracing::debug!(%cause, "the policy on the broker is not taken");
                }
                None
            }
            ["room", "lead"] => (!message.payload.is_empty()).then_some(Heard::Lead),
            ["room", "presence"] => json(message).map(Heard::Presence),
            ["room", "taken", camera, request] => {
                let taken = if message.payload.is_empty() { None } else { Some(json::<Taken>(message)?) };
                Some(Heard::Taken(CameraId::new(*camera).ok()?, Jti::new(*request).ok()?, taken))
            }
            [camera, "catalogue"] => Some(Heard::Catalogue(CameraId::new(*camera).ok()?, Box::new(json(message)?))),
            [camera, "share-log"] => Some(Heard::Log(CameraId::new(*camera).ok()?, Box::new(json(message)?))),
            _ => None,
        }
    }

    fn verified(&self, camera: CameraId, inbox: Inbox) -> Heard {
        let asked = inbox
            .requests
            .into_iter()
            .map(|open| {
                let order = believed(&self.trust, &camera, &open, self.operator.clone());
                Asked { order: order.map_err(|cause| crate::chain(&cause)), open }
            })
            .collect();
        Heard::Inbox(camera, asked)
    }
}

impl Hand {
    fn desk(&self, camera: &CameraId) -> Desk<'_> {
        Desk { bus: &self.bus, key: &self.key, site: self.site.clone(), camera: camera.clone() }
    }

    fn act(&self) -> Actors {
        Actors { operator: self.operator.clone(), requester: None }
    }

    /// Does what the centralist wants, knowing what was `seen`, and says what became of it.
    ///
    /// # Errors
    /// Why not, with what to do about it.
    pub async fn carry_out(&self, order: Order, seen: &Seen) -> Result<String, String> {
        let wanted = order.to_string();
        let failed = |cause: CommandError| format!("{wanted}: {}", crate::chain(&cause));
        match order {
            Order::Take(camera, request, until) => self.take(&camera, &request, Some(until)).map_err(failed),
            Order::PutBack(camera, request) => self.take(&camera, &request, None).map_err(failed),
            Order::Busy(busy) => self.busy(busy).map_err(failed),
            Order::Preempt(None) => self.all(Everywhere::Preempt, seen).await.map_err(failed)?,
            Order::Release(None) => self.all(Everywhere::Release, seen).await.map_err(failed)?,
            Order::Revoke(None, _) => self.all(Everywhere::Revoke, seen).await.map_err(failed)?,
            one => {
                let outcome = self.one(one, seen).await.map_err(failed)?;
                match outcome.answer.error {
                    None => Ok(format!("{wanted}: done")),
                    Some(refusal) => Err(format!("{wanted}: refused, {}: {}", refusal.detail, remedy(refusal.code))),
                }
            }
        }
    }

    async fn one(&self, order: Order, seen: &Seen) -> Result<Outcome, CommandError> {
        let epoch = next_epoch(seen.epoch, clock::unix_ms());
        let (camera, topic) = match &order {
            Order::Grant(camera, _) => (camera, CommandTopic::Grant),
            Order::Deny(camera, ..) => (camera, CommandTopic::Deny),
            Order::Extend(camera, ..) => (camera, CommandTopic::Extend),
            Order::Revoke(Some(camera), _) => (camera, CommandTopic::Revoke),
            Order::Preempt(Some(camera)) => (camera, CommandTopic::Preempt),
            Order::Release(Some(camera)) => (camera, CommandTopic::Release),
            Order::ReportLeak(camera) => (camera, CommandTopic::ReportLeak),
            _ => unreachable!("the others are not for one camera"),
        };
        let eye = seen.eye(camera)?;
        let (desk, act) = (self.desk(camera), self.act());
        let signed: Signed = match order.clone() {
            Order::Grant(_, order) => desk.sign_grant(&eye, *order),
            Order::Deny(_, request, reason) => desk.sign_deny(&eye, request, reason, act),
            Order::Extend(_, share, minutes) => {
                let now = eye.shares.iter().find(|one| one.jti == share).map_or(eye.now, |one| one.exp);
                desk.sign_extend(&eye, share, now.saturating_add(minutes * 60), act)
            }
            Order::Revoke(_, share) => desk.sign_revoke(Some(&eye), share, act),
            Order::Preempt(_) => desk.sign_preempt(Some(&eye), epoch, act),
            Order::Release(_) => desk.sign_release(Some(&eye), epoch, act),
            _ => desk.sign_report_leak(&eye, Leaked::Other, None, act),
        };
        desk.send(topic, signed?).await
    }

    async fn all(&self, what: Everywhere, seen: &Seen) -> Result<Result<String, String>, CommandError> {
        let epoch = next_epoch(seen.epoch, clock::unix_ms());
        let mut messages: broadcast::Receiver<Arc<Message>> = self.bus.messages();
        let Ok(any) = CameraId::new("any") else { unreachable!("a constant") };
        let sign = |desk: &Desk<'_>, eye: Option<&EyeState>| match what {
            Everywhere::Preempt => desk.sign_preempt(eye, epoch, self.act()),
            Everywhere::Release => desk.sign_release(eye, epoch, self.act()),
            Everywhere::Revoke => desk.sign_revoke(eye, None, self.act()),
        };
        let desk = self.desk(&any);
        let (_, token) = sign(&desk, None)?;
        let report =
            everywhere(&desk, what, token, seen.clone(), &mut messages, |desk, eye| sign(desk, Some(eye))).await?;
        let missing: Vec<_> =
            report.cameras.iter().filter_map(|(camera, why)| Some(format!("{camera}: {}", why.as_ref()?))).collect();
        Ok(if missing.is_empty() {
            Ok(format!("every camera ({}): done", report.cameras.len()))
        } else {
            Err(format!("not done at {} of {} cameras: {}", missing.len(), report.cameras.len(), missing.join("; ")))
        })
    }

    /// The broker forgets it when the request lapses.
    fn take(&self, camera: &CameraId, request: &Jti, until: Option<u64>) -> Result<String, CommandError> {
        let topic = Topics::new(self.site.clone(), camera.clone()).taken(request);
        let now = clock::unix_s();
        match until {
            Some(until) => {
                let taken = Taken { by: self.operator.clone(), at: now };
                let lasts = Duration::from_secs(until.saturating_sub(now).clamp(1, 3600));
                self.bus.publish_for(&topic, serde_json::to_vec(&taken).unwrap_or_default(), lasts)?;
                Ok(format!("the request for camera {camera} is in your hands"))
            }
            None => {
                self.bus.publish(&topic, Vec::new(), true)?;
                Ok(format!("the request for camera {camera} is in nobody's hands"))
            }
        }
    }

    fn busy(&self, busy: bool) -> Result<String, CommandError> {
        let told = RoomBusy { busy, by: self.operator.clone(), at: clock::unix_s() };
        let topic = site_topics(&self.site).busy();
        self.bus.publish(&topic, serde_json::to_vec(&told).unwrap_or_default(), true)?;
        Ok(if busy { "who asks now is told that everybody is busy".into() } else { "requests wait again".into() })
    }
}
