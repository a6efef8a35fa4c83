//! The way out under pressure: bounded, in order, never late (P11).

use proptest::prelude::*;
use rtp::{Packetiser, Ssrc, Start};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::time::Duration;
use tokio::time::Instant;
use voice::meter::Meter;
use voice::outlet::{Fate, MAX_BACKLOG_BYTES, MAX_WAIT, Outlet, Picture, Sink};

/// A socket with room for some packets, after that none.
#[derive(Default)]
struct Socket {
    room: RefCell<usize>,
    refusals: RefCell<usize>,
    sent: RefCell<VecDeque<u16>>,
}

impl Sink for Socket {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        if *self.refusals.borrow() > 0 {
            *self.refusals.borrow_mut() -= 1;
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let mut room = self.room.borrow_mut();
        if *room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        *room -= 1;
        self.sent.borrow_mut().push_back(u16::from_be_bytes([datagram[2], datagram[3]]));
        Ok(())
    }
}

fn outlet() -> Outlet {
    Outlet::new(Packetiser::new(Start { ssrc: Ssrc(1), sequence: 0, timestamp: 0 }, 1200))
}
fn open_outlet() -> Outlet {
    let mut outlet = outlet();
    outlet.open();
    outlet
}
fn unit(key: bool, bytes: usize) -> Vec<u8> {
    [&[0, 0, 1, if key { 0x65 } else { 0x41 }][..], &vec![0x55; bytes]].concat()
}
fn picture(unit: &[u8], key: bool) -> Picture<'_> {
    Picture { unit, captured_monotonic_us: 0, captured_utc_us: 0, key }
}

#[test]
fn p1_a_closed_outlet_sends_nothing_and_counts_the_attempt() {
    let (mut outlet, mut meter, socket) = (outlet(), Meter::default(), Socket::default());
    *socket.room.borrow_mut() = 100;
    let key = unit(true, 10);
    assert_eq!(outlet.picture(&picture(&key, true), Instant::now(), &socket, &mut meter), Fate::Dropped);
    assert!(socket.sent.borrow().is_empty());
    assert_eq!(meter.read().unwrap().packets_outside_share, 1);
    outlet.open();
    outlet.picture(&picture(&key, true), Instant::now(), &socket, &mut meter);
    assert_eq!(socket.sent.borrow().len(), 1);
    outlet.close();
    outlet.picture(&picture(&key, true), Instant::now(), &socket, &mut meter);
    assert_eq!(socket.sent.borrow().len(), 1);
}

#[test]
fn p4_what_waits_when_the_share_ends_is_never_sent() {
    let (mut outlet, mut meter, socket) = (open_outlet(), Meter::default(), Socket::default());
    let key = unit(true, 50_000);
    assert_eq!(outlet.picture(&picture(&key, true), Instant::now(), &socket, &mut meter), Fate::Sent);
    assert!(outlet.is_backed_up());
    outlet.close();
    *socket.room.borrow_mut() = 1000;
    outlet.drain(Instant::now(), &socket, &mut meter);
    assert!(socket.sent.borrow().is_empty());
}

#[test]
fn a_full_socket_delays_a_picture_and_does_not_reorder_it() {
    let (mut outlet, mut meter, socket) = (open_outlet(), Meter::default(), Socket::default());
    let (key, delta) = (unit(true, 50_000), unit(false, 5_000));
    *socket.room.borrow_mut() = 3;
    let now = Instant::now();
    assert_eq!(outlet.picture(&picture(&key, true), now, &socket, &mut meter), Fate::Sent);
    assert_eq!(outlet.picture(&picture(&delta, false), now + MAX_WAIT / 2, &socket, &mut meter), Fate::Sent);
    assert_eq!(meter.read(), None, "no picture is whole yet");
    while outlet.is_backed_up() {
        *socket.room.borrow_mut() = 7;
        outlet.drain(now + MAX_WAIT / 2, &socket, &mut meter);
    }
    let sent: Vec<u16> = socket.sent.borrow().iter().copied().collect();
    assert_eq!(sent, (0..sent.len() as u16).collect::<Vec<_>>());
    assert_eq!(sent.len() as u64, outlet.packetiser().packets());
}

#[test]
fn p11_what_waited_too_long_is_dropped_up_to_the_next_key_picture() {
    let (mut outlet, mut meter, socket) = (open_outlet(), Meter::default(), Socket::default());
    meter.begin();
    let (key, delta) = (unit(true, 50_000), unit(false, 500));
    let start = Instant::now();
    outlet.picture(&picture(&key, true), start, &socket, &mut meter);
    let late = start + MAX_WAIT + Duration::from_millis(1);
    *socket.room.borrow_mut() = 1000;
    assert_eq!(outlet.picture(&picture(&delta, false), late, &socket, &mut meter), Fate::AwaitsKey);
    assert!(!outlet.is_backed_up() && outlet.awaits_key());
    assert_eq!(outlet.picture(&picture(&key, true), late, &socket, &mut meter), Fate::Sent);
    let read = meter.read().unwrap();
    assert_eq!((read.pictures, read.pictures_dropped), (1, 2));
}

#[test]
fn a_picture_larger_than_the_backlog_is_dropped_and_memory_stays_bounded() {
    let (mut outlet, mut meter, socket) = (open_outlet(), Meter::default(), Socket::default());
    let key = unit(true, MAX_BACKLOG_BYTES + 1);
    assert_eq!(outlet.picture(&picture(&key, true), Instant::now(), &socket, &mut meter), Fate::Dropped);
    assert!(outlet.awaits_key());
}

#[test]
fn when_refusals_cease_a_listener_has_appeared_once() {
    let (mut outlet, mut meter, socket) = (open_outlet(), Meter::default(), Socket::default());
    *socket.room.borrow_mut() = 100;
    *socket.refusals.borrow_mut() = 2;
    let key = unit(true, 10);
    let start = Instant::now();
    assert_eq!(outlet.picture(&picture(&key, true), start, &socket, &mut meter), Fate::Sent);
    assert!(!outlet.listener_appeared(start + Duration::from_millis(200)));
    assert!(outlet.listener_appeared(start + Duration::from_secs(2)));
    assert!(!outlet.listener_appeared(start + Duration::from_secs(3)));
}

#[derive(Debug, Clone)]
enum Step {
    Picture { key: bool, bytes: usize },
    Room(usize),
    Later(u64),
}

proptest! {
    /// Law: whatever the socket does, packets leave in order, and a picture that is not a key picture never follows a gap.
    #[test]
    fn packets_leave_in_order_and_a_gap_is_followed_by_a_key_picture(steps in prop::collection::vec(prop_oneof![
        (prop::bool::weighted(0.3), 1_usize..60_000).prop_map(|(key, bytes)| Step::Picture { key, bytes }),
        (0_usize..60).prop_map(Step::Room),
        (1_u64..150).prop_map(Step::Later),
    ], 1..60)) {
        let (mut outlet, mut meter, socket) = (open_outlet(), Meter::default(), Socket::default());
        let mut now = Instant::now();
        // First sequence number of each key picture that was given to the socket or the backlog.
        let mut keys = Vec::new();
        for step in steps {
            match step {
                Step::Picture { key, bytes } => {
                    let first = outlet.packetiser().next_sequence();
                    let fate = outlet.picture(&picture(&unit(key, bytes), key), now, &socket, &mut meter);
                    if key {
                        keys.push(first);
                    }
                    prop_assert_eq!(fate != Fate::Sent, outlet.awaits_key());
                }
                Step::Room(room) => {
                    *socket.room.borrow_mut() = room;
                    outlet.drain(now, &socket, &mut meter);
                }
                Step::Later(ms) => now += Duration::from_millis(ms),
            }
        }
        let sent = socket.sent.borrow();
        let mut last: Option<u16> = None;
        for &sequence in sent.iter() {
            if let Some(last) = last && sequence != last + 1 {
                prop_assert!(sequence > last, "{} after {}", sequence, last);
                prop_assert!(keys.contains(&sequence), "{} follows a gap and is no key picture", sequence);
            }
            last = Some(sequence);
        }
    }
}
