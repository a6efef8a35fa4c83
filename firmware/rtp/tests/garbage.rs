//! Law: whatever bytes come in, every reader of this crate returns; none panics.

use proptest::prelude::*;
use rtp::{Codec, Depacketiser, MediaTime, PAYLOAD_TYPE, Packetiser, Ssrc, Start, annexb, rtcp, sdp};

/// Bytes that get past the RTP header more often than chance would.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..200);
    let likely = (prop::collection::vec(any::<u8>(), 12..200), any::<bool>(), any::<u8>()).prop_map(
        |(mut bytes, extended, sequence)| {
            bytes[0] = if extended { 0x90 } else { 0x80 };
            bytes[1] = (bytes[1] & 0x80) | PAYLOAD_TYPE;
            bytes[2] = 0;
            bytes[3] = sequence & 0x0f;
            bytes[8..12].copy_from_slice(&[0, 0, 0, 7]);
            bytes
        },
    );
    prop_oneof![bytes, likely]
}

fn codec() -> impl Strategy<Value = Codec> {
    prop_oneof![Just(Codec::H264), Just(Codec::H265)]
}

proptest! {
    #[test]
    fn depacketiser_survives_any_datagrams(codec in codec(), datagrams in prop::collection::vec(datagram(), 0..50)) {
        let mut depacketiser = Depacketiser::new(PAYLOAD_TYPE).carrying(codec);
        for bytes in &datagrams {
            let _ = depacketiser.push(bytes, |unit| assert!(!unit.data.is_empty()));
        }
        let received = depacketiser.received();
        prop_assert!(received.packets <= datagrams.len() as u64);
    }

    #[test]
    fn packetiser_survives_any_unit(codec in codec(), unit in prop::collection::vec(prop_oneof![3 => Just(0_u8), 1 => Just(1_u8), 2 => any::<u8>()], 0..3000)) {
        let mut packetiser = Packetiser::new(Start { ssrc: Ssrc(1), sequence: 0, timestamp: 0 }, 64).carrying(codec);
        let mut markers = 0;
        packetiser.packetise(&unit, MediaTime(0), 0, |packet| markers += usize::from(packet[1] & 0x80 != 0));
        prop_assert_eq!(markers, usize::from(annexb::nals(&unit).any(|nal| codec.carries(nal))));
    }

    /// Law: a packetiser's output is always taken by the depacketiser, whatever bytes an encoder gave.
    #[test]
    fn what_was_packetised_of_any_bytes_is_taken(codec in codec(), unit in prop::collection::vec(prop_oneof![3 => Just(0_u8), 1 => Just(1_u8), 2 => any::<u8>()], 0..3000)) {
        let mut packetiser = Packetiser::new(Start { ssrc: Ssrc(1), sequence: 0, timestamp: 0 }, 64).carrying(codec);
        let mut depacketiser = Depacketiser::new(PAYLOAD_TYPE).carrying(codec);
        let carried: Vec<u8> = annexb::nals(&unit).filter(|nal| codec.carries(nal))
            .flat_map(|nal| [&annexb::START_CODE[..], nal].concat()).collect();
        let (mut came, mut refused) = (Vec::new(), None);
        packetiser.packetise(&unit, MediaTime(0), 0, |packet| {
            refused = refused.take().or(depacketiser.push(packet, |unit| came.extend_from_slice(unit.data)).err());
        });
        prop_assert_eq!(refused, None);
        prop_assert_eq!(came, carried);
    }

    #[test]
    fn rtcp_reader_survives_any_datagram(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = rtcp::read(&bytes, Ssrc(7), |_| ());
    }

    #[test]
    fn sdp_reader_survives_any_parameter_sets(codec in codec(), sets in prop::collection::vec(any::<u8>(), 0..60)) {
        let unit = [&[0, 0, 1, 0x40, 1, 0, 0, 1, 0x44, 1, 0, 0, 1, 0x68, 1, 0, 0, 1, 0x67][..], &sets, &[0, 0, 1, 0x42], &sets].concat();
        if let Ok(description) = sdp::Description::of_push(codec, &unit, [192, 0, 2, 1].into(), 5004) {
            prop_assert_eq!(sdp::Description::parse(&description.text(1)), Ok(description));
        }
    }

    #[test]
    fn sdp_reader_survives_any_text(text in "(v=0\r\n)?(o=- 1 1 IN IP4 1.2.3.4\r\n)?(s=x\r\n)?(t=0 0\r\n)?(m=video 5004 RTP/AVP 96\r\n)?[ -~\r\n]{0,200}") {
        let _ = sdp::Description::parse(&text);
    }
}
