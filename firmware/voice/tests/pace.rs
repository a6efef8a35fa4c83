//! A large picture leaves in bounded bursts and is over soon; packets of equal size leave together; what the network refuses is not half a picture.

use rtp::{Packetiser, Ssrc, Start};
use std::cell::RefCell;
use std::io;
use std::time::Duration;
use tokio::time::Instant;
use voice::figures::Dropped;
use voice::meter::Meter;
use voice::outlet::{BURST_EVERY, Fate, LEAST_BURST_BYTES, MOST_BURSTS, Outlet, Picture, Sink};

const PACKET: usize = 1212;

/// Takes whole runs, and notes their sizes.
#[derive(Default)]
struct Runs {
    runs: RefCell<Vec<(usize, usize)>>,
    broken: RefCell<bool>,
}

impl Sink for Runs {
    fn send(&self, _: &[u8]) -> io::Result<()> {
        unreachable!("packets come in runs")
    }
    fn send_run(&self, run: &[u8], each: usize) -> io::Result<usize> {
        if *self.broken.borrow() {
            return Err(io::ErrorKind::NetworkUnreachable.into());
        }
        // Every packet of the run is one: an RTP header at each of its places.
        assert!(run.chunks(each).all(|packet| packet[0] & 0xc0 == 0x80 && packet.len() > 12));
        self.runs.borrow_mut().push((run.len(), each));
        Ok(run.len())
    }
}

impl Runs {
    fn take(&self) -> Vec<(usize, usize)> {
        std::mem::take(&mut self.runs.borrow_mut())
    }
}

fn paced() -> Outlet {
    let packetiser = Packetiser::new(Start { ssrc: Ssrc(1), sequence: 0, timestamp: 0 }, PACKET - 12);
    let mut outlet = Outlet::new(packetiser).paced();
    outlet.open();
    outlet
}

fn key(bytes: usize) -> Vec<u8> {
    [&[0, 0, 1, 0x65][..], &vec![0x55; bytes]].concat()
}

fn picture(unit: &[u8]) -> Picture<'_> {
    Picture { unit, captured_monotonic_us: 0, captured_utc_us: 0, key: true }
}

#[test]
fn an_ordinary_picture_leaves_in_one_call() {
    let (mut outlet, mut meter, socket) = (paced(), Meter::default(), Runs::default());
    assert_eq!(outlet.picture(&picture(&key(20_000)), Instant::now(), &socket, &mut meter), Fate::Sent);
    let runs = socket.take();
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!(runs[0].1, PACKET);
    assert_eq!(meter.totals().packets, 17);
    assert!(!outlet.is_backed_up() && outlet.burst_at().is_none());
}

#[test]
fn p11_a_large_key_picture_is_spread_over_at_most_eight_bursts() {
    for bytes in [33_000, 100_000, 256_000, 500_000] {
        let (mut outlet, mut meter, socket) = (paced(), Meter::default(), Runs::default());
        let start = Instant::now();
        assert_eq!(outlet.picture(&picture(&key(bytes)), start, &socket, &mut meter), Fate::Sent);
        let mut bursts = vec![socket.take().iter().map(|(length, _)| length).sum::<usize>()];
        while let Some(at) = outlet.burst_at() {
            assert_eq!(at, start + BURST_EVERY * bursts.len() as u32);
            assert!(!outlet.is_blocked(), "nobody waits for the socket");
            // Too early: nothing leaves.
            outlet.drain(at - Duration::from_micros(300), &socket, &mut meter);
            assert!(socket.take().is_empty());
            outlet.drain(at, &socket, &mut meter);
            bursts.push(socket.take().iter().map(|(length, _)| length).sum());
        }
        let most = LEAST_BURST_BYTES.max(bytes.div_ceil(MOST_BURSTS)) + bytes / 50 + PACKET;
        assert!(bursts.iter().all(|burst| *burst <= most), "{bytes}: {bursts:?}");
        assert!(bursts.len() <= MOST_BURSTS, "{bytes}: {bursts:?}");
        assert_eq!(outlet.figures().pictures, 1);
        assert_eq!(outlet.figures().packets, outlet.packetiser().packets());
    }
}

#[test]
fn a_timer_that_comes_late_lets_out_two_bursts_and_no_more() {
    let (mut outlet, mut meter, socket) = (paced(), Meter::default(), Runs::default());
    let start = Instant::now();
    outlet.picture(&picture(&key(400_000)), start, &socket, &mut meter);
    let first: usize = socket.take().iter().map(|(length, _)| length).sum();
    outlet.drain(start + Duration::from_millis(30), &socket, &mut meter);
    let second: usize = socket.take().iter().map(|(length, _)| length).sum();
    assert!(second <= 2 * first && second > first, "{first}, then {second}");
}

#[test]
fn a_network_that_refuses_drops_the_picture_whole_and_wants_a_key_picture() {
    let (mut outlet, mut meter, socket) = (paced(), Meter::default(), Runs::default());
    let start = Instant::now();
    outlet.picture(&picture(&key(400_000)), start, &socket, &mut meter);
    *socket.broken.borrow_mut() = true;
    outlet.drain(start + BURST_EVERY, &socket, &mut meter);
    assert!(outlet.awaits_key() && !outlet.is_backed_up());
    assert_eq!(outlet.figures().dropped[Dropped::Network as usize], 1);
    *socket.broken.borrow_mut() = false;
    let delta = Picture { key: false, ..picture(&[0, 0, 1, 0x41, 1]) };
    assert_eq!(outlet.picture(&delta, start + 2 * BURST_EVERY, &socket, &mut meter), Fate::AwaitsKey);
    assert_eq!(outlet.picture(&picture(&key(10)), start + 3 * BURST_EVERY, &socket, &mut meter), Fate::Sent);
}
