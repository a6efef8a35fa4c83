//! A warm packetiser does not allocate, and neither does a warm depacketiser.

use rtp::{Depacketiser, MAX_PAYLOAD_BYTES, MediaTime, PAYLOAD_TYPE, Packetiser, Ssrc, Start};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

// The only test of this program: another one's thread would be counted too.
#[test]
fn packets_cost_no_allocation_once_warm() {
    let slice: Vec<u8> = std::iter::once(0x65).chain((0..100_000).map(|i| (i % 255) as u8 + 1)).collect();
    let key = [&[0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 0, 1, 0x68, 4, 0, 0, 0, 1], slice.as_slice()].concat();
    let mut packetiser = Packetiser::new(Start { ssrc: Ssrc(1), sequence: 1, timestamp: 1 }, MAX_PAYLOAD_BYTES);
    let mut depacketiser = Depacketiser::new(PAYLOAD_TYPE);
    let mut units = 0;
    let mut round = |at_us| {
        packetiser.packetise(&key, MediaTime(at_us), at_us, |packet| {
            depacketiser.push(packet, |unit| units += usize::from(unit.data == key)).unwrap();
        });
    };
    round(0);
    let region = Region::new(ALLOCATOR);
    for at_us in (0..1_000_000).step_by(40_000) {
        round(at_us);
    }
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations), (0, 0));
    assert_eq!(units, 26);
}
