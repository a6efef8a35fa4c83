//! RTP packets back into access units: RFC 6184 packetization-mode 1 and RFC 7798, the receiver's side of [`crate::packetise`].
//!
//! Notices loss by sequence number and gives out whole access units only. No reorder buffer: a packet that comes late is counted lost.
//! Any bytes may come in; wrong ones give an error and never a panic.

use crate::annexb::START_CODE;
use crate::extension::{self, ABS_CAPTURE_TIME_ID};
use crate::packetise::{AP, FU, FU_A, STAP_A};
use crate::{Codec, NtpTime, Ssrc};
use rtp_types::RtpPacket;

/// Largest access unit, bytes; above it the unit is dropped.
pub const MAX_UNIT_BYTES: usize = 8 * 1024 * 1024;

/// A whole access unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessUnit<'a> {
    /// Annex B, four-byte start codes.
    pub data: &'a [u8],
    /// RTP timestamp, 90 kHz with a random offset.
    pub timestamp: u32,
    /// Capture time, when the packets carried it.
    pub captured: Option<NtpTime>,
    /// Whether decoding can start here.
    pub key: bool,
    /// Whether packets were lost since the unit before: until the next key unit, pictures may be damaged.
    pub after_loss: bool,
}

/// Why a packet was not used. The unit that it belonged to is dropped; the stream goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DepacketiseError {
    /// No RTP packet.
    #[error("rtp: {bytes} bytes are no RTP packet: {why}")]
    NotRtp {
        /// Length of the datagram.
        bytes: usize,
        /// What the parser found.
        why: String,
    },
    /// Another payload type than expected.
    #[error(
        "rtp: packet {sequence} has payload type {found}, expected {expected}; does the session description fit the stream?"
    )]
    PayloadType {
        /// Sequence number.
        sequence: u16,
        /// The packet's.
        found: u8,
        /// Ours.
        expected: u8,
    },
    /// Another source than the one that this depacketiser follows.
    #[error("rtp: packet {sequence} comes from source {found:?}, following {expected:?}")]
    OtherSource {
        /// Sequence number.
        sequence: u16,
        /// The packet's.
        found: Ssrc,
        /// The one followed.
        expected: Ssrc,
    },
    /// The payload breaks RFC 6184 or RFC 7798, or uses a type that mode 1 does not have.
    #[error("rtp: payload of packet {sequence} is no {} of a kind that we send: {why}", codec.name())]
    Payload {
        /// What was expected.
        codec: Codec,
        /// Sequence number.
        sequence: u16,
        /// What is wrong.
        why: &'static str,
    },
    /// Came after its successor, or twice.
    #[error("rtp: packet {sequence} is late or came twice")]
    Late {
        /// Sequence number.
        sequence: u16,
    },
}

/// Counters since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Received {
    /// Packets used.
    pub packets: u64,
    /// Sequence numbers that never came in time.
    pub packets_lost: u64,
    /// Whole access units given out.
    pub units: u64,
    /// Access units dropped because a part was missing or wrong.
    pub units_dropped: u64,
}

/// Follows one source and puts its access units together.
#[derive(Debug)]
pub struct Depacketiser {
    codec: Codec,
    payload_type: u8,
    source: Option<Ssrc>,
    expected: Option<u16>,
    unit: Unit,
    after_loss: bool,
    received: Received,
}

/// The unit being put together.
#[derive(Debug, Default)]
struct Unit {
    data: Vec<u8>,
    timestamp: Option<u32>,
    captured: Option<NtpTime>,
    key: bool,
    fragment_open: bool,
    damaged: bool,
}

impl Unit {
    fn begin(&mut self, timestamp: u32, captured: Option<NtpTime>, damaged: bool) {
        self.data.clear();
        *self = Unit {
            data: std::mem::take(&mut self.data),
            timestamp: Some(timestamp),
            captured,
            damaged,
            ..Unit::default()
        };
    }
    fn nal(&mut self, codec: Codec, header: &[u8], rest: &[u8]) -> Result<(), &'static str> {
        self.key |= codec.is_key_nal(header);
        self.append(&START_CODE)?;
        self.append(header)?;
        self.append(rest)
    }
    fn append(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        if self.data.len() + bytes.len() > MAX_UNIT_BYTES {
            return Err("the access unit is too large");
        }
        self.data.extend_from_slice(bytes);
        Ok(())
    }
    /// What a payload holds is said by the type in its header (RFC 6184 §5.4, RFC 7798 §4.4).
    fn payload(&mut self, codec: Codec, payload: &[u8]) -> Result<(), &'static str> {
        let (aggregate, fragment) = match codec {
            Codec::H264 => (STAP_A, FU_A),
            Codec::H265 => (AP, FU),
        };
        let (header, rest) = payload.split_at_checked(codec.header_bytes()).ok_or("it has no header")?;
        let kind = codec.nal_type(header);
        if self.fragment_open && kind != fragment {
            return Err("another NAL unit begins inside a fragmented one");
        }
        if kind == aggregate {
            self.aggregate(codec, rest)
        } else if kind == fragment {
            self.fragment(codec, header, rest)
        } else if codec.carries(header) {
            self.nal(codec, header, rest)
        } else {
            Err("its type is neither a NAL unit, an aggregate nor a fragment")
        }
    }
    /// STAP-A, AP.
    fn aggregate(&mut self, codec: Codec, mut rest: &[u8]) -> Result<(), &'static str> {
        if rest.is_empty() {
            return Err("an empty aggregate");
        }
        while !rest.is_empty() {
            let (size, after) = rest.split_first_chunk::<2>().ok_or("an aggregate ends inside a size")?;
            let size = usize::from(u16::from_be_bytes(*size));
            let nal = after.get(..size).ok_or("an aggregate ends inside a NAL unit")?;
            if !codec.carries(nal) {
                return Err("an aggregate holds something that is no NAL unit");
            }
            let (header, body) = nal.split_at(codec.header_bytes());
            self.nal(codec, header, body)?;
            rest = &after[size..];
        }
        Ok(())
    }
    /// FU-A, FU.
    fn fragment(&mut self, codec: Codec, front: &[u8], rest: &[u8]) -> Result<(), &'static str> {
        let (&header, body) = rest.split_first().ok_or("a fragment without header")?;
        let (start, end) = (header & 0x80 != 0, header & 0x40 != 0);
        if start && end {
            return Err("a fragment that is start and end at once");
        }
        if start == self.fragment_open {
            return Err("a fragment without its start, or with two");
        }
        self.fragment_open = !end;
        if !start {
            return self.append(body);
        }
        let whole = match codec {
            Codec::H264 => [(front[0] & 0xe0) | (header & 0x1f), 0],
            Codec::H265 => [(front[0] & 0x81) | ((header & 0x3f) << 1), front[1]],
        };
        let whole = &whole[..codec.header_bytes()];
        if !codec.carries(whole) {
            return Err("a fragment of something that is no NAL unit");
        }
        self.nal(codec, whole, body)
    }
}

impl Depacketiser {
    /// Follows the first source of H.264 that it hears with `payload_type`.
    #[must_use]
    pub fn new(payload_type: u8) -> Self {
        Self {
            codec: Codec::H264,
            payload_type,
            source: None,
            expected: None,
            unit: Unit::default(),
            after_loss: false,
            received: Received::default(),
        }
    }
    /// The same, of `codec`.
    #[must_use]
    pub fn carrying(self, codec: Codec) -> Self {
        Self { codec, ..self }
    }
    /// Counters.
    #[must_use]
    pub fn received(&self) -> Received {
        self.received
    }
    /// The source followed, once one was heard.
    #[must_use]
    pub fn source(&self) -> Option<Ssrc> {
        self.source
    }

    /// Takes one datagram; lends out the access units (none, one, or two) that it completes.
    ///
    /// # Errors
    /// [`DepacketiseError`]; the unit that the packet belonged to is dropped, the next ones come.
    pub fn push(&mut self, datagram: &[u8], mut emit: impl FnMut(AccessUnit<'_>)) -> Result<(), DepacketiseError> {
        let packet = RtpPacket::parse(datagram)
            .map_err(|error| DepacketiseError::NotRtp { bytes: datagram.len(), why: error.to_string() })?;
        let sequence = packet.sequence_number();
        self.admit(&packet)?;
        let gap = self.follow(sequence)?;
        if gap {
            self.unit.damaged = true;
            self.after_loss = true;
        }
        let timestamp = packet.timestamp();
        if self.unit.timestamp != Some(timestamp) {
            // A sender that sets no marker, or a lost one: with a gap nobody can tell whether the old unit was whole. That this packet is
            // the first of the new one is then known only by its capture time, which first packets alone carry.
            self.finish(&mut emit);
            let captured =
                packet.extension().and_then(|(profile, body)| extension::read(ABS_CAPTURE_TIME_ID, profile, body));
            self.unit.begin(timestamp, captured, gap && captured.is_none());
        }
        self.received.packets += 1;
        let mut outcome = Ok(());
        if !self.unit.damaged
            && let Err(why) = self.unit.payload(self.codec, packet.payload())
        {
            self.unit.damaged = true;
            outcome = Err(DepacketiseError::Payload { codec: self.codec, sequence, why });
        }
        if packet.marker_bit() {
            self.finish(&mut emit);
        }
        outcome
    }

    fn admit(&mut self, packet: &RtpPacket<'_>) -> Result<(), DepacketiseError> {
        let sequence = packet.sequence_number();
        if packet.payload_type() != self.payload_type {
            return Err(DepacketiseError::PayloadType {
                sequence,
                found: packet.payload_type(),
                expected: self.payload_type,
            });
        }
        let found = Ssrc(packet.ssrc());
        let expected = *self.source.get_or_insert(found);
        if expected == found { Ok(()) } else { Err(DepacketiseError::OtherSource { sequence, found, expected }) }
    }

    /// Whether packets are missing before this one.
    fn follow(&mut self, sequence: u16) -> Result<bool, DepacketiseError> {
        let ahead = self.expected.map_or(0, |expected| sequence.wrapping_sub(expected));
        if ahead >= 0x8000 {
            return Err(DepacketiseError::Late { sequence });
        }
        self.expected = Some(sequence.wrapping_add(1));
        self.received.packets_lost += u64::from(ahead);
        Ok(ahead > 0)
    }

    fn finish(&mut self, emit: &mut impl FnMut(AccessUnit<'_>)) {
        let Some(timestamp) = self.unit.timestamp.take() else { return };
        let unit = &mut self.unit;
        if unit.damaged || unit.fragment_open || unit.data.is_empty() {
            self.received.units_dropped += 1;
            self.after_loss = true;
        } else {
            self.received.units += 1;
            let after_loss = std::mem::take(&mut self.after_loss);
            emit(AccessUnit { data: &unit.data, timestamp, captured: unit.captured, key: unit.key, after_loss });
        }
        unit.damaged = false;
        unit.fragment_open = false;
    }
}
