//! The two clocks of an RTP stream: a monotonic one that drives its timestamps, and wall-clock time for people.
//!
//! Reads neither. RTP timestamps: RFC 3550 §5.1, 90 kHz (RFC 6184 §5.1). NTP format: RFC 5905 §6.

/// RTP clock of every video payload here, Hz.
pub const CLOCK_HZ: u32 = 90_000;
/// Seconds from the NTP era (1900) to the Unix epoch (1970).
const NTP_TO_UNIX_S: u64 = 2_208_988_800;

/// A moment on the board's monotonic clock, microseconds. Never goes back, so neither do RTP timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaTime(pub u64);

impl MediaTime {
    /// Ticks of the 90 kHz clock since monotonic zero, modulo 2³² as on the wire.
    #[must_use]
    pub fn ticks(self) -> u32 {
        let ticks = u128::from(self.0) * u128::from(CLOCK_HZ) / 1_000_000;
        (ticks & u128::from(u32::MAX)) as u32
    }
}

/// Wall-clock time in NTP's 32.32 fixed point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// From UTC microseconds since the Unix epoch.
    #[must_use]
    pub fn from_utc_us(utc_us: u64) -> Self {
        let seconds = (utc_us / 1_000_000).wrapping_add(NTP_TO_UNIX_S) & u64::from(u32::MAX);
        // Rounded up, so that the way back (rounded down) gives the very microsecond.
        let fraction = ((utc_us % 1_000_000) << 32).div_ceil(1_000_000);
        Self((seconds << 32) | fraction)
    }
    /// UTC microseconds since the Unix epoch. Second 0 of NTP era 1 (2036) follows era 0 when the top bit is clear (RFC 4330 §3).
    #[must_use]
    pub fn utc_us(self) -> u64 {
        let seconds = self.0 >> 32;
        let era = if seconds & 0x8000_0000 == 0 { 1_u64 << 32 } else { 0 };
        let seconds = (seconds + era).saturating_sub(NTP_TO_UNIX_S);
        let fraction_us = ((self.0 & u64::from(u32::MAX)) * 1_000_000) >> 32;
        seconds * 1_000_000 + fraction_us
    }
}
