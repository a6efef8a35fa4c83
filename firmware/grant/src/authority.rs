//! The state machine itself: what it holds, what it answers, and how time moves it. The commands are in `commands.rs`.

use crate::challenge::Challenges;
use crate::lease::Lease;
use crate::replay::Used;
use crate::{Event, Now, Share, Snapshot};
use contract::body::{Mode, ShareState, ShareSummary};
use contract::policy::Policy;
use contract::{CameraId, Challenge, EndReason, Filter, Jti, SiteId};
use std::collections::VecDeque;

/// Most shares at once on any board; the policy may say fewer.
pub const MAX_SHARES: usize = 8;
/// With this many events undrained nothing new is opened.
pub const MAX_EVENTS: usize = 64;
/// While shares stand the wall clock is looked at this often, milliseconds.
const CLOCK_CHECK_MS: u64 = 250;

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

/// What the authority waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// The next window opens: a waiting share starts.
    WindowOpens,
    /// The next window closes: a share expires.
    WindowCloses,
    /// The last heartbeat is too old: every share ends.
    Lease,
    /// Time to look at the wall clock again, so that a step forward past a share's `exp` ends it in time.
    ClockCheck,
}

impl Timer {
    const ALL: [Timer; 4] = [Timer::WindowOpens, Timer::WindowCloses, Timer::Lease, Timer::ClockCheck];
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
    pub(crate) shares: heapless::Vec<Share, MAX_SHARES>,
    pub(crate) mode: Mode,
    /// The privacy switch at the camera counts as on.
    pub(crate) private: bool,
    pub(crate) applied_epoch: u64,
    pub(crate) generation: u64,
    events: VecDeque<Event>,
    monotonic_ms: u64,
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
            shares: heapless::Vec::new(),
            mode: snapshot.mode,
            private: false,
            applied_epoch: snapshot.applied_epoch,
            generation: 0,
            events: VecDeque::new(),
            monotonic_ms: now.monotonic_ms,
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

    /// The next decision, in order. Drain it after every `handle_*`.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When, on the monotonic clock, [`Authority::handle_timeout`] must be called at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        Timer::ALL.into_iter().filter_map(|timer| self.deadline(timer)).min()
    }

    /// When `timer` is due, in monotonic milliseconds.
    #[must_use]
    pub fn deadline(&self, timer: Timer) -> Option<u64> {
        if self.shares.is_empty() {
            return None;
        }
        let waiting = self.shares.iter().filter(|share| share.state() == ShareState::Waiting);
        match timer {
            Timer::WindowOpens => waiting.map(Share::opens_ms).min(),
            Timer::WindowCloses => self.shares.iter().map(Share::closes_ms).min(),
            Timer::Lease => Some(self.lease_ends_ms().unwrap_or(self.monotonic_ms)),
            Timer::ClockCheck => Some(self.monotonic_ms.saturating_add(CLOCK_CHECK_MS)),
        }
    }

    /// Lets time pass: ends what is over, starts what begins. Gives back `now` with a monotonic time that never runs backwards.
    pub fn handle_timeout(&mut self, now: Now) -> Now {
        let now = self.never_back(now);
        self.monotonic_ms = now.monotonic_ms;
        self.used.forget(now);
        let lease_ends_ms = self.lease_ends_ms().unwrap_or(0);
        self.end_where(|share| {
            let lease_lost = now.monotonic_ms >= lease_ends_ms;
            if share.is_over(now) && (!lease_lost || share.closes_ms() <= lease_ends_ms) {
                Some(EndReason::Expired)
            } else {
                lease_lost.then_some(EndReason::ControlRoomLost)
            }
        });
        for share in &mut self.shares {
            if share.state() == ShareState::Waiting && now.monotonic_ms >= share.opens_ms() {
                share.start();
                self.events.push_back(Event::Started { jti: share.jti().clone(), sub: share.sub().clone() });
            }
        }
        now
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
    fn never_back(&self, now: Now) -> Now {
        Now { monotonic_ms: now.monotonic_ms.max(self.monotonic_ms), ..now }
    }
}
