//! The two UDP sockets of a push: RTP on an even port, RTCP on the next (RFC 3550 §11), both connected to the receiver's pair.
//!
//! Connected, so that only the receiver is heard and its refusals (ICMP) come back as errors, which are expected and tolerated.

use crate::outlet::Sink;
use rand::Rng as _;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};
use tokio::net::UdpSocket;

/// Room asked of the kernel: a large key picture. It gives what its own limit allows.
const SEND_BUFFER_BYTES: usize = 1024 * 1024;
const TRIES: usize = 64;
/// Most datagrams read in one go.
const MOST_AT_ONCE: usize = 32;

/// A pair of sockets.
#[derive(Debug)]
pub struct Wire {
    rtp: UdpSocket,
    rtcp: UdpSocket,
}

impl Wire {
    /// Opens a pair towards `address`.
    ///
    /// # Errors
    /// When no even port with a free neighbour is found, or the address cannot be reached from here.
    pub fn open(address: IpAddr, port: u16) -> io::Result<Self> {
        let rtcp_port = port
            .checked_add(1)
            .ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "RTCP needs the port after RTP's"))?;
        let mut last = io::Error::from(ErrorKind::AddrInUse);
        for _ in 0..TRIES {
            let own = rand::rng().random_range(10_000..30_000_u16) * 2;
            let pair = (bind(address, own), bind(address, own + 1));
            match pair {
                (Ok(rtp), Ok(rtcp)) => {
                    connect(&rtp, address, port)?;
                    connect(&rtcp, address, rtcp_port)?;
                    return Ok(Self { rtp: UdpSocket::from_std(rtp.into())?, rtcp: UdpSocket::from_std(rtcp.into())? });
                }
                (Err(error), _) | (_, Err(error)) => last = error,
            }
        }
        Err(last)
    }

    /// Sends RTCP; what the network does not take is not sent, the next report will be.
    pub fn report(&self, packet: &[u8]) {
        if let Err(error) = SockRef::from(&self.rtcp).send(packet)
            && error.kind() == ErrorKind::ConnectionRefused
        {
            // The refusal of an earlier one; this one may get through.
            let _ = SockRef::from(&self.rtcp).send(packet);
        }
    }

    /// The way for packets that had to wait, after [`Wire::poll_writable`].
    #[must_use]
    pub fn second_try(&self) -> SecondTry<'_> {
        SecondTry(self)
    }

    /// Whether the RTP socket takes packets again.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.rtp.poll_send_ready(cx).map(|_| ())
    }

    /// Reads what the receiver sends: RTCP goes to `heard`; on the RTP port nothing is expected, and refusals are taken off both.
    /// Ready when something was there, with the number of refusals on the RTP port.
    pub fn poll_heard(&self, cx: &mut Context<'_>, heard: &mut impl FnMut(&mut [u8])) -> Poll<u32> {
        let mut refusals = 0;
        let rtcp = drain(&self.rtcp, cx, heard, &mut 0);
        let rtp = drain(&self.rtp, cx, &mut |_| (), &mut refusals);
        if rtcp || rtp { Poll::Ready(refusals) } else { Poll::Pending }
    }
}

fn drain(socket: &UdpSocket, cx: &mut Context<'_>, heard: &mut impl FnMut(&mut [u8]), refusals: &mut u32) -> bool {
    let mut any = false;
    let mut datagram = [0_u8; 1500];
    for _ in 0..MOST_AT_ONCE {
        if socket.poll_recv_ready(cx).is_pending() {
            return any;
        }
        match socket.try_recv(&mut datagram) {
            Ok(length) => {
                any = true;
                heard(&mut datagram[..length]);
            }
            // Readiness was stale; the next poll registers anew.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => {
                any = true;
                *refusals += u32::from(error.kind() == ErrorKind::ConnectionRefused);
            }
        }
    }
    any
}

impl Sink for Wire {
    /// Asks the kernel, not tokio's memory of it: a fresh socket is writable before tokio has heard so.
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        SockRef::from(&self.rtp).send(datagram).map(|_| ())
    }
}

/// Sends through tokio, which learns from it when there is no room.
#[derive(Debug)]
pub struct SecondTry<'a>(&'a Wire);

impl Sink for SecondTry<'_> {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        self.0.rtp.try_send(datagram).map(|_| ())
    }
}

fn bind(towards: IpAddr, port: u16) -> io::Result<Socket> {
    let any: IpAddr = if towards.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let own = SocketAddr::new(any, port);
    let socket = Socket::new(Domain::for_address(own), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // Less room is no error: the backlog takes the rest.
    let _ = socket.set_send_buffer_size(SEND_BUFFER_BYTES);
    socket.bind(&SockAddr::from(own))?;
    Ok(socket)
}

fn connect(socket: &Socket, address: IpAddr, port: u16) -> io::Result<()> {
    socket.connect(&SockAddr::from(SocketAddr::new(address, port)))
}
