//! The control room's code against a real Mosquitto: TLS with client certificates, the ACL, commands with answers, the agent.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail them")]

use campari::command::{CommandError, Desk, GrantOrder, state_filter};
use campari::keys::NamedKey;
use campari::mqtt::{Bus, BusError, BusSettings, Message, Retained};
use campari::room::{Room, RoomSettings};
use campari::stage::{BrokerFiles, Certificates, Child, Parties, Ports, Role};
use campari::trust::{Root, Trust};
use contract::body::{Answer, Counters, EyeState, Mode, Presence, RoomPresence, ShareLog, State};
use contract::claims::{Actors, Delivery, Grant, Heartbeat, TokenKind};
use contract::policy::{Policy, TrustedKey};
use contract::topic::{CommandTopic, Topics};
use contract::{Filter, Rung};
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

/// A broker, and the keys of those who use it.
struct Site {
    dir: tempfile::TempDir,
    certificates: Certificates,
    ports: Ports,
    broker: Child,
    topics: Topics,
    centralist: NamedKey,
    room: NamedKey,
    offices: [NamedKey; 2],
}

fn parties() -> Parties {
    Parties { site: "almere".parse().unwrap(), camera: "613".parse().unwrap(), subscriber: "tlc".parse().unwrap() }
}

impl Site {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tls = dir.path().join("tls");
        std::fs::create_dir(&tls).unwrap();
        let certificates = Certificates::make(&tls, std::net::Ipv4Addr::LOCALHOST.into(), &parties()).unwrap();
        let files = BrokerFiles::write(&dir.path().join("broker"), &certificates, &[parties().site]).unwrap();
        let broker = files.start(dir.path()).await.unwrap();
        let key = |kid: &str| NamedKey::generate(kid.parse().unwrap());
        Self {
            certificates,
            ports: files.ports,
            broker,
            topics: Topics::new(parties().site, parties().camera),
            centralist: key("ines"),
            room: key("room"),
            offices: [key("policy-a"), key("policy-b")],
            dir,
        }
    }

    fn open(&self, role: Role, subscribe: &[&str]) -> Bus {
        let settings = BusSettings {
            client_id: format!("test-{:x}", rand::random::<u32>()),
            subscribe: subscribe.iter().map(|topic| (*topic).to_owned()).collect(),
            answers: (role == Role::Centralist)
                .then(|| format!("campari/v1/almere/answer/{:x}", rand::random::<u32>())),
            ..BusSettings::default()
        };
        Bus::open(&self.certificates.connection(role, self.ports), settings).unwrap()
    }

    async fn ready(&self, role: Role, subscribe: &[&str]) -> Bus {
        let bus = self.open(role, subscribe);
        bus.ready(SOON).await.unwrap();
        bus
    }

    fn trust(&self) -> Trust {
        let trusted = |key: &NamedKey, role| TrustedKey {
            kid: key.kid.clone(),
            x: key.key.public().x(),
            role,
            cameras: Vec::new(),
            longest_grant_s: None,
            may_preempt: role == contract::policy::Role::Centralist,
        };
        let policy = Policy {
            version: 1,
            site: parties().site,
            valid_until: u64::MAX,
            legal_basis: "test".into(),
            keys: vec![
                trusted(&self.centralist, contract::policy::Role::Centralist),
                trusted(&self.room, contract::policy::Role::Room),
            ],
            subscribers: Vec::new(),
            views: Vec::new(),
            max_shares: 1,
            lease_s: 10,
            plain_rtp: true,
            patience_s: 120,
            max_requests: 16,
            waiting_grace_s: 30,
            view_grace_s: 10,
            restore_after_release: false,
        };
        let signers: Vec<_> = self.offices.iter().map(|key| (key.kid.clone(), &key.key)).collect();
        let bundle = serde_json::to_vec(&token::policy::sign(&policy, &signers).unwrap()).unwrap();
        let roots: Vec<_> =
            self.offices.iter().map(|key| Root { kid: key.kid.clone(), x: key.key.public().x() }).collect();
        Trust::new(&bundle, &roots, &parties().site).unwrap()
    }

    fn room(&self, memory: &Path) -> Room {
        self.agent("room", memory)
    }

    fn agent(&self, client_id: &str, memory: &Path) -> Room {
        Room::start(RoomSettings {
            broker: self.certificates.connection(Role::Room, self.ports),
            client_id: client_id.into(),
            site: parties().site,
            key: self.room.clone(),
            trust: self.trust(),
            memory: Some(memory.to_owned()),
            busy: false,
        })
        .unwrap()
    }

    fn desk<'a>(&'a self, bus: &'a Bus) -> Desk<'a> {
        Desk { bus, key: &self.centralist, site: parties().site, camera: parties().camera }
    }

    fn heartbeat(&self, message: &Message) -> Heartbeat {
        token::verify(TokenKind::Heartbeat, &message.payload, |_| Some(self.room.key.public())).unwrap()
    }
}

fn online() -> State {
    let eye = EyeState {
        mode: Mode::Normal,
        shares: Vec::new(),
        ladder: Rung::Clear,
        ladder_reason: None,
        fps: 25.0,
        capture_to_link_p99_ms: 40.0,
        challenge: "challenge-1".parse().unwrap(),
        now: 0,
        clock_synchronised: true,
        heartbeat_age_s: Some(1.0),
        policy_version: Some(1),
        firmware: "0".into(),
        model: "none".into(),
        model_sha256: String::new(),
        self_test: None,
        requests_waiting: 0,
        leak: None,
        journal_fault: None,
        pins: None,
        counters: Counters::default(),
    };
    State { presence: Presence::Online, eye: Some(eye), voice: None }
}

fn order() -> GrantOrder {
    GrantOrder {
        subscriber: parties().subscriber,
        view: "wide".parse().unwrap(),
        filter: Filter::Fill,
        fps: None,
        lasts: Duration::from_secs(600),
        delivery: Delivery::Push { address: Ipv4Addr::LOCALHOST.into(), port: 5004 },
        purpose: "traffic".into(),
        act: Actors { operator: "op-1".into(), requester: None },
        cnf: None,
        request: None,
    }
}

/// The next message that `wanted` accepts.
async fn next(
    messages: &mut tokio::sync::broadcast::Receiver<std::sync::Arc<Message>>,
    wanted: impl Fn(&Message) -> bool,
) -> std::sync::Arc<Message> {
    tokio::time::timeout(SOON, async {
        loop {
            let message = messages.recv().await.unwrap();
            if wanted(&message) {
                return message;
            }
        }
    })
    .await
    .expect("no such message within 10 s")
}

#[tokio::test]
async fn a_role_cannot_listen_to_what_is_not_its_business() {
    let site = Site::new().await;
    let anyone = Bus::open(
        &campari::mqtt::Broker { tls: None, ..site.certificates.connection(Role::Room, site.ports) },
        BusSettings { client_id: "anyone".into(), ..BusSettings::default() },
    )
    .unwrap();
    assert!(matches!(anyone.ready(Duration::from_secs(1)).await, Err(BusError::NoConnection { .. })));
    // The subscriber is not handed the control room's log, whatever it subscribes to.
    let subscriber = site.open(Role::Subscriber, &[&site.topics.share_log(), &site.topics.catalogue()]);
    let heard = match subscriber.ready(SOON).await {
        Err(BusError::SubscriptionRefused { .. }) => return,
        Ok(()) => &mut subscriber.messages(),
        Err(other) => panic!("{other}"),
    };
    let board = site.ready(Role::Board, &[]).await;
    board.publish(&site.topics.share_log(), "secret", false).unwrap();
    board.publish(&site.topics.catalogue(), "{}", false).unwrap();
    let first = next(heard, |_| true).await;
    assert_eq!(first.topic, site.topics.catalogue(), "the log came through the ACL");
}

#[tokio::test]
async fn a_grant_reaches_the_board_with_its_challenge_and_its_answer_comes_back() {
    let site = Site::new().await;
    let board = site.ready(Role::Board, &[&site.topics.command(CommandTopic::Grant)]).await;
    board.publish(&site.topics.state(), serde_json::to_vec(&online()).unwrap(), true).unwrap();
    let mut commands = board.messages();
    let bus = site.open(Role::Centralist, &[&state_filter(&parties().site)]);
    let mut states = bus.messages();
    bus.ready(SOON).await.unwrap();
    let desk = site.desk(&bus);
    let eye = desk.state(&mut states).await.unwrap();
    let signed = desk.sign_grant(&eye, order()).unwrap();
    let asked = signed.0.clone();
    let (outcome, ()) = tokio::join!(desk.send(CommandTopic::Grant, signed), async {
        let command = next(&mut commands, |_| true).await;
        let grant: Grant =
            token::verify(TokenKind::Grant, &command.payload, |_| Some(site.centralist.key.public())).unwrap();
        assert_eq!(grant.envelope.challenge.as_ref().unwrap().as_str(), "challenge-1");
        assert_eq!(grant.exp - grant.nbf, 600, "the whole window counts against the policy's longest share");
        let answer = Answer::done(Some(grant.envelope.jti));
        let (to, correlation) = (command.response_topic.as_deref().unwrap(), command.correlation.clone());
        board.answer(to, correlation, serde_json::to_vec(&answer).unwrap()).unwrap();
    });
    let outcome = outcome.unwrap();
    assert!(outcome.answer.ok);
    assert_eq!(outcome.answer.share, Some(asked));
}

#[tokio::test]
async fn a_command_that_nobody_takes_says_so_at_once() {
    let site = Site::new().await;
    let bus = site.ready(Role::Centralist, &[]).await;
    let error = bus.request(&site.topics.command(CommandTopic::Grant), "x", SOON).await.unwrap_err();
    assert!(matches!(error, BusError::NobodyListens { .. }), "{error}");
}

#[tokio::test]
async fn a_command_with_the_wrong_certificate_is_refused_by_the_broker() {
    let site = Site::new().await;
    let settings = BusSettings {
        client_id: "wrong".into(),
        answers: Some("campari/v1/almere/answer/tlc/1".into()),
        ..BusSettings::default()
    };
    let bus = Bus::open(&site.certificates.connection(Role::Subscriber, site.ports), settings).unwrap();
    bus.ready(SOON).await.unwrap();
    let error = bus.request(&site.topics.command(CommandTopic::Grant), "x", SOON).await.unwrap_err();
    assert!(matches!(error, BusError::PublishRefused { .. }), "{error}");
}

#[tokio::test]
async fn a_camera_that_is_away_is_named_before_anything_is_sent() {
    let site = Site::new().await;
    let bus = site.open(Role::Centralist, &[&state_filter(&parties().site)]);
    let mut states = bus.messages();
    bus.ready(SOON).await.unwrap();
    let desk = site.desk(&bus);
    assert!(matches!(desk.state(&mut states).await, Err(CommandError::UnknownCamera { .. })));
    let board = site.ready(Role::Board, &[]).await;
    let offline = State { presence: Presence::Offline, eye: None, voice: None };
    board.publish(&site.topics.state(), serde_json::to_vec(&offline).unwrap(), true).unwrap();
    assert!(matches!(desk.state(&mut states).await, Err(CommandError::Absent { .. })));
}

#[tokio::test]
async fn the_heartbeat_names_a_signed_grant_until_the_board_ends_it_and_survives_the_agents_restart() {
    let site = Site::new().await;
    let memory = tempfile::tempdir().unwrap();
    let memory = memory.path().join("room.json");
    let board = site.ready(Role::Board, &[&site.topics.heartbeat()]).await;
    let mut heard = board.messages();
    let room = site.room(&memory);
    let before = site.heartbeat(&*next(&mut heard, |_| true).await);
    assert!(before.stands.is_empty());

    let centralist = site.ready(Role::Centralist, &[]).await;
    let desk = site.desk(&centralist);
    let (jti, token) = desk.sign_grant(online().eye.as_ref().unwrap(), order()).unwrap();
    let log = |event: &str| {
        let line = ShareLog {
            jti: jti.clone(),
            sub: parties().subscriber,
            event: event.into(),
            reason: None,
            at_ms: 0,
            usage: None,
            server: None,
        };
        board.publish(&site.topics.share_log(), serde_json::to_vec(&line).unwrap(), false).unwrap();
    };
    centralist.publish(&site.topics.command(CommandTopic::Grant), token, false).unwrap();
    let named = next(&mut heard, |message| !site.heartbeat(message).stands.is_empty()).await;
    assert_eq!(site.heartbeat(&named).stands, std::slice::from_ref(&jti));
    log("granted");

    drop(room);
    let room = site.room(&memory);
    let after = site.heartbeat(
        &*next(&mut heard, |message| site.heartbeat(message).counter > site.heartbeat(&named).counter).await,
    );
    assert_eq!(after.stands, std::slice::from_ref(&jti), "a restart forgot the share");

    log("ended");
    let last = next(&mut heard, |message| site.heartbeat(message).stands.is_empty()).await;
    assert!(site.heartbeat(&last).counter > after.counter);
    room.stop().await;
}

#[tokio::test]
async fn a_forged_grant_and_a_log_line_alone_never_stand() {
    let site = Site::new().await;
    let memory = tempfile::tempdir().unwrap();
    let board = site.ready(Role::Board, &[&site.topics.heartbeat()]).await;
    let mut heard = board.messages();
    let room = site.room(&memory.path().join("room.json"));
    next(&mut heard, |_| true).await;
    let centralist = site.ready(Role::Centralist, &[]).await;
    let forger = NamedKey::generate(site.centralist.kid.clone());
    let desk = Desk { key: &forger, ..site.desk(&centralist) };
    let (jti, token) = desk.sign_grant(online().eye.as_ref().unwrap(), order()).unwrap();
    centralist.publish(&site.topics.command(CommandTopic::Grant), token, false).unwrap();
    let (sub, event) = (parties().subscriber, "granted".into());
    let line = ShareLog { jti, sub, event, reason: None, at_ms: 0, usage: None, server: None };
    board.publish(&site.topics.share_log(), serde_json::to_vec(&line).unwrap(), false).unwrap();
    for _ in 0..2 {
        assert!(site.heartbeat(&*next(&mut heard, |_| true).await).stands.is_empty());
    }
    room.stop().await;
}

#[tokio::test]
async fn the_room_is_present_while_it_runs_and_its_last_will_says_when_it_vanished() {
    let site = Site::new().await;
    let memory = tempfile::tempdir().unwrap();
    let subscriber = site.open(Role::Subscriber, &[&site.topics.presence()]);
    let mut heard = subscriber.messages();
    subscriber.ready(SOON).await.unwrap();
    let room = site.room(&memory.path().join("room.json"));
    let online = |message: &Message| serde_json::from_slice::<RoomPresence>(&message.payload).unwrap().online;
    assert!(online(&*next(&mut heard, |_| true).await));
    drop(room);
    assert!(!online(&*next(&mut heard, |_| true).await));
}

/// On a machine with much to do whoever opens a connection may come to listen long after it stands. What is retained comes only once: a watch that missed
/// the room's presence would never show it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_retained_is_not_missed_by_who_comes_to_listen_after_it_was_delivered() {
    let site = Site::new().await;
    let room = site.ready(Role::Room, &[]).await;
    room.publish(&site.topics.presence(), "here", true).unwrap();
    let early = site.open(Role::Centralist, &[&site.topics.presence()]);
    let mut told = early.messages();
    next(&mut told, |_| true).await;

    let late = site.open(Role::Centralist, &[&site.topics.presence(), &site.topics.policy()]);
    // What comes after it has come: so has it.
    let office = site.ready(Role::PolicyOffice, &[]).await;
    late.ready(SOON).await.unwrap();
    office.publish(&site.topics.policy(), "news", false).unwrap();
    let mut told = late.messages();
    assert_eq!(next(&mut told, |_| true).await.payload, b"here");
    assert_eq!(next(&mut told, |_| true).await.payload, b"news");
}

#[tokio::test]
async fn a_lost_broker_is_found_again_with_birth_and_subscriptions() {
    let site = Site::new().await;
    let birth = Retained { topic: site.topics.presence(), payload: b"here".to_vec() };
    let settings = BusSettings {
        client_id: "steady".into(),
        subscribe: vec![site.topics.policy()],
        birth: Some(birth.clone()),
        ..BusSettings::default()
    };
    let bus = Bus::open(&site.certificates.connection(Role::Room, site.ports), settings).unwrap();
    bus.ready(SOON).await.unwrap();
    let mut heard = bus.messages();
    site.broker.kill().await;
    tokio::time::timeout(SOON, bus.lost()).await.expect("the loss was not noticed");
    assert!(matches!(bus.publish(&birth.topic, "lost", false), Err(BusError::NotSent { .. })));

    let files = BrokerFiles::at(&site.dir.path().join("broker"), site.ports);
    let again = files.start(site.dir.path()).await.unwrap();
    bus.ready(SOON).await.unwrap();
    let subscriber = site.open(Role::Subscriber, &[&site.topics.presence()]);
    let mut presence = subscriber.messages();
    subscriber.ready(SOON).await.unwrap();
    assert_eq!(next(&mut presence, |_| true).await.payload, b"here");
    let office = site.ready(Role::PolicyOffice, &[]).await;
    office.publish(&site.topics.policy(), "news", false).unwrap();
    assert_eq!(next(&mut heard, |_| true).await.payload, b"news");
    again.stop().await;
}

/// Waits until `room` leads, or follows.
async fn seated(room: &Room, leads: bool) {
    let mut pulse = room.pulse();
    let seated = pulse.wait_for(|pulse| pulse.connected && pulse.leads == leads);
    tokio::time::timeout(SOON, seated).await.expect("no such seat within 10 s").unwrap();
}

#[tokio::test]
async fn p4_two_agents_name_the_same_shares_and_the_second_takes_over_when_the_first_dies() {
    let site = Site::new().await;
    let memory = tempfile::tempdir().unwrap();
    let board = site.ready(Role::Board, &[&site.topics.heartbeat()]).await;
    let mut heard = board.messages();
    let first = site.agent("room-1", &memory.path().join("1.json"));
    seated(&first, true).await;
    let centralist = site.ready(Role::Centralist, &[]).await;
    let desk = site.desk(&centralist);
    let granted = |seconds| {
        let order = GrantOrder { lasts: Duration::from_secs(seconds), ..order() };
        let (jti, token) = desk.sign_grant(online().eye.as_ref().unwrap(), order).unwrap();
        centralist.publish(&site.topics.command(CommandTopic::Grant), token, false).unwrap();
        let line = ShareLog {
            jti: jti.clone(),
            sub: parties().subscriber,
            event: "granted".into(),
            reason: None,
            at_ms: 0,
            usage: None,
            server: None,
        };
        board.publish(&site.topics.share_log(), serde_json::to_vec(&line).unwrap(), false).unwrap();
        jti
    };
    // One share before the second agent comes, one after.
    let mut shares = vec![granted(600)];
    next(&mut heard, |message| site.heartbeat(message).stands.len() == 1).await;
    let second = site.agent("room-2", &memory.path().join("2.json"));
    seated(&second, false).await;
    shares.push(granted(900));
    shares.sort();
    let both = next(&mut heard, |message| site.heartbeat(message).stands.len() == 2).await;

    drop(first);
    let died = std::time::Instant::now();
    seated(&second, true).await;
    let (mut counter, mut after) = (site.heartbeat(&both).counter, 0);
    while after < 3 {
        let heartbeat = site.heartbeat(&*next(&mut heard, |_| true).await);
        assert_eq!(heartbeat.stands, shares, "the switch dropped a share");
        assert!(heartbeat.counter > counter, "boards refuse a counter that goes back");
        counter = heartbeat.counter;
        if after == 0 {
            assert!(died.elapsed() < Duration::from_secs(9), "longer than the lease allows");
        }
        after += 1;
    }
    // The first comes back, and follows.
    let first = site.agent("room-1", &memory.path().join("1.json"));
    seated(&first, false).await;
    assert!(second.pulse().borrow().leads);
}

#[tokio::test]
async fn the_room_is_there_as_long_as_one_agent_is_and_busy_when_a_centralist_says_so() {
    let site = Site::new().await;
    let memory = tempfile::tempdir().unwrap();
    let subscriber = site.open(Role::Subscriber, &[&site.topics.presence()]);
    let mut told = subscriber.messages();
    subscriber.ready(SOON).await.unwrap();
    let present = |message: &Message| serde_json::from_slice::<RoomPresence>(&message.payload).unwrap();
    let first = site.agent("room-1", &memory.path().join("1.json"));
    next(&mut told, |message| present(message).online).await;
    let second = site.agent("room-2", &memory.path().join("2.json"));
    seated(&second, false).await;
    // A follower's last will is taken back.
    drop(second);
    next(&mut told, |message| !present(message).online).await;
    next(&mut told, |message| present(message).online).await;

    let board = site.ready(Role::Board, &[&site.topics.heartbeat()]).await;
    let mut heard = board.messages();
    let centralist = site.ready(Role::Centralist, &[]).await;
    let busy = contract::body::RoomBusy { busy: true, by: "op-1".into(), at: 0 };
    centralist.publish(&site.topics.busy(), serde_json::to_vec(&busy).unwrap(), true).unwrap();
    next(&mut told, |message| present(message).busy).await;
    next(&mut heard, |message| site.heartbeat(message).busy).await;
    first.stop().await;
    next(&mut told, |message| !present(message).online).await;
}

#[tokio::test]
async fn p8_the_heartbeat_carries_the_reserve_epoch_over_a_restart() {
    let site = Site::new().await;
    let memory = tempfile::tempdir().unwrap();
    let memory = memory.path().join("room.json");
    let board = site.ready(Role::Board, &[&site.topics.heartbeat()]).await;
    let mut heard = board.messages();
    let room = site.room(&memory);
    next(&mut heard, |_| true).await;
    let centralist = site.ready(Role::Centralist, &[]).await;
    let desk = site.desk(&centralist);
    let act = Actors { operator: "op-1".into(), requester: None };
    let (_, token) = desk.sign_preempt(Some(&online().eye.unwrap()), 41, act).unwrap();
    centralist.publish(&site.topics.command(CommandTopic::Preempt), token, false).unwrap();
    next(&mut heard, |message| site.heartbeat(message).reserve_epoch == 41).await;
    drop(room);
    let _room = site.room(&memory);
    let after = next(&mut heard, |_| true).await;
    assert_eq!(site.heartbeat(&after).reserve_epoch, 41);
}

#[tokio::test]
async fn an_agents_own_word_that_comes_late_does_not_unseat_it() {
    let site = Site::new().await;
    let dir = tempfile::tempdir().unwrap();
    let memory = dir.path().join("room.json");
    let centralist = site.open(Role::Centralist, &[&site.topics.lead()]);
    let mut led = centralist.messages();
    centralist.ready(SOON).await.unwrap();
    // Who speaks and since when, as the jti begins.
    let claim = |message: &Message| {
        let jti = site.heartbeat(message).envelope.jti;
        jti.as_str().rsplit_once('.').unwrap().0.to_owned()
    };
    let spoken = |message: &Message| !message.payload.is_empty();
    let first = site.room(&memory);
    let early = next(&mut led, spoken).await;
    drop(first);
    let again = site.room(&memory);
    seated(&again, true).await;
    let leads = claim(&*next(&mut led, |message| spoken(message) && claim(message) != claim(&early)).await);
    let late = site.ready(Role::Room, &[]).await;
    late.publish(&site.topics.lead(), early.payload.clone(), false).unwrap();
    next(&mut led, |message| message.payload == early.payload).await;
    for _ in 0..2 {
        assert_eq!(claim(&*next(&mut led, spoken).await), leads, "it leads as before");
    }
}

const PARENT: &str = "CAMPARI_TEST_STARTS_A_BROKER_IN";

/// Not a test: what the next one starts and kills.
#[tokio::test]
async fn starts_a_broker_for_the_test_of_its_end() {
    let Some(dir) = std::env::var_os(PARENT) else { return };
    let dir = Path::new(&dir);
    let tls = dir.join("tls");
    std::fs::create_dir(&tls).unwrap();
    let certificates = Certificates::make(&tls, std::net::Ipv4Addr::LOCALHOST.into(), &parties()).unwrap();
    let files = BrokerFiles::write(&dir.join("broker"), &certificates, &[parties().site]).unwrap();
    let broker = files.start(dir).await.unwrap();
    std::fs::write(dir.join("port.new"), files.ports.of(campari::stage::Door::Boards).to_string()).unwrap();
    std::fs::rename(dir.join("port.new"), dir.join("port")).unwrap();
    broker.death().await;
}

#[tokio::test]
async fn a_broker_ends_with_who_started_it_though_that_was_killed() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["--exact", "starts_a_broker_for_the_test_of_its_end"].map(std::ffi::OsStr::new);
    // The environment of this process is not touched: other tests run in it.
    let assignment = format!("{PARENT}={}", dir.path().display());
    let own = std::env::current_exe().unwrap();
    let through_env = [std::ffi::OsStr::new(&assignment), own.as_os_str()].into_iter().chain(arguments);
    let parent = Child::start("parent", Path::new("/usr/bin/env"), through_env, dir.path()).unwrap();
    let port = parent
        .until("says where its broker listens", SOON, || async {
            std::fs::read_to_string(dir.path().join("port")).map(|port| port.parse::<u16>().unwrap())
        })
        .await
        .unwrap();
    let at = (Ipv4Addr::LOCALHOST, port);
    let mut broker = tokio::net::TcpStream::connect(at).await.unwrap();
    parent.kill().await;
    let gone = async {
        loop {
            // A broker that is killed may reset the connection instead of closing it, and closes this one before it closes its door; one that lives on
            // does neither.
            let _closed_or_reset = tokio::io::AsyncReadExt::read_to_end(&mut broker, &mut Vec::new()).await;
            match tokio::net::TcpStream::connect(at).await {
                Ok(again) => broker = again,
                Err(_) => return,
            }
        }
    };
    tokio::time::timeout(SOON, gone).await.expect("the broker outlived who started it");
}
