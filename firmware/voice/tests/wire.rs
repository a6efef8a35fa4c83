//! Real sockets: runs arrive as the packets that they are, over IPv4, IPv6 and to a group.

mod support;

use socket2::{Domain, SockAddr, Socket, Type};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use support::{free_port, patient};
use tokio::net::UdpSocket;
use voice::outlet::Sink;
use voice::wire::{Multicast, Wire};

const PACKET: usize = 1222;

/// Twenty full packets and a shorter one, each with its number.
fn run() -> Vec<u8> {
    let mut run: Vec<u8> = (0..20_u8).flat_map(|number| vec![number; PACKET]).collect();
    run.extend([20; 99]);
    run
}

async fn receives(wire: &Wire, receiver: &UdpSocket) {
    let run = run();
    let mut sent = 0;
    while sent < run.len() {
        sent += wire.send_run(&run[sent..], PACKET).expect("room");
    }
    for number in 0..=20_u8 {
        let mut packet = [0; 2000];
        let length = patient("a packet", receiver.recv(&mut packet)).await.expect("readable");
        assert_eq!(length, if number < 20 { PACKET } else { 99 });
        assert!(packet[..length].iter().all(|byte| *byte == number));
    }
}

#[tokio::test]
async fn a_run_arrives_as_its_packets_over_ipv4_and_ipv6() {
    for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let receiver = UdpSocket::bind((address, 0)).await.expect("a port");
        let port = receiver.local_addr().expect("bound").port();
        let wire = Wire::open(address, port, PACKET, &Multicast::default()).expect("loopback");
        receives(&wire, &receiver).await;
        // A smaller one by itself is no run.
        wire.send(&[7; 500]).expect("room");
        let mut packet = [0; 2000];
        assert_eq!(patient("a packet", receiver.recv(&mut packet)).await.expect("readable"), 500);
    }
}

/// What stands in `/proc/net/igmp` is joined: a socket that joined a group of its own on loopback.
fn member(group: Ipv4Addr, port: u16) -> UdpSocket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
    socket.set_nonblocking(true).expect("an option");
    socket.bind(&SockAddr::from(SocketAddr::new(group.into(), port))).expect("a port");
    socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST).expect("loopback takes part");
    UdpSocket::from_std(socket.into()).expect("a socket")
}

#[tokio::test]
async fn a_group_hears_what_leaves_by_the_interface_of_the_configuration() {
    let (group, port) = (Ipv4Addr::new(239, 255, 61, 3), free_port() & !1);
    let receiver = member(group, port);
    let multicast = Multicast { ttl: 3, interface: Some("lo".into()) };
    let wire = Wire::open(group.into(), port, PACKET, &multicast).expect("loopback");
    receives(&wire, &receiver).await;
    let absent = Multicast { interface: Some("nosuch0".into()), ..multicast };
    for group in [IpAddr::V4(group), IpAddr::V6("ff15::613".parse().expect("a group"))] {
        let refused = Wire::open(group, port, PACKET, &absent).expect_err("no such interface").to_string();
        assert!(refused.contains("nosuch0"), "{refused}");
    }
}
