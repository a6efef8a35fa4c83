//! The two UDP sockets of a push: RTP on an even port, RTCP on the next (RFC 3550 §11), both connected to the receiver's pair.
//!
//! Connected, so that only the receiver is heard and its refusals (ICMP) come back as errors, which are expected and tolerated. A multicast group is
//! sent to in the same way, with the hops and through the interface of the configuration; of its receivers nothing is heard. Where the kernel cuts
//! datagrams (UDP GSO, `UDP_SEGMENT`), packets of full size go to it together; where it cannot, one by one, and that is found out by trying.

use crate::outlet::Sink;
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use rand::Rng as _;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::task::{Context, Poll};
use tokio::net::UdpSocket;

/// Room asked of the kernel: a large key picture. It gives what its own limit allows.
const SEND_BUFFER_BYTES: usize = 1024 * 1024;
const TRIES: usize = 64;
/// Most datagrams read in one go.
const MOST_AT_ONCE: usize = 32;

/// How multicast leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Multicast {
    /// Hops: 1 stays on the link.
    pub ttl: u8,
    /// Name of the network interface; absent: the system's choice.
    pub interface: Option<String>,
}

impl Default for Multicast {
    fn default() -> Self {
        Self { ttl: 1, interface: None }
    }
}

/// A pair of sockets.
#[derive(Debug)]
pub struct Wire {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    /// The kernel cuts what is sent into datagrams of this size; 0 when it does not.
    segment_bytes: Cell<usize>,
}

impl Wire {
    /// Opens a pair towards `address`, for packets of at most `packet_bytes` on the wire.
    ///
    /// # Errors
    /// When no even port with a free neighbour is found, the address cannot be reached from here, or a group's interface is not there.
    pub fn open(address: IpAddr, port: u16, packet_bytes: usize, multicast: &Multicast) -> io::Result<Self> {
        let rtcp_port = port
            .checked_add(1)
            .ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "RTCP needs the port after RTP's"))?;
        let mut last = io::Error::from(ErrorKind::AddrInUse);
        for _ in 0..TRIES {
            let own = rand::rng().random_range(10_000..30_000_u16) * 2;
            let pair = (bind(address, own), bind(address, own + 1));
            match pair {
                (Ok(rtp), Ok(rtcp)) => {
                    if address.is_multicast() {
                        [&rtp, &rtcp].into_iter().try_for_each(|socket| reach(socket, address, multicast))?;
                    }
                    connect(&rtp, address, port)?;
                    connect(&rtcp, address, rtcp_port)?;
                    let segments = i32::try_from(packet_bytes).is_ok_and(|bytes| cut(&rtp, bytes).is_ok());
                    return Ok(Self {
                        rtp: UdpSocket::from_std(rtp.into())?,
                        rtcp: UdpSocket::from_std(rtcp.into())?,
                        segment_bytes: Cell::new(if segments { packet_bytes } else { 0 }),
                    });
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
        self.or_uncut(|| SockRef::from(&self.rtp).send(datagram)).map(|_| ())
    }
    fn send_run(&self, run: &[u8], each: usize) -> io::Result<usize> {
        self.cut_run(run, each, |bytes| SockRef::from(&self.rtp).send(bytes))
    }
}

impl Wire {
    /// A run of full packets in one call, where the kernel cuts it; otherwise its first packet.
    fn cut_run(&self, run: &[u8], each: usize, send: impl Fn(&[u8]) -> io::Result<usize>) -> io::Result<usize> {
        let first = &run[..each.min(run.len())];
        self.or_uncut(|| send(if self.segment_bytes.get() == each { run } else { first }))
    }

    /// Sends, and if that cannot be with a socket that has its packets cut, from now on without: a device that cannot cut or sum up, a path with smaller
    /// packets. Some kernels refuse single packets on such a socket too.
    fn or_uncut(&self, send: impl Fn() -> io::Result<usize>) -> io::Result<usize> {
        match send() {
            Err(error) if self.segment_bytes.get() != 0 && is_no_cutting(&error) => {
                tracing::debug!(%error, "the kernel does not cut datagrams here");
                self.segment_bytes.set(0);
                cut(&self.rtp, 0)?;
                send()
            }
            other => other,
        }
    }
}

fn is_no_cutting(error: &io::Error) -> bool {
    let found = error.raw_os_error().map(Errno::from_raw);
    matches!(found, Some(Errno::EIO | Errno::EINVAL | Errno::EMSGSIZE | Errno::ENOPROTOOPT | Errno::EOPNOTSUPP))
}

/// Has the kernel cut what is sent into datagrams of so many bytes (UDP GSO); 0: not.
fn cut(socket: &impl AsFd, bytes: i32) -> io::Result<()> {
    Ok(setsockopt(socket, sockopt::UdpGsoSegment, &bytes)?)
}

/// Hops and interface of a group (RFC 1112 §6.1, RFC 3493 §5.2). Receivers on this machine hear it too.
fn reach(socket: &Socket, group: IpAddr, multicast: &Multicast) -> io::Result<()> {
    let absent =
        |name: &str| io::Error::new(ErrorKind::NotFound, format!("no interface {name} with an address for it"));
    match group {
        IpAddr::V4(_) => {
            socket.set_multicast_ttl_v4(multicast.ttl.into())?;
            if let Some(name) = multicast.interface.as_deref() {
                let own = nix::ifaddrs::getifaddrs()?
                    .filter(|own| own.interface_name == name)
                    .find_map(|own| Some(own.address?.as_sockaddr_in()?.ip()));
                socket.set_multicast_if_v4(&own.ok_or_else(|| absent(name))?)?;
            }
        }
        IpAddr::V6(_) => {
            socket.set_multicast_hops_v6(multicast.ttl.into())?;
            if let Some(name) = multicast.interface.as_deref() {
                socket.set_multicast_if_v6(nix::net::if_::if_nametoindex(name).map_err(|_| absent(name))?)?;
            }
        }
    }
    Ok(())
}

/// Sends through tokio, which learns from it when there is no room.
#[derive(Debug)]
pub struct SecondTry<'a>(&'a Wire);

impl Sink for SecondTry<'_> {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        self.0.or_uncut(|| self.0.rtp.try_send(datagram)).map(|_| ())
    }
    fn send_run(&self, run: &[u8], each: usize) -> io::Result<usize> {
        self.0.cut_run(run, each, |bytes| self.0.rtp.try_send(bytes))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    /// As Linux 6.1 on a device that does not sum up: nothing at all leaves a socket that is to have its packets cut.
    #[tokio::test]
    async fn a_small_packet_that_comes_first_is_not_lost_where_nothing_can_be_cut() {
        for small in [true, false] {
            let wire = Wire::open(Ipv4Addr::LOCALHOST.into(), 9, 1222, &Multicast::default()).expect("loopback");
            let card = |bytes: &[u8]| match wire.segment_bytes.get() {
                0 => Ok(bytes.len()),
                _ => Err(io::Error::from_raw_os_error(Errno::EIO as i32)),
            };
            let run = [0; 3000];
            let (run, each) = if small { (&run[..99], 99) } else { (&run[..], 1222) };
            assert_eq!(wire.cut_run(run, each, card).expect("sent"), each);
            assert_eq!(wire.segment_bytes.get(), 0, "found out once");
        }
    }
}
