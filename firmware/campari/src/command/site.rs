//! Commands to every camera of a site: one message for all, then what each board's state says, then one by one where that does not fit yet.
//!
//! The answers to one message for all do not say whose they are, and a board that nobody knows of may answer too: what counts is the state.

use super::{CommandError, Desk, Seen, site_topics};
use crate::mqtt::{Bus, Message};
use contract::body::{Mode, Presence, State};
use contract::topic::CommandTopic;
use contract::{CameraId, ErrorCode};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;

/// How long boards may take to show it in their state.
const SHOWN_WITHIN: Duration = Duration::from_secs(3);
/// How long the retained states may take to come.
const KNOWN_WITHIN: Duration = Duration::from_millis(700);

/// What every board should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Everywhere {
    /// Reserve the camera.
    Preempt,
    /// Give it back.
    Release,
    /// End every share.
    Revoke,
}

impl Everywhere {
    fn topic(self) -> CommandTopic {
        match self {
            Everywhere::Preempt => CommandTopic::Preempt,
            Everywhere::Release => CommandTopic::Release,
            Everywhere::Revoke => CommandTopic::Revoke,
        }
    }

    /// Whether this state shows that it was done.
    fn is_done(self, state: &State) -> bool {
        state.presence == Presence::Online
            && state.eye.as_ref().is_some_and(|eye| match self {
                Everywhere::Preempt => eye.mode == Mode::Reserved && eye.shares.is_empty(),
                Everywhere::Release => eye.mode == Mode::Normal,
                Everywhere::Revoke => eye.shares.is_empty(),
            })
    }
}

/// What became of it at each known camera: `None` is done, else why not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SiteReport {
    /// By camera.
    pub cameras: BTreeMap<CameraId, Option<String>>,
}

impl SiteReport {
    /// Whether every known camera did it.
    #[must_use]
    pub fn is_done(&self) -> bool {
        !self.cameras.is_empty() && self.cameras.values().all(Option::is_none)
    }
}

/// Sends `token` (for `site/*`) to every camera, and `again` (signed for one camera) where the state does not show it.
///
/// # Errors
/// [`CommandError`] when it could not be sent at all.
pub async fn everywhere(
    desk: &Desk<'_>,
    what: Everywhere,
    token: String,
    mut seen: Seen,
    messages: &mut broadcast::Receiver<Arc<Message>>,
    mut again: impl FnMut(&Desk<'_>, &contract::body::EyeState) -> super::orders::Signed,
) -> Result<SiteReport, CommandError> {
    send_all(desk.bus, &site_topics(&desk.site).all(what.topic()), token).await?;
    // Every retained state first; only then can "all of them" be told from "none yet".
    seen.until(messages, KNOWN_WITHIN, |_| false).await;
    let online = |seen: &Seen| {
        seen.states.values().filter(|state| state.presence == Presence::Online).all(|state| what.is_done(state))
    };
    seen.until(messages, SHOWN_WITHIN, online).await;
    let mut report = SiteReport::default();
    for (camera, state) in &seen.states {
        let verdict = match (&state.eye, state.presence) {
            _ if what.is_done(state) => None,
            (_, Presence::Offline) => {
                Some("the board is offline; what it last heard holds until it is back".to_owned())
            }
            (None, _) | (_, Presence::EyeAbsent) => Some("its eye is not running: nothing is shared there".to_owned()),
            (Some(eye), Presence::Online) => {
                let one = Desk { bus: desk.bus, key: desk.key, site: desk.site.clone(), camera: camera.clone() };
                match one.send(what.topic(), again(&one, eye)?).await {
                    Ok(outcome) => outcome.answer.error.map(|refusal| told(refusal.code, &refusal.detail)),
                    Err(cause) => Some(crate::chain(&cause)),
                }
            }
        };
        report.cameras.insert(camera.clone(), verdict);
    }
    Ok(report)
}

fn told(code: ErrorCode, detail: &str) -> String {
    format!("refused: {code}: {detail} ({})", super::remedy(code))
}

/// Publishes to all; that nobody listens is no failure of ours.
async fn send_all(bus: &Bus, topic: &str, token: String) -> Result<(), CommandError> {
    match bus.request_all(topic, token, SHOWN_WITHIN, 1).await {
        Ok(_) | Err(crate::mqtt::BusError::NobodyListens { .. }) => Ok(()),
        Err(cause) => Err(cause.into()),
    }
}
