//! A broker that is the adversary's: it can keep messages back, and then shares end. It cannot forge, replay, lengthen or redirect, and no
//! share outlives the lease by what it does (P4, P5). Real voices, the real authority, the room's real agent, commands as centralists sign them.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod evil;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use campari::command::{Desk, GrantOrder, Outcome, Seen, state_filter};
use campari::mqtt::{Broker, Bus, BusSettings, Message};
use campari::room::{Room, RoomSettings};
use campari::trust::{Root, Trust};
use contract::claims::{Actors, Delivery};
use contract::topic::CommandTopic;
use contract::{Filter, Jti};
use evil::{EvilBroker, Fate, PATIENCE, json};
use fleet::eye::Eye;
use fleet::plan::{Keys, PURPOSE, SUBSCRIBER, VIEW, camera, site};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::UdpSocket;
use tokio::sync::broadcast;
use tokio::task::JoinSet;

const HEARTBEAT: &str = "campari/v1/s00/room/heartbeat";

/// Boards, a control room and a receiver, and nobody between them but the adversary.
struct City {
    broker: EvilBroker,
    bus: Bus,
    states: broadcast::Receiver<Arc<Message>>,
    seen: Seen,
    keys: Keys,
    receiver: UdpSocket,
    _room: Room,
    _boards: JoinSet<()>,
    _dir: TempDir,
}

impl City {
    async fn new(boards: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let broker = EvilBroker::start().await;
        let at = Broker { host: "127.0.0.1".into(), port: broker.port, tls: None };
        let keys = Keys::make();
        let bundle = keys.bundle(0, boards).unwrap();
        let roots: Vec<Root> = keys.roots().into_iter().map(|(kid, x)| Root { kid, x }).collect();
        let room = Room::start(RoomSettings {
            broker: at.clone(),
            client_id: "room".into(),
            site: site(0),
            key: keys.room.clone(),
            trust: Trust::new(&bundle, &roots, &site(0)).unwrap(),
            memory: None,
            busy: false,
        })
        .unwrap();
        let settings = BusSettings {
            client_id: "centralist".into(),
            subscribe: vec![state_filter(&site(0))],
            answers: Some("campari/v1/s00/answer/centralist".into()),
            ..BusSettings::default()
        };
        let bus = Bus::open(&at, settings).unwrap();
        let states = bus.messages();
        bus.ready(PATIENCE).await.unwrap();
        bus.publish("campari/v1/s00/policy", bundle, true).unwrap();

        let mut running = JoinSet::new();
        let public: Vec<_> =
            keys.roots().iter().map(|(kid, x)| (kid.clone(), token::PublicKey::from_x(x).unwrap())).collect();
        for board in 0..boards {
            let link = dir.path().join(format!("{board}.sock"));
            let config = format!(
                "site = \"s00\"\ncamera = \"{camera}\"\nlink = {link:?}\n[mqtt]\nhost = \"127.0.0.1\"\nport = {port}\nclient_id = \"board-{board}\"\n",
                camera = camera(board),
                port = broker.port,
            );
            let config = voice::config::Config::parse(&config, dir.path()).unwrap();
            let eye = Eye::new(site(0), camera(board), public.clone().into()).unwrap();
            running.spawn(async move { eye.run(&link).await.unwrap() });
            running.spawn(async move { voice::run(config, std::future::pending()).await.unwrap() });
        }
        let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut city = Self {
            broker,
            bus,
            states,
            seen: Seen::of(site(0)),
            keys,
            receiver,
            _room: room,
            _boards: running,
            _dir: dir,
        };
        let ready = |seen: &Seen| {
            let hears = |board| {
                let eye = seen.eye(&camera(board)).ok();
                eye.is_some_and(|eye| {
                    eye.policy_version.is_some() && eye.heartbeat_age_s.is_some_and(|age_s| age_s < 3.0)
                })
            };
            (0..boards).all(hears)
        };
        assert!(city.seen.until(&mut city.states, PATIENCE, ready).await, "boards hold the policy and hear the room");
        city
    }

    fn desk(&self, board: usize) -> Desk<'_> {
        Desk { bus: &self.bus, key: &self.keys.centralist, site: site(0), camera: camera(board) }
    }

    fn act() -> Actors {
        Actors { operator: "op-1".into(), requester: None }
    }

    /// An hour for the receiver.
    async fn grant(&self, board: usize) -> Outcome {
        let order = GrantOrder {
            subscriber: SUBSCRIBER.parse().unwrap(),
            view: VIEW.parse().unwrap(),
            filter: Filter::Fill,
            lasts: Duration::from_secs(3600),
            delivery: Delivery::Push {
                address: [127, 0, 0, 1].into(),
                port: self.receiver.local_addr().unwrap().port() & !1,
            },
            purpose: PURPOSE.into(),
            act: Self::act(),
            fps: None,
            cnf: None,
            request: None,
        };
        let desk = self.desk(board);
        let signed = desk.sign_grant(&self.seen.eye(&camera(board)).unwrap(), order).unwrap();
        desk.send(CommandTopic::Grant, signed).await.unwrap()
    }

    /// A share that stands. (The simulated eye has no picture, so that none is told to have started.)
    async fn share(&self, board: usize) -> Jti {
        let outcome = self.grant(board).await;
        assert!(outcome.answer.ok, "{:?}", outcome.answer);
        self.event(board, &outcome.jti, "granted").await;
        outcome.jti
    }

    /// Waits for an entry of the share log, and gives its reason.
    async fn event(&self, board: usize, share: &Jti, event: &str) -> String {
        let log = topic(board, "share-log");
        let wanted = |on: &str, publish: &_| {
            let entry = (on == log).then(|| json(publish))?;
            (entry["jti"] == share.as_str() && entry["event"] == event).then(|| entry["reason"].to_string())
        };
        self.broker.until(event, wanted).await
    }

    /// How often the boards said that a share began, went on, or was made longer.
    fn openings(&self) -> usize {
        let log = self.broker.heard(|on| on.ends_with("/share-log"));
        let opens = |event: &str| ["granted", "started", "resumed", "extended"].contains(&event);
        log.iter().filter(|entry| json(entry)["event"].as_str().is_some_and(opens)).count()
    }
}

fn topic(board: usize, level: &str) -> String {
    format!("campari/v1/s00/{}/{level}", camera(board))
}

fn beats(broker: &EvilBroker) -> Vec<bytes::Bytes> {
    broker.heard(|on| on == HEARTBEAT).into_iter().map(|beat| beat.payload).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p4_no_heartbeat_that_a_broker_keeps_back_repeats_or_shuffles_keeps_a_share_alive() {
    let city = City::new(1).await;
    let share = city.share(0).await;
    let old = beats(&city.broker);
    city.broker.does(|on| if on == HEARTBEAT { Fate::Hold } else { Fate::Pass });
    // All that was ever heard, forwards and backwards, until the share is over.
    let repeat = async {
        let mut pace = tokio::time::interval(Duration::from_millis(50));
        loop {
            pace.tick().await;
            old.iter().chain(old.iter().rev()).for_each(|beat| city.broker.say(HEARTBEAT, beat.clone()));
        }
    };
    let reason = tokio::select! {
        reason = city.event(0, &share, "ended") => reason,
        () = repeat => unreachable!("it goes on"),
    };
    assert_eq!(reason, "\"control-room-lost\"");
    // What it kept comes after all: nothing that ended begins again, neither by it nor by the grant.
    let granted = city.broker.heard(|on| on == topic(0, "grant"));
    assert!(city.broker.let_go() > 0);
    let answer = city.broker.command(&topic(0, "grant"), granted[0].payload.clone()).await;
    assert!(["replayed", "control-room-lost"].contains(&answer.as_str()), "{answer}");
    assert_eq!(city.openings(), 1, "granted, once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p4_a_revoke_that_a_broker_keeps_from_the_board_comes_true_with_the_next_heartbeat() {
    let city = City::new(1).await;
    let share = city.share(0).await;
    let revokes = topic(0, "revoke");
    let to_the_board = revokes.clone();
    city.broker.does(move |on| if on == to_the_board { Fate::KeptFrom("board-0".into()) } else { Fate::Pass });
    let desk = city.desk(0);
    let eye = city.seen.eye(&camera(0)).unwrap();
    let (_, token) = desk.sign_revoke(Some(&eye), Some(share.clone()), City::act()).unwrap();
    city.bus.publish(&revokes, token, false).unwrap();
    assert_eq!(city.event(0, &share, "ended").await, "\"revoked\"");
    assert!(city.broker.heard(|on| on == revokes).len() == 1, "it was said, and the board never heard it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p4_of_a_broker_that_keeps_everything_from_the_boards_a_share_does_not_outlive_the_lease() {
    let city = City::new(1).await;
    let share = city.share(0).await;
    let for_boards =
        |on: &str| on == HEARTBEAT || ["grant", "extend", "revoke"].iter().any(|level| on.ends_with(level));
    city.broker.does(move |on| if for_boards(on) { Fate::Drop } else { Fate::Pass });
    assert_eq!(city.event(0, &share, "ended").await, "\"control-room-lost\"");
    assert_eq!(city.openings(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p5_a_grant_that_a_broker_repeats_alters_or_sends_elsewhere_opens_nothing() {
    let city = City::new(2).await;
    let share = city.share(0).await;
    let grant = city.broker.heard(|on| on == topic(0, "grant"))[0].payload.clone();
    let broker = &city.broker;
    assert_eq!(broker.command(&topic(0, "grant"), grant.clone()).await, "replayed");
    assert_eq!(broker.command(&topic(1, "grant"), grant.clone()).await, "wrong-audience");
    assert_eq!(broker.command(&topic(0, "revoke"), grant.clone()).await, "wrong-type");
    assert_eq!(broker.command(&topic(0, "grant"), beats(broker)[0].clone()).await, "wrong-type");

    // Redirected, lengthened, for another view or subscriber: with the signature of what it was.
    let changes = [
        ("delivery", serde_json::json!({"kind": "push", "address": "127.0.0.1", "port": 40_000})),
        ("exp", serde_json::json!(4_000_000_000_u64)),
        ("sub", serde_json::json!("somebody")),
        ("jti", serde_json::json!("0123456789abcdef01234567")),
    ];
    for (member, value) in changes {
        let text = String::from_utf8(grant.to_vec()).unwrap();
        let parts: Vec<_> = text.split('.').collect();
        let mut claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
        assert!(claims.get(member).is_some(), "{claims}");
        claims[member] = value;
        let forged = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(claims.to_string()), parts[2]);
        assert_eq!(broker.command(&topic(0, "grant"), forged).await, "bad-signature", "{member}");
    }
    assert_eq!(city.openings(), 1, "the one share, once");

    // Nor when it is over.
    let desk = city.desk(0);
    let signed = desk.sign_revoke(Some(&city.seen.eye(&camera(0)).unwrap()), Some(share.clone()), City::act()).unwrap();
    assert!(desk.send(CommandTopic::Revoke, signed).await.unwrap().answer.ok);
    assert_eq!(city.event(0, &share, "ended").await, "\"revoked\"");
    assert_eq!(broker.command(&topic(0, "grant"), grant).await, "replayed");
    assert_eq!(city.openings(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p5_what_a_broker_says_twice_and_out_of_order_counts_once() {
    let city = City::new(1).await;
    let commands = [topic(0, "grant"), topic(0, "revoke")];
    city.broker.does(move |on| match on {
        HEARTBEAT => Fate::Swap,
        on if commands.iter().any(|command| command == on) => Fate::Twice,
        _ => Fate::Pass,
    });
    let share = city.share(0).await;
    let desk = city.desk(0);
    let signed = desk.sign_revoke(Some(&city.seen.eye(&camera(0)).unwrap()), Some(share.clone()), City::act()).unwrap();
    desk.send(CommandTopic::Revoke, signed).await.unwrap();
    assert_eq!(city.event(0, &share, "ended").await, "\"revoked\"");
    assert_eq!(city.openings(), 1);
    let ends = city.broker.heard(|on| on == topic(0, "share-log"));
    assert_eq!(ends.iter().filter(|entry| json(entry)["event"] == "ended").count(), 1);
}
