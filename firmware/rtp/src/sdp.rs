//! The session description of a push: what a receiver needs to know before the first packet, and its reader.
//!
//! RFC 8866; H.264 parameters RFC 6184 §8.1, H.265 RFC 7798 §7.1; `a=extmap` RFC 8285 §8; `a=rtcp` RFC 3605; `a=crypto` RFC 4568; `a=ssrc` RFC 5576. One video
//! stream, receive only.

use crate::extension::{ABS_CAPTURE_TIME, ABS_CAPTURE_TIME_ID};
use crate::srtp::MasterKey;
use crate::{Codec, PAYLOAD_TYPE, ParameterSets, Ssrc};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sdp_types::{
    Connection, Direction, ExtMap, Fmtp, FmtpParam, Media, MediaType, Origin, RtpMap, Session, Time, TransportProto,
};
use std::net::IpAddr;

/// The one crypto suite of ours (RFC 4568 §6.2.1).
const SUITE: &str = "AES_CM_128_HMAC_SHA1_80";
const INLINE: &str = "inline:";

/// What a session description of ours says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Where the packets go.
    pub address: IpAddr,
    /// RTP port; RTCP is the next one.
    pub port: u16,
    /// Payload type.
    pub payload_type: u8,
    /// What the pictures are encoded as.
    pub codec: Codec,
    /// The key picture's parameter sets.
    pub sets: ParameterSets,
    /// How far multicast goes: hops. Used of IPv4 groups only (RFC 8866 §5.7).
    pub ttl: u8,
    /// Local id of abs-capture-time, when the stream carries it.
    pub abs_capture_time_id: Option<u8>,
    /// Whose packets they are, where that is told: a receiver that holds a key for each source (GStreamer's `srtpdec`) cannot begin without it.
    pub source: Option<Source>,
    /// How the packets are protected.
    pub protection: Protection,
}

/// The one source of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its number, which stays for the whole share.
    pub ssrc: Ssrc,
    /// Its canonical name, as its reports have it.
    pub cname: String,
}

/// Whether a stream is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protection {
    /// RTP in clear.
    Clear,
    /// SRTP; the key comes another way.
    Secret,
    /// SRTP, with its key (RFC 4568): whoever reads the description can read the stream.
    Srtp(MasterKey),
}

/// Why there is no session description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// The unit that was to begin the stream lacks a parameter set.
    #[error("sdp: the key picture holds not all parameter sets of {}; the encoder must put them before every key picture", .0.name())]
    NoParameterSets(Codec),
    /// Not a session description.
    #[error("sdp: cannot read the session description: {0}")]
    Malformed(String),
    /// A session description, but not of a stream that we can receive.
    #[error("sdp: {what} is missing or not what Campari sends ({wanted})")]
    Unfit {
        /// Which line.
        what: &'static str,
        /// What was expected.
        wanted: &'static str,
    },
}

impl Description {
    /// Describes the push of a stream that begins with `key_unit` (Annex B) to `address`; multicast with the least TTL.
    ///
    /// # Errors
    /// [`SdpError::NoParameterSets`] when the unit lacks one.
    pub fn of_push(codec: Codec, key_unit: &[u8], address: IpAddr, port: u16) -> Result<Self, SdpError> {
        let sets = codec.parameter_sets(key_unit).ok_or(SdpError::NoParameterSets(codec))?;
        Ok(Self {
            address,
            port,
            payload_type: PAYLOAD_TYPE,
            codec,
            sets,
            ttl: 1,
            abs_capture_time_id: Some(ABS_CAPTURE_TIME_ID),
            source: None,
            protection: Protection::Clear,
        })
    }

    /// The text. `session_id` is a number unique to the share (RFC 8866 §5.2); the origin names no machine.
    #[must_use]
    pub fn text(&self, session_id: u64) -> String {
        let unspecified: IpAddr = if self.address.is_ipv4() {
            std::net::Ipv4Addr::UNSPECIFIED.into()
        } else {
            std::net::Ipv6Addr::UNSPECIFIED.into()
        };
        let mut session = Session::new(Origin::with_ip_addr(session_id, 1, unspecified), "Campari masked video");
        // IPv6 has its scope in the address.
        let ttl = (self.address.is_multicast() && self.address.is_ipv4()).then_some(self.ttl);
        session.set_connection(Connection::from_ip_addr_ttl(self.address, ttl));
        session.add_time(Time::new(0, 0));
        let profile =
            if self.protection == Protection::Clear { TransportProto::RtpAvp } else { TransportProto::RtpSavp };
        let mut media = Media::new(MediaType::Video, self.port, profile, self.payload_type);
        media.add_attribute(RtpMap::new(self.payload_type, self.codec.name(), crate::time::CLOCK_HZ));
        media.add_attribute(self.format());
        if let Some(id) = self.abs_capture_time_id {
            media.add_attribute(ExtMap::new(id, ABS_CAPTURE_TIME));
        }
        if let Protection::Srtp(key) = &self.protection {
            media.add_attribute_with_value("crypto", format!("1 {SUITE} {INLINE}{}", key.to_inline()));
        }
        if let Some(Source { ssrc, cname }) = &self.source {
            media.add_attribute_with_value("ssrc", format!("{} cname:{cname}", ssrc.0));
        }
        media.add_attribute(Direction::RecvOnly);
        session.add_media(media);
        let mut text = Vec::new();
        // Writing to memory cannot fail, and every piece is UTF-8.
        match session.write(&mut text) {
            Ok(()) => String::from_utf8_lossy(&text).into_owned(),
            Err(_) => String::new(),
        }
    }

    fn format(&self) -> Fmtp {
        let mut format = Fmtp::new(self.payload_type);
        let ParameterSets { vps, sps, pps } = &self.sets;
        let mut set = |name: &str, value: String| {
            format.add_format_specific_param(FmtpParam::with_value(name, value));
        };
        match self.codec {
            Codec::H264 => {
                set("packetization-mode", "1".into());
                let level = sps.get(1..4).unwrap_or(&[0x42, 0xc0, 0x1f]);
                set("profile-level-id", level.iter().map(|byte| format!("{byte:02x}")).collect());
                set("sprop-parameter-sets", format!("{},{}", BASE64.encode(sps), BASE64.encode(pps)));
            }
            Codec::H265 => {
                if let Some(level) = ProfileLevel::read(sps) {
                    set("profile-id", level.profile.to_string());
                    set("tier-flag", u8::from(level.high_tier).to_string());
                    set("level-id", level.level.to_string());
                }
                set("sprop-vps", BASE64.encode(vps.as_deref().unwrap_or_default()));
                set("sprop-sps", BASE64.encode(sps));
                set("sprop-pps", BASE64.encode(pps));
            }
        }
        format
    }

    /// Reads a session description of ours.
    ///
    /// # Errors
    /// [`SdpError`] naming the line that is missing or different.
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        let session = Session::parse(text.as_bytes()).map_err(|error| SdpError::Malformed(error.to_string()))?;
        let video = session.medias.iter().find(|media| media.media == "video");
        let video = video.ok_or(SdpError::Unfit { what: "m=", wanted: "m=video" })?;
        let connection = video.connections.first().or(session.connection.as_ref());
        let address = connection.and_then(|c| c.try_address().ok()).map(|c| c.ip);
        let map = video.attributes_typed::<RtpMap>().filter_map(Result::ok).find_map(|map| {
            let codec =
                [Codec::H264, Codec::H265].into_iter().find(|c| map.encoding_name.eq_ignore_ascii_case(c.name()))?;
            Some((codec, map.payload_type))
        });
        let (codec, payload_type) =
            map.ok_or(SdpError::Unfit { what: "a=rtpmap", wanted: "H264/90000 or H265/90000" })?;
        let format = video.attributes_typed::<Fmtp>().filter_map(Result::ok).find(|format| format.fmt == payload_type);
        let format = format.ok_or(SdpError::Unfit { what: "a=fmtp", wanted: "the parameters of the codec" })?;
        let extensions = video.attributes_typed::<ExtMap>().filter_map(Result::ok);
        Ok(Self {
            address: address.ok_or(SdpError::Unfit { what: "c=", wanted: "an IP address" })?,
            port: video.port,
            payload_type,
            codec,
            sets: sets_of(codec, &format)?,
            ttl: connection.and_then(|c| c.try_address().ok()).and_then(|c| c.ttl).unwrap_or(1),
            source: source(video),
            protection: protection(video)?,
            abs_capture_time_id: extensions.into_iter().find(|map| map.uri == ABS_CAPTURE_TIME).map(|map| map.id),
        })
    }
}

/// The parameter sets that a format line carries.
fn sets_of(codec: Codec, format: &Fmtp) -> Result<ParameterSets, SdpError> {
    let value = |name: &str| {
        let mut parameters = format.format_specific_params.iter();
        parameters.find(|p| p.param.eq_ignore_ascii_case(name)).and_then(|p| p.val.as_deref())
    };
    let bytes = |text: &str, wanted: SdpError| BASE64.decode(text).map_err(|_| wanted);
    match codec {
        Codec::H264 => {
            if value("packetization-mode") != Some("1") {
                return Err(SdpError::Unfit { what: "packetization-mode", wanted: "1" });
            }
            let wanted = SdpError::Unfit { what: "sprop-parameter-sets", wanted: "SPS and PPS in base64" };
            let sets = value("sprop-parameter-sets").and_then(|sets| sets.split_once(','));
            let (sps, pps) = sets.ok_or(wanted.clone())?;
            Ok(ParameterSets { vps: None, sps: bytes(sps, wanted.clone())?, pps: bytes(pps, wanted)? })
        }
        Codec::H265 => {
            let set = |what: &'static str| {
                let wanted = SdpError::Unfit { what, wanted: "a parameter set in base64" };
                bytes(value(what).ok_or(wanted.clone())?, wanted)
            };
            Ok(ParameterSets { vps: Some(set("sprop-vps")?), sps: set("sprop-sps")?, pps: set("sprop-pps")? })
        }
    }
}

/// What an H.265 sequence parameter set says first (§7.3.2.2.1, §7.3.3).
struct ProfileLevel {
    high_tier: bool,
    profile: u8,
    level: u8,
}

impl ProfileLevel {
    /// Header, then a byte before `profile_tier_level`, whose twelfth byte is the level. Emulation prevention bytes (§7.3.1.1) are taken out.
    fn read(sps: &[u8]) -> Option<Self> {
        let (mut head, mut count, mut zeros) = ([0_u8; 15], 0, 0);
        for &byte in sps {
            if zeros >= 2 && byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            *head.get_mut(count)? = byte;
            count += 1;
            if count == head.len() {
                let first = head[3];
                return Some(Self { high_tier: first & 0x20 != 0, profile: first & 0x1f, level: head[14] });
            }
        }
        None
    }
}

/// `a=ssrc` (RFC 5576 §4.1) with the name (§6.1). Nothing depends on it here, so that one that cannot be read is none.
fn source(video: &Media) -> Option<Source> {
    let lines = video.attributes.iter().filter(|attribute| attribute.attribute == "ssrc");
    lines
        .filter_map(|line| line.value.as_deref()?.split_once(" cname:"))
        .find_map(|(ssrc, cname)| Some(Source { ssrc: Ssrc(ssrc.parse().ok()?), cname: cname.to_owned() }))
}

/// `a=crypto` (RFC 4568 §9.1): the first line with our suite, one key, no lifetime but in digits, no MKI, no session parameters.
fn protection(video: &Media) -> Result<Protection, SdpError> {
    let lines = video.attributes.iter().filter(|attribute| attribute.attribute == "crypto");
    let wanted = SdpError::Unfit { what: "a=crypto", wanted: "AES_CM_128_HMAC_SHA1_80 with one inline key" };
    let mut any = false;
    for line in lines {
        any = true;
        let mut words = line.value.as_deref().unwrap_or_default().split_ascii_whitespace();
        let (Some(_), Some(SUITE), Some(key), None) = (words.next(), words.next(), words.next(), words.next()) else {
            continue;
        };
        let mut parts = key.strip_prefix(INLINE).unwrap_or_default().split('|');
        let key = parts.next().and_then(MasterKey::of_inline);
        // A lifetime is allowed, a master key identifier (which has a colon) is not.
        if let Some(key) = key
            && parts.all(|part| !part.contains(':'))
        {
            return Ok(Protection::Srtp(key));
        }
    }
    let secure = video.proto.to_string().contains("SAVP");
    match (any, secure) {
        (true, _) => Err(wanted),
        (false, true) => Ok(Protection::Secret),
        (false, false) => Ok(Protection::Clear),
    }
}
