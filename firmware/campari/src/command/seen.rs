//! What the broker tells of a site: states, inboxes, the policy, the agent that leads.

use super::{CommandError, epoch_told, inbox_filter, read_inbox, read_state, state_filter};
use crate::mqtt::Message;
use contract::asking::{Inbox, OpenRequest};
use contract::body::{EyeState, Presence, State};
use contract::topic::Topics;
use contract::{CameraId, Jti, SiteId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;

/// The topics that are the whole site's; any camera's name serves.
#[must_use]
pub fn site_topics(site: &SiteId) -> Topics {
    let Ok(any) = CameraId::new("any") else { unreachable!("a constant") };
    Topics::new(site.clone(), any)
}

/// Everything that was told so far.
#[derive(Debug, Clone)]
pub struct Seen {
    site: SiteId,
    /// Newest state of each camera.
    pub states: BTreeMap<CameraId, State>,
    /// Newest inbox of each camera.
    pub inboxes: BTreeMap<CameraId, Inbox>,
    /// The policy bundle on the broker, not verified.
    pub policy: Option<Vec<u8>>,
    /// The reserve epoch that the agent in the lead tells.
    pub epoch: Option<u64>,
}

impl Seen {
    /// Nothing yet.
    #[must_use]
    pub fn of(site: SiteId) -> Self {
        Self { site, states: BTreeMap::new(), inboxes: BTreeMap::new(), policy: None, epoch: None }
    }

    /// What must be listened to for all of it.
    #[must_use]
    pub fn everything(site: &SiteId) -> Vec<String> {
        let topics = site_topics(site);
        vec![state_filter(site), inbox_filter(site), topics.policy(), topics.lead()]
    }

    /// Takes a message in.
    pub fn hear(&mut self, message: &Message) {
        let topics = site_topics(&self.site);
        if let Some((camera, state)) = read_state(&self.site, message) {
            self.states.insert(camera, state);
        } else if let Some((camera, inbox)) = read_inbox(&self.site, message) {
            self.inboxes.insert(camera, inbox);
        } else if message.topic == topics.policy() {
            self.policy = Some(message.payload.clone());
        } else if message.topic == topics.lead() {
            self.epoch = epoch_told(&message.payload);
        }
    }

    /// Takes messages in until there is `enough` or `within` is over; answers whether there is enough.
    pub async fn until(
        &mut self,
        messages: &mut broadcast::Receiver<Arc<Message>>,
        within: Duration,
        enough: impl Fn(&Self) -> bool,
    ) -> bool {
        let deadline = tokio::time::Instant::now() + within;
        while !enough(self) {
            match tokio::time::timeout_at(deadline, messages.recv()).await {
                Ok(Ok(message)) => self.hear(&message),
                Ok(Err(broadcast::error::RecvError::Lagged(_))) => {}
                Ok(Err(broadcast::error::RecvError::Closed)) | Err(_) => return false,
            }
        }
        true
    }

    /// What the eye of `camera` says of itself.
    ///
    /// # Errors
    /// [`CommandError::UnknownCamera`] or [`CommandError::Absent`].
    pub fn eye(&self, camera: &CameraId) -> Result<EyeState, CommandError> {
        let unknown = || CommandError::UnknownCamera { site: self.site.clone(), camera: camera.clone() };
        let state = self.states.get(camera).ok_or_else(unknown)?;
        let absent = |presence| CommandError::Absent { camera: camera.clone(), presence };
        match (state.presence, &state.eye) {
            (Presence::Online, Some(eye)) => Ok(eye.clone()),
            (Presence::Offline, _) => Err(absent("the board is offline")),
            _ => Err(absent("its eye is not running")),
        }
    }

    /// The request `jti`, at `camera` or wherever it waits.
    #[must_use]
    pub fn request(&self, jti: &Jti, camera: Option<&CameraId>) -> Option<(&CameraId, &OpenRequest)> {
        let mut found = self
            .inboxes
            .iter()
            .filter(|(at, _)| camera.is_none_or(|camera| camera == *at))
            .flat_map(|(at, inbox)| inbox.requests.iter().map(move |open| (at, open)));
        found.find(|(_, open)| open.jti == *jti)
    }
}
