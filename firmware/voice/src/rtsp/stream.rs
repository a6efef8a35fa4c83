//! One session's RTP stream: slate and pictures as one source, whose clock never runs back.
//!
//! RFC 3550. The slate carries the moment at which it is sent, a picture that of its capture, which may be a little earlier: its RTP timestamp then follows
//! the slate's by one tick, and its abs-capture-time says the truth.

use super::shown::Shown;
use crate::clock;
use rand::Rng as _;
use rtp::sdp::{Description, SdpError};
use rtp::{Codec, MediaTime, NtpTime, Packetiser, Ssrc, Start, rtcp};
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// Session bandwidth (RFC 3550 §6.2) of a stream that hardly moves, bytes/s.
const LEAST_BANDWIDTH: f64 = 16_000.0;
/// One tick of the RTP clock, rounded up, microseconds.
const TICK_US: u64 = 12;

/// The stream.
#[derive(Debug)]
pub(super) struct Stream {
    packetiser: Packetiser,
    cname: String,
    last_us: u64,
    since: Instant,
    /// When the next sender report is due.
    pub(super) report_at: Instant,
}

impl Stream {
    pub(super) fn new(codec: Codec, max_payload_bytes: usize, cname: String) -> Self {
        let mut random = rand::rng();
        let start =
            Start { ssrc: Ssrc(random.random()), sequence: random.random::<u16>() >> 1, timestamp: random.random() };
        let now = Instant::now();
        Self {
            packetiser: Packetiser::new(start, max_payload_bytes).carrying(codec),
            cname,
            last_us: 0,
            since: now,
            report_at: now,
        }
    }
    pub(super) fn ssrc(&self) -> Ssrc {
        self.packetiser.ssrc()
    }
    pub(super) fn packets(&self) -> u64 {
        self.packetiser.packets()
    }
    /// Sequence number and RTP timestamp of what comes next, if that is of this moment.
    pub(super) fn next(&self) -> (u16, u32) {
        (self.packetiser.next_sequence(), self.packetiser.timestamp(MediaTime(clock::monotonic_us())))
    }

    /// A picture; each packet goes to `emit`, the last with its capture time.
    pub(super) fn picture(&mut self, shown: &Shown, mut emit: impl FnMut(&[u8], Option<u64>)) {
        let at_us = self.forward(shown.captured_monotonic_us);
        self.packetiser.packetise(&shown.unit, MediaTime(at_us), shown.captured_utc_us, |packet| {
            emit(packet, (packet[1] & 0x80 != 0).then_some(shown.captured_monotonic_us));
        });
    }
    /// The slate.
    pub(super) fn slate(&mut self, unit: &[u8], mut emit: impl FnMut(&[u8])) {
        let now = clock::now();
        let at_us = self.forward(now.media.0);
        self.packetiser.packetise(unit, MediaTime(at_us), now.utc_us, |packet| emit(packet));
    }
    fn forward(&mut self, at_us: u64) -> u64 {
        self.last_us = at_us.max(self.last_us + TICK_US);
        self.last_us
    }

    /// A sender report, and the time that it states; the next is due at [`Stream::report_at`].
    pub(super) fn report(&mut self, now: Instant) -> Option<(Vec<u8>, NtpTime)> {
        let seconds = now.duration_since(self.since).as_secs_f64().max(1.0);
        let rate = (self.packetiser.payload_bytes() as f64 / seconds).max(LEAST_BANDWIDTH);
        let moment = clock::now();
        let report = rtcp::sender_report(&self.packetiser, moment, &self.cname).ok();
        let wait = report.as_ref().map_or(Duration::from_secs(60), |packet| rtcp::interval(packet.len(), rate));
        self.report_at = now + wait;
        report.map(|packet| (packet, NtpTime::from_utc_us(moment.utc_us)))
    }
    /// The goodbye, if anything was sent.
    pub(super) fn goodbye(&self) -> Option<Vec<u8>> {
        if self.packets() == 0 {
            return None;
        }
        rtcp::goodbye(&self.packetiser, clock::now(), &self.cname).ok()
    }
}

/// What DESCRIBE answers (RFC 2326 appendix C): the parameter sets of `key_unit`, no port, and where to SETUP.
///
/// # Errors
/// [`SdpError`] when the unit has no parameter sets.
pub fn describe(codec: Codec, key_unit: &[u8], from: IpAddr, session_id: u64) -> Result<String, SdpError> {
    let nowhere: IpAddr = match from {
        IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let text = Description::of_push(codec, key_unit, nowhere, 0)?.text(session_id);
    // The one media section is the last.
    Ok(format!("{text}a=control:video\r\n"))
}
