//! NAL units out of a byte stream (ITU-T H.264 Annex B, H.265 Annex B: the same), and the few types of H.264 that matter here.
//!
//! Does not decode anything: start codes and the first byte of each unit.

/// Type 5: a slice of a picture that decoding can start at.
pub const IDR: u8 = 5;
/// Type 6: supplemental enhancement information.
pub const SEI: u8 = 6;
/// Type 7: sequence parameter set.
pub const SPS: u8 = 7;
/// Type 8: picture parameter set.
pub const PPS: u8 = 8;
/// The start code that everything here writes.
pub const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// `nal_unit_type` of a NAL unit (H.264 §7.3.1); 0 of an empty one.
#[must_use]
pub fn nal_type(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |byte| byte & 0x1f)
}

/// Walks the NAL units of `unit`, without start codes and trailing zeros; empty ones are skipped.
#[must_use]
pub fn nals(unit: &[u8]) -> Nals<'_> {
    let (_, rest) = split_at_start_code(unit);
    Nals { rest }
}

/// Iterator of [`nals`].
#[derive(Debug, Clone)]
pub struct Nals<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Nals<'a> {
    type Item = &'a [u8];
    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let (nal, rest) = split_at_start_code(self.rest?);
            self.rest = rest;
            if !nal.is_empty() {
                return Some(nal);
            }
        }
    }
}

/// What stands before the first start code (trailing zeros cut), and what follows it.
fn split_at_start_code(bytes: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut at = 0;
    while let Some(window) = bytes.get(at..at + 3) {
        match window {
            // No start code can begin at this byte nor at the two before the next non-zero one.
            [_, _, byte] if *byte > 1 => at += 3,
            [0, 0, 1] => return (trim(&bytes[..at]), Some(&bytes[at + 3..])),
            _ => at += 1,
        }
    }
    (trim(bytes), None)
}

fn trim(nal: &[u8]) -> &[u8] {
    let end = nal.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &nal[..end]
}

/// Whether decoding can start at this access unit: it holds an IDR slice.
#[must_use]
pub fn is_key(unit: &[u8]) -> bool {
    nals(unit).any(|nal| nal_type(nal) == IDR)
}
