//! What subscribers say: passed on unopened, refused with an answer where it is unfit, and bounded, whoever floods.

mod support;

use contract::claims::{MAX_REQUEST_TOKEN, TokenKind};
use link::{ToEye, ToVoice};
use std::time::{Duration, Instant};
use support::*;
use tempfile::TempDir;

const ANSWERS: &str = "campari/v1/demo/answer/tc";

#[tokio::test]
async fn what_a_subscriber_says_reaches_the_eye_unopened_and_the_answer_the_subscriber() {
    let (mut room, mut eye, _board) = board().await;
    let asks = [
        ("request", TokenKind::Request),
        ("withdraw", TokenKind::Withdraw),
        ("leave", TokenKind::Leave),
        ("report-leak", TokenKind::ReportLeak),
    ];
    for (level, expected) in asks {
        room.ask(&topic(&format!("{level}/tc")), format!("not.opened.{level}"), ANSWERS, level).await;
        let (message, body) = eye.hear().await;
        let ToEye::Command { kind, correlation } = message else { panic!("{message:?}") };
        assert_eq!((kind, body), (expected, format!("not.opened.{level}").into_bytes()));
        let answer = br#"{"ok":true,"request":{"event":"pending","until":5}}"#;
        eye.say(ToVoice::Answer { correlation }, answer).await;
        assert_eq!(room.answer(ANSWERS, level).await["request"]["event"], "pending");
    }
    // And the control room's own.
    for (level, expected) in [("report-leak", TokenKind::ReportLeak), ("clear-leak", TokenKind::ClearLeak)] {
        room.ask(&topic(level), "room's", ANSWERS, level).await;
        let (message, _) = eye.hear().await;
        assert!(matches!(message, ToEye::Command { kind, .. } if kind == expected), "{message:?}");
    }
}

#[tokio::test]
async fn unfit_messages_are_refused_with_their_reason_and_do_not_reach_the_eye() {
    let (mut room, mut eye, _board) = board().await;
    let request = topic("request/tc");
    let mut refused = async |topic: &str, body: Vec<u8>, retain: bool, expiry: Option<u32>, name: &str| {
        room.ask_with(topic, body, ANSWERS, name, retain, expiry).await;
        let answer = room.answer(ANSWERS, name).await;
        assert_eq!(answer["ok"], false, "{name}");
        answer["error"]["code"].as_str().expect("a code").to_owned()
    };
    assert_eq!(refused(&request, vec![b'a'; MAX_REQUEST_TOKEN + 1], false, None, "large").await, "too-large");
    assert_eq!(refused(&request, vec![b'a'; 200_000], false, None, "huge").await, "too-large");
    assert_eq!(refused(&request, b"token".to_vec(), true, None, "retained").await, "expired");
    assert_eq!(refused(&topic("grant"), b"token".to_vec(), true, None, "retained grant").await, "expired");
    assert_eq!(refused(&topic("request/no name"), b"token".to_vec(), false, None, "nobody").await, "malformed");
    // From a newer control room.
    assert_eq!(refused(&topic("zoom"), b"token".to_vec(), false, None, "newer").await, "unknown-command");
    assert_eq!(refused("campari/v1/demo/all/zoom", b"token".to_vec(), false, None, "all").await, "unknown-command");
    room.ask_with(&request, b"good".to_vec(), ANSWERS, "good", false, Some(60)).await;
    assert_eq!(eye.hear().await.1, b"good", "nothing of the others came");
    let refusals = |state: &serde_json::Value| state["voice"]["asks_refused"] == 4;
    room.state(refusals).await;
}

#[tokio::test]
async fn a_subscriber_that_asks_too_fast_is_told_so_a_few_times_and_then_ignored() {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(&dir).await;
    let mut room = Room::join(broker.port).await;
    let eye = FakeEye::listen(&dir);
    let _voice = Voice::start(&dir, broker.port);
    let _eye = eye.greet().await;
    room.presence("online").await;
    for _ in 0..200 {
        room.ask(&topic("request/tc"), "again", ANSWERS, "again").await;
    }
    let refused = |state: &serde_json::Value| state["voice"]["asks_refused"].as_u64().is_some_and(|count| count >= 190);
    room.state(refused).await;
    let busy = room.heard_on(ANSWERS).iter().filter(|answer| answer["error"]["code"] == "busy").count();
    assert!((1..=8).contains(&busy), "{busy} answers");
}

#[tokio::test]
async fn a_flood_of_requests_starves_nobody() {
    const RATE: u64 = 10_000;
    const SECONDS: u64 = 3;
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(&dir).await;
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
    let flood = Flood::start(broker.port, topic("request/flood"), RATE, Duration::from_secs(SECONDS));
    let (mut pictures, mut flooded, mut questions, mut commands, mut quiet) = (0, 0, 0, 0, 0);
    let (mut slowest_picture, mut slowest_command, mut slowest_quiet) =
        (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let mut frame = tokio::time::interval(Duration::from_millis(40));
    let mut asked = Instant::now();
    let began = Instant::now();
    // The last question may have been put shortly before the end; whoever is starved is not answered afterwards either.
    let flooding = || began.elapsed() < Duration::from_secs(SECONDS);
    while flooding()
        || ((commands, quiet) != (questions, questions) && began.elapsed() < Duration::from_secs(2 * SECONDS))
    {
        tokio::select! {
            _ = frame.tick() => {
                pictures += 1;
                let sent = Instant::now();
                eye.picture(0, pictures, &KEY).await;
                receiver.picture().await;
                slowest_picture = slowest_picture.max(sent.elapsed());
                if pictures % 25 == 5 && flooding() {
                    questions += 1;
                    asked = Instant::now();
                    room.publish(&topic("revoke"), "command", false).await;
                    room.publish(&topic("request/quiet"), "quiet", false).await;
                }
            }
            (message, body) = eye.hear() => match (message, &body[..]) {
                (ToEye::Command { kind: TokenKind::Revoke, .. }, _) => {
                    commands += 1;
                    slowest_command = slowest_command.max(asked.elapsed());
                }
                (ToEye::Command { kind: TokenKind::Request, .. }, b"quiet") => {
                    quiet += 1;
                    slowest_quiet = slowest_quiet.max(asked.elapsed());
                }
                (ToEye::Command { kind: TokenKind::Request, .. }, _) => flooded += 1,
                _ => {}
            },
        }
    }
    let sent = flood.stop().await;
    let figures = format!(
        "{sent} requests in {SECONDS} s: {flooded} passed; {pictures} pictures, slowest {slowest_picture:?}; \
         {commands} commands, slowest {slowest_command:?}; {quiet} requests of another, slowest {slowest_quiet:?}; {questions} of each were sent"
    );
    println!("{figures}");
    assert!(sent > RATE * SECONDS / 2, "no flood: {figures}");
    assert!(flooded <= 8 + SECONDS + 1, "{figures}");
    assert!(pictures >= 25 * SECONDS - 5, "{figures}");
    assert!(questions >= 2, "too slow to tell: {figures}");
    assert_eq!((commands, quiet), (questions, questions), "{figures}");
    // Starved is what waits as long as the flood lasts. How long exactly is this machine's affair; the figures are printed.
    let starved = Duration::from_secs(1);
    assert!(slowest_picture.max(slowest_command).max(slowest_quiet) < starved, "{figures}");
}
