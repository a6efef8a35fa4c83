//! The subscriber's end: what comes by UDP.

use super::{LANDLORD, patient};
use rtp::{Depacketiser, PAYLOAD_TYPE};
use std::sync::Arc;
use tokio::net::UdpSocket;

/// A receiver's pair of ports.
pub struct Receiver {
    pub rtp: UdpSocket,
    pub rtcp: Arc<UdpSocket>,
    pub port: u16,
    depacketiser: Depacketiser,
}

/// A picture that arrived.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub unit: Vec<u8>,
    pub captured_utc_us: u64,
}

impl Receiver {
    pub async fn bind() -> Self {
        for _ in 0..100 {
            let rtp = UdpSocket::bind((LANDLORD, 0)).await.expect("a port");
            let port = rtp.local_addr().expect("bound").port();
            if port % 2 == 0
                && let Ok(rtcp) = UdpSocket::bind((LANDLORD, port + 1)).await
            {
                return Self { rtp, rtcp: Arc::new(rtcp), port, depacketiser: Depacketiser::new(PAYLOAD_TYPE) };
            }
        }
        panic!("no pair of ports");
    }
    pub async fn picture(&mut self) -> Seen {
        patient("a picture", async {
            loop {
                let mut packet = [0; 2000];
                let (length, _) = self.rtp.recv_from(&mut packet).await.expect("readable");
                let mut seen = None;
                self.depacketiser
                    .push(&packet[..length], |unit| {
                        let captured_utc_us = unit.captured.expect("every picture carries its capture time").utc_us();
                        seen = Some(Seen { unit: unit.data.to_vec(), captured_utc_us });
                    })
                    .expect("good packets");
                if let Some(seen) = seen {
                    return seen;
                }
            }
        })
        .await
    }
    /// Whether a packet lies there unread.
    pub fn has_packet(&self) -> bool {
        match self.rtp.try_recv(&mut [0; 2000]) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
                false
            }
        }
    }
    pub async fn report(&self) -> (Vec<u8>, std::net::SocketAddr) {
        let mut packet = vec![0; 2000];
        let (length, from) = patient("an RTCP packet", self.rtcp.recv_from(&mut packet)).await.expect("readable");
        packet.truncate(length);
        (packet, from)
    }
    /// Waits for the goodbye.
    pub async fn goodbye(&self) {
        patient("the goodbye", goodbye(Arc::clone(&self.rtcp))).await;
    }
}

/// Reads RTCP until a BYE comes.
pub async fn goodbye(rtcp: Arc<UdpSocket>) {
    let mut packet = [0; 2000];
    loop {
        let (length, _) = rtcp.recv_from(&mut packet).await.expect("readable");
        let mut packets = rtcp_types::Compound::parse(&packet[..length]).expect("RTCP");
        if packets.any(|packet| matches!(packet, Ok(rtcp_types::Packet::Bye(_)))) {
            return;
        }
    }
}
