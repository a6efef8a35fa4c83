//! What RFC 6184 and RFC 3550 say about single packets, on hand-made units.

use rtp::{Codec, DepacketiseError, Depacketiser, MAX_PAYLOAD_BYTES, MediaTime, PAYLOAD_TYPE, Packetiser, Ssrc, Start};

const START: Start = Start { ssrc: Ssrc(0xdead_beef), sequence: 0xffff, timestamp: 0xffff_0000 };

fn unit(nals: &[&[u8]]) -> Vec<u8> {
    nals.iter().flat_map(|nal| [&[0, 0, 0, 1], *nal].concat()).collect()
}

fn packets(packetiser: &mut Packetiser, unit: &[u8], at_us: u64) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    packetiser.packetise(unit, MediaTime(at_us), 1_790_000_000_000_000, |packet| packets.push(packet.to_vec()));
    packets
}

#[test]
fn parameter_sets_share_one_stap_a_and_a_large_slice_becomes_fragments() {
    let slice: Vec<u8> = std::iter::once(0x65).chain((0..3000).map(|i| (i % 255) as u8 + 1)).collect();
    let key = unit(&[&[0x67, 0x42, 0xc0, 0x1f], &[0x68, 0xce], &slice]);
    let out = packets(&mut Packetiser::new(START, MAX_PAYLOAD_BYTES), &key, 0);
    // 12 header, 16 extension on the first; then the payload's first byte.
    let kinds: Vec<u8> = out.iter().enumerate().map(|(i, p)| p[if i == 0 { 28 } else { 12 }] & 0x1f).collect();
    assert_eq!(kinds, [24, 28, 28, 28]);
    assert_eq!(out[0][28], 0x60 | 24, "NRI of the STAP-A is the highest inside");
    assert_eq!(&out[0][29..], [0, 4, 0x67, 0x42, 0xc0, 0x1f, 0, 2, 0x68, 0xce]);
    let fragments: Vec<u8> = out[1..].iter().map(|p| p[13]).collect();
    assert_eq!(fragments, [0x85, 0x05, 0x45], "start, middle, end of type 5");
    assert!(out[1..].iter().all(|p| p.len() <= 12 + MAX_PAYLOAD_BYTES));
}

#[test]
fn only_the_last_packet_has_the_marker_and_only_the_first_the_capture_time() {
    let slice = vec![0x41; 5000];
    let out = packets(&mut Packetiser::new(START, MAX_PAYLOAD_BYTES), &unit(&[&slice]), 0);
    let markers: Vec<bool> = out.iter().map(|p| p[1] & 0x80 != 0).collect();
    let extended: Vec<bool> = out.iter().map(|p| p[0] & 0x10 != 0).collect();
    assert_eq!(markers, [false, false, false, false, true]);
    assert_eq!(extended, [true, false, false, false, false]);
    assert_eq!(out[0][12..17], [0xbe, 0xde, 0, 3, 0x17]);
}

#[test]
fn sequence_and_timestamp_wrap() {
    let mut packetiser = Packetiser::new(START, MAX_PAYLOAD_BYTES);
    let picture = unit(&[&[0x41, 1, 2, 3]]);
    let first = packets(&mut packetiser, &picture, 0).remove(0);
    let second = packets(&mut packetiser, &picture, 1_000_000).remove(0);
    assert_eq!((&first[2..4], &first[4..8]), ([0xff, 0xff].as_slice(), [0xff, 0xff, 0, 0].as_slice()));
    assert_eq!(second[2..4], [0, 0]);
    assert_eq!(u32::from_be_bytes(*second[4..].first_chunk().unwrap()), 0xffff_0000_u32.wrapping_add(90_000));
    assert_eq!(first[8..12], [0xde, 0xad, 0xbe, 0xef]);
}

#[test]
fn a_month_of_media_time_does_not_overflow() {
    let month_us = 31 * 24 * 3600 * 1_000_000;
    let expected = (31_u64 * 24 * 3600 * 90_000) as u32;
    assert_eq!(MediaTime(month_us).ticks(), expected);
}

#[test]
fn another_source_another_payload_type_and_a_repeat_are_refused_by_name() {
    let mut depacketiser = Depacketiser::new(PAYLOAD_TYPE);
    let good = packets(&mut Packetiser::new(START, MAX_PAYLOAD_BYTES), &unit(&[&[0x41, 9]]), 0).remove(0);
    let mut units = 0;
    assert_eq!(depacketiser.push(&good, |_| units += 1), Ok(()));
    let mut other = good.clone();
    other[8] = 0;
    let mut wrong_type = good.clone();
    wrong_type[1] = 0x80 | 97;
    let errors =
        [&other, &wrong_type, &good, &vec![0; 3]].map(|packet| depacketiser.push(packet, |_| units += 1).unwrap_err());
    assert!(matches!(errors[0], DepacketiseError::OtherSource { .. }));
    assert!(matches!(errors[1], DepacketiseError::PayloadType { found: 97, expected: 96, .. }));
    assert!(matches!(errors[2], DepacketiseError::Late { sequence: 0xffff }));
    assert!(matches!(errors[3], DepacketiseError::NotRtp { bytes: 3, .. }));
    assert_eq!(units, 1);
}

#[test]
fn a_lost_marker_ends_the_unit_at_the_next_timestamp() {
    let mut packetiser = Packetiser::new(START, MAX_PAYLOAD_BYTES);
    let mut depacketiser = Depacketiser::new(PAYLOAD_TYPE);
    let mut out = Vec::new();
    for at in [0, 40_000] {
        let mut packet = packets(&mut packetiser, &unit(&[&[0x41, 7]]), at).remove(0);
        packet[1] &= 0x7f;
        depacketiser.push(&packet, |unit| out.push(unit.data.to_vec())).unwrap();
    }
    assert_eq!(out, [unit(&[&[0x41, 7]])]);
}

#[test]
fn h265_parameter_sets_share_one_ap_and_a_large_slice_becomes_fragments() {
    let slice: Vec<u8> = [0x26, 1].into_iter().chain((0..3000).map(|i| (i % 255) as u8 + 1)).collect();
    let key = unit(&[&[0x40, 1, 0xc], &[0x42, 9, 1, 2], &[0x44, 3, 0xc0], &slice]);
    let out = packets(&mut Packetiser::new(START, MAX_PAYLOAD_BYTES).carrying(Codec::H265), &key, 0);
    // RFC 7798 §4.4.2: type 48, lowest layer and temporal id; sizes before NAL units.
    let expected = [48 << 1, 1, 0, 3, 0x40, 1, 0xc, 0, 4, 0x42, 9, 1, 2, 0, 3, 0x44, 3, 0xc0];
    assert_eq!(out[0][28..], expected);
    // §4.4.3: type 49, the unit's layer and temporal id; S, E and its own type 19.
    let fragments: Vec<&[u8]> = out[1..].iter().map(|packet| &packet[12..15]).collect();
    assert_eq!(fragments, [[49 << 1, 1, 0x80 | 19], [49 << 1, 1, 19], [49 << 1, 1, 0x40 | 19]]);
    assert_eq!(out[1][15..17], slice[2..4], "the header is not repeated");
    let markers: Vec<bool> = out.iter().map(|packet| packet[1] & 0x80 != 0).collect();
    assert_eq!(markers, [false, false, false, true]);
}

#[test]
fn all_packets_of_a_large_slice_but_the_last_fill_the_limit_to_the_byte() {
    for codec in [Codec::H264, Codec::H265] {
        let mut packetiser = Packetiser::new(START, MAX_PAYLOAD_BYTES).carrying(codec);
        let sizes: Vec<usize> =
            packets(&mut packetiser, &unit(&[&vec![0x41; 20_000]]), 0).iter().map(Vec::len).collect();
        let (last, others) = sizes.split_last().unwrap();
        assert!(others.iter().all(|size| *size == packetiser.packet_bytes()), "{sizes:?}");
        assert!(*last < packetiser.packet_bytes() && *last > 12);
    }
}

#[test]
fn types_that_rtp_uses_for_itself_are_not_sent() {
    let odd = unit(&[&[0x18, 1, 2], &[0x1c, 1, 2], &[0x41, 7]]);
    let out = packets(&mut Packetiser::new(START, MAX_PAYLOAD_BYTES), &odd, 0);
    assert_eq!(out.iter().map(|packet| &packet[28..]).collect::<Vec<_>>(), [[0x41, 7]]);
}
