//! A board and a control room in simulated time.
#![allow(dead_code, reason = "each test file uses its own part")]

use contract::asking::{DenyReason, RequestEvent};
use contract::body::Refusal;
use contract::claims::{
    Actors, ClearLeak, Delivery, Deny, Envelope, Extend, Grant, Heartbeat, Leaked, Leave, Preempt, Release, ReportLeak,
    Request, Revoke, Withdraw,
};
use contract::policy::{Policy, PullRule, RelayRule, Role, SubscriberRule, TrustedKey, View};
use contract::{Audience, EndReason, ErrorCode, Filter, Jti};
use grant::{Authority, Config, Event, Now};

/// Unix second at which every test begins: 14 November 2023, 22:13:20 UTC.
pub(crate) const START_S: u64 = 1_700_000_000;

pub(crate) fn config() -> Config {
    Config {
        site: "almere".parse().unwrap(),
        camera: "613".parse().unwrap(),
        filters: vec![Filter::Pixelate, Filter::Fill, Filter::Coarse],
    }
}

pub(crate) fn trusted(kid: &str, role: Role) -> TrustedKey {
    TrustedKey {
        kid: kid.parse().unwrap(),
        x: format!("x-of-{kid}"),
        role,
        cameras: vec![],
        longest_grant_s: None,
        may_preempt: false,
    }
}

pub(crate) fn rule(id: &str) -> SubscriberRule {
    SubscriberRule {
        id: id.parse().unwrap(),
        purposes: vec!["detector-fault".into()],
        min_filter: Filter::Fill,
        longest_share_s: 3600,
        max_viewers: 1,
        push_to: vec!["192.0.2.7".parse().unwrap()],
        hours_utc: None,
        x: Some(format!("x-of-{id}")),
        encrypt_x: None,
        default_filter: None,
        clause: None,
        pull: Some(PullRule { credential: 0, certificate_sha256: Some(format!("{:064x}", id.len())) }),
        relay: Some(relay(id)),
    }
}

pub(crate) fn relay(path: &str) -> RelayRule {
    RelayRule {
        address: "192.0.2.9".parse().unwrap(),
        port: 8322,
        path: path.into(),
        server_name: Some("media.example.org".into()),
        authority: None,
        certificate_sha256: Some(format!("{:064x}", 9)),
        plain: false,
    }
}

/// Two centralists (`chief` may preempt, `trainee` may grant ten minutes on camera 613), rooms, a privacy officer, two subscribers,
/// two shares at once.
pub(crate) fn policy(version: u64) -> Policy {
    let chief = TrustedKey { may_preempt: true, ..trusted("chief", Role::Centralist) };
    let trainee = TrustedKey {
        longest_grant_s: Some(600),
        cameras: vec!["613".parse().unwrap()],
        ..trusted("trainee", Role::Centralist)
    };
    let elsewhere = TrustedKey { cameras: vec!["700".parse().unwrap()], ..trusted("elsewhere", Role::Centralist) };
    let view = |name: &str, camera: &str| View {
        name: name.parse().unwrap(),
        camera: camera.parse().unwrap(),
        largest_face: None,
        zones: vec![],
    };
    Policy {
        version,
        site: "almere".parse().unwrap(),
        valid_until: START_S + 30 * 24 * 3600,
        legal_basis: "Gemeentewet 151c".into(),
        keys: vec![
            chief,
            trainee,
            elsewhere,
            trusted("room", Role::Room),
            trusted("room2", Role::Room),
            trusted("officer", Role::PrivacyOfficer),
        ],
        subscribers: vec![rule("traffic"), rule("tunnel")],
        views: vec![view("schrijverstraat", "613"), view("markt", "700")],
        max_shares: 2,
        lease_s: 10,
        plain_rtp: true,
        patience_s: 120,
        max_requests: 16,
        waiting_grace_s: 30,
        view_grace_s: 10,
        restore_after_release: false,
    }
}

/// The board's authority, its clocks, and a control room that can be told to beat.
pub(crate) struct World {
    pub(crate) authority: Authority,
    pub(crate) monotonic_ms: u64,
    pub(crate) utc_ms: u64,
    pub(crate) synchronised: bool,
    /// The control room's own clock, Unix milliseconds: right whatever the board's does.
    pub(crate) room_utc_ms: u64,
    /// What the room stands behind; `None`: it does not beat.
    pub(crate) stands: Option<Vec<Jti>>,
    counter: u64,
    serial: u64,
    next_beat_ms: u64,
    /// Every event so far, with the monotonic time at which it was drained.
    pub(crate) events: Vec<(u64, Event)>,
    /// Every picture that was let through: when (monotonic), and whose.
    pub(crate) pictures: Vec<(u64, Jti)>,
}

impl World {
    /// A board with policy 5 and a room that beats every two seconds.
    pub(crate) fn new() -> Self {
        let mut world = Self::without_policy();
        world.authority.handle_policy(policy(5), world.now()).unwrap();
        world.beat().unwrap();
        world
    }

    pub(crate) fn without_policy() -> Self {
        let now = Now { monotonic_ms: 1_000_000, utc_ms: START_S * 1000, synchronised: true };
        Self {
            authority: Authority::new(config(), "c-1".parse().unwrap(), now),
            monotonic_ms: now.monotonic_ms,
            utc_ms: now.utc_ms,
            synchronised: true,
            room_utc_ms: now.utc_ms,
            stands: Some(vec![]),
            counter: 0,
            serial: 0,
            next_beat_ms: now.monotonic_ms + 2_000,
            events: vec![],
            pictures: vec![],
        }
    }

    pub(crate) fn now(&self) -> Now {
        Now { monotonic_ms: self.monotonic_ms, utc_ms: self.utc_ms, synchronised: self.synchronised }
    }
    pub(crate) fn now_s(&self) -> u64 {
        self.utc_ms / 1000
    }

    /// A command's common claims, all of them right.
    pub(crate) fn envelope(&mut self, kid: &str) -> Envelope {
        self.serial += 1;
        Envelope {
            iss: kid.parse().unwrap(),
            aud: Audience::camera("almere".parse().unwrap(), "613".parse().unwrap()),
            iat: self.room_utc_ms / 1000,
            jti: format!("{kid}-{}", self.serial).parse().unwrap(),
            challenge: Some(self.authority.challenge().clone()),
        }
    }

    /// The same for every camera of the site.
    pub(crate) fn site_envelope(&mut self, kid: &str) -> Envelope {
        let aud = Audience::site("almere".parse().unwrap());
        Envelope { aud, challenge: None, ..self.envelope(kid) }
    }

    /// A grant by `chief` to `traffic` for ten minutes from now, all of it right.
    pub(crate) fn grant(&mut self) -> Grant {
        let nbf = self.room_utc_ms / 1000;
        Grant {
            envelope: self.envelope("chief"),
            sub: "traffic".parse().unwrap(),
            nbf,
            exp: nbf + 600,
            view: "schrijverstraat".parse().unwrap(),
            filter: Filter::Fill,
            fps: None,
            delivery: Delivery::Push { address: "192.0.2.7".parse().unwrap(), port: 5004 },
            purpose: "detector-fault".into(),
            act: act(),
            cnf: None,
            request: None,
        }
    }

    /// The same for `tunnel` on other ports.
    pub(crate) fn other_grant(&mut self) -> Grant {
        let delivery = Delivery::Push { address: "192.0.2.7".parse().unwrap(), port: 6004 };
        Grant { sub: "tunnel".parse().unwrap(), delivery, ..self.grant() }
    }

    /// A grant by `chief` to `traffic`, which fetches.
    pub(crate) fn pull_grant(&mut self) -> Grant {
        Grant { delivery: Delivery::Pull, ..self.grant() }
    }
    /// The same, published to `traffic`'s media server.
    pub(crate) fn relay_grant(&mut self) -> Grant {
        Grant { delivery: Delivery::Relay, ..self.grant() }
    }

    pub(crate) fn submit(&mut self, grant: Grant) -> Result<Jti, Refusal> {
        let verdict = self.authority.handle_grant(grant, self.now());
        if let (Ok(jti), Some(stands)) = (&verdict, &mut self.stands) {
            stands.push(jti.clone());
        }
        self.drain();
        verdict
    }

    /// A share by `chief` for `traffic` that runs.
    pub(crate) fn share(&mut self) -> Jti {
        let grant = self.grant();
        self.submit(grant).unwrap()
    }

    /// What a grant that `spoil` made wrong is refused with; nothing may have been granted.
    pub(crate) fn refusal(&mut self, spoil: impl FnOnce(&mut Grant)) -> ErrorCode {
        let mut grant = self.grant();
        spoil(&mut grant);
        let jti = grant.envelope.jti.clone();
        let before = self.events.len();
        let code = self.submit(grant).expect_err("this grant must be refused").code;
        assert!(self.authority.share(&jti).is_none() && self.events.len() == before, "refused, yet something happened");
        code
    }

    pub(crate) fn revoke(&mut self, kid: &str, share: Option<&Jti>) -> Result<Vec<Jti>, Refusal> {
        let revoke = Revoke { envelope: self.envelope(kid), share: share.cloned(), act: act() };
        let verdict = self.authority.handle_revoke(&revoke, self.now());
        self.drain();
        verdict
    }

    pub(crate) fn preempt(&mut self, kid: &str, reserve_epoch: u64) -> Result<Vec<Jti>, Refusal> {
        let preempt = Preempt { envelope: self.envelope(kid), reserve_epoch, act: act() };
        let verdict = self.authority.handle_preempt(&preempt, self.now());
        self.drain();
        verdict
    }

    pub(crate) fn release(&mut self, kid: &str, reserve_epoch: u64) -> Result<(), Refusal> {
        let release = Release { envelope: self.envelope(kid), reserve_epoch, act: act() };
        let verdict = self.authority.handle_release(&release, self.now());
        self.drain();
        verdict
    }

    pub(crate) fn extend(&mut self, kid: &str, share: &Jti, exp: u64) -> Result<Jti, Refusal> {
        let extend = Extend { envelope: self.envelope(kid), share: share.clone(), exp, act: act() };
        let verdict = self.authority.handle_extend(&extend, self.now());
        self.drain();
        verdict
    }

    /// What a subscriber signs: no challenge.
    pub(crate) fn ask_envelope(&mut self, sub: &str) -> Envelope {
        Envelope { challenge: None, ..self.envelope(sub) }
    }

    /// A request by `traffic` for what [`World::grant`] grants.
    pub(crate) fn request(&mut self) -> Request {
        Request {
            envelope: self.ask_envelope("traffic"),
            view: "schrijverstraat".parse().unwrap(),
            filter: None,
            fps: None,
            duration_s: 600,
            delivery: Delivery::Push { address: "192.0.2.7".parse().unwrap(), port: 5004 },
            purpose: "detector-fault".into(),
            requester: Some("person-3".into()),
            cnf: None,
        }
    }

    /// The same to other ports, so that it does not take the other's place.
    pub(crate) fn request_to(&mut self, port: u16) -> Request {
        Request { delivery: Delivery::Push { address: "192.0.2.7".parse().unwrap(), port }, ..self.request() }
    }

    pub(crate) fn ask(&mut self, request: &Request) -> Result<RequestEvent, Refusal> {
        let verdict = self.authority.handle_request(request.clone(), "token".into(), self.now());
        self.drain();
        verdict
    }

    /// A request that waits.
    pub(crate) fn pending(&mut self) -> Request {
        let request = self.request();
        assert!(matches!(self.ask(&request), Ok(RequestEvent::Pending { .. })));
        request
    }

    /// A grant that answers it.
    pub(crate) fn answer_to(&mut self, request: &Request) -> Grant {
        Grant {
            request: Some(request.envelope.jti.clone()),
            sub: request.envelope.iss.as_str().parse().unwrap(),
            delivery: request.delivery.clone(),
            ..self.grant()
        }
    }

    pub(crate) fn withdraw(&mut self, sub: &str, request: &Jti) -> Result<Option<Jti>, Refusal> {
        let withdraw = Withdraw { envelope: self.ask_envelope(sub), request: request.clone() };
        let verdict = self.authority.handle_withdraw(&withdraw, self.now());
        self.drain();
        verdict
    }

    pub(crate) fn leave(&mut self, sub: &str, share: &Jti) -> Result<Jti, Refusal> {
        let leave = Leave { envelope: self.ask_envelope(sub), share: share.clone() };
        let verdict = self.authority.handle_leave(&leave, self.now());
        self.drain();
        verdict
    }

    pub(crate) fn deny(&mut self, kid: &str, request: &Jti) -> Result<(), Refusal> {
        let (envelope, request) = (self.envelope(kid), request.clone());
        let deny = Deny { envelope, request, reason: DenyReason::NotNow, act: act() };
        let verdict = self.authority.handle_deny(&deny, self.now());
        self.drain();
        verdict
    }

    /// A report of a leak by a key of the trust store or by a subscriber.
    pub(crate) fn leak(&mut self, kid: &str) -> ReportLeak {
        let subscriber = matches!(kid, "traffic" | "tunnel");
        let envelope = if subscriber { self.ask_envelope(kid) } else { self.envelope(kid) };
        ReportLeak { envelope, share: None, seen_at: None, what: Leaked::Head, act: (!subscriber).then(act) }
    }

    pub(crate) fn report_leak(&mut self, kid: &str) -> Result<(), Refusal> {
        let report = self.leak(kid);
        let verdict = self.authority.handle_report_leak(&report, self.now());
        self.drain();
        verdict
    }

    pub(crate) fn clear_leak(&mut self, kid: &str) -> Result<(), Refusal> {
        let clear = ClearLeak { envelope: self.envelope(kid), act: act() };
        let verdict = self.authority.handle_clear_leak(&clear, self.now());
        self.drain();
        verdict
    }

    pub(crate) fn viewer(&mut self, jti: &Jti, joined: bool) -> bool {
        let now = self.now();
        let did = if joined {
            self.authority.handle_viewer_joined(jti, now)
        } else {
            self.authority.handle_viewer_lost(jti, now)
        };
        self.drain();
        did
    }

    pub(crate) fn aim(&mut self, aimed: bool) -> Vec<Jti> {
        let ended = self.authority.handle_aim(aimed, self.now());
        self.drain();
        ended
    }

    /// A policy of the next version, changed.
    pub(crate) fn policy(&mut self, change: impl FnOnce(&mut Policy)) {
        let version = self.authority.policy().unwrap().version + 1;
        let mut newer = policy(version);
        change(&mut newer);
        self.authority.handle_policy(newer, self.now()).unwrap();
        self.drain();
    }

    /// The room's next heartbeat, not yet delivered.
    pub(crate) fn heartbeat(&mut self) -> Heartbeat {
        self.counter += 1;
        Heartbeat {
            envelope: self.site_envelope("room"),
            counter: self.counter,
            stands: self.stands.clone().unwrap_or_default(),
            reserve_epoch: 0,
            busy: false,
        }
    }

    pub(crate) fn beat(&mut self) -> Result<(), Refusal> {
        let heartbeat = self.heartbeat();
        self.hear(&heartbeat)
    }

    pub(crate) fn hear(&mut self, heartbeat: &Heartbeat) -> Result<(), Refusal> {
        let verdict = self.authority.handle_heartbeat(heartbeat, self.now());
        self.drain();
        verdict
    }

    /// Lets `ms` pass as a driver would: timers when they are due, a heartbeat every two seconds while the room beats, and every 10 ms
    /// a picture for each share that may send one.
    pub(crate) fn run(&mut self, ms: u64) {
        for _ in 0..ms.div_ceil(10) {
            self.monotonic_ms += 10;
            self.utc_ms += 10;
            self.room_utc_ms += 10;
            if self.monotonic_ms >= self.next_beat_ms {
                self.next_beat_ms += 2_000;
                if self.stands.is_some() {
                    // May be refused after a clock step; that is what some tests are about.
                    let _verdict = self.beat();
                }
            }
            if self.authority.poll_timeout().is_some_and(|due_ms| due_ms <= self.monotonic_ms) {
                self.authority.handle_timeout(self.now());
            }
            self.drain();
            self.take_pictures();
        }
    }

    pub(crate) fn take_pictures(&mut self) {
        let now = self.now();
        let open: Vec<Jti> = self.authority.open_shares(now).map(|share| share.jti().clone()).collect();
        for jti in open {
            assert!(self.authority.may_send(&jti, now));
            self.pictures.push((self.monotonic_ms, jti));
        }
    }

    /// The board's wall clock steps; the monotonic clock and the room's do not.
    pub(crate) fn step_clock(&mut self, seconds: i64) {
        self.utc_ms = self.utc_ms.saturating_add_signed(seconds * 1000);
    }

    /// The eye restarts: only the snapshot survives.
    pub(crate) fn restart(&mut self, challenge: &str) {
        let snapshot = self.authority.snapshot();
        self.authority = Authority::restore(config(), challenge.parse().unwrap(), snapshot, self.now());
    }

    pub(crate) fn drain(&mut self) {
        while let Some(event) = self.authority.poll_event() {
            self.events.push((self.monotonic_ms, event));
        }
    }

    /// Why a share ended, and when (monotonic); exactly once, or the test fails.
    pub(crate) fn end_of(&self, jti: &Jti) -> (u64, EndReason) {
        let ends: Vec<_> = self
            .events
            .iter()
            .filter_map(|(at_ms, event)| match event {
                Event::Ended { jti: ended, reason, told, .. } if ended == jti => {
                    assert_eq!(*told, reason.told());
                    Some((*at_ms, *reason))
                }
                _ => None,
            })
            .collect();
        assert_eq!(ends.len(), 1, "{jti} must end exactly once: {:?}", self.events);
        ends[0]
    }

    pub(crate) fn has_ended(&self, jti: &Jti) -> bool {
        self.events.iter().any(|(_, event)| matches!(event, Event::Ended { jti: ended, .. } if ended == jti))
    }

    /// What became of a request: each outcome, oldest first.
    pub(crate) fn outcomes(&self, request: &Jti) -> Vec<RequestEvent> {
        let of = |event: &Event| match event {
            Event::Decided { jti, outcome, .. } if jti == request => Some(outcome.clone()),
            _ => None,
        };
        self.events.iter().filter_map(|(_, event)| of(event)).collect()
    }

    /// The filters that were told for a share after its grant.
    pub(crate) fn filters_told(&self, share: &Jti) -> Vec<Filter> {
        let of = |event: &Event| match event {
            Event::Filtered { jti, filter, .. } if jti == share => Some(*filter),
            _ => None,
        };
        self.events.iter().filter_map(|(_, event)| of(event)).collect()
    }

    /// When (monotonic) the last picture of a share left.
    pub(crate) fn last_picture_ms(&self, jti: &Jti) -> Option<u64> {
        self.pictures.iter().rev().find(|(_, of)| of == jti).map(|(at_ms, _)| *at_ms)
    }
}

pub(crate) fn act() -> Actors {
    Actors { operator: "op-7".into(), requester: None }
}
