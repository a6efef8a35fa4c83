//! Pictures on their way out cost no allocation once warm, also when the socket makes them wait.

use rtp::srtp::{MasterKey, Protector};
use rtp::{Packetiser, Ssrc, Start};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::cell::Cell;
use std::io;
use tokio::time::Instant;
use voice::meter::Meter;
use voice::outlet::{Fate, Outlet, Picture, Sink};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Takes every packet but each tenth, which has to wait.
struct Socket(Cell<u32>);

impl Sink for Socket {
    fn send(&self, _: &[u8]) -> io::Result<()> {
        self.0.set(self.0.get() + 1);
        if self.0.get().is_multiple_of(10) { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
    }
}

// Without the test harness, whose own thread would be counted too: it waits for this one, and allocates when it first has to.
fn main() {
    let key =
        [&[0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 0, 1, 0x68, 4, 0, 0, 0, 1, 0x65], vec![0x55; 100_000].as_slice()].concat();
    let packetiser = || Packetiser::new(Start { ssrc: Ssrc(1), sequence: 0, timestamp: 0 }, 1200);
    for mut outlet in
        [Outlet::new(packetiser()), Outlet::encrypting(packetiser(), Protector::new(&MasterKey::new([7; 30])))]
    {
        outlet.open();
        send(&key, &mut outlet);
    }
}

fn send(key: &[u8], outlet: &mut Outlet) {
    let (mut meter, socket) = (Meter::default(), Socket(Cell::new(0)));
    meter.begin();
    let mut round = |at_us| {
        let picture = Picture { unit: key, captured_monotonic_us: at_us, captured_utc_us: at_us, key: true };
        assert_eq!(outlet.picture(&picture, Instant::now(), &socket, &mut meter), Fate::Sent);
        while outlet.is_backed_up() {
            outlet.drain(Instant::now(), &socket, &mut meter);
        }
    };
    round(0);
    let region = Region::new(ALLOCATOR);
    for at_us in (1..=100).map(|frame| frame * 40_000) {
        round(at_us);
    }
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations), (0, 0));
    assert_eq!(meter.read().map(|read| read.pictures), Some(101));
}
