//! The RTP header extension that every picture's first packet carries: when the picture was captured, in UTC.
//!
//! RFC 8285 §4.2, one-byte header form; the element is
//! [abs-capture-time](http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time) in its short form, 8 bytes of NTP time.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! |       0xBE    |      0xDE     |           length=3            |
//! |  ID   | len=7 |     absolute capture timestamp (bits 0-23)    |
//! |             absolute capture timestamp (bits 24-55)           |
//! |  ... (56-63)  |    0 (pad)    |    0 (pad)    |    0 (pad)    |
//! ```

use crate::NtpTime;

/// Its name in `a=extmap`.
pub const ABS_CAPTURE_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";
/// Its local id in our streams.
pub const ABS_CAPTURE_TIME_ID: u8 = 1;
/// Marks one-byte headers.
pub const ONE_BYTE_PROFILE: u16 = 0xBEDE;

/// The extension's body: id, length, time, padding.
#[must_use]
pub fn write(id: u8, captured: NtpTime) -> [u8; 12] {
    let mut body = [0; 12];
    body[0] = (id << 4) | 7;
    body[1..9].copy_from_slice(&captured.0.to_be_bytes());
    body
}

/// Finds the capture time in an extension's body; other elements are skipped (RFC 8285 §4.2).
#[must_use]
pub fn read(id: u8, profile: u16, mut body: &[u8]) -> Option<NtpTime> {
    if profile != ONE_BYTE_PROFILE {
        return None;
    }
    while let Some((&head, rest)) = body.split_first() {
        if head == 0 {
            body = rest;
            continue;
        }
        let (found, length) = (head >> 4, usize::from(head & 0x0f) + 1);
        // 15 is reserved: stop reading.
        if found == 15 || rest.len() < length {
            return None;
        }
        if found == id {
            return Some(NtpTime(u64::from_be_bytes(*rest[..length].first_chunk()?)));
        }
        body = &rest[length..];
    }
    None
}
