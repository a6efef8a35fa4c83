//! H.264 access units into RTP packets: RFC 6184, packetization-mode 1 (§6.3).
//!
//! Single NAL unit packets (§5.6), STAP-A for what fits together (§5.7.1; parameter sets ride with what follows), FU-A for what does not
//! fit (§5.8). Not interleaved. Packets are written into one reused buffer and lent out one at a time.

use crate::annexb;
use crate::extension::{self, ABS_CAPTURE_TIME_ID, ONE_BYTE_PROFILE};
use crate::{MediaTime, NtpTime, Ssrc};
use rtp_types::RtpPacketBuilder;

/// Dynamic payload type of our video (RFC 3551 §6).
pub const PAYLOAD_TYPE: u8 = 96;
/// Largest payload of a packet unless told otherwise, bytes: leaves room for IPv6, UDP, SRTP and a tunnel within 1500.
pub const MAX_PAYLOAD_BYTES: usize = 1200;
/// Least sensible limit: FU-A needs two bytes of header, and tiny packets are a mistake.
pub const MIN_PAYLOAD_BYTES: usize = 64;

const STAP_A: u8 = 24;
const FU_A: u8 = 28;
/// RTP header and the extension block of [`extension`].
const LARGEST_HEADER: usize = 12 + 4 + 12;
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
    /// A stream that begins at `start`; payloads hold at most `max_payload_bytes` (at least [`MIN_PAYLOAD_BYTES`], at most 65 000).
    #[must_use]
    pub fn new(start: Start, max_payload_bytes: usize) -> Self {
        let max_payload_bytes = max_payload_bytes.clamp(MIN_PAYLOAD_BYTES, 65_000);
        Self {
            ssrc: start.ssrc,
            sequence: start.sequence,
            timestamp_offset: start.timestamp,
            max_payload_bytes,
            packet: vec![0; LARGEST_HEADER + max_payload_bytes],
            packets: 0,
            payload_bytes: 0,
        }
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
    /// (UTC microseconds), the last the marker. A unit without a NAL unit gives no packet. No allocation.
    pub fn packetise(&mut self, unit: &[u8], at: MediaTime, captured_utc_us: u64, mut emit: impl FnMut(&[u8])) {
        let timestamp = self.timestamp(at);
        let mut captured = Some(NtpTime::from_utc_us(captured_utc_us));
        let mut nals = annexb::nals(unit).peekable();
        while let Some(nal) = nals.next() {
            if nal.len() > self.max_payload_bytes {
                let last = nals.peek().is_none();
                self.fragment(nal, timestamp, &mut captured, last, &mut emit);
                continue;
            }
            let mut together = [nal; MAX_AGGREGATED];
            let mut count = 1;
            let mut bytes = 1 + 2 + nal.len();
            while count < MAX_AGGREGATED
                && let Some(next) = nals.next_if(|next| bytes + 2 + next.len() <= self.max_payload_bytes)
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

    /// STAP-A, RFC 6184 §5.7.1: F is the OR and NRI the maximum of those inside.
    fn aggregate(
        &mut self,
        nals: &[&[u8]],
        timestamp: u32,
        captured: Option<NtpTime>,
        marker: bool,
        emit: &mut impl FnMut(&[u8]),
    ) {
        let forbidden = nals.iter().fold(0, |bits, nal| bits | (nal[0] & 0x80));
        let importance = nals.iter().map(|nal| nal[0] & 0x60).max().unwrap_or(0);
        let header = [forbidden | importance | STAP_A];
        let mut sizes = [[0_u8; 2]; MAX_AGGREGATED];
        for (size, nal) in sizes.iter_mut().zip(nals) {
            // A NAL unit here is at most 65 000 bytes: the limit of `new`.
            *size = (nal.len() as u16).to_be_bytes();
        }
        let mut pieces: [&[u8]; 1 + 2 * MAX_AGGREGATED] = [&[]; 1 + 2 * MAX_AGGREGATED];
        pieces[0] = &header;
        for (index, (size, nal)) in sizes.iter().zip(nals).enumerate() {
            pieces[1 + 2 * index] = size;
            pieces[2 + 2 * index] = nal;
        }
        self.write(&Draft { pieces: &pieces[..=2 * nals.len()], timestamp, captured, marker }, emit);
    }

    /// FU-A, RFC 6184 §5.8: the NAL header's first bits move to the indicator, its type to the FU header.
    fn fragment(
        &mut self,
        nal: &[u8],
        timestamp: u32,
        captured: &mut Option<NtpTime>,
        last: bool,
        emit: &mut impl FnMut(&[u8]),
    ) {
        let indicator = (nal[0] & 0xe0) | FU_A;
        let mut chunks = nal[1..].chunks(self.max_payload_bytes - 2).peekable();
        let mut start = 0x80;
        while let Some(chunk) = chunks.next() {
            let end = if chunks.peek().is_none() { 0x40 } else { 0 };
            let header = [indicator, start | end | (nal[0] & 0x1f)];
            start = 0;
            let marker = last && end != 0;
            self.write(&Draft { pieces: &[&header, chunk], timestamp, captured: captured.take(), marker }, emit);
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
