//! A network that loses, repeats and reorders, and receivers that misbehave: what arrives whole is right, what is damaged is known to be, the others see
//! nothing of it, and memory is bounded.

mod support;

use proptest::prelude::*;
use rtp::{Codec, Depacketiser, MediaTime, PAYLOAD_TYPE, Packetiser, Ssrc, Start};
use std::collections::BTreeMap;
use support::*;
use tempfile::TempDir;
use tokio::net::UdpSocket;

/// What a network does to packets, drawn from a seed.
#[derive(Debug, Clone, Copy)]
struct Network {
    loss: f64,
    twice: f64,
    /// As many places later.
    late: usize,
    seed: u64,
}

impl Network {
    /// A small generator (xorshift): a failing case repeats by its seed.
    fn draw(&mut self) -> f64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed >> 11) as f64 / (1_u64 << 53) as f64
    }
    /// The packets as they arrive: each with its place.
    fn carry(&mut self, packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut arrivals = BTreeMap::new();
        for (place, packet) in packets.iter().enumerate() {
            if self.draw() < self.loss {
                continue;
            }
            let copies = if self.draw() < self.twice { 2 } else { 1 };
            for copy in 0..copies {
                let late = if self.draw() < 0.05 { (self.draw() * self.late as f64) as usize } else { 0 };
                arrivals.insert((place + late + copy, place, copy), packet.clone());
            }
        }
        arrivals.into_values().collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    /// Law: whatever the network does, a unit that is given out is one that was sent, in order and once; loss before it is told.
    #[test]
    fn what_is_given_out_was_sent_whole_in_order_and_once(
        loss in prop::sample::select(vec![0.0, 0.01, 0.05, 0.2]), twice in prop::sample::select(vec![0.0, 0.05]), late in 0_usize..20,
        seed in 1_u64.., sizes in prop::collection::vec(1_usize..30_000, 5..40), h265 in any::<bool>(),
    ) {
        let codec = if h265 { Codec::H265 } else { Codec::H264 };
        let head: &[u8] = if h265 { &[0, 0, 0, 1, 2, 1] } else { &[0, 0, 0, 1, 0x41] };
        // Each unit says its number.
        let units: Vec<Vec<u8>> = sizes.iter().enumerate().map(|(number, size)| {
            [head, &vec![number as u8 + 1; *size]].concat()
        }).collect();
        let mut packetiser = Packetiser::new(Start { ssrc: Ssrc(1), sequence: 65_500, timestamp: 9 }, 1200).carrying(codec);
        let mut packets = Vec::new();
        for (number, unit) in units.iter().enumerate() {
            packetiser.packetise(unit, MediaTime(number as u64 * 40_000), 0, |packet| packets.push(packet.to_vec()));
        }
        let arrived = Network { loss, twice, late, seed }.carry(&packets);
        let mut depacketiser = Depacketiser::new(PAYLOAD_TYPE).carrying(codec);
        let mut out: Vec<(u8, bool)> = Vec::new();
        for packet in &arrived {
            let _ = depacketiser.push(packet, |unit| {
                let number = *unit.data.last().expect("not empty");
                assert!(unit.data == units[usize::from(number) - 1], "unit {number} is not what was sent");
                out.push((number, unit.after_loss));
            });
        }
        prop_assert!(out.windows(2).all(|pair| pair[0].0 < pair[1].0), "{:?}", out);
        for pair in out.windows(2) {
            prop_assert!(pair[1].0 == pair[0].0 + 1 || pair[1].1, "a gap that is not told: {:?}", out);
        }
        if arrived.len() == packets.len() && loss == 0.0 && late == 0 {
            prop_assert_eq!(out.len(), units.len());
        }
    }
}

/// Receives for `to` and passes on what the network lets through.
async fn relay(from: UdpSocket, to: u16, mut network: Network) {
    let out = UdpSocket::bind((LANDLORD, 0)).await.expect("a port");
    let mut held: Option<Vec<u8>> = None;
    let mut packet = [0; 2048];
    // Nobody can miss what came before the first packet that came: the first picture is spared.
    let mut spared = 11;
    while let Ok(length) = from.recv(&mut packet).await {
        if spared > 0 {
            spared -= 1;
            let _ = out.send_to(&packet[..length], (LANDLORD, to)).await;
            continue;
        }
        if network.draw() < network.loss {
            continue;
        }
        let packet = packet[..length].to_vec();
        if held.is_none() && network.draw() < 0.01 {
            held = Some(packet);
            continue;
        }
        let twice = network.draw() < network.twice;
        for packet in [Some(&packet), twice.then_some(&packet), held.take().as_ref()].into_iter().flatten() {
            let _ = out.send_to(packet, (LANDLORD, to)).await;
        }
    }
}

/// A large picture that says its number.
fn large(number: u8, key: bool) -> Vec<u8> {
    let head: &[u8] = if key { &KEY } else { &[0, 0, 0, 1, 0x41] };
    [head, &vec![number; 12_000]].concat()
}

#[tokio::test]
async fn behind_a_lossy_network_whole_pictures_come_and_the_receiver_beside_it_misses_none() {
    for loss in [0.01, 0.05, 0.2] {
        let dir = TempDir::new().expect("a folder");
        let broker = Broker::start(&dir).await;
        let eye = FakeEye::listen(&dir);
        let _voice = Voice::start(&dir, broker.port);
        let mut eye = eye.greet().await;
        let (mut near, far, door) = (Receiver::bind().await, Receiver::bind().await, Receiver::bind().await);
        let Receiver { rtp: entrance, rtcp: _entrance_rtcp, port: entrance_port, .. } = door;
        let network = Network { loss, twice: 0.05, late: 0, seed: 0x613 };
        let relay = tokio::spawn(relay(entrance, far.port, network));
        for (share, port) in [("near", near.port), ("far", entrance_port)] {
            eye.grant(share).await;
            eye.start(share, 0, port).await;
        }
        let mut depacketiser = Depacketiser::new(PAYLOAD_TYPE);
        let mut whole = 0;
        let mut packet = [0; 2048];
        for number in 1..=100_u8 {
            let sent = large(number, number % 10 == 1);
            eye.picture_as(0, number.into(), &sent, number % 10 == 1).await;
            // Beside it nothing is lost.
            assert!(near.picture().await.unit == sent, "picture {number} is missing beside a lossy network");
            while let Ok(length) = far.rtp.try_recv(&mut packet) {
                let _ = depacketiser.push(&packet[..length], |unit| {
                    let number = *unit.data.last().expect("not empty");
                    assert!(unit.data == large(number, unit.key), "picture {number} is not what was sent");
                    whole += 1;
                });
            }
        }
        // A picture is ten packets: at 20 % about one in ten comes whole, some with luck.
        let least = if loss < 0.02 { 60 } else { 1 };
        assert!(whole >= least, "{whole} of 100 at {loss}");
        assert!(depacketiser.received().units_dropped > 0 || loss < 0.02, "a lossy network that lost nothing");
        relay.abort();
    }
}

#[tokio::test]
async fn a_receiver_that_floods_with_garbage_costs_the_others_nothing() {
    let dir = TempDir::new().expect("a folder");
    let broker = Broker::start(&dir).await;
    let eye = FakeEye::listen(&dir);
    let voice = Voice::start(&dir, broker.port);
    let mut eye = eye.greet().await;
    let (mut good, mut bad) = (Receiver::bind().await, Receiver::bind().await);
    for (share, port) in [("good", good.port), ("bad", bad.port)] {
        eye.grant(share).await;
        eye.start(share, 0, port).await;
    }
    eye.picture(0, 1, &KEY).await;
    good.picture().await;
    bad.picture().await;
    let (report, from) = bad.report().await;
    let ssrc = &report[4..8];
    let garbage: Vec<Vec<u8>> = vec![
        Vec::new(),
        vec![0xff; 1400],
        // A length that says more than there is, a count of blocks that are not there, a BYE of nobody's with a reason that is too long.
        [&[0x81, 201, 0xff, 0xff][..], ssrc].concat(),
        [&[0x9f, 201, 0, 1][..], ssrc].concat(),
        [&[0x80, 200, 0, 6][..], ssrc, &[0; 20]].concat(),
        vec![0xa0, 203, 0, 1, 0, 0, 0, 0xff],
        report.clone(),
    ];
    for number in 2..100_u8 {
        for packet in garbage.iter().cycle().take(50) {
            // A full buffer loses some: that is the flood's own loss.
            let _ = bad.rtcp.send_to(packet, from).await;
        }
        eye.picture(0, number.into(), &delta(number)).await;
        assert_eq!(good.picture().await.unit, delta(number));
    }
    // Nor has the one that floods lost its own pictures.
    assert_eq!(bad.picture().await.unit, delta(2));
    assert!(voice.is_running());
}
