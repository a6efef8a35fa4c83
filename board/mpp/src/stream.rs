//! What must be true of an access unit before it goes on: Annex B (ITU-T H.264 B.1, H.265 B.2), a picture in it, parameter sets before a key picture.

use board_hal::Codec;

/// What an access unit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unit {
    /// Its picture can be decoded without another one.
    pub(crate) key: bool,
    /// Parameter sets stand before the picture.
    pub(crate) has_header: bool,
}

impl Unit {
    /// Reads up to the first slice. `None` when the bytes are no access unit.
    pub(crate) fn read(codec: Codec, bytes: &[u8]) -> Option<Self> {
        if !(bytes.starts_with(&[0, 0, 1]) || bytes.starts_with(&[0, 0, 0, 1])) {
            return None;
        }
        let mut sets = 0_u8;
        let mut at = 0;
        loop {
            // After a start code.
            at += bytes.get(at..)?.windows(3).position(|code| code == [0, 0, 1])? + 3;
            let kind = Kind::of(codec, *bytes.get(at)?);
            match kind {
                Kind::Set(bit) => sets |= bit,
                Kind::Other => {}
                Kind::Slice { key } => return Some(Self { key, has_header: sets == all_sets(codec) }),
            }
        }
    }
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
        Unit::read(codec, &bytes).map(|unit| (unit.key, unit.has_header))
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
    fn what_is_no_access_unit_is_seen_as_none() {
        for bytes in
            [&[][..], &[0, 0, 1], &[0x5A; 40], &[1, 0, 0, 1, 0x65], &[0, 0, 0, 1, 0x67, 0, 0, 0, 1, 0x68], &[0]]
        {
            assert_eq!(Unit::read(Codec::H264, bytes), None, "{bytes:x?}");
        }
    }
}
