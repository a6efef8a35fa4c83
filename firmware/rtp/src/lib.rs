//! RTP for H.264 and H.265 as pure code: access units in, packets out, and back; RTCP; the session description.
//!
//! Not a sender: no socket, no clock, no randomness, no thread. Every time and every random start value is an argument.
//!
//! RTP: RFC 3550 §5. H.264 payload, packetization-mode 1: RFC 6184. H.265 payload: RFC 7798. Header extensions: RFC 8285 §4.2 (one-byte header),
//! carrying [abs-capture-time](http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time). Session description: RFC 8866.
#![forbid(unsafe_code)]

pub mod annexb;
pub mod codec;
pub mod depacketise;
pub mod extension;
pub mod packetise;
pub mod rtcp;
pub mod sdp;
pub mod srtp;
pub mod time;

pub use codec::{Codec, ParameterSets};
pub use depacketise::{AccessUnit, DepacketiseError, Depacketiser};
pub use packetise::{MAX_PAYLOAD_BYTES, PAYLOAD_TYPE, Packetiser, Start};
pub use time::{MediaTime, NtpTime};

/// A synchronisation source: one sender's timeline (RFC 3550 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ssrc(pub u32);
