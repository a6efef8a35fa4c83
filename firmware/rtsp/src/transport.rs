//! Which of the ways that a client offers in SETUP (RFC 2326 §12.39) is taken.

use rtsp_types::headers::{RtpLowerTransport, RtpProfile, RtpTransport, Transport, TransportMode, Transports};

/// How the packets go to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Interleaved with the conversation.
    Interleaved {
        /// Channel of RTP.
        rtp: u8,
        /// Channel of RTCP.
        rtcp: u8,
    },
    /// RTP over UDP, to the address that the conversation comes from and to no other.
    Udp {
        /// The client's port for RTP.
        rtp: u16,
        /// The client's port for RTCP.
        rtcp: u16,
    },
}

/// The first that can be taken: never multicast, never to be recorded here, UDP only where media may go in clear.
pub(crate) fn choose(offered: &Transports, plain: bool) -> Option<Way> {
    offered.iter().find_map(|offer| match offer {
        Transport::Rtp(rtp) => taken(rtp, plain),
        Transport::Other(_) => None,
    })
}

fn taken(offer: &RtpTransport, plain: bool) -> Option<Way> {
    let params = &offer.params;
    let records = params.mode.iter().any(|mode| !matches!(mode, TransportMode::Play));
    if offer.profile != RtpProfile::Avp || params.multicast || records {
        return None;
    }
    match &offer.lower_transport {
        Some(RtpLowerTransport::Tcp) => {
            let (rtp, rtcp) = params.interleaved.unwrap_or((0, Some(1)));
            let rtcp = rtcp.or(rtp.checked_add(1))?;
            (rtp != rtcp).then_some(Way::Interleaved { rtp, rtcp })
        }
        None | Some(RtpLowerTransport::Udp) if plain => {
            let (rtp, rtcp) = params.client_port?;
            let rtcp = rtcp.or(rtp.checked_add(1))?;
            (rtp != 0 && rtcp != 0 && rtp != rtcp).then_some(Way::Udp { rtp, rtcp })
        }
        _ => None,
    }
}
