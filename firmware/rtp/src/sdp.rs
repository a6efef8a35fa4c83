//! The session description of a push: what a receiver needs to know before the first packet, and its reader.
//!
//! RFC 8866; H.264 parameters RFC 6184 §8.1; `a=extmap` RFC 8285 §8; `a=rtcp` RFC 3605; `a=crypto` RFC 4568. One video stream, receive only.

use crate::extension::{ABS_CAPTURE_TIME, ABS_CAPTURE_TIME_ID};
use crate::srtp::MasterKey;
use crate::{PAYLOAD_TYPE, annexb};
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
    /// Sequence parameter set, a NAL unit.
    pub sps: Vec<u8>,
    /// Picture parameter set, a NAL unit.
    pub pps: Vec<u8>,
    /// Local id of abs-capture-time, when the stream carries it.
    pub abs_capture_time_id: Option<u8>,
    /// How the packets are protected.
    pub protection: Protection,
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
    /// The unit that was to begin the stream lacks SPS or PPS.
    #[error("sdp: the key picture holds no {0}; the encoder must put parameter sets before every key picture")]
    NoParameterSets(&'static str),
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
    /// Describes the push of a stream that begins with `key_unit` (Annex B) to `address`.
    ///
    /// # Errors
    /// [`SdpError::NoParameterSets`] when the unit lacks SPS or PPS.
    pub fn of_push(key_unit: &[u8], address: IpAddr, port: u16) -> Result<Self, SdpError> {
        let Some((sps, pps)) = annexb::parameter_sets(key_unit) else {
            return Err(SdpError::NoParameterSets("SPS and PPS"));
        };
        if sps.len() < 4 {
            return Err(SdpError::NoParameterSets("whole SPS"));
        }
        Ok(Self {
            address,
            port,
            payload_type: PAYLOAD_TYPE,
            sps: sps.to_vec(),
            pps: pps.to_vec(),
            abs_capture_time_id: Some(ABS_CAPTURE_TIME_ID),
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
        let ttl = self.address.is_multicast().then_some(1);
        session.set_connection(Connection::from_ip_addr_ttl(self.address, ttl));
        session.add_time(Time::new(0, 0));
        let profile =
            if self.protection == Protection::Clear { TransportProto::RtpAvp } else { TransportProto::RtpSavp };
        let mut media = Media::new(MediaType::Video, self.port, profile, self.payload_type);
        media.add_attribute(RtpMap::new(self.payload_type, "H264", crate::time::CLOCK_HZ));
        media.add_attribute(self.format());
        if let Some(id) = self.abs_capture_time_id {
            media.add_attribute(ExtMap::new(id, ABS_CAPTURE_TIME));
        }
        if let Protection::Srtp(key) = &self.protection {
            media.add_attribute_with_value("crypto", format!("1 {SUITE} {INLINE}{}", key.to_inline()));
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
        format.add_format_specific_param(FmtpParam::with_value("packetization-mode", 1));
        let level = self.sps.get(1..4).unwrap_or(&[0x42, 0xc0, 0x1f]);
        let level: String = level.iter().map(|byte| format!("{byte:02x}")).collect();
        format.add_format_specific_param(FmtpParam::with_value("profile-level-id", level));
        let sets = format!("{},{}", BASE64.encode(&self.sps), BASE64.encode(&self.pps));
        format.add_format_specific_param(FmtpParam::with_value("sprop-parameter-sets", sets));
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
        let map = video
            .attributes_typed::<RtpMap>()
            .filter_map(Result::ok)
            .find(|map| map.encoding_name.eq_ignore_ascii_case("H264"));
        let map = map.ok_or(SdpError::Unfit { what: "a=rtpmap", wanted: "H264/90000" })?;
        let format =
            video.attributes_typed::<Fmtp>().filter_map(Result::ok).find(|format| format.fmt == map.payload_type);
        let format = format.ok_or(SdpError::Unfit { what: "a=fmtp", wanted: "the parameters of H264" })?;
        let value = |name: &str| {
            format
                .format_specific_params
                .iter()
                .find(|p| p.param.eq_ignore_ascii_case(name))
                .and_then(|p| p.val.as_deref())
        };
        if value("packetization-mode") != Some("1") {
            return Err(SdpError::Unfit { what: "packetization-mode", wanted: "1" });
        }
        let sets = value("sprop-parameter-sets").and_then(|sets| sets.split_once(','));
        let wanted = SdpError::Unfit { what: "sprop-parameter-sets", wanted: "SPS and PPS in base64" };
        let (sps, pps) = sets.ok_or(wanted.clone())?;
        let bytes = |text: &str| BASE64.decode(text).map_err(|_| wanted.clone());
        let extensions = video.attributes_typed::<ExtMap>().filter_map(Result::ok);
        Ok(Self {
            address: address.ok_or(SdpError::Unfit { what: "c=", wanted: "an IP address" })?,
            port: video.port,
            payload_type: map.payload_type,
            sps: bytes(sps)?,
            pps: bytes(pps)?,
            protection: protection(video)?,
            abs_capture_time_id: extensions.into_iter().find(|map| map.uri == ABS_CAPTURE_TIME).map(|map| map.id),
        })
    }
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
