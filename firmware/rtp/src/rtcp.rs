//! RTCP of a sender: reports that pair RTP timestamps with wall-clock time, its name, its goodbye; and what receivers say back.
//!
//! RFC 3550 §6 (SR, RR, SDES, BYE), RFC 4585 §6.3.1 (PLI), RFC 5104 §4.3.1 (FIR). Compound packets always (RFC 3550 §6.1).
//! When to send is the caller's to decide ([`interval`] gives the bound).

use crate::{MediaTime, NtpTime, Packetiser, Ssrc};
use rtcp_types::{
    Bye, Compound, CompoundBuilder, Fir, Packet, Pli, RtcpPacketWriterExt, RtcpWriteError, Sdes, SdesChunk, SdesItem,
    SenderReport,
};
use std::time::Duration;

/// Least time between two reports (RFC 3550 §6.2), halved as its reduced minimum allows for senders.
pub const LEAST_INTERVAL: Duration = Duration::from_millis(2_500);
/// Share of the session's bandwidth that RTCP may take.
pub const SHARE: f64 = 0.05;

/// The moment a report speaks of, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// On the monotonic clock that drives RTP timestamps.
    pub media: MediaTime,
    /// The same moment as UTC microseconds.
    pub utc_us: u64,
}

/// A sender report with the sender's name. The RTP timestamp is that of *now*, not of the last picture (RFC 3550 §6.4.1).
///
/// # Errors
/// When `cname` is longer than 255 bytes.
pub fn sender_report(stream: &Packetiser, now: Now, cname: &str) -> Result<Vec<u8>, RtcpWriteError> {
    write(&CompoundBuilder::default().add_packet(report(stream, now)).add_packet(name(stream.ssrc(), cname)))
}

/// The goodbye: a last report, the name, BYE.
///
/// # Errors
/// When `cname` is longer than 255 bytes.
pub fn goodbye(stream: &Packetiser, now: Now, cname: &str) -> Result<Vec<u8>, RtcpWriteError> {
    write(
        &CompoundBuilder::default()
            .add_packet(report(stream, now))
            .add_packet(name(stream.ssrc(), cname))
            .add_packet(Bye::builder().add_source(stream.ssrc().0)),
    )
}

fn report(stream: &Packetiser, now: Now) -> rtcp_types::SenderReportBuilder {
    SenderReport::builder(stream.ssrc().0)
        .ntp_timestamp(NtpTime::from_utc_us(now.utc_us).0)
        .rtp_timestamp(stream.timestamp(now.media))
        // Both counters wrap (RFC 3550 §6.4.1).
        .packet_count(stream.packets() as u32)
        .octet_count(stream.payload_bytes() as u32)
}

fn name(ssrc: Ssrc, cname: &str) -> rtcp_types::SdesBuilder<'_> {
    Sdes::builder().add_chunk(SdesChunk::builder(ssrc.0).add_item(SdesItem::builder(SdesItem::CNAME, cname)))
}

fn write(compound: &CompoundBuilder<'_>) -> Result<Vec<u8>, RtcpWriteError> {
    let mut packet = vec![0; rtcp_types::RtcpPacketWriter::calculate_size(compound)?];
    let written = compound.write_into(&mut packet)?;
    packet.truncate(written);
    Ok(packet)
}

/// Time between reports of `report_bytes` so that they take at most [`SHARE`] of `media_bytes_per_s`, at least [`LEAST_INTERVAL`].
#[must_use]
pub fn interval(report_bytes: usize, media_bytes_per_s: f64) -> Duration {
    let seconds = report_bytes as f64 / (SHARE * media_bytes_per_s.max(1.0));
    LEAST_INTERVAL.max(Duration::from_secs_f64(seconds.min(60.0)))
}

/// What a receiver said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feedback {
    /// How it receives us.
    Reception(Reception),
    /// It wants a key picture (PLI or FIR).
    KeyPicture,
    /// It left.
    Goodbye,
    /// It calls itself what our stream is called (RFC 3550 §8.2), in a report or in its description of itself; told once a datagram.
    Collision,
}

/// A report block about our stream (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reception {
    /// Lost since the report before, in 1/256.
    pub fraction_lost: u8,
    /// Lost since the start; below zero when more came twice than was lost (RFC 3550 §6.4.1).
    pub lost: i32,
    /// Interarrival jitter, 90 kHz ticks.
    pub jitter: u32,
    /// Highest sequence number received, with its wraps.
    pub highest_sequence: u32,
    /// Middle 32 bits of the NTP time of the last sender report that it has; 0 when it has none.
    pub last_report: u32,
    /// How long it had that report when it wrote this, in 1/65536 s.
    pub since_last_report: u32,
}

/// What a receiver gives back of a sender report's NTP time (RFC 3550 §6.4.1).
#[must_use]
pub fn middle(ntp: NtpTime) -> u32 {
    (ntp.0 >> 16) as u32
}

impl Reception {
    /// Time to the receiver and back, when the report that it names was sent so long ago (RFC 3550 figure 2). `None` when it would be negative.
    #[must_use]
    pub fn round_trip(&self, since_sent: Duration) -> Option<Duration> {
        since_sent.checked_sub(Duration::from_secs_f64(f64::from(self.since_last_report) / 65_536.0))
    }
}

/// Reads a datagram from a receiver of `ours` and hands each thing said to `heard`. What concerns other sources is skipped.
///
/// # Errors
/// [`RtcpError`] when it is no compound RTCP packet; what came before the fault has been handed on.
pub fn read(datagram: &[u8], ours: Ssrc, mut heard: impl FnMut(Feedback)) -> Result<(), RtcpError> {
    let fault = |error: rtcp_types::RtcpParseError| RtcpError { bytes: datagram.len(), why: error.to_string() };
    let mut collides = false;
    for packet in Compound::parse(datagram).map_err(fault)? {
        match packet.map_err(fault)? {
            Packet::Rr(report) => {
                collides |= report.ssrc() == ours.0;
                receptions(report.report_blocks(), ours, &mut heard);
            }
            Packet::Sr(report) => {
                collides |= report.ssrc() == ours.0;
                receptions(report.report_blocks(), ours, &mut heard);
            }
            Packet::Sdes(names) => collides |= names.chunks().any(|chunk| chunk.ssrc() == ours.0),
            Packet::Bye(_) => heard(Feedback::Goodbye),
            Packet::PayloadFeedback(feedback) => {
                let pli = feedback.media_ssrc() == ours.0 && feedback.parse_fci::<Pli<'_>>().is_ok();
                let fir = || {
                    feedback.parse_fci::<Fir<'_>>().is_ok_and(|fir| fir.entries().any(|entry| entry.ssrc() == ours.0))
                };
                if pli || fir() {
                    heard(Feedback::KeyPicture);
                }
            }
            _ => {}
        }
    }
    if collides {
        heard(Feedback::Collision);
    }
    Ok(())
}

fn receptions<'a>(
    blocks: impl Iterator<Item = rtcp_types::ReportBlock<'a>>,
    ours: Ssrc,
    heard: &mut impl FnMut(Feedback),
) {
    for block in blocks.filter(|block| block.ssrc() == ours.0) {
        heard(Feedback::Reception(Reception {
            fraction_lost: block.fraction_lost(),
            // 24 bits with a sign.
            lost: ((block.cumulative_lost() << 8) as i32) >> 8,
            jitter: block.interarrival_jitter(),
            highest_sequence: block.extended_sequence_number(),
            last_report: block.last_sender_report_timestamp(),
            since_last_report: block.delay_since_last_sender_report_timestamp(),
        }));
    }
}

/// A datagram that is no RTCP.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rtcp: {bytes} bytes are no compound RTCP packet: {why}; ignored")]
pub struct RtcpError {
    /// Length of the datagram.
    pub bytes: usize,
    /// What the parser found.
    pub why: String,
}
