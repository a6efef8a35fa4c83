//! An office on a bench: real authority, journal, files and socket; simulated time; the test plays voice, frame road, control room and policy office.

// Each test program uses a part of this; a helper that fails fails the test.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use board_hal::{CameraFormat, Clock, Codec, NoPins, Pins};
use board_sim::{SimClock, SimPins};
use contract::body::{Answer, EyeState};
use contract::claims::{
    Actors, ClearLeak, Delivery, Envelope, Extend, Grant, Heartbeat, Leaked, Leave, Preempt, Release, ReportLeak,
    Request, Revoke, TokenKind, Withdraw,
};
use contract::policy::{Policy, Role, SubscriberRule, TrustedKey, View};
use contract::{Audience, ErrorCode, Filter, Jti, KeyId, Rung};
use eye::config::Config;
use eye::office::Office;
use eye::road::{CameraStanding, Desk, Painted, Picture, Report};
use eye::server::{self, Outbox};
use eye::store::Store;
use link::message::{LINK_VERSION, ToEye, ToVoice};
use link::{Decoder, codec};
use mask::ladder::RungReason;
use mask::{CaptureTime, ColourMatrix, ColourRange, Geometry};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use token::SigningKey;

/// When the simulated world begins, Unix seconds.
pub const BEGIN_S: u64 = 1_800_000_000;

/// An identifier.
pub fn id<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

/// A key that is the same in every run.
pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

pub const INES: u8 = 1;
pub const ROOM: u8 = 2;
pub const POLICY_A: u8 = 3;
pub const POLICY_B: u8 = 4;
pub const STRANGER: u8 = 9;
pub const TLC: u8 = 10;
pub const OFFICER: u8 = 11;

/// The first policy.
pub fn policy(version: u64) -> Policy {
    let trusted = |kid: &str, seed, role| TrustedKey {
        kid: id(kid),
        x: key(seed).public().x(),
        role,
        cameras: vec![],
        longest_grant_s: None,
        may_preempt: false,
    };
    Policy {
        version,
        site: id("almere"),
        valid_until: BEGIN_S + 1_000_000,
        legal_basis: "test".into(),
        keys: vec![
            TrustedKey { may_preempt: true, ..trusted("ines", INES, Role::Centralist) },
            trusted("room", ROOM, Role::Room),
            trusted("officer", OFFICER, Role::PrivacyOfficer),
        ],
        subscribers: vec![SubscriberRule {
            id: id("tlc"),
            purposes: vec!["traffic".into()],
            min_filter: Filter::Fill,
            longest_share_s: 3_600,
            max_viewers: 1,
            push_to: vec![[127, 0, 0, 1].into()],
            hours_utc: None,
            x: Some(key(TLC).public().x()),
            encrypt_x: None,
            default_filter: None,
            clause: None,
            pull: None,
            relay: None,
        }],
        views: vec![View { name: id("schrijverstraat"), camera: id("613"), largest_face: Some(0.1), zones: vec![] }],
        max_shares: 1,
        lease_s: 10,
        plain_rtp: true,
        patience_s: 120,
        max_requests: 16,
        waiting_grace_s: 30,
        view_grace_s: 10,
        restore_after_release: false,
    }
}

/// A bundle signed by both keys of the policy office.
pub fn bundle(policy: &Policy) -> Vec<u8> {
    let (a, b) = (key(POLICY_A), key(POLICY_B));
    let signed = token::policy::sign(policy, &[(id("policy-a"), &a), (id("policy-b"), &b)]).unwrap();
    serde_json::to_vec(&signed).unwrap()
}

fn config(dir: &Path) -> Config {
    let x = |seed| key(seed).public().x();
    let text = format!(
        "site = \"almere\"\ncamera = \"613\"\n[source]\nkind = \"v4l2\"\ndevice = \"/dev/null\"\n[detector]\nmanifest = \"none\"\n[link]\nsocket = {:?}\n[state]\ndir = {:?}\n[policy]\nroots = [{{ kid = \"policy-a\", x = {:?} }}, {{ kid = \"policy-b\", x = {:?} }}]\nbundle = {:?}\n",
        dir.join("eye.sock"),
        dir.join("state"),
        x(POLICY_A),
        x(POLICY_B),
        dir.join("policy.json"),
    );
    Config::parse("bench", &text).unwrap()
}

/// An office that is opened and never run.
pub fn closed_office(dir: &Path, clock: SimClock) -> Office {
    let bundle_file = dir.join("policy.json");
    if !bundle_file.exists() {
        std::fs::write(&bundle_file, bundle(&policy(1))).unwrap();
    }
    let config = config(dir);
    let store = Store::open(&config.state.dir).unwrap();
    Office::open(&config, ("test".to_owned(), "00".repeat(32)), store, Arc::default(), Arc::new(clock)).unwrap()
}

/// What the frame road reports when the camera is gone.
pub fn camera_lost() -> Report {
    Report {
        rung: Rung::Dark,
        reason: RungReason::CameraLost,
        camera: CameraStanding::Lost,
        captured: 0,
        dropped: 0,
        objects_masked: 0,
        misses_bridged: 0,
        shapes_painted: 0,
        rung_us: [0; 4],
        inference: Duration::ZERO,
        selftest: None,
    }
}

/// The bench.
pub struct Bench {
    pub office: Arc<Office>,
    pub clock: SimClock,
    pub dir: PathBuf,
    outbox: Arc<Outbox>,
    counter: u64,
    jti: u64,
}

impl Bench {
    /// Opens an office in `dir`, which may hold what an earlier one left.
    pub fn open(dir: &Path, clock: SimClock) -> Self {
        Self::on_board(dir, clock, Arc::new(NoPins))
    }

    /// The same on a board with pins.
    pub fn on_board(dir: &Path, clock: SimClock, pins: Arc<dyn Pins>) -> Self {
        let bundle_file = dir.join("policy.json");
        if !bundle_file.exists() {
            std::fs::write(&bundle_file, bundle(&policy(1))).unwrap();
        }
        let config = config(dir);
        let (events, from_link) = sync_channel(64);
        let outbox = server::serve(&config.link.socket, None, events).unwrap();
        let store = Store::open(&config.state.dir).unwrap();
        let model = ("test".to_owned(), "00".repeat(32));
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let office = Office::open(&config, model, store, Arc::clone(&outbox), shared).unwrap();
        let office = Arc::new(office.on_board(pins));
        let format = CameraFormat {
            geometry: Geometry::packed(1280, 720),
            range: ColourRange::Limited,
            matrix: ColourMatrix::Bt709,
            fps: 25.0,
            wire: "test".into(),
        };
        office.format(&format, Codec::H264, b"slate");
        let attending = Arc::clone(&office);
        std::thread::spawn(move || attending.run(&from_link));
        let watching = Arc::clone(&office);
        std::thread::spawn(move || watching.watch_pins());
        Self { office, clock, dir: dir.to_owned(), outbox, counter: 0, jti: 0 }
    }

    /// A new office in a new folder, with a voice that has heard a heartbeat go by.
    pub fn ready() -> (Self, Voice, tempfile::TempDir) {
        Self::ready_on(Arc::new(NoPins))
    }

    /// The same on a board with pins.
    pub fn ready_with(pins: &SimPins) -> (Self, Voice, tempfile::TempDir) {
        Self::ready_on(Arc::new(pins.clone()))
    }

    fn ready_on(pins: Arc<dyn Pins>) -> (Self, Voice, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let (bench, voice) = Self::on_board(dir.path(), SimClock::new(BEGIN_S * 1_000_000), pins).beating();
        (bench, voice, dir)
    }

    /// The same in a folder that is there.
    pub fn ready_in(dir: &Path) -> (Self, Voice) {
        Self::open(dir, SimClock::new(BEGIN_S * 1_000_000)).beating()
    }

    pub fn beating(mut self) -> (Self, Voice) {
        let mut voice = self.voice();
        let token = self.heartbeat(&[]);
        assert!(voice.command(TokenKind::Heartbeat, &token).ok);
        (self, voice)
    }

    /// A voice connects and is told how things stand.
    pub fn voice(&self) -> Voice {
        Voice::at(&self.dir.join("eye.sock"))
    }

    pub fn now_s(&self) -> u64 {
        self.clock.utc_us() / 1_000_000
    }

    pub fn envelope(&mut self, iss: &str, challenge: Option<contract::Challenge>) -> Envelope {
        self.jti += 1;
        Envelope {
            iss: id(iss),
            aud: Audience::camera(id("almere"), id("613")),
            iat: self.now_s(),
            jti: id(&format!("{}-{}", self.now_s(), self.jti)),
            challenge,
        }
    }

    /// A heartbeat naming `stands`.
    pub fn heartbeat(&mut self, stands: &[Jti]) -> String {
        self.counter += 1;
        let mut envelope = self.envelope("room", None);
        envelope.aud = Audience::site(id("almere"));
        let heartbeat = Heartbeat {
            envelope,
            counter: self.now_s() * 1_000 + self.counter,
            stands: stands.to_vec(),
            reserve_epoch: 0,
            busy: false,
        };
        sign(TokenKind::Heartbeat, "room", &heartbeat, ROOM)
    }

    /// A grant that the policy allows.
    pub fn grant(&mut self, state: &EyeState) -> Grant {
        let now = self.now_s();
        Grant {
            envelope: self.envelope("ines", Some(state.challenge.clone())),
            sub: id("tlc"),
            nbf: now,
            exp: now + 600,
            view: id("schrijverstraat"),
            filter: Filter::Fill,
            fps: None,
            delivery: Delivery::Push { address: [127, 0, 0, 1].into(), port: 5004 },
            purpose: "traffic".into(),
            act: Actors { operator: "operator-1".into(), requester: None },
            cnf: None,
            request: None,
        }
    }

    /// An extension of `share`.
    pub fn extend(&mut self, state: &EyeState, share: &Jti, exp: u64) -> String {
        let envelope = self.envelope("ines", Some(state.challenge.clone()));
        let extend = Extend { envelope, share: share.clone(), exp, act: act() };
        sign(TokenKind::Extend, "ines", &extend, INES)
    }

    /// A request for what [`Bench::grant`] grants.
    pub fn request(&mut self) -> Request {
        Request {
            envelope: self.envelope("tlc", None),
            view: id("schrijverstraat"),
            filter: None,
            fps: None,
            duration_s: 600,
            delivery: Delivery::Push { address: [127, 0, 0, 1].into(), port: 5004 },
            purpose: "traffic".into(),
            requester: Some("person-3".into()),
            cnf: None,
        }
    }

    /// A withdrawal of `request`.
    pub fn withdraw(&mut self, request: &Jti) -> String {
        let withdraw = Withdraw { envelope: self.envelope("tlc", None), request: request.clone() };
        sign(TokenKind::Withdraw, "tlc", &withdraw, TLC)
    }

    /// The subscriber gives `share` up.
    pub fn leave(&mut self, share: &Jti) -> String {
        let leave = Leave { envelope: self.envelope("tlc", None), share: share.clone() };
        sign(TokenKind::Leave, "tlc", &leave, TLC)
    }

    /// The police take the camera, or every camera of the site.
    pub fn preempt(&mut self, state: &EyeState, reserve_epoch: u64, everywhere: bool) -> String {
        let mut envelope = self.envelope("ines", Some(state.challenge.clone()));
        if everywhere {
            (envelope.aud, envelope.challenge) = (Audience::site(id("almere")), None);
        }
        sign(TokenKind::Preempt, "ines", &Preempt { envelope, reserve_epoch, act: act() }, INES)
    }

    /// The police give it back.
    pub fn release(&mut self, state: &EyeState, reserve_epoch: u64) -> String {
        let envelope = self.envelope("ines", Some(state.challenge.clone()));
        sign(TokenKind::Release, "ines", &Release { envelope, reserve_epoch, act: act() }, INES)
    }

    /// The subscriber saw something uncovered.
    pub fn report_leak(&mut self, share: Option<&Jti>) -> String {
        let envelope = self.envelope("tlc", None);
        let report = ReportLeak { envelope, share: share.cloned(), seen_at: None, what: Leaked::Head, act: None };
        sign(TokenKind::ReportLeak, "tlc", &report, TLC)
    }

    /// A privacy officer has looked into it.
    pub fn clear_leak(&mut self, state: &EyeState) -> String {
        let clear = ClearLeak { envelope: self.envelope("officer", Some(state.challenge.clone())), act: act() };
        sign(TokenKind::ClearLeak, "officer", &clear, OFFICER)
    }

    /// A revoke of `share`.
    pub fn revoke(&mut self, state: &EyeState, share: &Jti) -> String {
        let revoke = Revoke {
            envelope: self.envelope("ines", Some(state.challenge.clone())),
            share: Some(share.clone()),
            act: Actors { operator: "operator-1".into(), requester: None },
        };
        sign(TokenKind::Revoke, "ines", &revoke, INES)
    }

    /// The frame road hands over a picture, painted as is wanted now.
    pub fn picture(&self, data: &[u8]) {
        self.picture_painted(data, &self.painted());
    }

    /// What the frame road would paint for now.
    pub fn painted(&self) -> Painted {
        let order = self.office.order();
        Painted { filter: order.filter, scene: order.scene }
    }

    /// The frame road hands over a picture that was painted for that; whether the next one should be a key picture.
    pub fn picture_painted(&self, data: &[u8], painted: &Painted) -> bool {
        let captured = CaptureTime { monotonic_us: self.clock.monotonic_us(), utc_us: self.clock.utc_us() };
        self.office.deliver(&Picture { data, key: true, captured, rung: Rung::Clear, painted: Some(painted) })
    }

    pub fn journal(&self) -> String {
        std::fs::read_to_string(self.dir.join("state/journal-000001.jsonl")).unwrap()
    }
}

/// Whoever acts.
pub fn act() -> Actors {
    Actors { operator: "operator-1".into(), requester: None }
}

/// Signs anything with any key under any name.
pub fn sign<C: serde::Serialize>(kind: TokenKind, kid: &str, claims: &C, seed: u8) -> String {
    token::sign(kind, &id::<KeyId>(kid), claims, &key(seed)).unwrap()
}

/// The test as voice.
pub struct Voice {
    stream: UnixStream,
    decoder: Decoder,
    correlation: u64,
    /// Everything that the eye said, oldest first.
    pub heard: Vec<(ToVoice, Vec<u8>)>,
}

impl Voice {
    /// Connects to an eye and is told how things stand.
    pub fn at(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut voice = Voice { stream, decoder: Decoder::new(link::MAX_BODY), correlation: 0, heard: vec![] };
        voice.say(&ToEye::Hello { version: LINK_VERSION }, &[]);
        voice.until(|message, _| matches!(message, ToVoice::State));
        voice
    }

    pub fn say(&mut self, message: &ToEye, body: &[u8]) {
        let mut bytes = Vec::new();
        codec::encode(message, body, &mut bytes).unwrap();
        self.stream.write_all(&bytes).unwrap();
    }

    /// Listens until a message satisfies `wanted`; returns its body.
    pub fn until(&mut self, wanted: impl Fn(&ToVoice, &[u8]) -> bool) -> Vec<u8> {
        let mut bytes = vec![0; 65_536];
        loop {
            while let Some((message, body)) = self.decoder.next::<ToVoice>().unwrap() {
                let body = body.to_vec();
                let found = wanted(&message, &body);
                self.heard.push((message, body.clone()));
                if found {
                    return body;
                }
            }
            let read = self.stream.read(&mut bytes).expect("the eye says something within ten seconds");
            assert!(read > 0, "the eye hung up");
            self.decoder.push(&bytes[..read]);
        }
    }

    /// As [`Voice::until`], unless it was heard already.
    pub fn hears(&mut self, wanted: impl Fn(&ToVoice) -> bool) {
        if !self.heard.iter().any(|(message, _)| wanted(message)) {
            self.until(|message, _| wanted(message));
        }
    }

    /// Sends a command and waits for its answer.
    pub fn command(&mut self, kind: TokenKind, token: &str) -> Answer {
        self.command_of(kind, token.as_bytes())
    }

    /// The same with anything.
    pub fn command_of(&mut self, kind: TokenKind, bytes: &[u8]) -> Answer {
        self.correlation += 1;
        let correlation = self.correlation;
        self.say(&ToEye::Command { kind, correlation }, bytes);
        self.answer(correlation)
    }

    pub fn policy(&mut self, bundle: &[u8]) -> Answer {
        self.correlation += 1;
        let correlation = self.correlation;
        self.say(&ToEye::Policy { correlation }, bundle);
        self.answer(correlation)
    }

    fn answer(&mut self, correlation: u64) -> Answer {
        let body = self.until(|message, _| *message == ToVoice::Answer { correlation });
        serde_json::from_slice(&body).unwrap()
    }

    /// What the eye says of itself now: it tells its state after every command, also after one that it refuses. All that it said before is then heard.
    pub fn state(&mut self) -> EyeState {
        self.command(TokenKind::Extend, "");
        let body = self.until(|message, _| matches!(message, ToVoice::State));
        serde_json::from_slice(&body).unwrap()
    }

    /// The newest state heard.
    pub fn newest_state(&self) -> EyeState {
        let newest = self.heard.iter().rev().find(|(message, _)| matches!(message, ToVoice::State)).unwrap();
        serde_json::from_slice(&newest.1).unwrap()
    }

    /// A heartbeat of the room, naming `stands`.
    pub fn beat(&mut self, bench: &mut Bench, stands: &[Jti]) {
        let token = bench.heartbeat(stands);
        let answer = self.command(TokenKind::Heartbeat, &token);
        assert!(answer.ok, "{:?}", answer.error);
    }

    /// Sends a command that must be taken.
    pub fn done(&mut self, kind: TokenKind, token: &str) -> Answer {
        let answer = self.command(kind, token);
        assert!(answer.ok, "{:?}", answer.error);
        answer
    }

    /// Grants and gives back the share.
    pub fn share(&mut self, bench: &mut Bench) -> Jti {
        let grant = bench.grant(&self.newest_state());
        let answer = self.command(TokenKind::Grant, &sign(TokenKind::Grant, "ines", &grant, INES));
        answer.share.unwrap_or_else(|| panic!("{:?}", answer.error))
    }

    /// Why the command is refused.
    pub fn refusal(&mut self, kind: TokenKind, token: &str) -> ErrorCode {
        let answer = self.command(kind, token);
        assert!(!answer.ok, "it was taken");
        answer.error.unwrap().code
    }

    /// The units that were sent. They give way to control messages, so that an answer says nothing of them yet: first the eye writes all that waits,
    /// and what it says of its state after that is behind every unit.
    pub fn all_units(&mut self, bench: &Bench) -> Vec<&[u8]> {
        assert!(bench.outbox.drain(Duration::from_secs(10)), "the eye writes what waits within ten seconds");
        self.state();
        self.units()
    }

    fn units(&self) -> Vec<&[u8]> {
        self.heard
            .iter()
            .filter(|(message, _)| matches!(message, ToVoice::Unit { .. }))
            .map(|(_, body)| body.as_slice())
            .collect()
    }
}
