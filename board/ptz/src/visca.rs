//! VISCA messages: a byte with the addresses, up to fourteen of payload, then FF. Pure.
//!
//! Standard: Sony's VISCA/RS-232C command list (EVI-D100, FCB and SRG series). One camera on the line is address 1; the controller is 0.

/// Longest message.
pub const MAX_LEN: usize = 16;
const END: u8 = 0xff;
/// `CAM_Zoom` direct: the optical range of Sony's blocks.
const ZOOM_TELE: f32 = 16_384.0;
/// Fastest, `VV` and `WW`.
const FASTEST_PAN: f32 = 24.0;
const FASTEST_TILT: f32 = 20.0;

/// What can be said to a camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Command {
    /// Pan to the right and tilt up, each -1 to 1 of the fastest.
    PanTilt {
        /// To the right.
        pan: f32,
        /// Up.
        tilt: f32,
    },
    /// Zoom in, -1 to 1 of the fastest.
    Zoom(f32),
    /// Go there, in steps of the camera's own.
    PanTiltTo {
        /// To the right.
        pan: i16,
        /// Up.
        tilt: i16,
    },
    /// Go to that share of the lens's range.
    ZoomTo(f32),
    /// Go where that number was stored.
    Recall(u8),
    /// Tell where it looks.
    InquirePanTilt,
    /// Tell how near it looks.
    InquireZoom,
}

/// What a camera answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A command was taken.
    Taken,
    /// A command is done.
    Done,
    /// A command or inquiry was not taken, and why.
    Refused(Refusal),
    /// To [`Command::InquirePanTilt`].
    PanTilt {
        /// To the right.
        pan: i16,
        /// Up.
        tilt: i16,
    },
    /// To [`Command::InquireZoom`].
    Zoom(u16),
}

/// Why a camera does not take a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 01: message length.
    Length,
    /// 02: syntax, or parameters out of range.
    Syntax,
    /// 03: its two command buffers are full.
    Full,
    /// 04: cancelled.
    Cancelled,
    /// 05: no such socket.
    NoSocket,
    /// 41: not now, for example while its power is off.
    NotNow,
    /// Another.
    Other(u8),
}

impl Refusal {
    /// In words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Refusal::Length => "wrong length of message",
            Refusal::Syntax => "unknown command, or a position that it does not reach",
            Refusal::Full => "busy with two commands already",
            Refusal::Cancelled => "cancelled",
            Refusal::NoSocket => "no such socket",
            Refusal::NotNow => "not possible now",
            Refusal::Other(_) => "an error that VISCA does not name",
        }
    }
}

/// A message to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    bytes: [u8; MAX_LEN],
    len: usize,
}

impl Message {
    fn new(address: u8, payload: &[u8]) -> Self {
        let mut bytes = [0; MAX_LEN];
        bytes[0] = 0x80 | (address & 7);
        bytes[1..=payload.len()].copy_from_slice(payload);
        bytes[payload.len() + 1] = END;
        Self { bytes, len: payload.len() + 2 }
    }
    /// As they go over the line.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The message for the camera of that address, 1 to 7.
#[must_use]
pub fn encode(address: u8, command: &Command) -> Message {
    let message = |payload: &[u8]| Message::new(address, payload);
    match *command {
        Command::PanTilt { pan, tilt } => {
            let direction = |value: f32, positive: u8, negative: u8| match value {
                value if value > 0.0 => positive,
                value if value < 0.0 => negative,
                _ => 3,
            };
            let (pan_speed, tilt_speed) = (speed(pan, FASTEST_PAN), speed(tilt, FASTEST_TILT));
            message(&[1, 6, 1, pan_speed, tilt_speed, direction(pan, 2, 1), direction(tilt, 1, 2)])
        }
        Command::Zoom(how) => {
            // Variable speed, 0 to 7.
            let speed = (how.abs().min(1.0) * 7.0).round() as u8;
            message(&[
                1,
                4,
                7,
                if how > 0.0 {
                    0x20 | speed
                } else if how < 0.0 {
                    0x30 | speed
                } else {
                    0
                },
            ])
        }
        Command::PanTiltTo { pan, tilt } => {
            let ([a, b, c, d], [e, f, g, h]) = (nibbles(pan as u16), nibbles(tilt as u16));
            message(&[1, 6, 2, FASTEST_PAN as u8, FASTEST_TILT as u8, a, b, c, d, e, f, g, h])
        }
        Command::ZoomTo(share) => {
            let [a, b, c, d] = nibbles((share.clamp(0.0, 1.0) * ZOOM_TELE).round() as u16);
            message(&[1, 4, 0x47, a, b, c, d])
        }
        Command::Recall(number) => message(&[1, 4, 0x3f, 2, number]),
        Command::InquirePanTilt => message(&[9, 6, 0x12]),
        Command::InquireZoom => message(&[9, 4, 0x47]),
    }
}

/// Reads a whole message of a camera's, FF included; `None` for what is none that is known here.
#[must_use]
pub fn decode(message: &[u8]) -> Option<(u8, Answer)> {
    let [from, payload @ .., END] = message else { return None };
    // Sender's address plus 8, to the controller.
    if from & 0x8f != 0x80 {
        return None;
    }
    let address = (from >> 4) & 7;
    let answer = match *payload {
        [kind] if kind & 0xf0 == 0x40 => Answer::Taken,
        [kind] if kind & 0xf0 == 0x50 => Answer::Done,
        [kind, cause] if kind & 0xf0 == 0x60 => Answer::Refused(match cause {
            0x01 => Refusal::Length,
            0x02 => Refusal::Syntax,
            0x03 => Refusal::Full,
            0x04 => Refusal::Cancelled,
            0x05 => Refusal::NoSocket,
            0x41 => Refusal::NotNow,
            other => Refusal::Other(other),
        }),
        [0x50, a, b, c, d] => Answer::Zoom(from_nibbles([a, b, c, d])?),
        [0x50, a, b, c, d, e, f, g, h] => {
            Answer::PanTilt { pan: from_nibbles([a, b, c, d])? as i16, tilt: from_nibbles([e, f, g, h])? as i16 }
        }
        _ => return None,
    };
    Some((address, answer))
}

/// Cuts what comes over a line into messages.
#[derive(Debug, Default)]
pub struct Splitter {
    bytes: [u8; MAX_LEN],
    len: usize,
}

impl Splitter {
    /// Takes a byte; a message when it was the last of one. What is too long to be one is thrown away.
    pub fn take(&mut self, byte: u8) -> Option<&[u8]> {
        if self.len == MAX_LEN {
            self.len = 0;
        }
        self.bytes[self.len] = byte;
        self.len += 1;
        if byte != END {
            return None;
        }
        let len = std::mem::take(&mut self.len);
        Some(&self.bytes[..len])
    }
}

fn speed(how: f32, fastest: f32) -> u8 {
    (how.abs().min(1.0) * fastest).ceil().max(1.0) as u8
}

fn nibbles(value: u16) -> [u8; 4] {
    [12, 8, 4, 0].map(|shift| (value >> shift & 0xf) as u8)
}

fn from_nibbles(nibbles: [u8; 4]) -> Option<u16> {
    nibbles.into_iter().try_fold(0_u16, |value, nibble| (nibble < 16).then(|| value << 4 | u16::from(nibble)))
}
