//! Law: depacketise(packetise(x)) == x, whatever the units and the packet size; and what loss does to it.

use proptest::prelude::*;
use rtp::annexb::{self, START_CODE};
use rtp::{Depacketiser, MediaTime, NtpTime, PAYLOAD_TYPE, Packetiser, Ssrc, Start};

/// A NAL unit: a type that mode 1 carries, no start code inside (an encoder escapes those), no trailing zero.
fn nal() -> impl Strategy<Value = Vec<u8>> {
    let size = prop_oneof![8 => 0_usize..300, 2 => 300_usize..6_000];
    (1_u8..=23, 0_u8..4, size).prop_flat_map(|(kind, importance, size)| {
        prop::collection::vec(1_u8..=255, size).prop_map(move |body| {
            let mut nal = vec![(importance << 5) | kind];
            nal.extend(body);
            nal
        })
    })
}

fn unit() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(nal(), 1..20).prop_map(|nals| {
        let mut unit = Vec::new();
        for nal in nals {
            unit.extend_from_slice(&START_CODE);
            unit.extend_from_slice(&nal);
        }
        unit
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
    fn depacketise_undoes_packetise(units in prop::collection::vec(unit(), 1..6), start in start(), max_payload in 64_usize..1500) {
        let mut packetiser = Packetiser::new(start, max_payload);
        let mut depacketiser = Depacketiser::new(PAYLOAD_TYPE);
        for (index, unit) in units.iter().enumerate() {
            let captured_us = index as u64 * 40_000;
            let mut packets: Vec<Vec<u8>> = Vec::new();
            packetiser.packetise(unit, MediaTime(captured_us), UTC_US + captured_us, |packet| packets.push(packet.to_vec()));
            let mut out = Vec::new();
            for packet in &packets {
                prop_assert!(packet.len() <= max_payload + 28);
                let used = depacketiser.push(packet, |unit| {
                    out.push((unit.data.to_vec(), unit.timestamp, unit.captured, unit.key, unit.after_loss));
                });
                prop_assert_eq!(used, Ok(()));
            }
            let timestamp = packetiser.timestamp(MediaTime(captured_us));
            let captured = Some(NtpTime::from_utc_us(UTC_US + captured_us));
            prop_assert_eq!(out, vec![(unit.clone(), timestamp, captured, annexb::is_key(unit), false)]);
        }
        prop_assert_eq!(depacketiser.received().packets, packetiser.packets());
        prop_assert_eq!(depacketiser.received().packets_lost, 0);
    }

    #[test]
    fn a_lost_packet_costs_its_own_unit_and_no_other(units in prop::collection::vec(unit(), 3..6), start in start(), which in any::<prop::sample::Index>()) {
        let mut packetiser = Packetiser::new(start, 200);
        let mut packets: Vec<(usize, Vec<u8>)> = Vec::new();
        for (index, unit) in units.iter().enumerate() {
            packetiser.packetise(unit, MediaTime(index as u64 * 40_000), UTC_US, |packet| packets.push((index, packet.to_vec())));
        }
        // Neither the first packet of all (nobody could know that it existed) nor the last.
        prop_assume!(packets.len() > 2);
        let (hit, _) = packets.remove(1 + which.index(packets.len() - 2));
        let mut depacketiser = Depacketiser::new(PAYLOAD_TYPE);
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
