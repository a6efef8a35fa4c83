//! Law: depacketise(packetise(x)) == x, whatever the units and the packet size; and what loss does to it.

use proptest::prelude::*;
use rtp::annexb::START_CODE;
use rtp::{Codec, Depacketiser, MediaTime, NtpTime, PAYLOAD_TYPE, Packetiser, Ssrc, Start};

/// A NAL unit's header: a type that RTP carries; forbidden bit, importance, layer and temporal id as they may be.
fn header(codec: Codec) -> BoxedStrategy<Vec<u8>> {
    match codec {
        Codec::H264 => (1_u8..=23, 0_u8..8).prop_map(|(kind, bits)| vec![(bits << 5) | kind]).boxed(),
        Codec::H265 => (any::<bool>(), 0_u8..=47, 0_u8..64, 1_u8..8)
            .prop_map(|(forbidden, kind, layer, temporal)| {
                vec![(u8::from(forbidden) << 7) | (kind << 1) | (layer >> 5), (layer << 3) | temporal]
            })
            .boxed(),
    }
}

/// A NAL unit: no start code inside (an encoder escapes those), no trailing zero.
fn nal(codec: Codec) -> impl Strategy<Value = Vec<u8>> {
    let size = prop_oneof![8 => 0_usize..300, 2 => 300_usize..6_000];
    (header(codec), size).prop_flat_map(|(header, size)| {
        prop::collection::vec(1_u8..=255, size).prop_map(move |body| [header.clone(), body].concat())
    })
}

fn units(count: std::ops::Range<usize>) -> impl Strategy<Value = (Codec, Vec<Vec<u8>>)> {
    prop_oneof![Just(Codec::H264), Just(Codec::H265)].prop_flat_map(move |codec| {
        let unit = prop::collection::vec(nal(codec), 1..20)
            .prop_map(|nals| nals.iter().flat_map(|nal| [&START_CODE[..], nal].concat()).collect());
        (Just(codec), prop::collection::vec(unit, count.clone()))
    })
}

fn start() -> impl Strategy<Value = Start> {
    (any::<u32>(), any::<u16>(), any::<u32>()).prop_map(|(ssrc, sequence, timestamp)| Start {
        ssrc: Ssrc(ssrc),
        sequence,
        timestamp,
    })
}

const UTC_US: u64 = 1_790_000_000_123_457;

proptest! {
    #[test]
    fn depacketise_undoes_packetise((codec, units) in units(1..6), start in start(), max_payload in 64_usize..1500) {
        let mut packetiser = Packetiser::new(start, max_payload).carrying(codec);
        let mut depacketiser = Depacketiser::new(PAYLOAD_TYPE).carrying(codec);
        for (index, unit) in units.iter().enumerate() {
            let captured_us = index as u64 * 40_000;
            let mut packets: Vec<Vec<u8>> = Vec::new();
            packetiser.packetise(unit, MediaTime(captured_us), UTC_US + captured_us, |packet| packets.push(packet.to_vec()));
            let mut out = Vec::new();
            for packet in &packets {
                prop_assert!(packet.len() <= max_payload + 12);
                let used = depacketiser.push(packet, |unit| {
                    out.push((unit.data.to_vec(), unit.timestamp, unit.captured, unit.key, unit.after_loss));
                });
                prop_assert_eq!(used, Ok(()));
            }
            let timestamp = packetiser.timestamp(MediaTime(captured_us));
            let captured = Some(NtpTime::from_utc_us(UTC_US + captured_us));
            prop_assert_eq!(out, vec![(unit.clone(), timestamp, captured, codec.is_key(unit), false)]);
        }
        prop_assert_eq!(depacketiser.received().packets, packetiser.packets());
        prop_assert_eq!(depacketiser.received().packets_lost, 0);
    }

    #[test]
    fn a_lost_packet_costs_its_own_unit_and_no_other((codec, units) in units(3..6), start in start(), which in any::<prop::sample::Index>()) {
        let mut packetiser = Packetiser::new(start, 200).carrying(codec);
        let mut packets: Vec<(usize, Vec<u8>)> = Vec::new();
        for (index, unit) in units.iter().enumerate() {
            packetiser.packetise(unit, MediaTime(index as u64 * 40_000), UTC_US, |packet| packets.push((index, packet.to_vec())));
        }
        // Neither the first packet of all (nobody could know that it existed) nor the last.
        prop_assume!(packets.len() > 2);
        let (hit, _) = packets.remove(1 + which.index(packets.len() - 2));
        let mut depacketiser = Depacketiser::new(PAYLOAD_TYPE).carrying(codec);
        let mut out = Vec::new();
        for (_, packet) in &packets {
            prop_assert_eq!(depacketiser.push(packet, |unit| out.push((unit.data.to_vec(), unit.after_loss))), Ok(()));
        }
        let expected: Vec<_> = units.iter().enumerate().filter(|(index, _)| *index != hit)
            .map(|(index, unit)| (unit.clone(), index == hit + 1)).collect();
        prop_assert_eq!(out, expected);
        prop_assert_eq!(depacketiser.received().packets_lost, 1);
    }

    #[test]
    fn capture_time_survives_to_the_microsecond(utc_us in 0_u64..4_000_000_000_000_000) {
        prop_assert_eq!(NtpTime::from_utc_us(utc_us).utc_us(), utc_us);
    }
}
