//! The two UDP sockets of one session: an even port for RTP, the next for RTCP, connected to the ports that the client named at its own address.

use rand::Rng as _;
use socket2::SockRef;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use tokio::net::UdpSocket;

const TRIES: usize = 64;
const SEND_BUFFER_BYTES: usize = 1024 * 1024;

#[derive(Debug)]
pub(super) struct Udp {
    rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
    pub(super) ports: (u16, u16),
}

impl Udp {
    /// From `own` address, which is the one that the client speaks to.
    pub(super) async fn open(own: IpAddr, peer: IpAddr, (rtp_port, rtcp_port): (u16, u16)) -> io::Result<Self> {
        let mut last = io::Error::from(ErrorKind::AddrInUse);
        for _ in 0..TRIES {
            let port = rand::rng().random_range(10_000..30_000_u16) * 2;
            let pair = (UdpSocket::bind((own, port)).await, UdpSocket::bind((own, port + 1)).await);
            match pair {
                (Ok(rtp), Ok(rtcp)) => {
                    // Less room is no error.
                    let _ = SockRef::from(&rtp).set_send_buffer_size(SEND_BUFFER_BYTES);
                    rtp.connect(SocketAddr::new(peer, rtp_port)).await?;
                    rtcp.connect(SocketAddr::new(peer, rtcp_port)).await?;
                    return Ok(Self { rtp, rtcp, ports: (port, port + 1) });
                }
                (Err(error), _) | (_, Err(error)) => last = error,
            }
        }
        Err(last)
    }

    /// False when the network takes no more at this moment. A refusal speaks of an earlier packet.
    pub(super) fn send(&self, packet: &[u8]) -> bool {
        let send = || SockRef::from(&self.rtp).send(packet);
        match send() {
            // Nobody listens yet: what is sent meanwhile is lost, not held up.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                let _ = send();
                true
            }
            other => other.is_ok(),
        }
    }
    pub(super) fn report(&self, packet: &[u8]) {
        if SockRef::from(&self.rtcp).send(packet).is_err() {
            let _ = SockRef::from(&self.rtcp).send(packet);
        }
    }
}
