//! Whatever comes over the link, the voice lives, and finds a good eye afterwards.

mod support;

use link::message::LINK_VERSION;
use link::{Codec, ToVoice};
use support::*;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Waits until the voice hangs up.
async fn hung_up(session: &mut EyeSession) {
    patient("the voice to hang up", async {
        let mut rest = [0; 100];
        while session.stream.read(&mut rest).await.is_ok_and(|bytes| bytes > 0) {}
    })
    .await;
}

#[tokio::test]
async fn voice_survives_garbage_on_the_link() {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(&dir).await;
    let mut room = Room::join(broker.port).await;
    let eye = FakeEye::listen(&dir);
    let voice = Voice::start(&dir, broker.port);
    let garbage: [&[u8]; 4] = [
        &[0xff; 64],
        &[4, 0, 0, 0, 0, 0, 0, 0, 99, 99, 99, 99],
        &[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
        b"GET / HTTP/1.1\r\n\r\n",
    ];
    for bytes in garbage {
        // Before the greeting, and after it.
        let mut session = eye.accept().await;
        session.stream.write_all(bytes).await.unwrap();
        hung_up(&mut session).await;
        let mut session = eye.greet().await;
        session.stream.write_all(bytes).await.unwrap();
        hung_up(&mut session).await;
    }
    assert!(voice.is_running());
    let _session = eye.greet().await;
    room.presence("online").await;
}

#[tokio::test]
async fn an_eye_of_another_version_is_refused() {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(&dir).await;
    let eye = FakeEye::listen(&dir);
    let _voice = Voice::start(&dir, broker.port);
    let mut session = eye.accept().await;
    session
        .say(ToVoice::Hello { version: LINK_VERSION + 1, width: 1, height: 1, fps: 1.0, codec: Codec::H264 }, &SLATE)
        .await;
    hung_up(&mut session).await;
    // And tried again, as it may have been updated.
    let _session = eye.greet().await;
}

#[tokio::test]
async fn bodies_that_are_not_what_their_head_says_are_ignored() {
    let (mut room, mut eye, _board) = board().await;
    let mut receiver = Receiver::bind().await;
    eye.say(ToVoice::State, b"no JSON").await;
    eye.say(ToVoice::Answer { correlation: 4711 }, b"nobody asked").await;
    eye.grant("one").await;
    eye.start("one", 0, receiver.port).await;
    // Says that it is a key picture, and is none; has no parameter sets; is empty.
    for body in [&delta(1)[..], &KEY[17..], &[]] {
        let captured_monotonic_us = voice::clock::monotonic_us();
        let stream = link::StreamId(0);
        let rung = contract::Rung::Clear;
        eye.say(ToVoice::Unit { stream, captured_utc_us: 1, captured_monotonic_us, key: true, rung }, body).await;
    }
    eye.picture(0, 2, &KEY).await;
    assert_eq!(receiver.picture().await, Seen { unit: KEY.to_vec(), captured_utc_us: 2 });
    room.presence("online").await;
}
