//! What RTSP viewers say by RTCP: their figures in the metrics, over TLS and over UDP, of a media server too; names that collide; and what is no RTCP.

#[path = "support/page.rs"]
mod page;
#[path = "support/rtsp.rs"]
mod rtsp;
mod support;

use link::Pullers;
use page::*;
use rtcp_types::{
    CompoundBuilder, ReceiverReport, RtcpPacketWriter, RtcpPacketWriterExt, Sdes, SdesChunk, SdesItem, SenderReport,
};
use rtsp::*;
use std::io;
use std::sync::{Arc, Mutex};
use support::*;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UdpSocket;

/// On the channel for RTCP.
async fn says(client: &mut Client<impl AsyncRead + AsyncWrite + Unpin>, packet: &[u8]) {
    let length = u16::try_from(packet.len()).expect("short");
    client.send(&[&[b'$', 1], &length.to_be_bytes()[..], packet].concat()).await;
}

/// Our SSRC, and the middle of the time in our sender report.
fn named(sender_report: &[u8]) -> (u32, u32) {
    let word = |at: usize| u32::from_be_bytes(*sender_report[at..].first_chunk().expect("a report"));
    assert_eq!(sender_report[1], 200, "a sender report comes first");
    (word(4), (word(8) << 16) | (word(12) >> 16))
}

/// What a page says of the only viewer of the share.
fn of_viewer(samples: &[(String, serde_json::Value, f64)], figures: &[(&str, f64)]) {
    for (name, expected) in figures {
        assert_eq!(value(samples, name, &[("share", "s1")]), *expected, "{name}");
    }
}
const REPORTED: [(&str, f64); 4] = [
    ("campari_share_rtcp_reports_total", 1.0),
    ("campari_share_rtcp_packets_lost", 12.0),
    ("campari_share_rtcp_loss_ratios", 0.25),
    ("campari_share_rtcp_jitter_seconds", 0.01),
];

#[tokio::test]
async fn a_viewer_within_tls_has_its_loss_jitter_and_round_trip_in_the_metrics() {
    let mut stage = Stage::new().await;
    let mut client = stage.client().await.knows_password();
    client.play().await;
    stage.eye.grant_pull("s1").await;
    stage.eye.hears_joined("s1").await;
    stage.eye.start_pull("s1").await;
    for number in 1..=3 {
        stage.eye.picture(0, number, &KEY).await;
        while client.picture().await.expect("the picture") != KEY {}
    }
    let (ssrc, stamp) = loop {
        let came = client.next().await.expect("the session goes on");
        if let Came::Packet(1, packet) = came {
            break named(&packet);
        }
    };
    says(&mut client, &report(ssrc, stamp)).await;
    // A request for a key picture (RFC 4585 §6.3.1), within a report as RTCP has to be.
    says(&mut client, &[&report_of_nobody()[..], &[0x81, 206, 0, 2, 0, 0, 0, 99], &ssrc.to_be_bytes()].concat()).await;
    let text = patient("its figures", async {
        loop {
            let text = get(stage.metrics).await;
            if text.contains("campari_share_key_requests_total{share=\"s1\"")
                && !text.contains("key_requests_total{share=\"s1\",viewer=\"1\"} 0")
            {
                return text;
            }
        }
    })
    .await;
    let samples = parse(&text).await;
    of_viewer(&samples, &REPORTED);
    of_viewer(
        &samples,
        &[
            ("campari_share_key_requests_total", 1.0),
            ("campari_share_pictures_sent_total", 3.0),
            ("campari_share_capture_to_packet_seconds_count", 3.0),
        ],
    );
    let round_trip = value(&samples, "campari_share_rtcp_round_trip_seconds", &[("share", "s1")]);
    assert!((0.0..20.0).contains(&round_trip), "{round_trip}");
    assert_eq!((value(&samples, "campari_viewers", &[]), value(&samples, "campari_viewers_heard", &[])), (1.0, 1.0));
    for name in [USER, "127.0.0.1", PASSWORD] {
        assert!(!text.contains(name), "it names {name}");
    }
    // The share ends, and what is said of its viewers with it.
    stage.eye.end("s1", contract::EndReason::Expired).await;
    patient("the share to go", async { while get(stage.metrics).await.contains("s1") {} }).await;
}

/// Of a receiver that heard nothing yet.
fn report_of_nobody() -> Vec<u8> {
    vec![0x80, 201, 0, 1, 0, 0, 0, 99]
}

#[tokio::test]
async fn a_viewer_over_udp_has_them_too() {
    let mut stage = Stage::new().await;
    let mut client = stage.client().await.knows_password();
    let receiver = Receiver::bind().await;
    let answer = client.set_up(&format!("RTP/AVP;unicast;client_port={}-{}", receiver.port, receiver.port + 1)).await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    assert_eq!(client.ask("PLAY", "/613/", &[]).await.status, 200);
    stage.eye.grant_pull("s1").await;
    stage.eye.hears_joined("s1").await;
    stage.eye.start_pull("s1").await;
    let (sender_report, from) = receiver.report().await;
    let (ssrc, stamp) = named(&sender_report);
    receiver.rtcp.send_to(&report(ssrc, stamp), from).await.expect("sent");
    let samples = parse(&page_with_reports(stage.metrics).await).await;
    of_viewer(&samples, &REPORTED);
    let round_trip = value(&samples, "campari_share_rtcp_round_trip_seconds", &[("share", "s1")]);
    assert!((0.0..20.0).contains(&round_trip), "{round_trip}");
}

async fn page_with_reports(port: u16) -> String {
    patient("a report in the metrics", async {
        loop {
            let text = get(port).await;
            if text.contains("campari_share_rtcp_jitter_seconds{share=\"s1\"") {
                return text;
            }
        }
    })
    .await
}

/// The log, for a test that counts its lines.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn times(&self, words: &str) -> usize {
        String::from_utf8_lossy(&self.0.lock().expect("a log")).matches(words).count()
    }
}
impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("a log").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn compound(builder: &CompoundBuilder<'_>) -> Vec<u8> {
    let mut packet = vec![0; builder.calculate_size().expect("a size")];
    builder.write_into(&mut packet).expect("room");
    packet
}

#[tokio::test]
async fn a_client_that_takes_the_streams_name_or_says_nonsense_is_counted_told_once_and_harms_nobody() {
    let log = Log::default();
    let lines = log.clone();
    tracing_subscriber::fmt().with_writer(move || lines.clone()).with_env_filter("voice=info").init();
    let mut stage = Stage::with(&Pullers { plain: true, who: vec![puller(2)] }, |_| ()).await;
    let (mut bad, mut good) = (stage.client().await.knows_password(), stage.client().await.knows_password());
    bad.play().await;
    good.play().await;
    stage.eye.grant_pull("s1").await;
    stage.eye.hears_joined("s1").await;
    stage.eye.start_pull("s1").await;
    stage.eye.picture(0, 1, &KEY).await;
    while bad.picture().await.expect("the picture") != KEY {}
    let ssrc = bad.packets.last().expect("some came").0;
    // As a receiver, as a sender, and by its description of itself alone (RFC 3550 §8.2); twenty times each.
    let named = Sdes::builder().add_chunk(SdesChunk::builder(ssrc).add_item(SdesItem::builder(SdesItem::CNAME, "x")));
    let collisions = [
        compound(&CompoundBuilder::default().add_packet(ReceiverReport::builder(ssrc))),
        compound(&CompoundBuilder::default().add_packet(SenderReport::builder(ssrc))),
        compound(&CompoundBuilder::default().add_packet(ReceiverReport::builder(99)).add_packet(named)),
    ];
    for packet in collisions.iter().cycle().take(60) {
        says(&mut bad, packet).await;
    }
    let nonsense: [&[u8]; 5] =
        [b"not RTCP", &[0xff; 1400], &[0x81, 201, 0xff, 0xff, 0, 0, 0, 1], &[0x9f, 201, 0, 1, 0, 0, 0, 1], &[]];
    for packet in nonsense.iter().cycle().take(50) {
        says(&mut bad, packet).await;
    }
    let one = "campari_share_ssrc_collisions_total{share=\"s1\",viewer=";
    let text = patient("all of it to be counted", async {
        loop {
            let text = get(stage.metrics).await;
            let counted = |end: &str| {
                text.lines().any(|line| line.contains("s1") && line.starts_with(one) && line.ends_with(end))
            };
            if counted("} 60")
                && text
                    .lines()
                    .any(|line| line.starts_with("campari_share_rtcp_garbage_total") && line.ends_with("} 50"))
            {
                return text;
            }
        }
    })
    .await;
    assert!(text.lines().any(|line| line.starts_with(one) && line.ends_with("} 0")), "the other has none:\n{text}");
    // The stream goes on under its name, and so does the other's.
    stage.eye.picture(0, 2, &delta(2)).await;
    for client in [&mut bad, &mut good] {
        while client.picture().await.expect("the picture") != delta(2) {}
    }
    assert!(bad.packets.iter().all(|(of, _, _)| *of == ssrc), "one source from the first packet to the last");
    for words in ["calls itself what its stream is called", "sent something else than RTCP"] {
        assert_eq!(log.times(words), 1, "{words}");
    }
}

#[tokio::test]
async fn a_stranger_that_sends_rtcp_to_a_viewers_port_is_not_heard() {
    let mut stage = Stage::new().await;
    let mut client = stage.client().await.knows_password();
    let receiver = Receiver::bind().await;
    let answer = client.set_up(&format!("RTP/AVP;unicast;client_port={}-{}", receiver.port, receiver.port + 1)).await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    assert_eq!(client.ask("PLAY", "/613/", &[]).await.status, 200);
    stage.eye.grant_pull("s1").await;
    stage.eye.hears_joined("s1").await;
    stage.eye.start_pull("s1").await;
    let (sender_report, from) = receiver.report().await;
    let (ssrc, stamp) = named(&sender_report);
    // A goodbye in the viewer's name from elsewhere ends nothing; the viewer's own report, which comes later, is the first that counts.
    let stranger = UdpSocket::bind((LANDLORD, 0)).await.expect("a port");
    stranger.send_to(&[&report_of_nobody()[..], &[0x81, 203, 0, 1, 0, 0, 0, 99]].concat(), from).await.expect("sent");
    receiver.rtcp.send_to(&report(ssrc, stamp), from).await.expect("sent");
    of_viewer(&parse(&page_with_reports(stage.metrics).await).await, &REPORTED);
}
