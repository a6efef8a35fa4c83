//! What a site's control room knows of its boards: the newest state of each, as it came over the broker.

use crate::plan::{BOARDS_A_SITE, site};
use campari::command::{read_state, state_filter};
use campari::mqtt::{Bus, BusSettings, Message};
use campari::stage::{Certificates, Door, Role};
use contract::body::{EyeState, Presence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

/// All sites' boards, by number.
pub(crate) type Seen = Arc<Mutex<Vec<Option<EyeState>>>>;

/// A heartbeat older than this does not carry a grant; the lease is 10 s.
const FRESH_BEAT_S: f32 = 8.0;

/// One site's control room.
pub(crate) struct Desk {
    pub(crate) bus: Bus,
    watcher: JoinHandle<()>,
}

impl Desk {
    pub(crate) fn open(number: usize, certificates: &Certificates, port: u16, seen: &Seen) -> anyhow::Result<Self> {
        let own = site(number);
        let settings = BusSettings {
            client_id: format!("centralist-{own}"),
            subscribe: vec![state_filter(&own)],
            answers: Some(format!("campari/v1/{own}/answer/centralist")),
            ..BusSettings::default()
        };
        let bus = Bus::open(&certificates.connection_of(Role::Centralist.user(), port), settings)?;
        debug_assert!(Role::Centralist.door() == Door::ControlRoom);
        let (mut messages, seen) = (bus.messages(), Arc::clone(seen));
        let watcher = tokio::spawn(async move {
            loop {
                match messages.recv().await {
                    Ok(message) => note(&own, &message, &seen),
                    // The next state of each board is a second away.
                    Err(broadcast::error::RecvError::Lagged(missed)) => tracing::debug!(missed, "states missed"),
                    Err(broadcast::error::RecvError::Closed) => return,
                }
            }
        });
        Ok(Self { bus, watcher })
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

fn note(own: &contract::SiteId, message: &Message, seen: &Seen) {
    let Some((camera, state)) = read_state(own, message) else { return };
    let Some(board) = camera.as_str().strip_prefix('c').and_then(|number| number.parse::<usize>().ok()) else { return };
    if let Some(place) = lock(seen).get_mut(board) {
        *place = state.eye.filter(|_| state.presence == Presence::Online);
    }
}

pub(crate) fn lock(seen: &Seen) -> MutexGuard<'_, Vec<Option<EyeState>>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a grant to this board would be judged on its merits: it holds the policy and hears the heartbeat.
pub(crate) fn is_ready(eye: &EyeState) -> bool {
    eye.policy_version.is_some() && eye.heartbeat_age_s.is_some_and(|age_s| age_s < FRESH_BEAT_S)
}

/// Whether it still is, `now` (Unix seconds): it may have said so some seconds ago, and have heard nothing since. Whoever hears the heartbeat says so
/// more often than it goes stale.
pub(crate) fn is_still_ready(eye: &EyeState, now: u64) -> bool {
    is_ready(eye) && eye.heartbeat_age_s.is_some_and(|age_s| age_s + now.saturating_sub(eye.now) as f32 <= FRESH_BEAT_S)
}

/// How many boards said something that they made after `since`, Unix seconds.
pub(crate) fn back_since(seen: &Seen, since: u64) -> usize {
    lock(seen).iter().flatten().filter(|eye| eye.now > since).count()
}

/// Which site a board is at.
pub(crate) fn site_of(board: usize) -> usize {
    board / BOARDS_A_SITE
}
