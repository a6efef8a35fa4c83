//! The broker is absent at start, lost midway, back again: media goes on, and what matters is told afterwards (P12).

mod support;

use contract::EndReason;
use support::*;
use tempfile::TempDir;

#[tokio::test]
async fn a_broker_that_comes_late_is_found_and_hears_of_a_share_that_ran_without_it() {
    let dir = TempDir::new().unwrap();
    let port = free_port();
    let eye = FakeEye::listen(&dir);
    let _voice = Voice::start(&dir, port);
    let mut eye = eye.greet().await;
    let mut receiver = Receiver::bind().await;
    eye.grant("one").await;
    eye.start("one", 0, receiver.port).await;
    eye.picture(0, 1, &KEY).await;
    receiver.picture().await;
    eye.end("one", EndReason::ControlRoomLost).await;
    receiver.goodbye().await;
    let broker = Broker::start_at(&dir, port).await;
    let mut room = Room::join(broker.port).await;
    let mut events = Vec::new();
    while events.last().is_none_or(|event| event != "ended") {
        events.push(room.hear_on(&topic("share-log")).await["event"].clone());
    }
    assert_eq!(events, ["granted", "started", "ended"]);
    room.presence("online").await;
}

#[tokio::test]
async fn a_broker_lost_midway_does_not_stop_a_share_and_learns_of_its_end_when_it_is_back() {
    let dir = TempDir::new().unwrap();
    let mut broker = Broker::start(&dir).await;
    let mut room = Room::join(broker.port).await;
    let eye = FakeEye::listen(&dir);
    let _voice = Voice::start(&dir, broker.port);
    let mut eye = eye.greet().await;
    room.presence("online").await;
    let mut receiver = Receiver::bind().await;
    eye.grant("one").await;
    eye.start("one", 0, receiver.port).await;
    eye.picture(0, 1, &KEY).await;
    receiver.picture().await;
    broker.kill().await;
    for utc in 2..30 {
        eye.picture(0, utc, &delta(utc as u8)).await;
        assert_eq!(receiver.picture().await.captured_utc_us, utc);
    }
    eye.end("one", EndReason::ControlRoomLost).await;
    receiver.goodbye().await;
    broker.restart().await;
    let mut room = Room::join(broker.port).await;
    // The eye hears of it: what was told to nobody is told again now, not when its time comes.
    eye.hear_until(|message, _| matches!(message, link::ToEye::BrokerBack).then_some(())).await;
    let log = room.log("ended").await;
    assert_eq!(log["reason"], "control-room-lost");
    // And it is subscribed again: a command comes through.
    room.presence("online").await;
    room.publish(&topic("revoke"), "token", false).await;
    eye.hear_until(|message, body| (matches!(message, link::ToEye::Command { .. }) && body == b"token").then_some(()))
        .await;
}

#[tokio::test]
async fn a_voice_that_dies_leaves_its_last_will() {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(&dir).await;
    let mut room = Room::join(broker.port).await;
    let eye = FakeEye::listen(&dir);
    let voice = Voice::start(&dir, broker.port);
    let _eye = eye.greet().await;
    room.presence("online").await;
    drop(voice);
    let state = room.presence("offline").await;
    assert_eq!(state, serde_json::json!({"presence": "offline"}));
    // Retained: who comes later reads it too.
    let mut late = Room::join(broker.port).await;
    assert_eq!(late.hear_on(&topic("state")).await["presence"], "offline");
}

#[tokio::test]
async fn a_voice_that_stops_says_that_its_shares_ended_and_that_it_is_offline() {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(&dir).await;
    let mut room = Room::join(broker.port).await;
    let eye = FakeEye::listen(&dir);
    let voice = Voice::start(&dir, broker.port);
    let mut eye = eye.greet().await;
    room.presence("online").await;
    let mut receiver = Receiver::bind().await;
    eye.grant("one").await;
    eye.start("one", 0, receiver.port).await;
    eye.picture(0, 1, &KEY).await;
    receiver.picture().await;
    voice.stop().await;
    receiver.goodbye().await;
    room.presence("offline").await;
    let log = room.heard_on(&topic("share-log"));
    assert!(log.iter().any(|entry| entry["event"] == "ended" && entry["reason"] == "fault"), "{log:?}");
    assert!(!receiver.has_packet());
}

#[tokio::test]
async fn a_voice_without_a_broker_stops_when_told_to() {
    let dir = TempDir::new().unwrap();
    let eye = FakeEye::listen(&dir);
    let voice = Voice::start(&dir, free_port());
    let _eye = eye.greet().await;
    voice.stop().await;
}

#[tokio::test]
async fn state_follows_the_eye_and_is_repeated_when_nothing_changes() {
    let (mut room, mut eye, _board) = board().await;
    let challenge = |wanted: &'static str| move |state: &serde_json::Value| state["eye"]["challenge"] == wanted;
    room.state(challenge("c1")).await;
    eye.say(link::ToVoice::State, &state("c2")).await;
    room.state(challenge("c2")).await;
    room.state(challenge("c2")).await;
}
