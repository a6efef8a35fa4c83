//! SRTP: what was protected comes back whole and once, nothing else does, and a receiver may join late.

use proptest::prelude::*;
use rtp::srtp::{MasterKey, Protector, RTCP_OVERHEAD, RTP_OVERHEAD, SrtpError, Unprotector};

fn key(seed: u8) -> MasterKey {
    MasterKey::new([seed; 30])
}
fn packet(sequence: u16, payload: &[u8]) -> Vec<u8> {
    // With an extension of one word: it stays readable.
    let mut packet = vec![0x90, 96, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9, 0xbe, 0xde, 0, 1, 0x10, 7, 0, 0];
    packet[2..4].copy_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(payload);
    packet
}
const REPORT: [u8; 12] = [0x80, 200, 0, 2, 0, 0, 0, 9, 1, 2, 3, 4];

#[test]
fn what_was_protected_comes_back_and_its_payload_was_not_readable() {
    let (mut sender, mut receiver) = (Protector::new(&key(1)), Unprotector::new(&key(1)));
    let plain = packet(7, b"a picture of a street");
    let mut wire = sender.rtp(&plain).to_vec();
    assert_eq!(wire.len(), plain.len() + RTP_OVERHEAD);
    assert_eq!(wire[..20], plain[..20]);
    assert!(!wire.windows(7).any(|bytes| bytes == b"picture"));
    assert_eq!(receiver.rtp(&mut wire).unwrap(), plain);
    let mut wire = sender.rtcp(&REPORT).to_vec();
    assert_eq!(wire.len(), REPORT.len() + RTCP_OVERHEAD);
    assert_ne!(wire[8..12], REPORT[8..12]);
    assert_eq!(receiver.rtcp(&mut wire).unwrap(), REPORT);
}

#[test]
fn another_key_an_altered_bit_a_replay_and_another_source_are_refused() {
    let mut sender = Protector::new(&key(1));
    let good = sender.rtp(&packet(1, b"payload")).to_vec();
    assert_eq!(Unprotector::new(&key(2)).rtp(&mut good.clone()), Err(SrtpError::BadTag));
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(Unprotector::new(&key(1)).rtp(&mut bad).is_err(), "bit {bit}");
    }
    let mut receiver = Unprotector::new(&key(1));
    assert!(receiver.rtp(&mut good.clone()).is_ok());
    assert_eq!(receiver.rtp(&mut good.clone()), Err(SrtpError::Replayed));
    let mut other = packet(2, b"payload");
    other[11] = 8;
    let mut other = Protector::new(&key(1)).rtp(&other).to_vec();
    assert_eq!(receiver.rtp(&mut other), Err(SrtpError::OtherSource));
    let report = sender.rtcp(&REPORT).to_vec();
    assert!(receiver.rtcp(&mut report.clone()).is_ok());
    assert_eq!(receiver.rtcp(&mut report.clone()), Err(SrtpError::Replayed));
    assert_eq!(receiver.rtcp(&mut REPORT.to_vec()), Err(SrtpError::Malformed), "in clear");
}

#[test]
fn sequence_numbers_wrap_and_a_receiver_may_join_after_that() {
    let (mut sender, mut receiver) = (Protector::new(&key(1)), Unprotector::new(&key(1)));
    let mut late = Unprotector::new(&key(1));
    for number in 0..200_000_u32 {
        let plain = packet(number as u16, b"x");
        let wire = sender.rtp(&plain).to_vec();
        assert_eq!(receiver.rtp(&mut wire.clone()).unwrap(), plain, "{number}");
        if number >= 199_990 {
            assert_eq!(late.rtp(&mut wire.clone()).unwrap(), plain, "{number}");
        }
    }
}

proptest! {
    #[test]
    fn packets_in_any_order_within_the_window_come_through_once(order in Just((0..40_u16).collect::<Vec<_>>()).prop_shuffle(), start in any::<u16>()) {
        let mut sender = Protector::new(&key(3));
        let wires: Vec<_> = (0..40).map(|n| sender.rtp(&packet(start.wrapping_add(n), &[n as u8])).to_vec()).collect();
        let mut receiver = Unprotector::new(&key(3));
        // The first one tells the receiver where the numbers begin.
        prop_assert!(receiver.rtp(&mut wires[0].clone()).is_ok());
        for n in order {
            let came = receiver.rtp(&mut wires[usize::from(n)].clone()).map(|plain| plain.last().copied());
            prop_assert_eq!(came, if n == 0 { Err(SrtpError::Replayed) } else { Ok(Some(n as u8)) });
        }
    }

    #[test]
    fn garbage_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut receiver = Unprotector::new(&key(4));
        prop_assert!(receiver.rtp(&mut bytes.clone()).is_err());
        prop_assert!(receiver.rtcp(&mut bytes.clone()).is_err());
        let _ = Protector::new(&key(4)).rtp(&bytes).len();
        let _ = Protector::new(&key(4)).rtcp(&bytes).len();
    }
}
