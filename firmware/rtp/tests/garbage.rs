//! Law: whatever bytes come in, every reader of this crate returns; none panics.

use proptest::prelude::*;
use rtp::{Depacketiser, MediaTime, PAYLOAD_TYPE, Packetiser, Ssrc, Start, annexb, rtcp, sdp};

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

proptest! {
    #[test]
    fn depacketiser_survives_any_datagrams(datagrams in prop::collection::vec(datagram(), 0..50)) {
        let mut depacketiser = Depacketiser::new(PAYLOAD_TYPE);
        for bytes in &datagrams {
            let _ = depacketiser.push(bytes, |unit| assert!(!unit.data.is_empty()));
        }
        let received = depacketiser.received();
        prop_assert!(received.packets <= datagrams.len() as u64);
    }

    #[test]
    fn packetiser_survives_any_unit(unit in prop::collection::vec(prop_oneof![3 => Just(0_u8), 1 => Just(1_u8), 2 => any::<u8>()], 0..3000)) {
        let mut packetiser = Packetiser::new(Start { ssrc: Ssrc(1), sequence: 0, timestamp: 0 }, 64);
        let mut markers = 0;
        packetiser.packetise(&unit, MediaTime(0), 0, |packet| markers += usize::from(packet[1] & 0x80 != 0));
        prop_assert_eq!(markers, usize::from(annexb::nals(&unit).next().is_some()));
    }

    #[test]
    fn rtcp_reader_survives_any_datagram(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = rtcp::read(&bytes, Ssrc(7), |_| ());
    }

    #[test]
    fn sdp_reader_survives_any_text(text in "(v=0\r\n)?(o=- 1 1 IN IP4 1.2.3.4\r\n)?(s=x\r\n)?(t=0 0\r\n)?(m=video 5004 RTP/AVP 96\r\n)?[ -~\r\n]{0,200}") {
        let _ = sdp::Description::parse(&text);
    }
}
