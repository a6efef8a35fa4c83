//! Sender reports pair the clocks; what receivers say is understood.

use rtcp_types::{
    Bye, Compound, CompoundBuilder, Packet, PayloadFeedback, Pli, ReceiverReport, ReportBlock, RtcpPacketWriter,
    RtcpPacketWriterExt,
};
use rtp::rtcp::{self, Feedback, Now};
use rtp::{MAX_PAYLOAD_BYTES, MediaTime, NtpTime, Packetiser, Ssrc, Start};
use std::time::Duration;

const START: Start = Start { ssrc: Ssrc(7), sequence: 0, timestamp: 1000 };

fn bytes(compound: &CompoundBuilder<'_>) -> Vec<u8> {
    let mut out = vec![0; compound.calculate_size().expect("a size")];
    compound.write_into(&mut out).expect("room");
    out
}

#[test]
fn a_sender_report_pairs_wall_clock_and_rtp_time_of_the_same_moment() {
    let mut stream = Packetiser::new(START, MAX_PAYLOAD_BYTES);
    stream.packetise(&[0, 0, 1, 0x65, 1, 2], MediaTime(5_000_000), 1_790_000_005_000_000, |_| ());
    // 40 ms after the picture.
    let now = Now { media: MediaTime(5_040_000), utc_us: 1_790_000_005_040_000 };
    let report = rtcp::sender_report(&stream, now, "abc").unwrap();
    let mut packets = Compound::parse(&report).unwrap();
    let Some(Ok(Packet::Sr(sr))) = packets.next() else { panic!("no sender report first") };
    assert_eq!(sr.rtp_timestamp(), 1000 + 5_040 * 90);
    assert_eq!(NtpTime(sr.ntp_timestamp()).utc_us(), 1_790_000_005_040_000);
    assert_eq!((sr.ssrc(), sr.packet_count(), sr.octet_count()), (7, 1, 3));
    let Some(Ok(Packet::Sdes(sdes))) = packets.next() else { panic!("no name second") };
    let names: Vec<String> = sdes.chunks().flat_map(|c| c.items().map(|i| i.get_value_string().unwrap())).collect();
    assert_eq!(names, ["abc"]);
    assert!(packets.next().is_none());
}

#[test]
fn the_goodbye_names_the_stream() {
    let stream = Packetiser::new(START, MAX_PAYLOAD_BYTES);
    let packet = rtcp::goodbye(&stream, Now { media: MediaTime(0), utc_us: 0 }, "abc").unwrap();
    let last = Compound::parse(&packet).unwrap().last().unwrap().unwrap();
    let Packet::Bye(bye) = last else { panic!("no BYE last") };
    assert_eq!(bye.ssrcs().collect::<Vec<_>>(), [7]);
}

#[test]
fn receivers_reports_key_requests_and_goodbyes_are_heard() {
    let block = ReportBlock::builder(7)
        .fraction_lost(12)
        .cumulative_lost(34)
        .interarrival_jitter(56)
        .extended_sequence_number(0x1_0002);
    let other = ReportBlock::builder(8).fraction_lost(99);
    let pli = Pli::builder();
    let compound = CompoundBuilder::default()
        .add_packet(ReceiverReport::builder(1).add_report_block(other).add_report_block(block))
        .add_packet(PayloadFeedback::builder(&pli).sender_ssrc(1).media_ssrc(7))
        .add_packet(Bye::builder().add_source(1));
    let mut heard = Vec::new();
    rtcp::read(&bytes(&compound), Ssrc(7), |feedback| heard.push(feedback)).unwrap();
    assert_eq!(heard.len(), 3);
    let Feedback::Reception(reception) = heard[0] else { panic!("no reception first") };
    assert_eq!(
        (reception.fraction_lost, reception.lost, reception.jitter, reception.highest_sequence),
        (12, 34, 56, 0x1_0002)
    );
    assert_eq!(heard[1..], [Feedback::KeyPicture, Feedback::Goodbye]);
}

#[test]
fn loss_may_be_below_zero_and_the_round_trip_is_what_the_receiver_did_not_keep() {
    let stamp = rtcp::middle(NtpTime::from_utc_us(1_790_000_005_040_000));
    let block = ReportBlock::builder(7)
        .cumulative_lost(0xff_fffe)
        .last_sender_report_timestamp(stamp)
        .delay_since_last_sender_report_timestamp(65_536 / 2);
    let compound = CompoundBuilder::default().add_packet(ReceiverReport::builder(1).add_report_block(block));
    let mut heard = Vec::new();
    rtcp::read(&bytes(&compound), Ssrc(7), |feedback| heard.push(feedback)).unwrap();
    let [Feedback::Reception(reception)] = heard[..] else { panic!("{heard:?}") };
    assert_eq!((reception.lost, reception.last_report), (-2, stamp));
    assert_eq!(reception.round_trip(Duration::from_millis(540)), Some(Duration::from_millis(40)));
    assert_eq!(reception.round_trip(Duration::from_millis(499)), None, "nobody keeps it longer than it is old");
}

#[test]
fn a_sender_reports_stamp_is_what_receivers_give_back() {
    let stream = Packetiser::new(START, MAX_PAYLOAD_BYTES);
    let now = Now { media: MediaTime(0), utc_us: 1_790_000_005_040_000 };
    let report = rtcp::sender_report(&stream, now, "abc").unwrap();
    // RFC 3550 §6.4.1: bytes 10 to 13 of the report, the middle of the NTP time.
    assert_eq!(rtcp::middle(NtpTime::from_utc_us(now.utc_us)).to_be_bytes(), report[10..14]);
}

#[test]
fn a_receiver_that_has_our_name_is_noticed() {
    let compound = CompoundBuilder::default().add_packet(ReceiverReport::builder(7));
    let mut heard = Vec::new();
    rtcp::read(&bytes(&compound), Ssrc(7), |feedback| heard.push(feedback)).unwrap();
    assert_eq!(heard, [Feedback::Collision]);
}

#[test]
fn a_key_request_for_another_stream_is_not_ours() {
    let pli = Pli::builder();
    let compound = CompoundBuilder::default()
        .add_packet(ReceiverReport::builder(1))
        .add_packet(PayloadFeedback::builder(&pli).sender_ssrc(1).media_ssrc(8));
    rtcp::read(&bytes(&compound), Ssrc(7), |feedback| panic!("heard {feedback:?}")).unwrap();
}

#[test]
fn reports_stay_below_five_percent_of_the_media() {
    assert_eq!(rtcp::interval(100, 500_000.0), rtcp::LEAST_INTERVAL);
    // 100 bytes at 5 % of 200 bytes/s: every 10 s.
    assert_eq!(rtcp::interval(100, 200.0), Duration::from_secs(10));
    assert_eq!(rtcp::interval(100, 0.0), Duration::from_secs(60));
}
