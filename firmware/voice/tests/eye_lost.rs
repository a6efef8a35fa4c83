//! The eye goes away: everybody who waits is told at once, and the picture gives way to the slate, never to a frozen frame (P9, P12).

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod support;

use contract::asking::{DenyReason, Inbox, OpenRequest, RequestEvent};
use contract::claims::{Delivery, Envelope, Request};
use contract::{Audience, EndReason};
use link::ToVoice;
use support::*;
use tempfile::TempDir;
use tokio::time::Instant;

#[tokio::test]
async fn eye_lost_gives_way_to_slate() {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(&dir).await;
    let mut room = Room::join(broker.port).await;
    let eye = FakeEye::listen(&dir);
    let _voice = Voice::start(&dir, broker.port);
    let mut session = eye.greet().await;
    let mut receiver = Receiver::bind().await;
    session.grant("one").await;
    session.start("one", 0, receiver.port).await;
    session.picture(0, 1, &KEY).await;
    session.picture(0, 2, &delta(2)).await;
    receiver.picture().await;
    receiver.picture().await;
    let lost_at = Instant::now();
    drop(session);
    // The same stream goes on, with the slate for a picture.
    assert_eq!(receiver.picture().await.unit, SLATE);
    let share = topic("share/traffic-centre/one");
    let ended = |heard: &str, body: &[u8]| {
        (heard == share)
            .then(|| serde_json::from_slice::<serde_json::Value>(body).unwrap())
            .filter(|event| event["event"] == "ended")
    };
    assert_eq!(room.hear(ended).await["reason"], "fault");
    let log = room.log("ended").await;
    assert!(lost_at.elapsed() < std::time::Duration::from_secs(1), "told after {:?}", lost_at.elapsed());
    assert_eq!((&log["reason"], &log["usage"]["pictures"]), (&"fault".into(), &2.into()));
    room.presence("eye-absent").await;
    // The eye comes back and says what it knows of that share: nothing is told twice.
    let mut session = eye.greet().await;
    session.end("one", EndReason::Fault).await;
    session.grant("two").await;
    assert_eq!(room.log("granted").await["jti"], "two");
    let ends = room.heard_on(&topic("share-log")).iter().filter(|entry| entry["event"] == "ended").count();
    assert_eq!(ends, 1);
    // The slate stands five seconds, then the stream says goodbye.
    let mut slates = 1;
    let bye = goodbye(std::sync::Arc::clone(&receiver.rtcp));
    tokio::pin!(bye);
    while !tokio::select! {
        seen = receiver.picture() => { assert_eq!(seen.unit, SLATE); slates += 1; false }
        () = &mut bye => true,
    } {}
    assert!((4..=6).contains(&slates), "{slates} slates");
    let stood = lost_at.elapsed().as_secs_f64();
    assert!((4.5..7.0).contains(&stood), "the slate stood {stood} s");
    assert!(!receiver.has_packet());
}

/// An inbox in which these requests wait.
fn inbox(requests: &[&str]) -> Vec<u8> {
    let open = |name: &&str| {
        let envelope = Envelope {
            iss: "traffic-centre".parse().unwrap(),
            aud: Audience::camera(SITE.parse().unwrap(), CAMERA.parse().unwrap()),
            iat: 1,
            jti: jti(name),
            challenge: None,
        };
        let request = Request {
            envelope,
            view: "wide".parse().unwrap(),
            filter: None,
            fps: None,
            duration_s: 60,
            delivery: Delivery::Push { address: LANDLORD, port: 5004 },
            purpose: "traffic".into(),
            requester: None,
            cnf: None,
        };
        OpenRequest { jti: jti(name), sub: sub(), asked_at: 1, until: 121, request, token: "t.o.k".into() }
    };
    serde_json::to_vec(&Inbox { requests: requests.iter().map(open).collect() }).unwrap()
}

#[tokio::test]
async fn nobody_waits_on_a_request_that_died_with_the_eye() {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(&dir).await;
    let mut room = Room::join(broker.port).await;
    let eye = FakeEye::listen(&dir);
    let _voice = Voice::start(&dir, broker.port);
    let mut session = eye.greet().await;
    session.say(ToVoice::Inbox, &inbox(&["r-1", "r-2", "r-3", "r-4"])).await;
    let denied = serde_json::to_vec(&RequestEvent::Denied { reason: DenyReason::Busy }).unwrap();
    session.say(ToVoice::RequestTold { jti: jti("r-2"), sub: sub() }, &denied).await;
    let lapsed = serde_json::json!({"event": "lapsed", "reason": "dropped"});
    let of = |name: &str| topic(&format!("share/traffic-centre/{name}"));
    assert_eq!(room.hear_on(&of("r-2")).await["event"], "denied");
    drop(session);
    // The next eye had r-4 decided for the voice that went, keeps r-3, and knows nothing of r-1.
    let mut session = eye.greet().await;
    session.say(ToVoice::RequestTold { jti: jti("r-4"), sub: sub() }, &denied).await;
    session.say(ToVoice::Inbox, &inbox(&["r-3"])).await;
    assert_eq!(room.hear_on(&of("r-1")).await, lapsed);
    // The last eye goes and none comes: it is told within the time that an eye may be away, and the inbox is empty.
    let lost_at = Instant::now();
    drop(session);
    assert_eq!(room.hear_on(&of("r-3")).await, lapsed);
    let (waited, late) = (lost_at.elapsed(), voice::waiting::AWAY + std::time::Duration::from_secs(1));
    assert!(waited >= voice::waiting::AWAY && waited < late, "told after {waited:?}");
    room.hear(|heard, body| (heard == topic("inbox") && body == br#"{"requests":[]}"#).then_some(())).await;
    for decided in ["r-2", "r-4"] {
        let told: Vec<_> = room.heard_on(&of(decided)).iter().map(|event| event["event"].clone()).collect();
        assert_eq!(told, ["denied"], "{decided}");
    }
}
