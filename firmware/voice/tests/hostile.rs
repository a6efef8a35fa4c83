//! Bad input over MQTT: whatever the broker hands over, the voice passes on a token unopened on its own topic, or nothing, and goes on.

mod support;

use contract::claims::{MAX_TOKEN, TokenKind};
use link::ToEye;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use support::*;
use tempfile::TempDir;

const ANSWERS: &str = "campari/v1/demo/answers/room";
const MESSAGES: usize = 600;

/// One message that somebody publishes.
#[derive(Debug, Clone)]
struct Hostile {
    topic: String,
    payload: Vec<u8>,
    answers: String,
}

/// Topics of the board, of its neighbours, nearly of the board, and of nobody.
fn any_topic() -> impl Strategy<Value = String> {
    let level = prop::sample::select(vec![
        "grant",
        "extend",
        "deny",
        "revoke",
        "preempt",
        "release",
        "report-leak",
        "clear-leak",
        "usage-ack",
        "policy",
        "state",
        "share",
        "request",
        "withdraw",
        "leave",
        "Grant",
        "grant ",
        "..",
        "$SYS",
        "",
    ]);
    let root = prop::sample::select(vec![
        "campari/v1/demo/613",
        "campari/v1/demo/all",
        "campari/v1/demo/614",
        "campari/v1/other/613",
        "campari/v2/demo/613",
        "campari/v1/demo/",
        "campari/v1/demo/６１３",
    ]);
    let rest = prop_oneof![
        6 => Just(String::new()),
        2 => Just("/tlc".to_owned()),
        2 => any_text().prop_map(|id| format!("/{}", id.replace('/', "."))),
        1 => Just("/tlc/grant".to_owned()),
        1 => Just("/".to_owned()),
    ];
    let root = prop_oneof![2 => Just("campari/v1/demo/613"), 1 => root];
    (root, level, rest).prop_map(|(root, level, rest)| format!("{root}/{level}{rest}"))
}

/// Text that a broker passes on: MQTT 5 §1.5.4 lets it hang up on control characters and on what is no character.
fn any_text() -> impl Strategy<Value = String> {
    let passes = |c: &char| {
        let code = u32::from(*c);
        let no_character = (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe;
        !c.is_control() && !no_character && !matches!(c, '+' | '#')
    };
    "[^+#]{1,60}".prop_map(move |text| text.chars().filter(passes).collect::<String>() + "x")
}

fn any_message() -> impl Strategy<Value = Hostile> {
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        "[A-Za-z0-9_-]{1,80}\\.[A-Za-z0-9_-]{1,200}\\.[A-Za-z0-9_-]{86}".prop_map(String::into_bytes),
        Just(vec![b'['; 8_000]),
        Just(vec![b'A'; MAX_TOKEN]),
        Just(vec![b'A'; MAX_TOKEN + 1]),
        Just(vec![0xff; 100_000]),
    ];
    let answers = prop_oneof![
        Just(ANSWERS.to_owned()),
        Just("campari/v1/demo/613/grant".to_owned()),
        Just("campari/v1/demo/613/share/tlc/g".to_owned()),
        Just("campari/v1/demo/room/heartbeat".to_owned()),
        Just("campari/v1/demo/policy".to_owned()),
        any_text(),
    ];
    (any_topic(), payload, answers).prop_map(|(topic, payload, answers)| Hostile { topic, payload, answers })
}

/// The kind of command that a topic carries, read off its text and nothing else.
fn kind_of(topic: &str) -> Option<TokenKind> {
    let own = topic.strip_prefix("campari/v1/demo/613/");
    let command = own.or_else(|| topic.strip_prefix("campari/v1/demo/all/"))?;
    let (level, sub) = match command.split_once('/') {
        Some((level, sub)) => (level, Some(sub)),
        None => (command, None),
    };
    let id = |text: &str| own.is_some() && contract::SubscriberId::new(text).is_ok();
    match (level, sub) {
        ("grant", None) => Some(TokenKind::Grant),
        ("extend", None) => Some(TokenKind::Extend),
        ("deny", None) => Some(TokenKind::Deny),
        ("revoke", None) => Some(TokenKind::Revoke),
        ("preempt", None) => Some(TokenKind::Preempt),
        ("release", None) => Some(TokenKind::Release),
        ("report-leak", None) => Some(TokenKind::ReportLeak),
        ("clear-leak", None) => Some(TokenKind::ClearLeak),
        ("usage-ack", None) => Some(TokenKind::UsageAck),
        ("request", Some(sub)) if id(sub) => Some(TokenKind::Request),
        ("withdraw", Some(sub)) if id(sub) => Some(TokenKind::Withdraw),
        ("leave", Some(sub)) if id(sub) => Some(TokenKind::Leave),
        ("report-leak", Some(sub)) if id(sub) => Some(TokenKind::ReportLeak),
        _ => None,
    }
}

#[tokio::test]
async fn p5_hostile_messages_reach_the_eye_unopened_on_their_own_topic_or_not_at_all() {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(&dir).await;
    let mut room = Room::join(broker.port).await;
    let eye = FakeEye::listen(&dir);
    let voice = Voice::start(&dir, broker.port);
    let mut eye = eye.greet().await;
    room.presence("online").await;

    let mut runner = TestRunner::deterministic();
    let message = any_message();
    let mut sent: Vec<Hostile> = Vec::new();
    let mut passed = 0;
    for number in 0..MESSAGES {
        let hostile = message.new_tree(&mut runner).unwrap().current();
        room.ask(&hostile.topic, hostile.payload.clone(), &hostile.answers, "hostile").await;
        sent.push(hostile);
        // Now and then something honest, which must still get through: the broker keeps the order.
        if number % 20 != 19 {
            continue;
        }
        let marker = format!("honest.{number}.token").into_bytes();
        room.ask(&topic("grant"), marker.clone(), ANSWERS, "honest").await;
        loop {
            let (message, body) = eye.hear().await;
            match message {
                ToEye::Command { kind, correlation } => {
                    eye.say(link::ToVoice::Answer { correlation }, br#"{"ok":false}"#).await;
                    if body == marker {
                        break;
                    }
                    assert!(body.len() <= MAX_TOKEN, "{} bytes", body.len());
                    let said = sent.iter().any(|one| one.payload == body && kind_of(&one.topic) == Some(kind));
                    assert!(said, "nobody said this as {kind:?}: {:?}", String::from_utf8_lossy(&body));
                    passed += 1;
                }
                ToEye::Policy { correlation } => {
                    eye.say(link::ToVoice::Answer { correlation }, br#"{"ok":false}"#).await;
                    assert!(sent.iter().any(|one| one.payload == body && one.topic == "campari/v1/demo/policy"));
                }
                other => panic!("the eye was told {other:?}"),
            }
        }
    }
    assert!(passed > MESSAGES / 20, "only {passed} passed: the test attacks nothing");
    // Answers went only where a board may speak.
    room.ask(&topic("grant"), "last.honest.token", ANSWERS, "last").await;
    let last = eye.hear_until(|message, body| match message {
        ToEye::Command { correlation, .. } if body == b"last.honest.token" => Some(*correlation),
        _ => None,
    });
    let correlation = last.await;
    eye.say(link::ToVoice::Answer { correlation }, br#"{"ok":false}"#).await;
    room.answer(ANSWERS, "last").await;
    for wrong in ["campari/v1/demo/613/grant", "campari/v1/demo/613/share/tlc/g", "campari/v1/demo/policy"] {
        let spoofed = room.bytes_on(wrong).into_iter().filter(|body| body == br#"{"ok":false}"#).count();
        assert_eq!(spoofed, 0, "the voice answered on {wrong}");
    }
    assert!(voice.is_running());
    voice.stop().await;
}
