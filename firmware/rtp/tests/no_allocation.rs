//! A warm packetiser does not allocate, and neither does a warm depacketiser.

use rtp::{Codec, Depacketiser, MAX_PAYLOAD_BYTES, MediaTime, PAYLOAD_TYPE, Packetiser, Ssrc, Start};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

// The only test of this program: another one's thread would be counted too.
#[test]
fn packets_cost_no_allocation_once_warm() {
    let body: Vec<u8> = (0..100_000).map(|i| (i % 255) as u8 + 1).collect();
    let h264 = [&[0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 0, 1, 0x68, 4, 0, 0, 0, 1, 0x65], body.as_slice()].concat();
    let h265 = [&[0, 0, 0, 1, 0x42, 1, 2, 3, 0, 0, 0, 1, 0x44, 1, 4, 0, 0, 0, 1, 0x26, 1], body.as_slice()].concat();
    for (codec, key) in [(Codec::H264, h264), (Codec::H265, h265)] {
        let start = Start { ssrc: Ssrc(1), sequence: 1, timestamp: 1 };
        let mut packetiser = Packetiser::new(start, MAX_PAYLOAD_BYTES).carrying(codec);
        let mut depacketiser = Depacketiser::new(PAYLOAD_TYPE).carrying(codec);
        let mut units = 0;
        let mut round = |at_us| {
            packetiser.packetise(&key, MediaTime(at_us), at_us, |packet| {
                depacketiser.push(packet, |unit| units += usize::from(unit.data == key && unit.key)).unwrap();
            });
        };
        round(0);
        let region = Region::new(ALLOCATOR);
        for at_us in (0..1_000_000).step_by(40_000) {
            round(at_us);
        }
        let change = region.change();
        assert_eq!((change.allocations, change.reallocations), (0, 0), "{codec:?}");
        assert_eq!(units, 26, "{codec:?}");
    }
}
