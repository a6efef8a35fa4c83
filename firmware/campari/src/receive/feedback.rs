//! What a receiver says back: receiver reports with its name, and BYE when it leaves (RFC 3550 §6.4.2, §6.6).

use super::Reception;
use rtcp_types::{
    Bye, Compound, CompoundBuilder, Packet, PayloadFeedback, Pli, ReceiverReport, ReportBlock, RtcpPacketWriterExt,
    Sdes, SdesChunk, SdesItem,
};
use rtp::srtp::{MasterKey, Protector};
use rtp::{Depacketiser, Ssrc};
use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::net::UdpSocket;

/// Speaks to the sender on the control port, once it has been heard there.
pub(super) struct Speaker {
    socket: Arc<UdpSocket>,
    ours: u32,
    sender: Option<SocketAddr>,
    /// Middle 32 bits of the last sender report's NTP time, and when it came.
    last_report: Option<(u32, Instant)>,
    before: (u64, u64),
    protector: Option<Protector>,
}

impl Speaker {
    /// With `key` everything is said as SRTCP.
    pub(super) fn new(socket: Arc<UdpSocket>, key: Option<&MasterKey>) -> Self {
        let protector = key.map(Protector::new);
        Self { socket, ours: rand::random(), sender: None, last_report: None, before: (0, 0), protector }
    }
    pub(super) fn socket(&self) -> Arc<UdpSocket> {
        Arc::clone(&self.socket)
    }

    /// Notes where the sender speaks from and when it last reported.
    pub(super) fn heard(&mut self, from: SocketAddr, datagram: &[u8], source: Ssrc) {
        let Ok(packets) = Compound::parse(datagram) else { return };
        for packet in packets.flatten() {
            if let Packet::Sr(report) = packet
                && report.ssrc() == source.0
            {
                self.sender = Some(from);
                self.last_report = Some(((report.ntp_timestamp() >> 16) as u32, Instant::now()));
            }
        }
    }

    pub(super) async fn report(&mut self, depacketiser: &Depacketiser, seen: &Reception) {
        let (Some(sender), Some(source)) = (self.sender, depacketiser.source()) else { return };
        let (expected_before, lost_before) =
            std::mem::replace(&mut self.before, (seen.packets + seen.packets_lost, seen.packets_lost));
        let expected = (seen.packets + seen.packets_lost).saturating_sub(expected_before);
        let lost = seen.packets_lost.saturating_sub(lost_before);
        let fraction = (lost * 256).checked_div(expected).unwrap_or(0).min(255);
        let mut block = ReportBlock::builder(source.0)
            .fraction_lost(fraction as u8)
            .cumulative_lost(seen.packets_lost.min(0x7f_ffff) as u32)
            .extended_sequence_number(seen.highest_sequence)
            .interarrival_jitter((seen.jitter_ms * 90.0) as u32);
        if let Some((stamp, at)) = self.last_report {
            let delay = (at.elapsed().as_secs_f64() * 65_536.0) as u32;
            block = block.last_sender_report_timestamp(stamp).delay_since_last_sender_report_timestamp(delay);
        }
        let compound = CompoundBuilder::default()
            .add_packet(ReceiverReport::builder(self.ours).add_report_block(block))
            .add_packet(self.name());
        self.send(&compound, sender).await;
    }

    pub(super) async fn goodbye(&mut self) {
        let Some(sender) = self.sender else { return };
        let compound = CompoundBuilder::default()
            .add_packet(ReceiverReport::builder(self.ours))
            .add_packet(self.name())
            .add_packet(Bye::builder().add_source(self.ours));
        self.send(&compound, sender).await;
    }

    /// Asks for a key picture (PLI, RFC 4585 §6.3.1): where the sender reported from, or beside the port that its media comes from (RFC 3550 §11).
    pub(super) fn ask_for_key(&mut self, source: Ssrc, media_from: SocketAddr) {
        let beside = media_from.port().checked_add(1).map(|port| SocketAddr::new(media_from.ip(), port));
        let Some(to) = self.sender.or(beside) else { return };
        let wanted = Pli::builder();
        let compound = CompoundBuilder::default()
            .add_packet(ReceiverReport::builder(self.ours))
            .add_packet(self.name())
            .add_packet(PayloadFeedback::builder(&wanted).sender_ssrc(self.ours).media_ssrc(source.0));
        let mut packet = [0; 512];
        let sent = self.written(&compound, &mut packet).and_then(|packet| self.socket.try_send_to(&packet, to));
        if let Err(cause) = sent {
            tracing::debug!(%cause, "no key picture was asked for");
        }
    }

    fn name(&self) -> rtcp_types::SdesBuilder<'static> {
        Sdes::builder()
            .add_chunk(SdesChunk::builder(self.ours).add_item(SdesItem::builder(SdesItem::CNAME, "campari-view")))
    }

    fn written<'p>(&mut self, compound: &CompoundBuilder<'_>, packet: &'p mut [u8]) -> std::io::Result<Cow<'p, [u8]>> {
        let length = compound.write_into(packet).map_err(|cause| std::io::Error::other(cause.to_string()))?;
        Ok(match &mut self.protector {
            Some(protector) => Cow::Owned(protector.rtcp(&packet[..length]).to_vec()),
            None => Cow::Borrowed(&packet[..length]),
        })
    }
    async fn send(&mut self, compound: &CompoundBuilder<'_>, to: SocketAddr) {
        let mut packet = [0; 512];
        let sent = match self.written(compound, &mut packet) {
            Ok(packet) => self.socket.send_to(&packet, to).await.map(drop),
            Err(cause) => Err(cause),
        };
        if let Err(cause) = sent {
            tracing::debug!(%cause, "report not sent");
        }
    }
}
