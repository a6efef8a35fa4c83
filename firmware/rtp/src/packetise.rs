//! Access units into RTP packets: H.264 as RFC 6184, packetization-mode 1 (§6.3); H.265 as RFC 7798 without decoding order numbers.
//!
//! Single NAL unit packets (RFC 6184 §5.6, RFC 7798 §4.4.1), aggregation of what fits together (STAP-A §5.7.1, AP §4.4.2; parameter sets ride with
//! what follows), fragments of what does not fit (FU-A §5.8, FU §4.4.3). Not interleaved. Packets are written into one reused buffer and lent out one
//! at a time. All fragments of a unit but the last fill the limit to the byte, header extension included, so that a kernel can cut them (UDP GSO).

use crate::annexb;
use crate::extension::{self, ABS_CAPTURE_TIME_ID, ONE_BYTE_PROFILE};
use crate::{Codec, MediaTime, NtpTime, Ssrc};
use rtp_types::RtpPacketBuilder;

/// Dynamic payload type of our video (RFC 3551 §6).
pub const PAYLOAD_TYPE: u8 = 96;
/// Largest payload of a packet unless told otherwise, bytes: leaves room for IPv6, UDP, SRTP and a tunnel within 1500.
pub const MAX_PAYLOAD_BYTES: usize = 1200;
/// Least sensible limit: FU-A needs two bytes of header, and tiny packets are a mistake.
pub const MIN_PAYLOAD_BYTES: usize = 64;

/// Bytes of the RTP header without extension.
pub const HEADER_BYTES: usize = 12;

pub(crate) const STAP_A: u8 = 24;
pub(crate) const FU_A: u8 = 28;
pub(crate) const AP: u8 = 48;
pub(crate) const FU: u8 = 49;
/// The extension block of [`extension`]; it takes the place of payload.
const EXTENSION_BYTES: usize = 4 + 12;
/// Most NAL units in one STAP-A; its pieces stay within the packet writer's inline list.
const MAX_AGGREGATED: usize = 7;

/// Where a stream begins; the three numbers are random (RFC 3550 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// The source.
    pub ssrc: Ssrc,
    /// Sequence number of the first packet.
    pub sequence: u16,
    /// Added to every timestamp.
    pub timestamp: u32,
}

/// Packets of one RTP stream.
#[derive(Debug)]
pub struct Packetiser {
    codec: Codec,
    ssrc: Ssrc,
    sequence: u16,
    timestamp_offset: u32,
    max_payload_bytes: usize,
    packet: Vec<u8>,
    packets: u64,
    payload_bytes: u64,
}

/// One packet before it is written.
struct Draft<'a> {
    pieces: &'a [&'a [u8]],
    timestamp: u32,
    captured: Option<NtpTime>,
    marker: bool,
}

impl Packetiser {
    /// A stream of H.264 that begins at `start`; payload and header extension of a packet together hold at most `max_payload_bytes` (at least
    /// [`MIN_PAYLOAD_BYTES`], at most 65 000).
    #[must_use]
    pub fn new(start: Start, max_payload_bytes: usize) -> Self {
        let max_payload_bytes = max_payload_bytes.clamp(MIN_PAYLOAD_BYTES, 65_000);
        Self {
            codec: Codec::H264,
            ssrc: start.ssrc,
            sequence: start.sequence,
            timestamp_offset: start.timestamp,
            max_payload_bytes,
            packet: vec![0; HEADER_BYTES + max_payload_bytes],
            packets: 0,
            payload_bytes: 0,
        }
    }
    /// The same, of `codec`.
    #[must_use]
    pub fn carrying(self, codec: Codec) -> Self {
        Self { codec, ..self }
    }
    /// What the pictures must be encoded as.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }
    /// Largest packet, bytes; all fragments of a unit but the last have this size.
    #[must_use]
    pub fn packet_bytes(&self) -> usize {
        HEADER_BYTES + self.max_payload_bytes
    }
    /// The stream's source.
    #[must_use]
    pub fn ssrc(&self) -> Ssrc {
        self.ssrc
    }
    /// Packets so far, for sender reports.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.packets
    }
    /// Payload bytes so far, for sender reports.
    #[must_use]
    pub fn payload_bytes(&self) -> u64 {
        self.payload_bytes
    }
    /// The RTP timestamp of a moment.
    #[must_use]
    pub fn timestamp(&self, at: MediaTime) -> u32 {
        self.timestamp_offset.wrapping_add(at.ticks())
    }
    /// Sequence number of the next packet.
    #[must_use]
    pub fn next_sequence(&self) -> u16 {
        self.sequence
    }

    /// Cuts `unit` (Annex B, one access unit) into packets and lends each to `emit`. The first carries the capture time `captured_utc_us`
    /// (UTC microseconds), the last the marker. NAL units of types that RTP uses for itself are left out. A unit without a NAL unit gives no packet.
    /// No allocation.
    pub fn packetise(&mut self, unit: &[u8], at: MediaTime, captured_utc_us: u64, mut emit: impl FnMut(&[u8])) {
        let (codec, timestamp) = (self.codec, self.timestamp(at));
        let mut captured = Some(NtpTime::from_utc_us(captured_utc_us));
        let mut nals = annexb::nals(unit).filter(|nal| codec.carries(nal)).peekable();
        while let Some(nal) = nals.next() {
            let room = self.room(captured);
            if nal.len() > room {
                let last = nals.peek().is_none();
                self.fragment(nal, timestamp, &mut captured, last, &mut emit);
                continue;
            }
            let mut together = [nal; MAX_AGGREGATED];
            let mut count = 1;
            let mut bytes = codec.header_bytes() + 2 + nal.len();
            while count < MAX_AGGREGATED
                && let Some(next) = nals.next_if(|next| bytes + 2 + next.len() <= room)
            {
                together[count] = next;
                count += 1;
                bytes += 2 + next.len();
            }
            let marker = nals.peek().is_none();
            let captured = captured.take();
            if count == 1 {
                self.write(&Draft { pieces: &[nal], timestamp, captured, marker }, &mut emit);
            } else {
                self.aggregate(&together[..count], timestamp, captured, marker, &mut emit);
            }
        }
    }

    /// What a packet holds beside its RTP header, with the extension that carries `captured` subtracted.
    fn room(&self, captured: Option<NtpTime>) -> usize {
        self.max_payload_bytes - captured.map_or(0, |_| EXTENSION_BYTES)
    }

    /// STAP-A or AP: sizes before NAL units.
    fn aggregate(
        &mut self,
        nals: &[&[u8]],
        timestamp: u32,
        captured: Option<NtpTime>,
        marker: bool,
        emit: &mut impl FnMut(&[u8]),
    ) {
        let header = aggregate_header(self.codec, nals);
        let mut sizes = [[0_u8; 2]; MAX_AGGREGATED];
        for (size, nal) in sizes.iter_mut().zip(nals) {
            // A NAL unit here is at most 65 000 bytes: the limit of `new`.
            *size = (nal.len() as u16).to_be_bytes();
        }
        let mut pieces: [&[u8]; 1 + 2 * MAX_AGGREGATED] = [&[]; 1 + 2 * MAX_AGGREGATED];
        pieces[0] = &header[..self.codec.header_bytes()];
        for (index, (size, nal)) in sizes.iter().zip(nals).enumerate() {
            pieces[1 + 2 * index] = size;
            pieces[2 + 2 * index] = nal;
        }
        self.write(&Draft { pieces: &pieces[..=2 * nals.len()], timestamp, captured, marker }, emit);
    }

    /// FU-A (RFC 6184 §5.8) or FU (RFC 7798 §4.4.3): the NAL unit's header stays in front with another type, its own type moves to the FU header.
    fn fragment(
        &mut self,
        nal: &[u8],
        timestamp: u32,
        captured: &mut Option<NtpTime>,
        last: bool,
        emit: &mut impl FnMut(&[u8]),
    ) {
        let header_bytes = self.codec.header_bytes();
        let kind = self.codec.nal_type(nal);
        let (front, mut rest) = nal.split_at(header_bytes);
        let mut header = match self.codec {
            Codec::H264 => [(front[0] & 0xe0) | FU_A, 0, 0],
            Codec::H265 => [(front[0] & 0x81) | (FU << 1), front[1], 0],
        };
        let mut start = 0x80;
        while !rest.is_empty() {
            let room = self.room(*captured) - header_bytes - 1;
            let (chunk, after) = rest.split_at(room.min(rest.len()));
            rest = after;
            let end = if rest.is_empty() { 0x40 } else { 0 };
            header[header_bytes] = start | end | kind;
            start = 0;
            let draft = Draft {
                pieces: &[&header[..=header_bytes], chunk],
                timestamp,
                captured: captured.take(),
                marker: last && end != 0,
            };
            self.write(&draft, emit);
        }
    }

    fn write(&mut self, draft: &Draft<'_>, emit: &mut impl FnMut(&[u8])) {
        let extension = draft.captured.map(|captured| extension::write(ABS_CAPTURE_TIME_ID, captured));
        let mut builder = RtpPacketBuilder::<&[u8], &[u8]>::new()
            .payload_type(PAYLOAD_TYPE)
            .sequence_number(self.sequence)
            .timestamp(draft.timestamp)
            .ssrc(self.ssrc.0)
            .marker_bit(draft.marker);
        if let Some(body) = &extension {
            builder = builder.extension(ONE_BYTE_PROFILE, body.as_slice());
        }
        let mut payload_bytes = 0;
        for piece in draft.pieces {
            builder = builder.payload(*piece);
            payload_bytes += piece.len() as u64;
        }
        let written = builder.write_into_unchecked(&mut self.packet);
        self.sequence = self.sequence.wrapping_add(1);
        self.packets += 1;
        self.payload_bytes += payload_bytes;
        emit(&self.packet[..written]);
    }
}

/// The header of a packet that holds several NAL units. STAP-A: F is the OR and NRI the maximum of those inside (RFC 6184 §5.7). AP: F is the OR, layer
/// and temporal id are the lowest of those inside (RFC 7798 §4.4.2).
fn aggregate_header(codec: Codec, nals: &[&[u8]]) -> [u8; 2] {
    let forbidden = nals.iter().fold(0, |bits, nal| bits | (nal[0] & 0x80));
    match codec {
        Codec::H264 => {
            let importance = nals.iter().map(|nal| nal[0] & 0x60).max().unwrap_or(0);
            [forbidden | importance | STAP_A, 0]
        }
        Codec::H265 => {
            let layer = nals.iter().map(|nal| ((nal[0] & 1) << 5) | (nal[1] >> 3)).min().unwrap_or(0);
            let temporal = nals.iter().map(|nal| nal[1] & 7).min().unwrap_or(1);
            [forbidden | (AP << 1) | (layer >> 5), (layer << 3) | temporal]
        }
    }
}
