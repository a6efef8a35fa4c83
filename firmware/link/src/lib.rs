//! The one wire between eye and voice: messages defined once, with their largest sizes.
//!
//! A Unix stream socket carries frames: 4 bytes little-endian head length, 4 bytes body length, the head
//! ([postcard](https://postcard.jamesmunns.com/wire-format)), the body (raw bytes: an access unit, a token, a bundle). Pure: bytes in, bytes out. Nothing
//! here passes file descriptors, and nothing that the voice sends is believed by the eye before its signature is checked.
#![forbid(unsafe_code)]

pub mod codec;
pub mod message;

pub use codec::{Decoder, LinkError, MAX_BODY, MAX_HEAD};
pub use message::{Codec, Destination, Puller, Pullers, Relay, ServerProof, StreamId, ToEye, ToVoice, Way};
