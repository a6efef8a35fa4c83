//! Puts packets that came in another order than they were sent back into theirs (RFC 3550 sequence numbers), as far as that costs no time to speak of.
//!
//! Law: what goes in comes out once; what came in order comes out at once. A packet that is waited for is waited for at most [`WAIT`], and while fewer than
//! [`MOST`] wait behind it; then it counts as lost, here and to whoever comes after.

use std::time::{Duration, Instant};

/// Packets that may wait for one before them.
const MOST: usize = 32;
/// How long they may.
const WAIT: Duration = Duration::from_millis(30);
/// A sequence number further ahead than this is a new beginning, not a gap.
const JUMP: u16 = 1000;

/// The packets that wait.
#[derive(Debug, Default)]
pub(super) struct Reorder {
    source: u32,
    next: Option<u16>,
    /// In the order of their sequence numbers.
    held: Vec<(u16, Vec<u8>)>,
    since: Option<Instant>,
}

impl Reorder {
    /// Takes a datagram; what can go on goes to `emit`. One that is no RTP goes on at once, for others to refuse.
    pub(super) fn push(&mut self, datagram: &[u8], now: Instant, mut emit: impl FnMut(&[u8])) {
        let Some(&[_, _, s0, s1, _, _, _, _, a, b, c, d]) = datagram.first_chunk::<12>() else { return emit(datagram) };
        let (sequence, source) = (u16::from_be_bytes([s0, s1]), u32::from_be_bytes([a, b, c, d]));
        let ahead = self.next.map_or(0, |next| sequence.wrapping_sub(next));
        let late = ahead > u16::MAX / 2;
        if source != self.source || (!late && ahead > JUMP) {
            self.release_all(&mut emit);
            (self.source, self.next) = (source, None);
        } else if late {
            // Its successors have gone on without it, or it came twice.
            return emit(datagram);
        }
        match self.next {
            Some(next) if next != sequence => self.hold(next, sequence, datagram, now),
            _ => {
                emit(datagram);
                self.next = Some(sequence.wrapping_add(1));
            }
        }
        self.go_on(now, &mut emit);
        if self.held.len() >= MOST {
            self.skip(now, &mut emit);
        }
    }

    /// When [`Reorder::tick`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.since.map(|since| since + WAIT)
    }
    /// Gives up what has been waited for long enough.
    pub(super) fn tick(&mut self, now: Instant, mut emit: impl FnMut(&[u8])) {
        if self.deadline().is_some_and(|at| at <= now) {
            self.skip(now, &mut emit);
        }
    }

    fn hold(&mut self, next: u16, sequence: u16, datagram: &[u8], now: Instant) {
        let place = |of: u16| of.wrapping_sub(next);
        match self.held.binary_search_by_key(&place(sequence), |(of, _)| place(*of)) {
            // Twice.
            Ok(_) => {}
            Err(at) => self.held.insert(at, (sequence, datagram.to_vec())),
        }
        self.since.get_or_insert(now);
    }
    /// What waits no longer for anything goes on.
    fn go_on(&mut self, now: Instant, emit: &mut impl FnMut(&[u8])) {
        let mut gone = 0;
        for (sequence, datagram) in &self.held {
            if self.next != Some(*sequence) {
                break;
            }
            emit(datagram);
            self.next = Some(sequence.wrapping_add(1));
            gone += 1;
        }
        self.held.drain(..gone);
        if gone > 0 || self.held.is_empty() {
            // Whatever waits now waits for another one.
            self.since = (!self.held.is_empty()).then_some(now);
        }
    }
    /// What is missing first is given up.
    fn skip(&mut self, now: Instant, emit: &mut impl FnMut(&[u8])) {
        self.next = self.held.first().map(|(sequence, _)| *sequence).or(self.next);
        self.go_on(now, emit);
    }
    fn release_all(&mut self, emit: &mut impl FnMut(&[u8])) {
        self.held.drain(..).for_each(|(_, datagram)| emit(&datagram));
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(sequence: u16, source: u32) -> Vec<u8> {
        let mut packet = vec![0x80, 96];
        packet.extend(sequence.to_be_bytes());
        packet.extend([0; 4]);
        packet.extend(source.to_be_bytes());
        packet
    }
    fn sequence(datagram: &[u8]) -> u16 {
        u16::from_be_bytes([datagram[2], datagram[3]])
    }

    proptest! {
        /// However packets change places within the window, they come out as they were sent.
        #[test]
        fn what_is_late_by_a_little_finds_its_place(first in any::<u16>(), swaps in prop::collection::vec(0_usize..8, 1..200)) {
            let count = u16::try_from(swaps.len()).expect("few");
            // The first stays: before it nothing is known to be missing.
            let mut sent: Vec<u16> = (0..count).map(|n| first.wrapping_add(n)).collect();
            for (at, by) in swaps.iter().enumerate().skip(1) {
                let other = (at + by).min(sent.len() - 1);
                sent.swap(at, other);
            }
            let (mut reorder, mut out, now) = (Reorder::default(), Vec::new(), Instant::now());
            for sequence_sent in &sent {
                reorder.push(&packet(*sequence_sent, 7), now, |datagram| out.push(sequence(datagram)));
            }
            let mut late = now;
            while let Some(at) = reorder.deadline() {
                late = late.max(at);
                reorder.tick(late, |datagram| out.push(sequence(datagram)));
            }
            let mut once = out.clone();
            once.sort_unstable_by_key(|of| of.wrapping_sub(first));
            prop_assert_eq!(&once, &(0..count).map(|n| first.wrapping_add(n)).collect::<Vec<_>>(), "each once");
            // A packet can wander far by many swaps; as long as none was given up, the order is whole.
            let furthest = sent.iter().enumerate().map(|(at, of)| at.abs_diff(usize::from(of.wrapping_sub(first)))).max();
            if furthest.is_some_and(|furthest| furthest < MOST - 1) {
                prop_assert_eq!(out, once);
            }
        }

        #[test]
        fn anything_at_all_comes_out_once(datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..100)) {
            let (mut reorder, mut out, now) = (Reorder::default(), 0, Instant::now());
            datagrams.iter().for_each(|datagram| reorder.push(datagram, now, |_| out += 1));
            while let Some(at) = reorder.deadline() {
                reorder.tick(at, |_| out += 1);
            }
            // Of what waits, a second copy is dropped.
            prop_assert!(out <= datagrams.len());
        }
    }

    #[test]
    fn a_lost_packet_costs_at_most_the_wait_and_what_came_in_order_costs_nothing() {
        let (mut reorder, mut out, now) = (Reorder::default(), Vec::new(), Instant::now());
        for n in [1, 2, 4, 5] {
            reorder.push(&packet(n, 7), now, |datagram| out.push(sequence(datagram)));
        }
        assert_eq!(out, [1, 2], "4 and 5 wait for 3");
        reorder.tick(now + WAIT / 2, |datagram| out.push(sequence(datagram)));
        assert_eq!(out, [1, 2]);
        reorder.tick(now + WAIT, |datagram| out.push(sequence(datagram)));
        assert_eq!((out.as_slice(), reorder.deadline()), (&[1, 2, 4, 5][..], None));
        reorder.push(&packet(3, 7), now + WAIT, |datagram| out.push(sequence(datagram)));
        assert_eq!(out, [1, 2, 4, 5, 3], "too late: for others to count");
    }

    #[test]
    fn another_source_or_a_leap_begins_anew_and_takes_nothing_along() {
        let (mut reorder, mut out, now) = (Reorder::default(), Vec::new(), Instant::now());
        for (n, source) in [(1, 7), (3, 7), (900, 8), (901, 8), (5000, 8)] {
            reorder.push(&packet(n, source), now, |datagram| out.push(sequence(datagram)));
        }
        assert_eq!(out, [1, 3, 900, 901, 5000]);
    }
}
