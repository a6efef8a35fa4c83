//! Pelco-D messages, seven bytes each. Pure.
//!
//! ```text
//!   0     1        2          3          4       5       6
//! +----+---------+----------+----------+-------+-------+----------------------+
//! | FF | address | command 1| command 2| data 1| data 2| sum of 1 to 5 mod 256|
//! +----+---------+----------+----------+-------+-------+----------------------+
//! ```
//! Standard: Pelco's "D" Protocol Manual, TF-0002; the answers and absolute positions are of its extended commands.

/// A message.
pub type Message = [u8; 7];

const SYNC: u8 = 0xff;
/// Fastest pan and tilt but for "turbo", which not every camera has.
const FASTEST: f32 = 63.0;
const HUNDREDTHS: f32 = 100.0;

/// What can be said to a camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Command {
    /// Pan to the right, tilt up, zoom in: each -1 to 1 of the fastest; zoom has but one speed.
    Turn {
        /// To the right.
        pan: f32,
        /// Up.
        tilt: f32,
        /// Nearer.
        zoom: f32,
    },
    /// Go where that number was stored.
    CallPreset(u8),
    /// Go to that pan, degrees clockwise.
    SetPan(f32),
    /// Go to that tilt, degrees up from the horizon.
    SetTilt(f32),
    /// Go to that share of the lens's range.
    SetZoom(f32),
    /// Tell where it looks.
    QueryPan,
    /// Tell how high it looks.
    QueryTilt,
    /// Tell how near it looks.
    QueryZoom,
}

/// What a camera answers; the numbers are its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// To [`Command::QueryPan`]: hundredths of a degree.
    Pan(u16),
    /// To [`Command::QueryTilt`]: hundredths of a degree.
    Tilt(u16),
    /// To [`Command::QueryZoom`].
    Zoom(u16),
}

/// The message for the camera of that address.
#[must_use]
pub fn encode(address: u8, command: &Command) -> Message {
    let [command_1, command_2, data_1, data_2] = match *command {
        Command::Turn { pan, tilt, zoom } => {
            let bit = |value: f32, positive: u8, negative: u8| match value {
                value if value > 0.0 => positive,
                value if value < 0.0 => negative,
                _ => 0,
            };
            let speed = |value: f32| (value.abs().min(1.0) * FASTEST).ceil() as u8;
            let directions = bit(pan, 0x02, 0x04) | bit(tilt, 0x08, 0x10) | bit(zoom, 0x20, 0x40);
            [0, directions, speed(pan), speed(tilt)]
        }
        Command::CallPreset(number) => [0, 0x07, 0, number],
        Command::SetPan(degrees) => with_value(0x4b, hundredths(degrees)),
        // The camera counts downwards.
        Command::SetTilt(degrees) => with_value(0x4d, hundredths(-degrees)),
        Command::SetZoom(share) => with_value(0x4f, (share.clamp(0.0, 1.0) * f32::from(u16::MAX)).round() as u16),
        Command::QueryPan => [0, 0x51, 0, 0],
        Command::QueryTilt => [0, 0x53, 0, 0],
        Command::QueryZoom => [0, 0x55, 0, 0],
    };
    let body = [address, command_1, command_2, data_1, data_2];
    let [a, b, c, d, e] = body;
    [SYNC, a, b, c, d, e, sum(&body)]
}

/// Reads a camera's answer; `None` for what is none, or is altered.
#[must_use]
pub fn decode(message: &Message) -> Option<(u8, Answer)> {
    let [sync, body @ .., last] = message;
    let &[address, 0, kind, high, low] = body else { return None };
    if *sync != SYNC || *last != sum(body) {
        return None;
    }
    let value = u16::from_be_bytes([high, low]);
    match kind {
        0x59 => Some((address, Answer::Pan(value))),
        0x5b => Some((address, Answer::Tilt(value))),
        0x5d => Some((address, Answer::Zoom(value))),
        _ => None,
    }
}

fn with_value(command: u8, value: u16) -> [u8; 4] {
    let [high, low] = value.to_be_bytes();
    [0, command, high, low]
}

/// 0 to 359.99 degrees.
fn hundredths(degrees: f32) -> u16 {
    ((degrees * HUNDREDTHS).round().rem_euclid(360.0 * HUNDREDTHS)) as u16
}

fn sum(body: &[u8]) -> u8 {
    body.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}
