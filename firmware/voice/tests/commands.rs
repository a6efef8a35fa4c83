//! Commands pass unopened and every asker gets an answer: the eye's, or that there is none.

mod support;

use contract::claims::{MAX_TOKEN, TokenKind};
use link::{ToEye, ToVoice};
use support::*;
use tempfile::TempDir;

const ANSWERS: &str = "campari/v1/demo/answers/room";

#[tokio::test]
async fn a_command_reaches_the_eye_unopened_and_its_answer_the_asker() {
    let (mut room, mut eye, _board) = board().await;
    let commands = [
        (topic("grant"), TokenKind::Grant),
        (topic("revoke"), TokenKind::Revoke),
        ("campari/v1/demo/all/preempt".to_owned(), TokenKind::Preempt),
        (topic("release"), TokenKind::Release),
    ];
    for (index, (topic, expected)) in commands.into_iter().enumerate() {
        let (token, correlation) = (format!("not.opened.{index}"), format!("c{index}"));
        room.ask(&topic, token.clone(), ANSWERS, &correlation).await;
        let number = eye
            .hear_until(|message, body| match message {
                ToEye::Command { kind, correlation } if *kind == expected && body == token.as_bytes() => {
                    Some(*correlation)
                }
                _ => None,
            })
            .await;
        eye.say(ToVoice::Answer { correlation: number }, br#"{"ok":true,"share":"j1"}"#).await;
        let answer = room.answer(ANSWERS, &correlation).await;
        assert_eq!(answer, serde_json::json!({"ok": true, "share": "j1"}));
    }
}

#[tokio::test]
async fn heartbeat_and_policy_are_passed_on_and_a_later_eye_gets_the_policy_too() {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(&dir).await;
    let mut room = Room::join(broker.port).await;
    // As large as a bundle may be: the library's default would cut the connection at 10 KiB.
    let bundle = vec![b'p'; contract::policy::MAX_POLICY];
    room.publish("campari/v1/demo/policy", bundle.clone(), true).await;
    let listener = FakeEye::listen(&dir);
    let _voice = Voice::start(&dir, broker.port);
    let policy =
        |message: &ToEye, body: &[u8]| (matches!(message, ToEye::Policy { .. }) && body == bundle).then_some(());
    let mut eye = listener.greet().await;
    eye.hear_until(policy).await;
    room.presence("online").await;
    room.publish("campari/v1/demo/room/heartbeat", "beat", false).await;
    eye.hear_until(|message, body| {
        let beat = matches!(message, ToEye::Command { kind: TokenKind::Heartbeat, .. });
        (beat && body == b"beat").then_some(())
    })
    .await;
    drop(eye);
    listener.greet().await.hear_until(policy).await;
}

#[tokio::test]
async fn a_token_above_the_limit_is_answered_and_does_not_reach_the_eye() {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(&dir).await;
    let mut room = Room::join(broker.port).await;
    let eye = FakeEye::listen(&dir);
    let _voice = Voice::start(&dir, broker.port);
    let mut eye = eye.greet().await;
    room.presence("online").await;
    room.ask(&topic("grant"), vec![b'a'; MAX_TOKEN + 1], ANSWERS, "big").await;
    let answer = room.answer(ANSWERS, "big").await;
    assert_eq!((&answer["ok"], &answer["error"]["code"]), (&false.into(), &"too-large".into()));
    // A megabyte is more than the packet size that the voice told the broker: it does not even arrive, and harms nothing.
    room.ask(&topic("grant"), vec![b'a'; 1_000_000], ANSWERS, "huge").await;
    room.ask(&topic("grant"), "small", ANSWERS, "small").await;
    let (message, body) = eye.hear().await;
    assert!(matches!(message, ToEye::Command { .. }), "{message:?}");
    assert_eq!(body, b"small");
}

#[tokio::test]
async fn without_an_eye_the_answer_is_eye_absent() {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(&dir).await;
    let mut room = Room::join(broker.port).await;
    let _voice = Voice::start(&dir, broker.port);
    room.presence("eye-absent").await;
    room.ask(&topic("grant"), "token", ANSWERS, "c").await;
    let answer = room.answer(ANSWERS, "c").await;
    assert_eq!((&answer["ok"], &answer["error"]["code"]), (&false.into(), &"eye-absent".into()));
}

#[tokio::test]
async fn an_eye_that_does_not_answer_counts_as_absent_and_its_late_answer_goes_nowhere() {
    let (mut room, mut eye, _board) = board().await;
    room.ask(&topic("grant"), "first", ANSWERS, "first").await;
    let number = |message: &ToEye, _: &[u8]| match message {
        ToEye::Command { correlation, .. } => Some(*correlation),
        _ => None,
    };
    let first = eye.hear_until(number).await;
    assert_eq!(room.answer(ANSWERS, "first").await["error"]["code"], "eye-absent");
    eye.say(ToVoice::Answer { correlation: first }, br#"{"ok":true}"#).await;
    room.ask(&topic("grant"), "second", ANSWERS, "second").await;
    let second = eye.hear_until(number).await;
    eye.say(ToVoice::Answer { correlation: second }, br#"{"ok":true}"#).await;
    assert_eq!(room.answer(ANSWERS, "second").await["ok"], true);
    assert_eq!(room.heard_on(ANSWERS).len(), 2);
}

#[tokio::test]
async fn answers_go_to_no_topic_where_somebody_else_speaks() {
    let (mut room, mut eye, _board) = board().await;
    let wrong = ["elsewhere/x", "campari/v1/other/answers", "campari/v1/demo/policy", "campari/v1/demo/613/state"];
    for topic_of_answer in wrong.into_iter().chain([ANSWERS]) {
        room.ask(&topic("grant"), "token", topic_of_answer, "c").await;
        let number = eye
            .hear_until(|message, _| match message {
                ToEye::Command { correlation, .. } => Some(*correlation),
                _ => None,
            })
            .await;
        eye.say(ToVoice::Answer { correlation: number }, br#"{"ok":true,"share":"spoof"}"#).await;
    }
    room.answer(ANSWERS, "c").await;
    for topic in wrong {
        assert!(room.heard_on(topic).iter().all(|body| body["share"] != "spoof"), "answered on {topic}");
    }
}

#[tokio::test]
async fn a_retained_command_is_not_passed_on() {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(&dir).await;
    let mut room = Room::join(broker.port).await;
    room.publish(&topic("grant"), "yesterday", true).await;
    room.hear(|heard, _| (heard == topic("grant")).then_some(())).await;
    let eye = FakeEye::listen(&dir);
    let _voice = Voice::start(&dir, broker.port);
    let mut eye = eye.greet().await;
    room.presence("online").await;
    room.ask(&topic("grant"), "today", ANSWERS, "c").await;
    let (_, body) = eye.hear().await;
    assert_eq!(body, b"today");
}
