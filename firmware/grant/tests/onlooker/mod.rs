//! A second, simpler reading of the promises: it hears the events, and says at every moment what must not be.
#![allow(dead_code, reason = "each test file uses its own part")]

use crate::support::World;
use contract::asking::RequestEvent;
use contract::claims::Delivery;
use contract::{EndReason, Filter, Jti};
use grant::{Event, MAX_ASKED, MAX_SHARES, MAX_USED};
use std::collections::{BTreeMap, BTreeSet};

/// What an onlooker knows of one grant: enough to say when it must be silent.
pub(crate) struct Seen {
    /// Monotonic, by the board's clock at the moment of granting; an extension adds what it says and no more.
    opens_ms: u64,
    closes_ms: u64,
    exp: u64,
    filter: Filter,
    told: Filter,
    /// Grants and restorations, starts, and ends. Each of the first is followed by exactly one of the last.
    pub(crate) runs: u32,
    pub(crate) starts: u32,
    pub(crate) ends: u32,
    last_end: Option<EndReason>,
    started: bool,
    /// Nobody watches, and when it ends by that (monotonic).
    alone_until_ms: Option<u64>,
    /// It is fetched: nothing before a viewer came.
    pull: bool,
}

impl Seen {
    fn stands(&self) -> bool {
        self.runs > self.ends
    }
}

#[derive(Default)]
pub(crate) struct Onlooker {
    pub(crate) shares: BTreeMap<Jti, Seen>,
    pub(crate) accepted: BTreeSet<Jti>,
    /// Requests: whether each waits, and what became of it.
    pub(crate) requests: BTreeMap<Jti, (bool, Vec<RequestEvent>)>,
    /// Shares of which the authority was told that a viewer is there.
    pub(crate) came: BTreeSet<Jti>,
    pub(crate) read: usize,
    pub(crate) last_good_beat_ms: Option<u64>,
    pub(crate) reserved: bool,
    pub(crate) private: bool,
    /// Reported and not cleared.
    pub(crate) leak: bool,
    /// Since when the camera is away, as far as the authority was told.
    pub(crate) away_since_ms: Option<u64>,
    /// What happened, so that a test can see that it got far.
    pub(crate) seen: BTreeMap<&'static str, u32>,
}

impl Onlooker {
    fn share(&mut self, jti: &Jti) -> &mut Seen {
        self.shares.get_mut(jti).expect("it was granted")
    }

    fn count(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    pub(crate) fn read_events(&mut self, world: &World) {
        for (_, event) in &world.events[self.read..] {
            self.read(event, world);
        }
        self.read = world.events.len();
    }

    fn read(&mut self, event: &Event, world: &World) {
        match event {
            Event::Granted { grant, filter } => {
                self.count("granted");
                let jti = grant.envelope.jti.clone();
                assert!(self.accepted.insert(jti.clone()), "{jti} was granted twice");
                assert!(*filter >= grant.filter, "{jti} is shown with less than was granted");
                let until = |s: u64| world.monotonic_ms + (s * 1000).saturating_sub(world.utc_ms);
                let (opens_ms, closes_ms, exp) = (until(grant.nbf), until(grant.exp), grant.exp);
                let (filter, told) = (grant.filter, *filter);
                let (runs, starts, ends, last_end, started, alone_until_ms) = (1, 0, 0, None, false, None);
                let pull = matches!(grant.delivery, Delivery::Pull | Delivery::Relay);
                let seen = Seen {
                    pull,
                    opens_ms,
                    closes_ms,
                    exp,
                    filter,
                    told,
                    runs,
                    starts,
                    ends,
                    last_end,
                    started,
                    alone_until_ms,
                };
                self.shares.insert(jti, seen);
            }
            Event::Restored { grant, filter } => {
                self.count("restored");
                let seen = self.share(&grant.envelope.jti);
                assert!(!seen.stands() && seen.last_end == Some(EndReason::Preempted), "only what the police ended");
                (seen.runs, seen.started, seen.alone_until_ms, seen.told) = (seen.runs + 1, false, None, *filter);
                assert_eq!(grant.exp, seen.exp, "with the window that it had");
            }
            Event::Started { jti, .. } => {
                let came = self.came.contains(jti);
                let seen = self.share(jti);
                assert!(seen.stands() && !seen.started, "{jti} started again, or after its end");
                assert!(!seen.pull || came, "{jti} is fetched, and started before anybody was there");
                (seen.started, seen.starts) = (true, seen.starts + 1);
                if seen.pull {
                    self.count("fetched");
                }
            }
            Event::Waiting { jti, .. } => {
                self.count("waiting");
                let grace_ms = u64::from(world.authority.policy().unwrap().waiting_grace_s) * 1000;
                let seen = self.share(jti);
                if seen.pull && !seen.started {
                    self.count("expecting");
                } else {
                    seen.alone_until_ms = Some(world.monotonic_ms + grace_ms);
                }
            }
            Event::Resumed { jti, .. } => {
                let seen = self.share(jti);
                assert!(seen.alone_until_ms.take().is_some(), "{jti} resumed without having waited");
            }
            Event::Extended { jti, exp, .. } => {
                self.count("extended");
                let seen = self.share(jti);
                assert!(*exp > seen.exp, "extend lengthens");
                seen.closes_ms += (exp - seen.exp) * 1000;
                seen.exp = *exp;
            }
            Event::Filtered { jti, filter, .. } => {
                self.count("filtered");
                let seen = self.share(jti);
                assert!(
                    *filter >= seen.filter && *filter != seen.told,
                    "{jti}: told {filter}, granted {}",
                    seen.filter
                );
                seen.told = *filter;
            }
            Event::Ended { jti, reason, told, .. } => {
                assert_eq!(*told, reason.told());
                let seen = self.share(jti);
                assert!(seen.stands(), "{jti} ended twice");
                (seen.ends, seen.last_end) = (seen.ends + 1, Some(*reason));
                if *reason == EndReason::ViewLeft {
                    self.count("view-left");
                }
                if !self.shares.values().any(|seen| seen.stands() && seen.started) {
                    // The camera was let go; where it looks is nobody's promise.
                    self.away_since_ms = None;
                }
            }
            Event::ModeChanged(mode) => self.reserved = *mode == contract::body::Mode::Reserved,
            Event::Asked { request, .. } => {
                self.count("asked");
                let before = self.requests.insert(request.envelope.jti.clone(), (true, vec![]));
                assert!(before.is_none(), "a request waits twice");
            }
            Event::Decided { jti, outcome, .. } => {
                self.count("decided");
                assert!(!matches!(outcome, RequestEvent::Pending { .. }));
                let (waits, outcomes) = self.requests.entry(jti.clone()).or_default();
                *waits = false;
                outcomes.push(outcome.clone());
                assert_eq!(outcomes.len(), 1, "{jti} has two outcomes: {outcomes:?}");
            }
            Event::ViewLeft => self.count("away"),
            Event::ViewBack => {}
            Event::LeakReported { .. } => {
                self.count("leak");
                self.leak = true;
            }
            Event::LeakCleared { by, .. } => {
                assert_eq!(by.as_str(), "officer", "nobody else clears");
                self.leak = false;
            }
        }
    }

    /// The promises at this very moment.
    pub(crate) fn check(&self, world: &World) {
        for (jti, seen) in &self.shares {
            if world.authority.may_send(jti, world.now()) {
                self.may_be_sending(jti, seen, world);
            }
        }
        let authority = &world.authority;
        assert!(!self.private || authority.shares().is_empty(), "a share stands while the privacy switch is on");
        assert!(!self.reserved || authority.shares().is_empty(), "a share stands while the camera is reserved");
        let standing = self.shares.values().filter(|seen| seen.stands()).count();
        assert_eq!(authority.shares().len(), standing, "what was granted and has not ended stands, and nothing else");
        let allowed = authority.policy().map_or(0, |policy| usize::from(policy.max_shares));
        assert!(standing <= allowed.min(MAX_SHARES));
        self.filters(world);
        self.asked(world);
        assert!(authority.suspended().len() <= MAX_SHARES);
        assert!(authority.snapshot().used.len() <= MAX_USED && authority.asked_remembered() <= MAX_ASKED);
        assert_eq!(authority.snapshot().leak.is_some(), self.leak, "a leak stands until an officer clears it");
    }

    fn may_be_sending(&self, jti: &Jti, seen: &Seen, world: &World) {
        let now = world.now();
        assert!(seen.stands() && seen.started, "{jti} sends before its start or after its end");
        assert!(now.monotonic_ms >= seen.opens_ms, "{jti} sends before its window");
        assert!(now.monotonic_ms < seen.closes_ms, "{jti} outlives its window by the monotonic clock");
        assert!(now.utc_ms < seen.exp * 1000, "{jti} outlives its window by the wall clock");
        assert!(seen.alone_until_ms.is_none(), "{jti} sends though nobody watches");
        assert!(!self.reserved, "{jti} sends while the camera is reserved");
        assert!(!self.private, "{jti} sends while the privacy switch is on");
        let policy = world.authority.policy().expect("no policy, no share");
        let beat_ms = self.last_good_beat_ms.expect("no heartbeat, no share");
        assert!(now.monotonic_ms < beat_ms + u64::from(policy.lease_s) * 1000, "{jti} outlives the lease");
        if let Some(since_ms) = self.away_since_ms {
            assert!(world.authority.is_away(), "the camera is away, and the authority says that it may be shown");
            assert!(now.monotonic_ms < since_ms + u64::from(policy.view_grace_s) * 1000, "{jti} outlives its view");
        }
    }

    fn filters(&self, world: &World) {
        let begun: Vec<_> = self.shares.iter().filter(|(_, seen)| seen.stands() && seen.started).collect();
        let Some(filter) = world.authority.filter() else {
            assert!(begun.is_empty());
            return;
        };
        assert!(!self.leak || filter == Filter::Coarse, "a leak stands, and not all is coarse");
        for (jti, seen) in begun {
            assert!(filter >= seen.filter, "{jti} would be shown with less than was granted");
            assert_eq!(seen.told, filter, "{jti} was told another filter");
        }
    }

    fn asked(&self, world: &World) {
        let waits = self.requests.iter().filter(|(_, (waits, _))| *waits).map(|(jti, _)| jti);
        let inbox = world.authority.inbox();
        let inbox: BTreeSet<&Jti> = inbox.requests.iter().map(|open| &open.jti).collect();
        assert_eq!(inbox, waits.collect(), "what waits is in the inbox, and nothing else");
        let room = world.authority.policy().map_or(0, |policy| usize::from(policy.max_requests));
        assert!(inbox.len() <= room);
    }

    /// Everything that runs and waits has ended with the eye.
    pub(crate) fn restarted(&mut self) {
        for seen in self.shares.values_mut().filter(|seen| seen.stands()) {
            seen.ends = seen.runs;
        }
        // Those that waited are told so by the voice, which knows them from the inbox.
        self.requests.clear();
        (self.last_good_beat_ms, self.away_since_ms) = (None, None);
    }

    /// No start without its end, no request without its outcome.
    pub(crate) fn all_is_over(&self) {
        for (jti, seen) in &self.shares {
            assert!(seen.ends == seen.runs && seen.starts <= seen.ends, "{jti}: every start has exactly one end");
        }
        for (jti, (waits, outcomes)) in &self.requests {
            assert!(!waits && outcomes.len() == 1, "{jti}: every request has exactly one outcome");
        }
    }
}

/// What could be loosened, before and after something that nobody signed.
#[derive(Debug, PartialEq)]
pub(crate) struct Grip {
    shares: BTreeSet<(Jti, u64)>,
    mode: contract::body::Mode,
    leak: bool,
    policy: Option<u64>,
}

impl Grip {
    pub(crate) fn of(world: &World) -> Self {
        let authority = &world.authority;
        Self {
            shares: authority.shares().iter().map(|share| (share.jti().clone(), share.grant().exp)).collect(),
            mode: authority.mode(),
            leak: authority.leak().is_some(),
            policy: authority.policy().map(|policy| policy.version),
        }
    }
    /// Whether nothing was loosened since.
    pub(crate) fn only_tightened(&self, after: &Self) -> bool {
        after.shares.is_subset(&self.shares)
            && (after.mode, after.leak, after.policy) == (self.mode, self.leak, self.policy)
    }
}
