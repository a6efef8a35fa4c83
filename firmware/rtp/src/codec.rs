//! What differs between the two codecs in a NAL unit's header, and which NAL units RTP carries.
//!
//! ITU-T H.264 §7.3.1 and table 7-1 (RFC 6184 §5.2), ITU-T H.265 §7.3.1.2 and table 7-1 (RFC 7798 §1.1.4). Looks at headers only.

use crate::annexb;

/// What the pictures are encoded as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Codec {
    /// ITU-T H.264; RFC 6184, packetization-mode 1.
    #[default]
    H264,
    /// ITU-T H.265; RFC 7798 without decoding order numbers (`sprop-max-don-diff` 0).
    H265,
}

/// Parameter sets of a key picture, NAL units without start codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterSets {
    /// Video parameter set; H.265 has one, H.264 none.
    pub vps: Option<Vec<u8>>,
    /// Sequence parameter set.
    pub sps: Vec<u8>,
    /// Picture parameter set.
    pub pps: Vec<u8>,
}

/// H.265 types of pictures that decoding can start at (IRAP), reserved ones included.
const IRAP: std::ops::RangeInclusive<u8> = 16..=23;
const VPS_265: u8 = 32;
const SPS_265: u8 = 33;
const PPS_265: u8 = 34;

impl Codec {
    /// Encoding name in `a=rtpmap`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Codec::H264 => "H264",
            Codec::H265 => "H265",
        }
    }
    /// Bytes of a NAL unit's header.
    #[must_use]
    pub fn header_bytes(self) -> usize {
        match self {
            Codec::H264 => 1,
            Codec::H265 => 2,
        }
    }
    /// `nal_unit_type`; 0 of an empty one.
    #[must_use]
    pub fn nal_type(self, nal: &[u8]) -> u8 {
        match self {
            Codec::H264 => annexb::nal_type(nal),
            Codec::H265 => nal.first().map_or(0, |byte| byte >> 1 & 0x3f),
        }
    }
    /// Whether RTP carries it: the types beyond mean something else there.
    #[must_use]
    pub fn carries(self, nal: &[u8]) -> bool {
        let kind = self.nal_type(nal);
        nal.len() >= self.header_bytes()
            && match self {
                Codec::H264 => (1..=23).contains(&kind),
                Codec::H265 => kind <= 47,
            }
    }
    /// Whether decoding can start at this NAL unit.
    #[must_use]
    pub fn is_key_nal(self, nal: &[u8]) -> bool {
        match self {
            Codec::H264 => self.nal_type(nal) == annexb::IDR,
            Codec::H265 => IRAP.contains(&self.nal_type(nal)),
        }
    }
    /// Whether decoding can start at this access unit (Annex B).
    #[must_use]
    pub fn is_key(self, unit: &[u8]) -> bool {
        annexb::nals(unit).any(|nal| self.is_key_nal(nal))
    }
    /// The first parameter sets of an access unit; `None` when one is missing or too short to be one.
    #[must_use]
    pub fn parameter_sets(self, unit: &[u8]) -> Option<ParameterSets> {
        let first = |kind| annexb::nals(unit).find(|nal| self.nal_type(nal) == kind).map(<[u8]>::to_vec);
        let (vps, sps, pps) = match self {
            Codec::H264 => (None, first(annexb::SPS)?, first(annexb::PPS)?),
            Codec::H265 => (Some(first(VPS_265)?), first(SPS_265)?, first(PPS_265)?),
        };
        // Header, and profile and level, which the session description names.
        (sps.len() >= 4).then_some(ParameterSets { vps, sps, pps })
    }
}
