//! A share from grant to end: pictures flow between the eye's two words and at no other time, and every step is told.

mod support;

use contract::EndReason;
use link::{ToEye, ToVoice};
use support::*;

#[tokio::test]
async fn p1_voice_sends_nothing_before_share_started() {
    let (_room, mut eye, _board) = board().await;
    let mut receiver = Receiver::bind().await;
    // Pictures flow (for a share that the voice does not know), one is granted, another is started without a grant.
    eye.picture(0, 1, &KEY).await;
    eye.grant("one").await;
    eye.picture(0, 2, &KEY).await;
    eye.start("forged", 0, receiver.port).await;
    eye.picture(0, 3, &KEY).await;
    eye.start("one", 0, receiver.port).await;
    eye.picture(0, 4, &delta(4)).await;
    eye.picture(0, 5, &KEY).await;
    eye.picture(0, 6, &delta(6)).await;
    assert_eq!(receiver.picture().await, Seen { unit: KEY.to_vec(), captured_utc_us: 5 });
    assert_eq!(receiver.picture().await, Seen { unit: delta(6).to_vec(), captured_utc_us: 6 });
}

#[tokio::test]
async fn p4_voice_stops_at_share_ended() {
    let (_room, mut eye, _board) = board().await;
    let (mut first, mut second) = (Receiver::bind().await, Receiver::bind().await);
    eye.grant("one").await;
    eye.grant("two").await;
    eye.start("one", 0, first.port).await;
    eye.picture(0, 1, &KEY).await;
    assert_eq!(first.picture().await.captured_utc_us, 1);
    eye.end("one", EndReason::Revoked).await;
    for utc in 2..50 {
        eye.picture(0, utc, &KEY).await;
    }
    // The second share's picture comes after all those in the voice's order of work.
    eye.start("two", 0, second.port).await;
    eye.picture(0, 50, &KEY).await;
    assert_eq!(second.picture().await.captured_utc_us, 50);
    first.goodbye().await;
    assert!(!first.has_packet());
}

#[tokio::test]
async fn p9_grant_start_and_end_are_told_with_reason_and_usage() {
    let (mut room, mut eye, _board) = board().await;
    let mut receiver = Receiver::bind().await;
    let share = topic("share/traffic-centre/one");
    eye.grant("one").await;
    assert_eq!(room.hear_on(&share).await["event"], "granted");
    eye.start("one", 0, receiver.port).await;
    eye.picture(0, 1, &KEY).await;
    let started = room.hear_on(&share).await;
    assert_eq!(started["event"], "started");
    let described = rtp::sdp::Description::parse(started["sdp"].as_str().unwrap()).unwrap();
    assert_eq!((described.address, described.port), (LANDLORD, receiver.port));
    assert_eq!(described.sets.sps, [0x67, 0x42, 0xc0, 0x1f, 0x8c]);
    receiver.picture().await;
    // The police took the camera: the control room reads why, the subscriber does not (P8).
    eye.end("one", EndReason::Preempted).await;
    let ended = room.hear_on(&share).await;
    assert_eq!(ended, serde_json::json!({"event": "ended", "reason": "ended"}));
    let log = room.log("ended").await;
    assert_eq!((&log["event"], &log["reason"], &log["at_ms"]), (&"ended".into(), &"preempted".into(), &3000.into()));
    assert_eq!(log["usage"]["pictures"], 7);
    // Its usage record, as the eye wrote it.
    eye.say(ToVoice::Usage, b"{\"jti\":\"one\"}").await;
    assert_eq!(room.hear_on(&topic("usage")).await, serde_json::json!({"jti": "one"}));
    let log: Vec<_> = room.heard_on(&topic("share-log")).iter().map(|entry| entry["event"].clone()).collect();
    assert_eq!(log, ["granted", "started", "ended"]);
}

#[tokio::test]
async fn a_viewer_that_asks_gets_a_key_picture_and_one_that_leaves_is_reported() {
    let (_room, mut eye, _board) = board().await;
    let mut receiver = Receiver::bind().await;
    eye.grant("one").await;
    eye.start("one", 0, receiver.port).await;
    // Asked for at the start, because a stream begins with a key picture.
    let key = |message: &link::ToEye, _: &[u8]| {
        matches!(message, ToEye::KeyPicture { jti } if jti.as_str() == "one").then_some(())
    };
    eye.hear_until(key).await;
    eye.picture(0, 1, &KEY).await;
    receiver.picture().await;
    let (report, from) = receiver.report().await;
    let ssrc = u32::from_be_bytes(*report[4..].first_chunk().unwrap());
    let pli = [&[0x80, 201, 0, 1, 0, 0, 0, 9, 0x81, 206, 0, 2, 0, 0, 0, 9], ssrc.to_be_bytes().as_slice()].concat();
    // Rate-limited: asked again until the limit of the first request is over.
    let mut every = tokio::time::interval(std::time::Duration::from_millis(50));
    patient("the key picture to be asked for", async {
        tokio::select! {
            () = eye.hear_until(key) => {}
            () = async { loop { every.tick().await; receiver.rtcp.send_to(&pli, from).await.unwrap(); } } => {}
        }
    })
    .await;
    let bye = [0x80, 201, 0, 1, 0, 0, 0, 9, 0x81, 203, 0, 1, 0, 0, 0, 9];
    receiver.rtcp.send_to(&bye, from).await.unwrap();
    eye.hear_until(|message, _| matches!(message, ToEye::ViewerLeft { jti } if jti.as_str() == "one").then_some(()))
        .await;
}

#[tokio::test]
async fn a_receiver_that_does_not_listen_yet_is_tolerated() {
    let (_room, mut eye, _board) = board().await;
    let (early, mut second) = (Receiver::bind().await, Receiver::bind().await);
    let port = early.port;
    drop(early);
    eye.grant("one").await;
    eye.grant("two").await;
    eye.start("one", 0, port).await;
    eye.start("two", 0, second.port).await;
    for utc in 1..20 {
        eye.picture(0, utc, &KEY).await;
        assert_eq!(second.picture().await.captured_utc_us, utc);
    }
    // Refusals came back for each of those; somebody who begins to listen gets the stream.
    let rtp = tokio::net::UdpSocket::bind((LANDLORD, port)).await.unwrap();
    eye.picture(0, 20, &KEY).await;
    eye.picture(0, 21, &KEY).await;
    let (length, _) = patient("a packet", rtp.recv_from(&mut [0; 2000])).await.unwrap();
    assert!(length > 12);
}

#[tokio::test]
async fn what_was_measured_is_published_and_nothing_went_out_outside_a_share() {
    let (mut room, mut eye, _board) = board().await;
    let mut receiver = Receiver::bind().await;
    let state = room.presence("online").await;
    assert_eq!(state["voice"], serde_json::Value::Null);
    eye.grant("one").await;
    eye.start("one", 0, receiver.port).await;
    for utc in 1..=25 {
        eye.picture(0, utc, &KEY).await;
        receiver.picture().await;
    }
    eye.end("one", EndReason::Expired).await;
    let voice = room.state(|state| state["voice"]["pictures"] == 25).await["voice"].take();
    assert_eq!(
        (&voice["packets"], &voice["packets_outside_share"], &voice["pictures_dropped"]),
        (&25.into(), &0.into(), &0.into())
    );
    let (p50, p99) = (
        voice["capture_to_packet_ms"]["p50"].as_f64().unwrap(),
        voice["capture_to_packet_ms"]["p99"].as_f64().unwrap(),
    );
    assert!(p50 > 0.0 && p50 <= p99, "{voice}");
    assert!(voice["last_packet_at_ms"].as_u64().unwrap() > 1_700_000_000_000);
}

#[tokio::test]
async fn p5_the_subscriber_is_told_how_its_stream_is_described_in_the_boards_own_words() {
    let (mut room, mut eye, _board) = board().await;
    let asked = |share: &'static str| {
        move |message: &ToEye, _: &[u8]| match message {
            ToEye::Described { jti, sdp_sha256, sealed_sha256 } if jti.as_str() == share => {
                Some((*sdp_sha256, *sealed_sha256))
            }
            _ => None,
        }
    };
    let receivers = [Receiver::bind().await, Receiver::bind().await, Receiver::bind().await];
    for (share, receiver) in ["one", "two", "three"].into_iter().zip(&receivers) {
        eye.grant(share).await;
        eye.start(share, 0, receiver.port).await;
    }
    eye.picture(0, 1, &KEY).await;
    let (one, sealed) = eye.hear_until(asked("one")).await;
    assert_eq!(sealed, None, "in clear");
    eye.hear_until(asked("three")).await;
    // An answer for a share that nobody described is none for another; one that is over is not told to have begun.
    eye.say(ToVoice::DescriptionSigned { jti: jti("nowhere") }, b"lies").await;
    eye.end("two", EndReason::Revoked).await;
    eye.say(ToVoice::DescriptionSigned { jti: jti("two") }, b"late").await;
    eye.say(ToVoice::DescriptionSigned { jti: jti("one") }, b"by.the.board").await;
    let of = |share: &str| topic(&format!("share/traffic-centre/{share}"));
    let begun = |share: &'static str| {
        move |heard: &str, body: &[u8]| {
            let event: Option<serde_json::Value> = serde_json::from_slice(body).ok();
            event.filter(|event| heard == of(share) && event["event"] == "started")
        }
    };
    let started = room.hear(begun("one")).await;
    assert_eq!(started["signed"], "by.the.board");
    assert_eq!(token::Sha256Digest::of(started["sdp"].as_str().unwrap()).0, one, "what was signed is what is told");
    // An eye that says nothing costs the signature, not the news.
    let started = room.hear(begun("three")).await;
    assert!(started.get("signed").is_none() && started["sdp"].is_string(), "{started}");
    let two = room.heard_on(&of("two"));
    assert!(two.iter().all(|event| event["event"] != "started"), "{two:?}");
}
