//! Receivers that fall silent, come back, leave: what the eye is told, and what flows meanwhile (P9).

mod support;

use contract::EndReason;
use link::{ToEye, ToVoice};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use support::*;

/// A receiver report of nobody about nothing: a sign of life.
const ALIVE: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 9];

fn is_lost(message: &ToEye, _: &[u8]) -> Option<()> {
    matches!(message, ToEye::ViewerLost { jti } if jti.as_str() == "one").then_some(())
}
fn is_joined(message: &ToEye, _: &[u8]) -> Option<()> {
    matches!(message, ToEye::ViewerJoined { jti } if jti.as_str() == "one").then_some(())
}

async fn waiting(eye: &mut EyeSession) {
    eye.say(ToVoice::ShareWaiting { jti: jti("one"), sub: sub(), until: 2_000_000_000, at_ms: 2500 }, &[]).await;
}
async fn resumed(eye: &mut EyeSession) {
    eye.say(ToVoice::ShareResumed { jti: jti("one"), sub: sub(), at_ms: 2600 }, &[]).await;
}

/// Source and sequence number of the next packet.
async fn packet(receiver: &Receiver) -> (u32, u16) {
    let mut packet = [0; 2000];
    patient("a packet", receiver.rtp.recv_from(&mut packet)).await.expect("readable");
    (u32::from_be_bytes(*packet[8..].first_chunk().expect("a header")), u16::from_be_bytes([packet[2], packet[3]]))
}

/// A share that runs and whose receiver has said that it is there.
async fn watched(eye: &mut EyeSession, receiver: &Receiver) -> SocketAddr {
    eye.grant("one").await;
    eye.start("one", 0, receiver.port).await;
    eye.picture(0, 1, &KEY).await;
    let (_, sender) = receiver.report().await;
    receiver.rtcp.send_to(&ALIVE, sender).await.expect("sent");
    eye.hear_until(is_joined).await;
    sender
}

#[tokio::test]
async fn p9_a_receiver_that_falls_silent_is_lost_and_one_that_is_heard_again_continues_in_the_same_session() {
    let (mut room, mut eye, _board) = board().await;
    let receiver = Receiver::bind().await;
    let sender = watched(&mut eye, &receiver).await;
    let silent_since = Instant::now();
    let first = packet(&receiver).await;
    eye.hear_until(is_lost).await;
    let silence = silent_since.elapsed();
    // To the millisecond in simulated time: `hearing.rs`.
    assert!(silence > Duration::from_millis(14_500) && silence < Duration::from_millis(17_000), "{silence:?}");
    waiting(&mut eye).await;
    let share = topic("share/traffic-centre/one");
    let told =
        room.hear(|heard, body| (heard == share && body.starts_with(br#"{"event":"waiting"#)).then_some(())).await;
    assert_eq!(told, ());
    assert_eq!(room.log("waiting").await["at_ms"], 2500);
    eye.picture(0, 2, &KEY).await;
    // Sender reports go on, or a receiver that is started anew would not know whom to answer.
    receiver.report().await;
    assert!(!receiver.has_packet());
    receiver.rtcp.send_to(&ALIVE, sender).await.unwrap();
    eye.hear_until(is_joined).await;
    resumed(&mut eye).await;
    let key = |message: &ToEye, _: &[u8]| matches!(message, ToEye::KeyPicture { .. }).then_some(());
    eye.hear_until(key).await;
    eye.picture(0, 3, &delta(3)).await;
    eye.picture(0, 4, &KEY).await;
    assert_eq!(
        packet(&receiver).await,
        (first.0, first.1.wrapping_add(1)),
        "same source, next number, key picture first"
    );
    room.log("resumed").await;
    eye.end("one", EndReason::Expired).await;
    receiver.goodbye().await;
}

#[tokio::test]
async fn a_receiver_that_never_spoke_is_not_judged_by_its_silence_and_one_that_reports_stays() {
    let (_room, mut eye, _board) = board().await;
    let (mute, lively) = (Receiver::bind().await, Receiver::bind().await);
    eye.grant("mute").await;
    eye.start("mute", 0, mute.port).await;
    let sender = watched(&mut eye, &lively).await;
    let mut every = tokio::time::interval(Duration::from_secs(5));
    let until = tokio::time::sleep(Duration::from_secs(17));
    tokio::pin!(until);
    loop {
        tokio::select! {
            _ = every.tick() => {
                lively.rtcp.send_to(&ALIVE, sender).await.unwrap();
                eye.picture(0, 1, &KEY).await;
            }
            (message, _) = eye.hear() => assert!(!matches!(message, ToEye::ViewerLost { .. }), "{message:?}"),
            () = &mut until => return,
        }
    }
}

#[tokio::test]
async fn p9_a_receiver_that_was_there_and_refuses_packets_is_lost_within_seconds() {
    let (_room, mut eye, _board) = board().await;
    let receiver = Receiver::bind().await;
    watched(&mut eye, &receiver).await;
    drop(receiver);
    let gone = Instant::now();
    let mut every = tokio::time::interval(Duration::from_millis(40));
    let mut utc = 10;
    loop {
        tokio::select! {
            _ = every.tick() => {
                utc += 1;
                eye.picture(0, utc, &KEY).await;
            }
            (message, body) = eye.hear() => if is_lost(&message, &body).is_some() { break },
        }
    }
    assert!(gone.elapsed() < Duration::from_secs(10), "sooner than by silence: {:?}", gone.elapsed());
}
