//! The state machine itself: what it holds and what it answers. How time moves it is in `time.rs`; what comes in, in the other files.

use crate::challenge::Challenges;
use crate::lease::Lease;
use crate::replay::{Asked, Used};
use crate::requests::Queue;
use crate::{Event, Now, Share, Snapshot};
use contract::asking::LeakStanding;
use contract::body::{Mode, ShareState, ShareSummary};
use contract::policy::Policy;
use contract::{CameraId, Challenge, EndReason, Filter, Jti, SiteId};
use std::collections::VecDeque;

/// Most shares at once on any board; the policy may say fewer.
pub const MAX_SHARES: usize = 8;
/// With this many events undrained nothing new is opened or asked for.
pub const MAX_EVENTS: usize = 64;

/// Which camera this is and what its board can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The site.
    pub site: SiteId,
    /// The camera.
    pub camera: CameraId,
    /// Filters that the board offers.
    pub filters: Vec<Filter>,
}

/// What became of a policy that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyVerdict {
    /// It is in force now.
    Taken,
    /// It is the version already in force; nothing changed.
    AlreadyHeld,
}

/// The grant authority of one camera. See the [crate] for its contract.
#[derive(Debug)]
pub struct Authority {
    pub(crate) config: Config,
    pub(crate) policy: Option<Policy>,
    /// Version of the newest policy ever in force, restarts included.
    pub(crate) held_version: Option<u64>,
    pub(crate) challenges: Challenges,
    pub(crate) lease: Lease,
    pub(crate) used: Used,
    pub(crate) asked: Asked,
    pub(crate) shares: heapless::Vec<Share, MAX_SHARES>,
    /// Shares that a preempt ended and that come back at the release, where the policy says so.
    pub(crate) suspended: heapless::Vec<Share, MAX_SHARES>,
    pub(crate) requests: Queue,
    pub(crate) mode: Mode,
    /// The camera turns: it can look at one view at a time.
    pub(crate) turns: bool,
    /// Since when the camera does not look where it was sent, monotonic milliseconds.
    pub(crate) away_since_ms: Option<u64>,
    /// Somebody reported something uncovered.
    pub(crate) leak: Option<LeakStanding>,
    /// When a report was last told as an event, monotonic milliseconds.
    pub(crate) leak_told_ms: u64,
    /// The privacy switch at the camera counts as on.
    pub(crate) private: bool,
    pub(crate) applied_epoch: u64,
    pub(crate) generation: u64,
    pub(crate) events: VecDeque<Event>,
    pub(crate) monotonic_ms: u64,
    /// When it was made, monotonic.
    pub(crate) since_ms: u64,
}

impl Authority {
    /// The authority of a board that starts for the first time.
    #[must_use]
    pub fn new(config: Config, challenge: Challenge, now: Now) -> Self {
        Self::restore(config, challenge, Snapshot::first(), now)
    }

    /// The authority of a board that ran before. `challenge` must be a new one.
    #[must_use]
    pub fn restore(config: Config, challenge: Challenge, snapshot: Snapshot, now: Now) -> Self {
        Self {
            config,
            policy: None,
            held_version: snapshot.policy_version,
            challenges: Challenges::new(challenge),
            lease: Lease::import(snapshot.counters, snapshot.room_epoch),
            used: Used::import(snapshot.used),
            asked: Asked::default(),
            shares: heapless::Vec::new(),
            suspended: heapless::Vec::new(),
            requests: Queue::default(),
            mode: snapshot.mode,
            turns: false,
            away_since_ms: None,
            leak: snapshot.leak,
            leak_told_ms: now.monotonic_ms,
            private: false,
            applied_epoch: snapshot.applied_epoch,
            generation: 0,
            events: VecDeque::new(),
            monotonic_ms: now.monotonic_ms,
            since_ms: now.monotonic_ms,
        }
    }

    /// What must be on disk before the events of now are acted upon.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            mode: self.mode,
            applied_epoch: self.applied_epoch,
            room_epoch: self.lease.room_epoch,
            policy_version: self.held_version,
            used: self.used.export(),
            counters: self.lease.export(),
            leak: self.leak,
        }
    }

    /// Changes whenever the snapshot must be written anew. Heartbeat counters alone do not count: they come every two seconds, and
    /// a replay of one after a restart opens nothing, because no share outlives a restart.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether a picture of share `jti` may leave at this very moment.
    #[must_use]
    pub fn may_send(&self, jti: &Jti, now: Now) -> bool {
        self.share(jti).is_some_and(|share| self.is_open(share, now))
    }

    /// The shares whose media may flow at this very moment.
    pub fn open_shares(&self, now: Now) -> impl Iterator<Item = &Share> {
        self.shares.iter().filter(move |share| self.is_open(share, now))
    }

    fn is_open(&self, share: &Share, now: Now) -> bool {
        let now = self.never_back(now);
        self.mode == Mode::Normal
            && !self.private
            && share.state() == ShareState::Sharing
            && now.monotonic_ms >= share.opens_ms()
            && !share.is_over(now)
            && self.view_ends_ms().is_none_or(|ends_ms| now.monotonic_ms < ends_ms)
            && self.lease_ends_ms().is_some_and(|ends_ms| now.monotonic_ms < ends_ms)
    }

    /// A share that has not ended.
    #[must_use]
    pub fn share(&self, jti: &Jti) -> Option<&Share> {
        self.shares.iter().find(|share| share.jti() == jti)
    }
    /// Every share that has not ended.
    #[must_use]
    pub fn shares(&self) -> &[Share] {
        &self.shares
    }
    /// For `state`.
    #[must_use]
    pub fn summaries(&self) -> Vec<ShareSummary> {
        self.shares.iter().map(Share::summary).collect()
    }
    /// Who commands the camera.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }
    /// Whether the privacy switch at the camera counts as on.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.private
    }
    /// The challenge to publish in `state`.
    #[must_use]
    pub fn challenge(&self) -> &Challenge {
        self.challenges.current()
    }
    /// The policy in force: trust store, views and zones.
    #[must_use]
    pub fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref()
    }
    /// Age of the newest good heartbeat, milliseconds; `None` when none was heard since start.
    #[must_use]
    pub fn heartbeat_age_ms(&self, now: Now) -> Option<u64> {
        self.lease.age_ms(self.never_back(now).monotonic_ms)
    }

    /// Replaces the challenge. The one before is accepted for [`crate::CHALLENGE_OVERLAP_MS`] more.
    pub fn rotate_challenge(&mut self, new: Challenge, now: Now) {
        let now = self.handle_timeout(now);
        self.challenges.rotate(new, now.monotonic_ms);
    }

    /// What `jti`s of subscribers are remembered at this moment, for tests of the bound.
    #[must_use]
    pub fn asked_remembered(&self) -> usize {
        self.asked.len()
    }

    /// The next decision, in order. Drain it after every `handle_*`.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Ends every share for which `judge` gives a reason.
    pub(crate) fn end_where(&mut self, mut judge: impl FnMut(&mut Share) -> Option<EndReason>) -> Vec<Jti> {
        let mut ended = Vec::new();
        let events = &mut self.events;
        self.shares.retain_mut(|share| {
            let Some(reason) = judge(share) else { return true };
            let (jti, sub) = (share.jti().clone(), share.sub().clone());
            ended.push(jti.clone());
            events.push_back(Event::Ended { jti, sub, reason, told: reason.told() });
            false
        });
        if !self.shares.iter().any(Share::has_begun) {
            // It was sent nowhere any more: nothing to be away from.
            self.away_since_ms = None;
        }
        self.tell_filters();
        ended
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }
    pub(crate) fn is_untold_backlog_full(&self) -> bool {
        self.events.len() >= MAX_EVENTS
    }
    pub(crate) fn lease_ends_ms(&self) -> Option<u64> {
        self.lease.ends_ms(self.policy.as_ref()?)
    }
    pub(crate) fn never_back(&self, now: Now) -> Now {
        Now { monotonic_ms: now.monotonic_ms.max(self.monotonic_ms), ..now }
    }
}
