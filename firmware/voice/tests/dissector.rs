//! Wireshark's dissector reads what the voice sends, RTP and RTCP, H.264 and H.265: nothing malformed, and all of it understood as what it is.
//!
//! The capture is written by the test from the datagrams that arrived, so that nobody needs the right to capture.

#![allow(clippy::print_stdout)] // figures are told

mod support;

use link::Codec;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use support::*;
use tempfile::TempDir;
use tokio::process::Command;

/// A capture file (libpcap's format) of IPv4 packets without a link layer.
struct Capture(Vec<u8>);

impl Capture {
    fn new() -> Self {
        let mut bytes = Vec::new();
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
            bytes.extend(word.to_le_bytes());
        }
        Self(bytes)
    }
    fn datagram(&mut self, from: u16, to: u16, payload: &[u8]) {
        let length = u16::try_from(28 + payload.len()).expect("a datagram");
        let mut packet = vec![0x45, 0];
        packet.extend(length.to_be_bytes());
        packet.extend([0, 0, 0x40, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
        let sum: u32 = packet.chunks_exact(2).map(|two| u32::from(u16::from_be_bytes([two[0], two[1]]))).sum();
        let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        packet.extend(from.to_be_bytes());
        packet.extend(to.to_be_bytes());
        // Without a checksum, as IPv4 allows.
        packet.extend((length - 20).to_be_bytes());
        packet.extend([0, 0]);
        packet.extend(payload);
        let bytes = u32::try_from(packet.len()).expect("small");
        for word in [1, 0, bytes, bytes] {
            self.0.extend(word.to_le_bytes());
        }
        self.0.extend(packet);
    }
}

/// How many packets of the capture `filter` lets pass.
async fn count(file: &Path, port: u16, codec: &str, filter: &str) -> usize {
    let output = Command::new("tshark")
        .args(["-r"])
        .arg(file)
        .args(["-d", &format!("udp.port=={port},rtp"), "-d", &format!("udp.port=={},rtcp", port + 1)])
        .args(["-d", &format!("rtp.pt==96,{codec}"), "-Y", filter, "-T", "fields", "-e", "frame.number"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = patient("tshark", output).await.expect("tshark runs: apt-get install tshark");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().count()
}

async fn is_understood(codec: Codec) {
    let (encoder, format, dissector) = match codec {
        Codec::H264 => ("libx264", "h264", "h264"),
        Codec::H265 => ("libx265", "hevc", "h265"),
    };
    let dir = TempDir::new().expect("a folder");
    let drawn = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-frames:v", "1"])
        .args(["-c:v", encoder, "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-f", format, "-"])
        .stdin(Stdio::null())
        .output();
    let unit = patient("ffmpeg to encode", drawn).await.expect("ffmpeg runs").stdout;
    assert!(unit.len() > 5_000, "a key picture of several packets");
    let broker = Broker::start(&dir).await;
    let fake = FakeEye::listen(&dir);
    let _voice = Voice::start(&dir, broker.port);
    let mut eye = fake.accept().await;
    eye.say(hello(codec), &unit).await;
    eye.say(link::ToVoice::State, &state("c1")).await;
    let receiver = Receiver::bind().await;
    eye.grant("one").await;
    eye.start("one", 0, receiver.port).await;
    let (mut capture, mut came) = (Capture::new(), BTreeMap::new());
    let mut pictures = 0;
    eye.picture_as(0, voice::clock::now().utc_us, &unit, true).await;
    // Three pictures, then the end with its goodbye.
    while !came.contains_key("goodbye") {
        let (mut media, mut control) = ([0; 2000], [0; 2000]);
        tokio::select! {
            got = patient("a packet", receiver.rtp.recv_from(&mut media)) => {
                let (length, from) = got.expect("readable");
                capture.datagram(from.port(), receiver.port, &media[..length]);
                *came.entry("rtp").or_insert(0) += 1;
                if media[1] & 0x80 != 0 {
                    pictures += 1;
                    match pictures {
                        1 | 2 => eye.picture_as(0, voice::clock::now().utc_us, &unit, true).await,
                        _ => eye.end("one", contract::EndReason::Expired).await,
                    }
                }
            }
            got = receiver.rtcp.recv_from(&mut control) => {
                let (length, from) = got.expect("readable");
                capture.datagram(from.port(), receiver.port + 1, &control[..length]);
                *came.entry("rtcp").or_insert(0) += 1;
                let mut packets = rtcp_types::Compound::parse(&control[..length]).expect("RTCP");
                if packets.any(|packet| matches!(packet, Ok(rtcp_types::Packet::Bye(_)))) {
                    came.insert("goodbye", 1);
                }
            }
        }
    }
    let file = dir.path().join("share.pcap");
    std::fs::write(&file, &capture.0).expect("a file");
    let of = async |filter: &str| count(&file, receiver.port, dissector, filter).await;
    // What the dissector itself calls its own bug is none of ours: 4.0 trips over the first slice of H.265 (slice_segment_address of no bits).
    let wrong = "(_ws.malformed || _ws.expert.severity >= 8388608) && !_ws.malformed.dissector_bug";
    assert_eq!(of(wrong).await, 0, "malformed, or an error");
    assert_eq!((of("rtp").await, of("rtcp").await), (came["rtp"], came["rtcp"]));
    assert_eq!(of(&format!("rtp && {dissector}")).await, came["rtp"], "each is of the codec");
    assert_eq!(of("rtp.marker == 1").await, 3);
    assert!(of("rtp.ext.rfc5285.id").await >= 3, "each picture says when it was captured");
    assert!(of("rtcp.pt == 200").await >= 1 && of("rtcp.pt == 203").await >= 1, "a sender report, and the goodbye");
    println!("{dissector}: {} RTP and {} RTCP packets, none malformed", came["rtp"], came["rtcp"]);
}

#[tokio::test]
async fn wireshark_finds_nothing_malformed_in_h264() {
    is_understood(Codec::H264).await;
}

#[tokio::test]
async fn wireshark_finds_nothing_malformed_in_h265() {
    is_understood(Codec::H265).await;
}
