//! The receiver against a real H.264 stream over UDP on loopback: what it saves decodes, what it measures is right, what it says back
//! is understood by the sender.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail them")]

use campari::media;
use campari::receive::{Format, Ports, Receiver, SavedStream};
use rtp::rtcp::{Feedback, Now, goodbye, sender_report};
use rtp::srtp::{MasterKey, Protector, Unprotector};
use rtp::{MediaTime, Packetiser, Ssrc, Start, annexb};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tokio::net::UdpSocket;

const SOON: Duration = Duration::from_secs(10);
const FRAME_US: u64 = 40_000;

/// Two seconds of a test picture at 25 fps, a key picture every second, as access units.
fn units(dir: &Path) -> Vec<Vec<u8>> {
    let file = dir.join("sent.h264");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25", "-t", "2", "-c:v", "libx264"])
        .args(["-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", "-b:v", "4M"])
        .args(["-x264-params", "sliced-threads=0:repeat-headers=1:aud=1", "-f", "h264"])
        .arg(&file)
        .status()
        .expect("ffmpeg runs");
    assert!(made.success());
    let stream = std::fs::read(&file).unwrap();
    let mut units: Vec<Vec<u8>> = Vec::new();
    for nal in annexb::nals(&stream) {
        // An access unit delimiter (type 9) begins each.
        if annexb::nal_type(nal) == 9 {
            units.push(Vec::new());
            continue;
        }
        let unit = units.last_mut().unwrap();
        unit.extend(annexb::START_CODE);
        unit.extend(nal);
    }
    assert_eq!(units.len(), 50);
    units
}

struct Sender {
    media: UdpSocket,
    control: UdpSocket,
    packetiser: Packetiser,
    to: SocketAddr,
    sent: u64,
    protector: Option<Protector>,
}

fn utc_us() -> u64 {
    u64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

impl Sender {
    async fn new(to: SocketAddr, ssrc: u32) -> Self {
        let start = Start { ssrc: Ssrc(ssrc), sequence: 65_500, timestamp: u32::MAX - 1000 };
        let bind = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
        Self {
            media: bind().await.unwrap(),
            control: bind().await.unwrap(),
            packetiser: Packetiser::new(start, rtp::MAX_PAYLOAD_BYTES),
            to,
            sent: 0,
            protector: None,
        }
    }

    /// Sends a unit captured `age` ago, without those packets (counted from the start) that `lost` names.
    async fn unit(&mut self, n: usize, unit: &[u8], age: Duration, lost: &[u64]) {
        let mut packets = Vec::new();
        let captured = utc_us() - u64::try_from(age.as_micros()).unwrap();
        self.packetiser
            .packetise(unit, MediaTime(n as u64 * FRAME_US), captured, |packet| packets.push(packet.to_vec()));
        for packet in packets {
            let packet = match &mut self.protector {
                Some(protector) => protector.rtp(&packet).to_vec(),
                None => packet,
            };
            if !lost.contains(&self.sent) {
                self.media.send_to(&packet, self.to).await.unwrap();
            }
            self.sent += 1;
        }
    }

    async fn control(&self, packet: Vec<u8>) {
        let to = SocketAddr::new(self.to.ip(), self.to.port() + 1);
        self.control.send_to(&packet, to).await.unwrap();
    }

    fn now(n: usize) -> Now {
        Now { media: MediaTime(n as u64 * FRAME_US), utc_us: utc_us() }
    }
}

async fn receiver(dir: &Path) -> Receiver {
    let ports = Ports::bind_free(IpAddr::V4(Ipv4Addr::LOCALHOST)).await.unwrap();
    Receiver::start(ports, Format::USUAL, None, Some(&dir.join("received.h264"))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_stream_is_received_with_its_key_and_answered_in_kind() {
    let dir = tempfile::tempdir().unwrap();
    let (key, wrong) = (MasterKey::new([5; 30]), MasterKey::new([6; 30]));
    let ports = Ports::bind_free(IpAddr::V4(Ipv4Addr::LOCALHOST)).await.unwrap();
    let file = dir.path().join("received.h264");
    let receiver = Receiver::start(ports, Format::USUAL, Some(&key), Some(&file)).unwrap();
    let mut sender = Sender::new(receiver.ports().address(), 7).await;
    sender.protector = Some(Protector::new(&key));
    let mut forger = Sender::new(receiver.ports().address(), 7).await;
    forger.protector = Some(Protector::new(&wrong));
    for (n, unit) in units(dir.path()).iter().enumerate() {
        forger.unit(n, unit, Duration::ZERO, &[]).await;
        sender.unit(n, unit, Duration::ZERO, &[]).await;
        receiver.ledger().until(|seen| seen.units > n as u64).await;
    }
    let seen = receiver.ledger().snapshot();
    assert_eq!((seen.units, seen.packets, seen.packets_lost), (50, sender.sent, 0));
    // Its reports are SRTCP: made with the key, and nobody else reads or makes them.
    let report = sender_report(&sender.packetiser, Sender::now(50), "cname").unwrap();
    let report = sender.protector.as_mut().unwrap().rtcp(&report).to_vec();
    sender.control(report).await;
    let mut packet = [0; 1500];
    let came = tokio::time::timeout(SOON, sender.control.recv_from(&mut packet)).await.unwrap().unwrap();
    assert!(Unprotector::new(&wrong).rtcp(&mut packet[..came.0].to_vec()).is_err());
    let plain = Unprotector::new(&key).rtcp(&mut packet[..came.0]).unwrap().to_vec();
    let mut heard = Vec::new();
    rtp::rtcp::read(&plain, Ssrc(7), |said| heard.push(said)).unwrap();
    assert!(matches!(heard[..], [Feedback::Reception(_)]), "{heard:?}");
    let saved = receiver.leave().await.unwrap();
    assert_eq!(decodes(&saved).await, 50);
}

/// What was saved must be what a decoder takes without complaint.
async fn decodes(saved: &SavedStream) -> u64 {
    let decoded = media::decode(&saved.path).await.unwrap();
    assert_eq!(decoded.errors, Vec::<String>::new());
    assert_eq!(decoded.pictures, saved.pictures);
    decoded.pictures
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_stream_is_saved_and_becomes_a_clip_and_a_contact_sheet() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = receiver(dir.path()).await;
    let mut sender = Sender::new(receiver.ports().address(), 7).await;
    for (n, unit) in units(dir.path()).iter().enumerate() {
        sender.unit(n, unit, Duration::from_millis(250), &[]).await;
        receiver.ledger().until(|seen| seen.units > n as u64).await;
    }
    let seen = receiver.ledger().snapshot();
    assert_eq!((seen.units, seen.key_units, seen.packets, seen.packets_lost), (50, 2, sender.sent, 0));
    let latency = seen.latency_us.unwrap();
    assert!((250_000..1_000_000).contains(&latency.p50), "{latency:?}");
    let saved = receiver.leave().await.unwrap();
    assert_eq!(decodes(&saved).await, 50);
    assert!((saved.fps().unwrap() - 25.0).abs() < 1e-6, "{:?}", saved.fps());
    let (clip, sheet) = (dir.path().join("clip.mp4"), dir.path().join("sheet.png"));
    media::clip(&saved, &clip).await.unwrap();
    media::contact_sheet(&clip, saved.seconds(), &sheet).await.unwrap();
    assert!(std::fs::read(&sheet).unwrap().starts_with(b"\x89PNG"));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_lost_packet_only_what_decodes_is_saved() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = receiver(dir.path()).await;
    let mut sender = Sender::new(receiver.ports().address(), 7).await;
    let units = units(dir.path());
    for (n, unit) in units.iter().enumerate() {
        // One packet of the sixth picture is lost.
        let lost = if n == 5 { vec![sender.sent] } else { Vec::new() };
        sender.unit(n, unit, Duration::ZERO, &lost).await;
    }
    sender.control(goodbye(&sender.packetiser, Sender::now(50), "board").unwrap()).await;
    let whole = receiver.ledger().until(|seen| seen.key_units == 2 && seen.units >= 49);
    let seen = tokio::time::timeout(SOON, whole).await.unwrap();
    assert_eq!(seen.packets_lost, 1);
    let saved = receiver.leave().await.unwrap();
    // Five before the loss, and the second key picture with what follows it.
    assert_eq!(decodes(&saved).await, 5 + 25);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_source_is_followed_when_it_takes_the_firsts_place() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = receiver(dir.path()).await;
    let units = units(dir.path());
    for ssrc in [7, 8] {
        let mut sender = Sender::new(receiver.ports().address(), ssrc).await;
        for (n, unit) in units[..25].iter().enumerate() {
            sender.unit(n, unit, Duration::ZERO, &[]).await;
        }
        let wanted = if ssrc == 7 { 25 } else { 50 };
        tokio::time::timeout(SOON, receiver.ledger().until(|seen| seen.units == wanted)).await.unwrap();
    }
    assert_eq!(decodes(&receiver.leave().await.unwrap()).await, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sender_hears_reports_and_a_goodbye_and_the_receiver_hears_one_too() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = receiver(dir.path()).await;
    let mut sender = Sender::new(receiver.ports().address(), 7).await;
    sender.unit(0, &units(dir.path())[0], Duration::ZERO, &[]).await;
    // A report about a stream that it does not know yet means nothing to it, and here comes no second one.
    tokio::time::timeout(SOON, receiver.ledger().until(|seen| seen.units > 0)).await.unwrap();
    sender.control(sender_report(&sender.packetiser, Sender::now(1), "board").unwrap()).await;
    let heard = async |wanted: fn(Feedback) -> bool| {
        let mut packet = [0; 1500];
        loop {
            let (length, _) = sender.control.recv_from(&mut packet).await.unwrap();
            let mut found = false;
            rtp::rtcp::read(&packet[..length], Ssrc(7), |said| found |= wanted(said)).unwrap();
            if found {
                return;
            }
        }
    };
    let reported = heard(|said| matches!(said, Feedback::Reception(reception) if reception.lost == 0));
    tokio::time::timeout(SOON, reported).await.expect("no receiver report within 10 s");

    sender.control(goodbye(&sender.packetiser, Sender::now(2), "board").unwrap()).await;
    tokio::time::timeout(SOON, receiver.ledger().until(|seen| seen.goodbye.is_some())).await.unwrap();
    receiver.leave().await;
    tokio::time::timeout(SOON, heard(|said| said == Feedback::Goodbye)).await.expect("no BYE from the receiver");
}

#[tokio::test]
async fn anything_that_reaches_the_port_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = receiver(dir.path()).await;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    for garbage in [&b""[..], b"x", &[0xff; 1400]] {
        socket.send_to(garbage, receiver.ports().address()).await.unwrap();
    }
    let seen = tokio::time::timeout(SOON, receiver.ledger().until(|seen| seen.datagrams == 3)).await.unwrap();
    assert_eq!((seen.units, seen.packets, seen.bytes), (0, 0, 1401));
}

/// A pair of neighbouring ports, as senders have (RFC 3550 §11).
async fn pair() -> (UdpSocket, UdpSocket) {
    loop {
        let media = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let beside = media.local_addr().unwrap().port().checked_add(1);
        if let Some(Ok(control)) = beside.map(|port| std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, port))) {
            control.set_nonblocking(true).unwrap();
            return (media, UdpSocket::from_std(control).unwrap());
        }
    }
}

async fn hears_a_wish(sender: &Sender) {
    let heard = async {
        let mut datagram = [0; 1500];
        loop {
            let length = sender.control.recv(&mut datagram).await.unwrap();
            let mut wished = false;
            rtp::rtcp::read(&datagram[..length], sender.packetiser.ssrc(), |said| {
                wished |= said == Feedback::KeyPicture;
            })
            .unwrap();
            if wished {
                return;
            }
        }
    };
    tokio::time::timeout(SOON, heard).await.expect("a key picture is asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_joins_between_two_key_pictures_or_loses_a_part_asks_for_one() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = receiver(dir.path()).await;
    let mut sender = Sender::new(receiver.ports().address(), 7).await;
    (sender.media, sender.control) = pair().await;
    let units = units(dir.path());
    // Nothing was reported yet: asked beside the port that the media comes from.
    sender.unit(1, &units[1], Duration::ZERO, &[]).await;
    hears_a_wish(&sender).await;
    sender.unit(25, &units[25], Duration::ZERO, &[]).await;
    receiver.ledger().until(|seen| seen.key_units == 1).await;
    // Its first packet is lost: the picture is, and those after it cannot be decoded right.
    let first = sender.sent;
    sender.unit(26, &units[26], Duration::ZERO, &[first]).await;
    sender.unit(27, &units[27], Duration::ZERO, &[]).await;
    sender.unit(28, &units[28], Duration::ZERO, &[]).await;
    let listens = async {
        let mut n = 29;
        loop {
            sender.unit(n, &units[n], Duration::ZERO, &[]).await;
            n += 1;
            if tokio::time::timeout(Duration::from_millis(600), hears_a_wish(&sender)).await.is_ok() {
                return;
            }
        }
    };
    tokio::time::timeout(SOON, listens).await.expect("a key picture is asked for again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packet_that_comes_late_by_a_little_costs_no_picture() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = receiver(dir.path()).await;
    let mut sender = Sender::new(receiver.ports().address(), 7).await;
    let mut sent = 0;
    for (n, unit) in units(dir.path()).iter().enumerate() {
        let mut packets = Vec::new();
        sender
            .packetiser
            .packetise(unit, MediaTime(n as u64 * FRAME_US), utc_us(), |packet| packets.push(packet.to_vec()));
        assert!(packets.len() > 2, "a picture of several packets");
        // In every picture two change places; the very first stays first: before it nothing is known to be missing.
        packets.swap(1, 2);
        for packet in &packets {
            sender.media.send_to(packet, sender.to).await.unwrap();
        }
        sent += packets.len() as u64;
        receiver.ledger().until(|seen| seen.datagrams >= sent).await;
    }
    // All of them, unless the machine stood still between two packets for longer than one is waited for: then some.
    let most = receiver.ledger().until(|seen| seen.units >= 25);
    tokio::time::timeout(SOON, most).await.expect("not one whole picture without a place for late packets");
}
