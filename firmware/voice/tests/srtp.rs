//! A grant that binds a key: the stream is SRTP, its key is sealed to the subscriber, and RTCP counts only from who has it.

mod support;

use contract::EndReason;
use link::{Destination, StreamId, ToEye, ToVoice};
use rtp::sdp::{Description, Protection};
use rtp::srtp::{MasterKey, Protector, Unprotector};
use std::process::Stdio;
use support::*;
use tempfile::TempDir;
use token::jwe::DecryptionKey;
use tokio::process::Command;

async fn start_encrypted(eye: &mut EyeSession, share: &str, port: u16, key: &DecryptionKey) {
    let (stream, delivery) = (StreamId(0), Destination::Push { address: LANDLORD, port });
    let encrypt_to = Some(key.public());
    eye.grant(share).await;
    eye.say(ToVoice::ShareStarted { jti: jti(share), stream, delivery, encrypt_to, at_ms: 2000 }, &[]).await;
}

/// What `started` says: the open description, and the sealed one.
async fn started(room: &mut Room, share: &str) -> (String, String) {
    let on = topic(&format!("share/traffic-centre/{share}"));
    let event = room
        .hear(|heard, body| {
            let event: serde_json::Value = (heard == on).then(|| serde_json::from_slice(body).ok()).flatten()?;
            (event["event"] == "started").then_some(event)
        })
        .await;
    let text = |name: &str| event[name].as_str().expect("text").to_owned();
    (text("sdp"), text("sealed"))
}

fn key_of(sealed: &str, key: &DecryptionKey) -> MasterKey {
    let text = String::from_utf8(key.open(sealed).expect("it is for this key")).expect("text");
    let Protection::Srtp(master) = Description::parse(&text).expect("a description").protection else {
        panic!("no a=crypto in {text}")
    };
    master
}

#[tokio::test]
async fn p5_the_key_of_a_stream_is_readable_for_its_subscriber_alone() {
    let (mut room, mut eye, _board) = board().await;
    let (key, other) = (DecryptionKey::new([1; 32]), DecryptionKey::new([2; 32]));
    let mut masters = Vec::new();
    for share in ["one", "two"] {
        let receiver = Receiver::bind().await;
        start_encrypted(&mut eye, share, receiver.port, &key).await;
        eye.picture(0, 1, &KEY).await;
        let (sdp, sealed) = started(&mut room, share).await;
        assert_eq!(Description::parse(&sdp).unwrap().protection, Protection::Secret, "{sdp}");
        assert!(other.open(&sealed).is_err());
        let master = key_of(&sealed, &key);
        let mut packet = [0; 2000];
        let (length, _) = patient("a packet", receiver.rtp.recv_from(&mut packet)).await.unwrap();
        assert!(!packet[..length].windows(3).any(|bytes| bytes == [0x65, 0x88, 0x84]), "the slice is in clear");
        let mut wrong = packet;
        assert!(Unprotector::new(&MasterKey::new([0; 30])).rtp(&mut wrong[..length]).is_err());
        let plain = Unprotector::new(&master).rtp(&mut packet[..length]).expect("made with the sealed key").to_vec();
        assert!(plain.windows(3).any(|bytes| bytes == [0x65, 0x88, 0x84]));
        masters.push(master);
        eye.end(share, EndReason::Expired).await;
    }
    assert_ne!(masters[0], masters[1], "each share has its own");
}

#[tokio::test]
async fn control_packets_of_an_encrypted_share_count_only_from_who_has_the_key() {
    let (mut room, mut eye, _board) = board().await;
    let (key, receiver) = (DecryptionKey::new([1; 32]), Receiver::bind().await);
    start_encrypted(&mut eye, "one", receiver.port, &key).await;
    eye.picture(0, 1, &KEY).await;
    let master = key_of(&started(&mut room, "one").await.1, &key);
    let (mut report, sender) = receiver.report().await;
    let mut ours = Unprotector::new(&master);
    assert!(rtcp_types::Compound::parse(ours.rtcp(&mut report).expect("SRTCP")).is_ok());
    let bye = [0x80, 201, 0, 1, 0, 0, 0, 9, 0x81, 203, 0, 1, 0, 0, 0, 9];
    receiver.rtcp.send_to(&bye, sender).await.unwrap();
    let forged = Protector::new(&MasterKey::new([9; 30])).rtcp(&bye).to_vec();
    receiver.rtcp.send_to(&forged, sender).await.unwrap();
    // A sign of life that is good; nothing that came before it counted.
    let mut protector = Protector::new(&master);
    let alive = protector.rtcp(&bye[..8]).to_vec();
    receiver.rtcp.send_to(&alive, sender).await.unwrap();
    loop {
        match eye.hear().await.0 {
            ToEye::ViewerLeft { .. } => panic!("a forged goodbye counted"),
            ToEye::ViewerJoined { .. } => break,
            _ => {}
        }
    }
    let good = protector.rtcp(&bye).to_vec();
    receiver.rtcp.send_to(&good, sender).await.unwrap();
    eye.hear_until(|message, _| matches!(message, ToEye::ViewerLeft { .. }).then_some(())).await;
}

#[tokio::test]
async fn p1_a_stream_that_must_be_encrypted_and_cannot_be_is_not_sent() {
    let (_room, mut eye, _board) = board().await;
    let (silent, mut second) = (Receiver::bind().await, Receiver::bind().await);
    eye.grant("one").await;
    let delivery = Destination::Push { address: LANDLORD, port: silent.port };
    // A point of small order: everybody would know the secret.
    let encrypt_to = Some(contract::EncryptionKey([0; 32]));
    eye.say(ToVoice::ShareStarted { jti: jti("one"), stream: StreamId(0), delivery, encrypt_to, at_ms: 1 }, &[]).await;
    eye.grant("two").await;
    eye.start("two", 0, second.port).await;
    eye.picture(0, 1, &KEY).await;
    second.picture().await;
    assert!(!silent.has_packet());
}

/// Access units of a real H.264 stream.
async fn street(dir: &TempDir) -> Vec<Vec<u8>> {
    let file = dir.path().join("street.h264");
    let made = Command::new("ffmpeg")
        .args("-v error -f lavfi -i testsrc=size=320x240:rate=25 -frames:v 50 -pix_fmt yuv420p -c:v libx264 -profile:v baseline".split(' '))
        .args(["-x264-params", "aud=1:keyint=10:repeat-headers=1:bframes=0", "-f", "h264"])
        .arg(&file)
        .status()
        .await
        .expect("ffmpeg is not installed: apt-get install ffmpeg");
    assert!(made.success());
    let stream = std::fs::read(file).expect("made");
    // Each begins with an access unit delimiter.
    let starts: Vec<_> = (0..stream.len() - 5).filter(|at| stream[*at..at + 5] == [0, 0, 0, 1, 9]).collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    starts.iter().zip(ends).map(|(start, end)| stream[*start..end].to_vec()).collect()
}

#[tokio::test]
async fn ffmpeg_receives_an_encrypted_push_by_the_sealed_description() {
    let dir = TempDir::new().unwrap();
    let units = street(&dir).await;
    assert_eq!(units.len(), 50);
    let broker = Broker::start(&dir).await;
    let mut room = Room::join(broker.port).await;
    let eye = FakeEye::listen(&dir);
    let _voice = Voice::start(&dir, broker.port);
    let mut eye = eye.greet().await;
    let (key, ports) = (DecryptionKey::new([1; 32]), Receiver::bind().await);
    let port = ports.port;
    drop(ports);
    start_encrypted(&mut eye, "one", port, &key).await;
    eye.picture(0, 1, &units[0]).await;
    let (_, sealed) = started(&mut room, "one").await;
    let sdp = dir.path().join("share.sdp");
    std::fs::write(&sdp, key.open(&sealed).expect("ours")).expect("a file");
    let mut ffmpeg = Command::new("ffmpeg")
        .args("-v error -protocol_whitelist file,udp,rtp,srtp,crypto -i".split(' '))
        .arg(&sdp)
        .args("-frames:v 20 -f framemd5 -".split(' '))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("ffmpeg runs");
    let mut frame = tokio::time::interval(std::time::Duration::from_millis(40));
    let mut utc = 1;
    let status = patient("ffmpeg to receive twenty pictures", async {
        loop {
            tokio::select! {
                status = ffmpeg.wait() => return status.expect("it ran"),
                _ = frame.tick() => {
                    utc += 1;
                    eye.picture(0, utc, &units[(utc as usize - 1) % units.len()]).await;
                }
            }
        }
    })
    .await;
    let output = ffmpeg.wait_with_output().await.expect("it ran");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(status.success(), "{said}");
    let pictures = String::from_utf8_lossy(&output.stdout).lines().filter(|line| line.starts_with("0,")).count();
    assert_eq!(pictures, 20, "{said}");
}
