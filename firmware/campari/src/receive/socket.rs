//! The two UDP ports of an RTP receiver: an even one for media, the next one for control (RFC 3550 §11).

use super::ReceiveError;
use nix::sys::socket::{setsockopt, sockopt};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::net::UdpSocket;

/// A key picture arrives in one burst; the system's default buffer holds fewer than a hundred packets.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;
/// Tries to find a free pair.
const TRIES: usize = 50;

/// Both ports, bound.
#[derive(Debug)]
pub struct Ports {
    rtp: Arc<UdpSocket>,
    rtcp: Arc<UdpSocket>,
    address: SocketAddr,
}

impl Ports {
    /// Binds `address` for RTP and the next port for RTCP.
    ///
    /// # Errors
    /// [`ReceiveError::Bind`] when one is taken.
    pub async fn bind(address: SocketAddr) -> Result<Self, ReceiveError> {
        let next = SocketAddr::new(address.ip(), address.port().wrapping_add(1));
        let (rtp, rtcp) = (open(address).await?, open(next).await?);
        Ok(Self { rtp: Arc::new(rtp), rtcp: Arc::new(rtcp), address })
    }

    /// Binds two neighbouring ports that are free, the first one even.
    ///
    /// # Errors
    /// [`ReceiveError`] when there are none.
    pub async fn bind_free(ip: IpAddr) -> Result<Self, ReceiveError> {
        for _ in 0..TRIES {
            let found = open(SocketAddr::new(ip, 0)).await?;
            let Ok(address) = found.local_addr() else { continue };
            let even = SocketAddr::new(ip, address.port() & !1);
            drop(found);
            if even.port() != 0
                && let Ok(ports) = Self::bind(even).await
            {
                return Ok(ports);
            }
        }
        Err(ReceiveError::NoPair(ip))
    }

    /// Where media is taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn sockets(&self) -> (Arc<UdpSocket>, Arc<UdpSocket>) {
        (Arc::clone(&self.rtp), Arc::clone(&self.rtcp))
    }
}

async fn open(address: SocketAddr) -> Result<UdpSocket, ReceiveError> {
    let socket = UdpSocket::bind(address).await.map_err(|cause| ReceiveError::Bind { address, cause })?;
    // The first needs CAP_NET_ADMIN; the second stops at net.core.rmem_max.
    if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_BYTES).is_err()
        && let Err(cause) = setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER_BYTES)
    {
        tracing::warn!(%cause, "receive buffer stays small; large pictures may lose packets");
    }
    Ok(socket)
}
