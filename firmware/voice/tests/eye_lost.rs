//! The eye goes away: everybody who waits is told at once, and the picture gives way to the slate, never to a frozen frame (P9, P12).

mod support;

use contract::EndReason;
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
