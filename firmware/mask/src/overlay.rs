//! What is written on every shared picture: camera id, UTC time with milliseconds, filter, rung when not clear, "no recording".
//!
//! The time is the frame's capture time, given as a number; nothing here reads a clock.

use crate::canvas::Canvas;
use crate::font::Fonts;
use crate::{FrameInfo, Plan};
use contract::Rung;
use core::fmt::Write;
use heapless::String;

/// Longest camera id shown (as in `contract::id`).
const MAX_CAMERA: usize = 64;
/// Shown last.
pub const NO_RECORDING: &str = "no recording";

/// The overlay's fixed part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    camera: String<MAX_CAMERA>,
}

impl Overlay {
    /// For this camera; an id longer than 64 bytes is cut.
    #[must_use]
    pub fn new(camera: &str) -> Self {
        let mut text = String::new();
        for character in camera.chars() {
            if text.push(character).is_err() {
                break;
            }
        }
        Self { camera: text }
    }

    /// Writes it along the top of the picture, on as many lines as it needs.
    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>, fonts: &Fonts, info: &FrameInfo, plan: &Plan) {
        let time = utc_text(info.captured.utc_us);
        let rung = if plan.rung() == Rung::Clear { "" } else { plan.rung().name() };
        let items = [self.camera.as_str(), &time, plan.filter().name(), rung, NO_RECORDING];
        let font = fonts.for_picture(info.geometry.width, info.geometry.height);
        let (mut x, mut y) = (0, 0);
        for item in items.into_iter().filter(|item| !item.is_empty()) {
            let width = (font.width_of(item) + 1) & !1;
            if x > 0 && x + width > info.geometry.width {
                x = 0;
                y += font.line_height();
            }
            font.write(canvas, x, y, item);
            x += width;
        }
    }
}

/// `2026-11-22 05:13:15.123 UTC`, from microseconds since the Unix epoch; a time beyond the calendar shows as `no time`.
#[must_use]
pub fn utc_text(utc_us: u64) -> String<40> {
    let mut text = String::new();
    let stamp = i64::try_from(utc_us).ok().and_then(|us| jiff::Timestamp::from_microsecond(us).ok());
    let written = stamp.map(|stamp| {
        let at = jiff::tz::Offset::UTC.to_datetime(stamp);
        write!(
            text,
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03} UTC",
            at.year(),
            at.month(),
            at.day(),
            at.hour(),
            at.minute(),
            at.second(),
            at.millisecond()
        )
    });
    if !matches!(written, Some(Ok(()))) {
        text.clear();
        // Seven bytes fit forty.
        let _ = text.push_str("no time");
    }
    text
}
