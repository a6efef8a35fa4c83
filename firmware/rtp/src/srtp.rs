//! SRTP and SRTCP: RFC 3711 with `AES_CM_128_HMAC_SHA1_80` (§4.1.1, §4.2.1), one master key, no MKI, key derivation rate 0.
//!
//! A [`Protector`] encrypts what one side sends, an [`Unprotector`] decrypts what it receives from one source. The cipher and hash are RustCrypto's. Not
//! here: key agreement (the key travels in the session description, RFC 4568) and re-keying (2^48 packets are 4000 years of video). Pure: keys are arguments.

use aes::Aes128;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ctr::cipher::{KeyIvInit as _, StreamCipher as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use std::fmt;

/// Bytes that protection adds to an RTP packet.
pub const RTP_OVERHEAD: usize = TAG;
/// Bytes that protection adds to an RTCP packet.
pub const RTCP_OVERHEAD: usize = 4 + TAG;
/// Packets behind the newest one that may still come (RFC 3711 §3.3.2 asks for at least 64).
pub const REPLAY_WINDOW: u64 = 64;
/// A receiver that joins late does not know how often the sequence number has wrapped; it tries this many times on its first packet. A day of 4 Mbit/s.
const MOST_ROLLOVERS_TRIED: u64 = 1024;
/// Only who has the key makes one; none is forgotten, or what it said could be replayed.
const MOST_RTCP_SOURCES: usize = 64;
const TAG: usize = 10;
const FIXED_HEADER: usize = 12;
const RTCP_HEADER: usize = 8;
const ENCRYPTED: u32 = 1 << 31;

/// 128 bits of key and 112 bits of salt.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey([u8; 30]);

impl MasterKey {
    /// From 30 random bytes: key, then salt.
    #[must_use]
    pub fn new(bytes: [u8; 30]) -> Self {
        Self(bytes)
    }
    /// As `a=crypto` carries it: base64 (RFC 4568 §6.1).
    #[must_use]
    pub fn to_inline(&self) -> String {
        BASE64.encode(self.0)
    }
    /// Reads what [`MasterKey::to_inline`] writes. `None` when it is not 30 bytes of base64.
    #[must_use]
    pub fn of_inline(text: &str) -> Option<Self> {
        BASE64.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(secret)")
    }
}

/// Why a packet is not what the sender sent. It is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SrtpError {
    /// Too short, or its header does not fit.
    #[error("srtp: not a protected packet")]
    Malformed,
    /// Not made with this key, or altered.
    #[error("srtp: the authentication tag does not match")]
    BadTag,
    /// It came before, or is too old to tell.
    #[error("srtp: a packet that came before")]
    Replayed,
    /// Of another source than the first good packet, or of one too many.
    #[error("srtp: of another source")]
    OtherSource,
}

/// Keys of one direction and protocol (RFC 3711 §4.3).
struct Session {
    key: [u8; 16],
    salt: [u8; 14],
    mac: Hmac<Sha1>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(secret)")
    }
}

impl Session {
    fn derive(master: &MasterKey, first_label: u8) -> Self {
        // HMAC pads its key with zeros to a block of 64 bytes (RFC 2104 §2).
        let (mut key, mut auth, mut salt) = ([0; 16], [0; 64], [0; 14]);
        fill(master, first_label, &mut key);
        fill(master, first_label + 1, &mut auth[..20]);
        fill(master, first_label + 2, &mut salt);
        Self { key, salt, mac: Hmac::new(&auth.into()) }
    }

    /// AES in counter mode, IV of §4.1.1.
    fn crypt(&self, ssrc: [u8; 4], index: u64, data: &mut [u8]) {
        let mut iv = [0; 16];
        iv[..14].copy_from_slice(&self.salt);
        for (byte, with) in iv[4..8].iter_mut().zip(ssrc) {
            *byte ^= with;
        }
        for (byte, with) in iv[8..14].iter_mut().zip(&index.to_be_bytes()[2..]) {
            *byte ^= with;
        }
        ctr::Ctr128BE::<Aes128>::new(&self.key.into(), &iv.into()).apply_keystream(data);
    }

    fn tag(&self, parts: [&[u8]; 2]) -> [u8; TAG] {
        let mut mac = self.mac.clone();
        parts.into_iter().for_each(|part| mac.update(part));
        let whole = mac.finalize().into_bytes();
        let mut tag = [0; TAG];
        tag.copy_from_slice(&whole[..TAG]);
        tag
    }
    /// In constant time.
    fn is_tag(&self, parts: [&[u8]; 2], tag: &[u8]) -> bool {
        let mut mac = self.mac.clone();
        parts.into_iter().for_each(|part| mac.update(part));
        mac.verify_truncated_left(tag).is_ok()
    }
}

/// The pseudo-random function of §4.3.3 for packet index 0: the label is XORed into byte 7 of the salt.
fn fill(master: &MasterKey, label: u8, out: &mut [u8]) {
    let (mut key, mut iv) = ([0; 16], [0; 16]);
    key.copy_from_slice(&master.0[..16]);
    iv[..14].copy_from_slice(&master.0[16..]);
    iv[7] ^= label;
    out.fill(0);
    ctr::Ctr128BE::<Aes128>::new(&key.into(), &iv.into()).apply_keystream(out);
}

/// Length of the RTP header with its sources and extension (RFC 3550 §5.1, §5.3.1).
fn header_length(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let mut length = FIXED_HEADER + 4 * usize::from(first & 0x0f);
    if first & 0x10 != 0 {
        let words = packet.get(length + 2..length + 4)?;
        length += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
    }
    (first >> 6 == 2 && length <= packet.len()).then_some(length)
}

fn four(packet: &[u8], at: usize) -> Option<[u8; 4]> {
    packet.get(at..at + 4)?.first_chunk().copied()
}

/// Encrypts what one source sends.
#[derive(Debug)]
pub struct Protector {
    rtp: Session,
    rtcp: Session,
    /// Index of the newest RTP packet: rollovers, then its sequence number.
    index: Option<u64>,
    rtcp_index: u32,
    packet: Vec<u8>,
}

impl Protector {
    /// For one source; its packets must come in the order of their sequence numbers.
    #[must_use]
    pub fn new(master: &MasterKey) -> Self {
        let (rtp, rtcp) = (Session::derive(master, 0), Session::derive(master, 3));
        Self { rtp, rtcp, index: None, rtcp_index: 0, packet: Vec::new() }
    }

    /// The protected packet, lent; empty for what is no RTP. No allocation once warm.
    pub fn rtp(&mut self, packet: &[u8]) -> &[u8] {
        self.packet.clear();
        let (Some(header), Some(ssrc)) = (header_length(packet), four(packet, 8)) else { return &self.packet };
        let sequence = u64::from(u16::from_be_bytes([packet[2], packet[3]]));
        let rollovers = self.index.map_or(0, |last| (last >> 16) + u64::from(sequence < last & 0xffff));
        let index = rollovers << 16 | sequence;
        self.index = Some(index);
        self.packet.extend_from_slice(packet);
        self.rtp.crypt(ssrc, index, &mut self.packet[header..]);
        let tag = self.rtp.tag([&self.packet, &(rollovers as u32).to_be_bytes()]);
        self.packet.extend_from_slice(&tag);
        &self.packet
    }

    /// The protected compound packet, lent; empty for what is no RTCP.
    pub fn rtcp(&mut self, packet: &[u8]) -> &[u8] {
        self.packet.clear();
        let Some(ssrc) = four(packet, 4) else { return &self.packet };
        self.rtcp_index = (self.rtcp_index + 1) & !ENCRYPTED;
        self.packet.extend_from_slice(packet);
        self.rtcp.crypt(ssrc, self.rtcp_index.into(), &mut self.packet[RTCP_HEADER..]);
        self.packet.extend_from_slice(&(self.rtcp_index | ENCRYPTED).to_be_bytes());
        let tag = self.rtcp.tag([&self.packet, &[]]);
        self.packet.extend_from_slice(&tag);
        &self.packet
    }
}

/// Which packets came (RFC 3711 §3.3.2).
#[derive(Debug, Default)]
struct Window {
    newest: Option<u64>,
    seen: u64,
}

impl Window {
    fn is_new(&self, index: u64) -> bool {
        let Some(newest) = self.newest else { return true };
        index > newest || (newest - index < REPLAY_WINDOW && self.seen & 1 << (newest - index) == 0)
    }
    fn mark(&mut self, index: u64) {
        let newest = self.newest.unwrap_or(index);
        if index >= newest {
            self.seen = self.seen.checked_shl((index - newest).min(64) as u32).unwrap_or(0) | 1;
            self.newest = Some(index);
        } else {
            self.seen |= 1 << (newest - index).min(63);
        }
    }
}

/// Decrypts what comes: RTP of one source, the first one of which a packet is authentic; RTCP of a few, since each start of a receiver is another.
#[derive(Debug)]
pub struct Unprotector {
    rtp: Session,
    rtcp: Session,
    rtp_source: Option<[u8; 4]>,
    rtp_window: Window,
    rtcp_windows: Vec<([u8; 4], Window)>,
}

impl Unprotector {
    /// For one source.
    #[must_use]
    pub fn new(master: &MasterKey) -> Self {
        Self {
            rtp: Session::derive(master, 0),
            rtcp: Session::derive(master, 3),
            rtp_source: None,
            rtp_window: Window::default(),
            rtcp_windows: Vec::new(),
        }
    }

    /// Decrypts in place; what comes back is the RTP packet.
    ///
    /// # Errors
    /// [`SrtpError`]; the packet is then unchanged.
    pub fn rtp<'a>(&mut self, packet: &'a mut [u8]) -> Result<&'a mut [u8], SrtpError> {
        let end = packet.len().checked_sub(TAG).ok_or(SrtpError::Malformed)?;
        let (packet, tag) = packet.split_at_mut(end);
        let header = header_length(packet).ok_or(SrtpError::Malformed)?;
        let ssrc = four(packet, 8).ok_or(SrtpError::Malformed)?;
        if self.rtp_source.is_some_and(|known| known != ssrc) {
            return Err(SrtpError::OtherSource);
        }
        let index = self.index_of(u16::from_be_bytes([packet[2], packet[3]]), packet, tag)?;
        if !self.rtp_window.is_new(index) {
            return Err(SrtpError::Replayed);
        }
        self.rtp_source = Some(ssrc);
        self.rtp_window.mark(index);
        self.rtp.crypt(ssrc, index, &mut packet[header..]);
        Ok(packet)
    }

    /// The packet's index (§3.3.1, appendix A), proven by its tag.
    fn index_of(&self, sequence: u16, packet: &[u8], tag: &[u8]) -> Result<u64, SrtpError> {
        let proven = |rollovers: u64| {
            self.rtp
                .is_tag([packet, &(rollovers as u32).to_be_bytes()], tag)
                .then_some(rollovers << 16 | u64::from(sequence))
        };
        let Some(newest) = self.rtp_window.newest else {
            return (0..MOST_ROLLOVERS_TRIED).find_map(proven).ok_or(SrtpError::BadTag);
        };
        let (rollovers, last) = (newest >> 16, (newest & 0xffff) as u16);
        // The sequence number nearest to the last one.
        let ahead = sequence.wrapping_sub(last) < 0x8000;
        let guess = match (ahead, sequence >= last) {
            (true, false) => rollovers + 1,
            (false, true) => rollovers.checked_sub(1).ok_or(SrtpError::Replayed)?,
            _ => rollovers,
        };
        proven(guess).ok_or(SrtpError::BadTag)
    }

    /// Decrypts in place; what comes back is the compound RTCP packet.
    ///
    /// # Errors
    /// [`SrtpError`]; the packet is then unchanged.
    pub fn rtcp<'a>(&mut self, packet: &'a mut [u8]) -> Result<&'a mut [u8], SrtpError> {
        let end = packet.len().checked_sub(TAG).ok_or(SrtpError::Malformed)?;
        let (packet, tag) = packet.split_at_mut(end);
        let words = end.checked_sub(4).filter(|at| *at >= RTCP_HEADER).ok_or(SrtpError::Malformed)?;
        let (ssrc, index) = (four(packet, 4), four(packet, words));
        let (Some(ssrc), Some(index)) = (ssrc, index.map(u32::from_be_bytes)) else { return Err(SrtpError::Malformed) };
        if !self.rtcp.is_tag([packet, &[]], tag) {
            return Err(SrtpError::BadTag);
        }
        let number = u64::from(index & !ENCRYPTED);
        let at = match self.rtcp_windows.iter().position(|(known, _)| *known == ssrc) {
            Some(at) => at,
            None if self.rtcp_windows.len() >= MOST_RTCP_SOURCES => return Err(SrtpError::OtherSource),
            None => {
                self.rtcp_windows.push((ssrc, Window::default()));
                self.rtcp_windows.len() - 1
            }
        };
        let window = &mut self.rtcp_windows[at].1;
        if !window.is_new(number) {
            return Err(SrtpError::Replayed);
        }
        window.mark(number);
        let packet = &mut packet[..words];
        if index & ENCRYPTED != 0 {
            self.rtcp.crypt(ssrc, number, &mut packet[RTCP_HEADER..]);
        }
        Ok(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn keys_are_derived_as_in_rfc_3711_appendix_b_3() {
        let bytes = hex("E1F97A0D3E018BE0D64FA32C06DE41390EC675AD498AFEEBB6960B3AABE6");
        let master = MasterKey::new(bytes.try_into().unwrap());
        let (mut key, mut salt, mut auth) = ([0; 16], [0; 14], [0; 94]);
        fill(&master, 0, &mut key);
        fill(&master, 2, &mut salt);
        fill(&master, 1, &mut auth);
        assert_eq!(key.to_vec(), hex("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(salt.to_vec(), hex("30CBBC08863D8C85D49DB34A9AE1"));
        assert_eq!(auth[..32].to_vec(), hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCE"));
    }

    #[test]
    fn the_keystream_is_that_of_rfc_3711_appendix_b_2() {
        let (key, salt) = (hex("2B7E151628AED2A6ABF7158809CF4F3C"), hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"));
        let session =
            Session { key: key.try_into().unwrap(), salt: salt.try_into().unwrap(), mac: Hmac::new(&[0; 64].into()) };
        let mut stream = [0; 48];
        session.crypt([0; 4], 0, &mut stream);
        let expected =
            "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0";
        assert_eq!(stream.to_vec(), hex(expected));
    }
}
