//! What the board says of itself over the broker, as the control room sees it: the newest state and everything logged so far.

use crate::mqtt::Message;
use contract::asking::{Inbox, RequestEvent};
use contract::body::{Catalogue, EyeState, Presence, ShareEvent, ShareLog, State};
use contract::topic::Topics;
use contract::{CameraId, Filter, Jti, SiteId};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

/// A log line and when it reached us.
#[derive(Debug, Clone)]
pub struct Logged {
    /// The line.
    pub log: ShareLog,
    /// Its arrival.
    pub at: Instant,
}

/// What was said so far. Cheap to wait on.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// The newest `state`.
    pub state: Option<State>,
    /// `catalogue`.
    pub catalogue: Option<Catalogue>,
    /// `inbox`.
    pub inbox: Inbox,
    /// `share-log`, oldest first.
    pub logs: Vec<Logged>,
    /// `share/…`, of shares, oldest first.
    pub events: Vec<(Jti, ShareEvent)>,
    /// `share/…`, of requests, oldest first.
    pub decisions: Vec<(Jti, RequestEvent)>,
}

impl Said {
    /// The eye's part of the state, when board and eye are there.
    #[must_use]
    pub fn eye(&self) -> Option<&EyeState> {
        let state = self.state.as_ref()?;
        state.eye.as_ref().filter(|_| state.presence == Presence::Online)
    }
    /// The newest line about `jti` with this event.
    #[must_use]
    pub fn logged(&self, jti: &Jti, event: &str) -> Option<&Logged> {
        self.logs.iter().rev().find(|logged| logged.log.jti == *jti && logged.log.event == event)
    }
    /// The filter in effect for `jti`.
    #[must_use]
    pub fn filter(&self, jti: &Jti) -> Option<Filter> {
        self.events.iter().find_map(|(of, event)| match event {
            ShareEvent::Granted { filter, .. } if of == jti => Some(*filter),
            _ => None,
        })
    }
    /// The session description of `jti`.
    #[must_use]
    pub fn sdp(&self, jti: &Jti) -> Option<&str> {
        self.events.iter().find_map(|(of, event)| match event {
            ShareEvent::Started { sdp, .. } if of == jti => Some(sdp.as_str()),
            _ => None,
        })
    }
}

/// Listens.
#[derive(Debug)]
pub struct Board {
    said: watch::Receiver<Said>,
    listener: JoinHandle<()>,
}

impl Board {
    /// What the control room listens to.
    #[must_use]
    pub fn subscriptions(site: &SiteId, camera: &CameraId) -> Vec<String> {
        let topics = Topics::new(site.clone(), camera.clone());
        vec![
            topics.state(),
            topics.catalogue(),
            topics.inbox(),
            topics.share_log(),
            format!("campari/v1/{site}/{camera}/share/#"),
        ]
    }

    /// Follows `messages` for one camera.
    #[must_use]
    pub fn follow(mut messages: broadcast::Receiver<Arc<Message>>, site: &SiteId, camera: &CameraId) -> Self {
        let root = format!("campari/v1/{site}/{camera}/");
        let (tell, said) = watch::channel(Said::default());
        let listener = tokio::spawn(async move {
            loop {
                match messages.recv().await {
                    Ok(message) => {
                        if let Some(level) = message.topic.strip_prefix(&root) {
                            tell.send_if_modified(|said| said.hear(level, &message.payload));
                        }
                    }
                    Err(broadcast::error::RecvError::Lagged(missed)) => tracing::error!(missed, "messages missed"),
                    Err(broadcast::error::RecvError::Closed) => return,
                }
            }
        });
        Self { said, listener }
    }

    /// What was said so far, and what will be.
    #[must_use]
    pub fn said(&self) -> watch::Receiver<Said> {
        self.said.clone()
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Said {
    fn hear(&mut self, level: &str, payload: &[u8]) -> bool {
        let heard = match level {
            "state" => serde_json::from_slice(payload).map(|state| self.state = Some(state)),
            "catalogue" => serde_json::from_slice(payload).map(|catalogue| self.catalogue = Some(catalogue)),
            "inbox" if payload.is_empty() => {
                self.inbox = Inbox::default();
                Ok(())
            }
            "inbox" => serde_json::from_slice(payload).map(|inbox| self.inbox = inbox),
            "share-log" => {
                serde_json::from_slice(payload).map(|log| self.logs.push(Logged { log, at: Instant::now() }))
            }
            _ => {
                let Some(jti) = level.strip_prefix("share/").and_then(|rest| rest.split_once('/')).map(|(_, jti)| jti)
                else {
                    return false;
                };
                let Ok(jti) = Jti::new(jti) else { return false };
                if let Ok(event) = serde_json::from_slice(payload) {
                    self.decisions.push((jti, event));
                    return true;
                }
                serde_json::from_slice(payload).map(|event| self.events.push((jti, event)))
            }
        };
        if let Err(cause) = &heard {
            tracing::warn!(level, %cause, "message of the board not understood");
        }
        heard.is_ok()
    }
}
