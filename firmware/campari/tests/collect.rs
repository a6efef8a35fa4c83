//! P9 over a real Mosquitto with its ACL: a record told again and again is written once, and acknowledged with the room's key when it is on disk.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail them")]

use campari::collect::{CollectSettings, Collection, collect};
use campari::keys::NamedKey;
use campari::mqtt::{Bus, BusSettings, Message};
use campari::stage::{BrokerFiles, Certificates, Parties, Ports, Role};
use contract::body::Usage;
use contract::claims::{TokenKind, UsageAck};
use contract::topic::{CommandTopic, Topics};
use contract::usage::UsageRecord;
use contract::{EndReason, Filter};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(10);

fn record(jti: &str) -> UsageRecord {
    UsageRecord {
        site: "almere".parse().unwrap(),
        camera: "613".parse().unwrap(),
        jti: jti.parse().unwrap(),
        sub: "tlc".parse().unwrap(),
        purpose: "traffic".into(),
        view: "v".parse().unwrap(),
        filter: Filter::Fill,
        granted_at_ms: 1,
        started_at_ms: Some(2),
        ended_at_ms: 3,
        reason: EndReason::Expired,
        usage: Usage { seconds_clear: 1.5, ..Usage::default() },
    }
}

/// A board that tells `record` until it is acknowledged, as the eye does.
async fn told(board: &Bus, acks: &mut Receiver<Arc<Message>>, topics: &Topics, room: &NamedKey, record: &UsageRecord) {
    let body = serde_json::to_vec(record).unwrap();
    let acknowledged = async {
        loop {
            board.publish(&topics.usage(), body.clone(), false).unwrap();
            if let Ok(message) = timeout(Duration::from_millis(200), acks.recv()).await {
                let key = room.key.public();
                let ack: UsageAck = token::verify(TokenKind::UsageAck, &message.unwrap().payload, |kid| {
                    (*kid == room.kid).then_some(key)
                })
                .unwrap();
                assert_eq!(ack.aud.to_string(), "almere/613");
                if ack.records == [record.part()] {
                    return;
                }
            }
        }
    };
    timeout(SOON, acknowledged).await.unwrap();
}

fn written(path: &Path) -> Vec<UsageRecord> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn p9_a_record_is_in_the_file_once_through_repetition_and_restarts_of_collector_and_broker() {
    let dir = tempfile::tempdir().unwrap();
    let parties =
        Parties { site: "almere".parse().unwrap(), camera: "613".parse().unwrap(), subscriber: "tlc".parse().unwrap() };
    let tls = dir.path().join("tls");
    std::fs::create_dir(&tls).unwrap();
    let certificates = Certificates::make(&tls, std::net::Ipv4Addr::LOCALHOST.into(), &parties).unwrap();
    let files =
        BrokerFiles::write(&dir.path().join("broker"), &certificates, std::slice::from_ref(&parties.site)).unwrap();
    let broker = files.start(dir.path()).await.unwrap();
    let ports: Ports = files.ports;
    let topics = Topics::new(parties.site.clone(), parties.camera.clone());
    let room = NamedKey::generate("room".parse().unwrap());
    let path = dir.path().join("usage.jsonl");
    let start = || {
        let settings = CollectSettings {
            broker: certificates.connection(Role::Room, ports),
            client_id: "usage".into(),
            site: parties.site.clone(),
            key: room.clone(),
        };
        tokio::spawn(collect(settings, Collection::open(&path).unwrap(), |_, _| {}))
    };
    let settings = BusSettings {
        client_id: "613".into(),
        subscribe: vec![topics.command(CommandTopic::UsageAck)],
        ..BusSettings::default()
    };
    let board = Bus::open(&certificates.connection(Role::Board, ports), settings).unwrap();
    let mut acks = board.messages();
    board.ready(SOON).await.unwrap();

    // Told before anybody listens: lost, and told again.
    board.publish(&topics.usage(), serde_json::to_vec(&record("a")).unwrap(), false).unwrap();
    let collector = start();
    told(&board, &mut acks, &topics, &room, &record("a")).await;
    told(&board, &mut acks, &topics, &room, &record("a")).await;
    told(&board, &mut acks, &topics, &room, &record("b")).await;
    assert_eq!(written(&path), [record("a"), record("b")]);

    // The collector goes and comes back.
    collector.abort();
    assert!(collector.await.is_err());
    let collector = start();
    told(&board, &mut acks, &topics, &room, &record("b")).await;
    assert_eq!(written(&path), [record("a"), record("b")]);

    // The broker goes and comes back.
    broker.stop().await;
    timeout(SOON, board.lost()).await.unwrap();
    let broker = files.start(dir.path()).await.unwrap();
    board.ready(SOON).await.unwrap();
    told(&board, &mut acks, &topics, &room, &record("c")).await;
    assert_eq!(written(&path), [record("a"), record("b"), record("c")]);
    collector.abort();
    broker.stop().await;
}
