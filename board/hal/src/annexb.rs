//! What is in an access unit, for drivers of encoders that must check what hardware gave them: Annex B (ITU-T H.264 B.1, H.265 B.2), a picture, parameter sets
//! before a key picture. It looks at the types of NAL units and at nothing else in them.

use crate::Codec;

/// What an access unit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessUnit {
    /// Its picture can be decoded without another one.
    pub key: bool,
    /// Parameter sets stand before the picture.
    pub has_header: bool,
    /// Where its first slice's start code begins, bytes.
    pub picture_at: usize,
}

impl AccessUnit {
    /// Reads up to the first slice. `None` when the bytes are no access unit.
    #[must_use]
    pub fn read(codec: Codec, bytes: &[u8]) -> Option<Self> {
        if !(bytes.starts_with(&[0, 0, 1]) || bytes.starts_with(&[0, 0, 0, 1])) {
            return None;
        }
        let mut sets = 0_u8;
        let mut at = 0;
        loop {
            // After a start code.
            let code_at = at + bytes.get(at..)?.windows(3).position(|code| code == [0, 0, 1])?;
            at = code_at + 3;
            let kind = Kind::of(codec, *bytes.get(at)?);
            match kind {
                Kind::Set(bit) => sets |= bit,
                Kind::Other => {}
                Kind::Slice { key } => {
                    let has_header = sets == all_sets(codec);
                    let long = code_at > 0 && bytes[code_at - 1] == 0;
                    return Some(Self { key, has_header, picture_at: code_at - usize::from(long) });
                }
            }
        }
    }
}

/// Whether the bytes begin with a start code and hold parameter sets, but no picture: what some encoders give by itself before the first one.
#[must_use]
pub fn is_header(codec: Codec, bytes: &[u8]) -> bool {
    let starts = bytes.starts_with(&[0, 0, 1]) || bytes.starts_with(&[0, 0, 0, 1]);
    let mut nals = bytes.windows(4).filter(|code| code[..3] == [0, 0, 1]).map(|code| Kind::of(codec, code[3]));
    starts && AccessUnit::read(codec, bytes).is_none() && nals.any(|kind| matches!(kind, Kind::Set(_)))
}

enum Kind {
    Set(u8),
    Slice { key: bool },
    Other,
}

impl Kind {
    /// By the first byte of a NAL unit (H.264 table 7-1, H.265 table 7-1).
    fn of(codec: Codec, byte: u8) -> Self {
        match codec {
            Codec::H264 => match byte & 0x1F {
                1..=4 => Kind::Slice { key: false },
                5 => Kind::Slice { key: true },
                7 => Kind::Set(1),
                8 => Kind::Set(2),
                _ => Kind::Other,
            },
            Codec::H265 => match byte >> 1 & 0x3F {
                // IRAP pictures.
                16..=23 => Kind::Slice { key: true },
                0..=31 => Kind::Slice { key: false },
                32 => Kind::Set(1),
                33 => Kind::Set(2),
                34 => Kind::Set(4),
                _ => Kind::Other,
            },
        }
    }
}

fn all_sets(codec: Codec) -> u8 {
    match codec {
        Codec::H264 => 0b011,
        Codec::H265 => 0b111,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(codec: Codec, nals: &[u8]) -> Option<(bool, bool)> {
        let bytes: Vec<u8> = nals.iter().flat_map(|nal| [0, 0, 0, 1, *nal, 0x11, 0x22]).collect();
        AccessUnit::read(codec, &bytes).map(|unit| (unit.key, unit.has_header))
    }

    #[test]
    fn key_pictures_and_their_parameter_sets_are_seen() {
        for (nals, found) in [
            (&[0x67, 0x68, 0x65][..], (true, true)),
            (&[0x09, 0x67, 0x68, 0x06, 0x65], (true, true)),
            (&[0x68, 0x65], (true, false)),
            (&[0x65], (true, false)),
            (&[0x41], (false, false)),
            (&[0x67, 0x68, 0x41], (false, true)),
        ] {
            assert_eq!(unit(Codec::H264, nals), Some(found), "{nals:x?}");
        }
        for (nals, found) in [
            (&[0x40, 0x42, 0x44, 0x26][..], (true, true)),
            (&[0x40, 0x42, 0x44, 0x4E, 0x2A], (true, true)),
            (&[0x42, 0x44, 0x26], (true, false)),
            (&[0x02], (false, false)),
        ] {
            assert_eq!(unit(Codec::H265, nals), Some(found), "{nals:x?}");
        }
    }

    #[test]
    fn the_picture_begins_at_its_start_code_whether_that_is_long_or_short() {
        let at = |bytes: &[u8]| AccessUnit::read(Codec::H264, bytes).map(|unit| unit.picture_at);
        assert_eq!(at(&[0, 0, 0, 1, 0x67, 9, 0, 0, 1, 0x68, 9, 0, 0, 0, 1, 0x65, 9]), Some(11));
        assert_eq!(at(&[0, 0, 1, 0x67, 9, 0, 0, 1, 0x68, 9, 0, 0, 1, 0x65, 9]), Some(10));
        assert_eq!(at(&[0, 0, 0, 1, 0x41, 9]), Some(0));
        assert_eq!(at(&[0, 0, 1, 0x41, 9]), Some(0));
    }

    #[test]
    fn parameter_sets_by_themselves_are_a_header_and_no_unit() {
        let sets = [0, 0, 0, 1, 0x67, 0x11, 0, 0, 0, 1, 0x68, 0x22];
        assert!(is_header(Codec::H264, &sets) && AccessUnit::read(Codec::H264, &sets).is_none());
        assert!(!is_header(Codec::H264, &[0, 0, 0, 1, 0x67, 0x11, 0, 0, 0, 1, 0x65, 0x22]), "with a picture");
        assert!(!is_header(Codec::H264, &[]) && !is_header(Codec::H264, &[0x5A; 40]));
        assert!(!is_header(Codec::H264, &[0, 0, 0, 1, 0x06, 0x11]), "a message alone");
    }

    #[test]
    fn what_is_no_access_unit_is_seen_as_none() {
        for bytes in
            [&[][..], &[0, 0, 1], &[0x5A; 40], &[1, 0, 0, 1, 0x65], &[0, 0, 0, 1, 0x67, 0, 0, 0, 1, 0x68], &[0]]
        {
            assert_eq!(AccessUnit::read(Codec::H264, bytes), None, "{bytes:x?}");
        }
    }
}
