//! Shares that are published to a media server, which a test plays: whom the voice tells anything, what it sends and when, and that all of it ends.

#![allow(clippy::print_stdout)] // figures are told

#[path = "support/media_server.rs"]
mod media_server;
mod support;

use contract::EndReason;
use link::{Relay, ServerProof, ToEye};
use media_server::*;
use support::*;
use tokio::io::AsyncReadExt as _;
use tokio::time::Instant;

#[tokio::test]
async fn p1_nothing_is_sent_before_the_window_opens_and_no_picture_before_the_eye_starts() {
    let mut stage = Stage::new(|_| ()).await;
    let server = Server::open(&stage).await;
    stage.grant("s1").await;
    let mut at = server.accept().await;
    at.takes_the_stream(true).await;
    stage.eye.hears_joined("s1").await;
    // The server is there, and the eye has not said that it may see anything.
    let early = [&KEY[..KEY.len() - 2], &[0xee, 0xee]].concat();
    stage.eye.picture(0, 1, &early).await;
    stage.eye.start_relay("s1").await;
    stage.pictures_until(at.packet()).await;
    stage.eye.end("s1", EndReason::Revoked).await;
    at.goes("TEARDOWN").await;
    assert!(at.has_come(&KEY[KEY.len() - 3..]) && !at.has_come(&[0x65, 0xee, 0xee]), "only what the eye let go");
}

#[tokio::test]
async fn p4_the_end_of_the_share_tears_down_and_closes() {
    let mut stage = Stage::new(|_| ()).await;
    let server = Server::open(&stage).await;
    stage.grant("s1").await;
    let mut at = server.accept().await;
    at.takes_the_stream(true).await;
    stage.eye.hears_joined("s1").await;
    stage.eye.start_relay("s1").await;
    stage.pictures_until(at.packet()).await;
    let ended = Instant::now();
    stage.eye.end("s1", EndReason::Revoked).await;
    at.goes("TEARDOWN").await;
    at.hears_the_end().await;
    println!("from the eye's word to the closed connection: {} ms", ended.elapsed().as_millis());
    // It is not tried again: what comes next at the door is another share's.
    stage.grant("s2").await;
    let mut at = server.accept().await;
    at.takes_the_stream(true).await;
    stage.eye.hear_until(|said, _| (*said == ToEye::ViewerJoined { jti: jti("s2") }).then_some(())).await;
}

/// Dead to the world, as behind a link that broke without a word: nothing is read.
#[tokio::test]
async fn p4_a_server_that_takes_nothing_is_cut_when_the_share_ends() {
    let mut stage = Stage::new(|_| ()).await;
    let server = Server::open(&stage).await;
    stage.grant("s1").await;
    let mut at = server.accept().await;
    at.takes_the_stream(true).await;
    stage.eye.hears_joined("s1").await;
    stage.eye.start_relay("s1").await;
    let mut large = KEY.to_vec();
    large.resize(400_000, 0x55);
    // More than both kernels hold.
    for at_us in 1..40 {
        stage.eye.picture(0, at_us * 40_000, &large).await;
    }
    let ended = Instant::now();
    stage.eye.end("s1", EndReason::Revoked).await;
    // The end is told at once; the connection is reset, which only who reads to the end can see.
    let mut bytes = vec![0; 1 << 16];
    patient("the connection to end", async { while matches!(at.stream.read(&mut bytes).await, Ok(1..)) {} }).await;
    println!("from the eye's word to the cut connection: {} ms", ended.elapsed().as_millis());
}

#[tokio::test]
async fn p9_a_server_that_goes_is_told_as_lost_and_found_again_when_it_comes_back() {
    let mut stage = Stage::new(|_| ()).await;
    let server = Server::open(&stage).await;
    stage.grant("s1").await;
    let mut at = server.accept().await;
    at.takes_the_stream(true).await;
    stage.eye.hears_joined("s1").await;
    stage.eye.start_relay("s1").await;
    stage.pictures_until(at.packet()).await;
    drop(at);
    stage.eye.hear_until(|said, _| (*said == ToEye::ViewerLost { jti: jti("s1") }).then_some(())).await;
    stage.eye.wait_for_viewer("s1").await;
    let mut at = server.accept().await;
    at.takes_the_stream(true).await;
    stage.eye.hears_joined("s1").await;
    stage.eye.resume("s1").await;
    stage.pictures_until(at.packet()).await;
}

/// The next word on the share log of why a media server is not there.
async fn why_away(room: &mut Room, share: &str) -> String {
    loop {
        let entry = room.log("waiting").await;
        if let (Some(why), true) = (entry["server"].as_str(), entry["jti"] == share) {
            return why.to_owned();
        }
    }
}

#[tokio::test]
async fn the_room_hears_why_a_media_server_is_not_there_and_no_word_of_the_servers_own() {
    let mut stage = Stage::new(|_| ()).await;
    let mut room = Room::join(stage.broker.port).await;
    stage.grant("s1").await;
    assert_eq!(why_away(&mut room, "s1").await, "unreachable", "nobody listens");
    let server = Server::open(&stage).await;
    let mut at = server.accept().await;
    let asked = at.hears("ANNOUNCE").await;
    at.says(&format!("RTSP/1.0 403 Not for Mr. Jansen\r\nCSeq: {}\r\n\r\n", cseq(&asked))).await;
    assert_eq!(why_away(&mut room, "s1").await, "refused");
    let mut at = server.accept().await;
    at.takes_the_stream(true).await;
    stage.eye.hears_joined("s1").await;
    drop(at);
    assert_eq!(why_away(&mut room, "s1").await, "closed");
    stage.certify(&other_certificate());
    stage.grant("s2").await;
    stage.eye.end("s1", EndReason::Revoked).await;
    while server.shakes_hands().await {}
    assert_eq!(why_away(&mut room, "s2").await, "untrusted");
    let all = room.bytes_on(&topic("share-log")).concat();
    assert!(!String::from_utf8_lossy(&all).contains("Jansen"));
}

#[tokio::test]
async fn p5_a_server_with_another_certificate_is_told_nothing() {
    let mut stage = Stage::new(|_| ()).await;
    stage.certify(&other_certificate());
    let server = Server::open(&stage).await;
    stage.grant("s1").await;
    // Twice, so that it is seen to go on trying.
    for _ in 0..2 {
        assert!(!server.shakes_hands().await, "the pinned certificate is another");
    }
}

#[tokio::test]
async fn p5_a_server_that_the_policys_authority_did_not_sign_is_told_nothing_and_the_signed_one_all() {
    let mut stage = Stage::new(|_| ()).await;
    let server = Server::open(&stage).await;
    let (own, other) = (server.certificate_pem(), other_certificate());
    let authority = |pem: &str, name: &str| ServerProof::Authority { pem: pem.into(), name: name.into() };
    stage.to.proof = Some(authority(&other, "localhost"));
    stage.grant("s1").await;
    assert!(!server.shakes_hands().await, "signed by somebody else");
    stage.eye.end("s1", EndReason::Revoked).await;
    stage.to.proof = Some(authority(&own, "elsewhere.example.org"));
    stage.grant("s2").await;
    assert!(!server.shakes_hands().await, "of another name");
    stage.eye.end("s2", EndReason::Revoked).await;
    stage.to.proof = Some(authority(&own, "localhost"));
    stage.grant("s3").await;
    let mut at = server.accept().await;
    at.takes_the_stream(true).await;
    stage.eye.hear_until(|said, _| (*said == ToEye::ViewerJoined { jti: jti("s3") }).then_some(())).await;
}

#[tokio::test]
async fn p10_the_credential_goes_to_its_server_as_a_digest_and_a_wrong_one_brings_no_viewer() {
    let mut stage = Stage::new(|_| ()).await;
    let server = Server::open(&stage).await;
    stage.grant("s1").await;
    let mut at = server.accept().await;
    let asked = at.hears("ANNOUNCE").await;
    assert!(!asked.contains("Authorization"), "{asked}");
    at.says(&format!(
        "RTSP/1.0 401 No\r\nCSeq: {}\r\nWWW-Authenticate: Digest realm=\"m\", nonce=\"n\"\r\n\r\n",
        cseq(&asked)
    ))
    .await;
    let proved = at.hears("ANNOUNCE").await;
    assert!(proved.contains("Authorization: Digest username=\"board-613\"") && !proved.contains(PASSWORD), "{proved}");
    at.says(&format!(
        "RTSP/1.0 401 No\r\nCSeq: {}\r\nWWW-Authenticate: Digest realm=\"m\", nonce=\"n\"\r\n\r\n",
        cseq(&proved)
    ))
    .await;
    at.hears_the_end().await;
    // The next try is a new one.
    let mut at = server.accept().await;
    assert!(!at.hears("ANNOUNCE").await.contains("Authorization"));
}

#[tokio::test]
async fn where_the_policy_takes_back_media_in_clear_a_relay_in_clear_is_over_at_once() {
    let mut stage = Stage::new(|to: &mut Relay| to.proof = None).await;
    let listener = tokio::net::TcpListener::bind((LANDLORD, stage.port)).await.expect("free");
    stage.grant("s1").await;
    let (stream, _) = patient("a call", listener.accept()).await.expect("a connection");
    let mut at = Call::new(stream);
    at.takes_the_stream(true).await;
    stage.eye.hears_joined("s1").await;
    let strict = link::Pullers { plain: false, who: Vec::new() };
    stage.eye.admit(&strict).await;
    at.goes("TEARDOWN").await;
    stage.eye.hear_until(|said, _| (*said == ToEye::ViewerLost { jti: jti("s1") }).then_some(())).await;
}

#[tokio::test]
async fn a_voice_that_stops_says_goodbye_to_the_media_server() {
    let mut stage = Stage::new(|_| ()).await;
    let server = Server::open(&stage).await;
    stage.grant("s1").await;
    let mut at = server.accept().await;
    at.takes_the_stream(true).await;
    stage.eye.hears_joined("s1").await;
    stage.eye.start_relay("s1").await;
    stage.pictures_until(at.packet()).await;
    let stopping = tokio::spawn(stage.voice.stop());
    at.goes("TEARDOWN").await;
    patient("the voice to stop", stopping).await.expect("no panic");
}
