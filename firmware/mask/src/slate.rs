//! A picture with words and no camera pixels: what a subscriber sees when nothing is shared.

use crate::canvas::{BLACK, Canvas};
use crate::font::Fonts;
use crate::{CaptureTime, ColourRange, FrameBuffer, FrameError, FrameId, Geometry, MaskedFrame, RawFrame};

/// What the voice shows without a grant (P1).
pub const NO_SHARE: [&str; 2] = ["CAMPARI", "No picture is shared"];

/// Makes a slate in `buffer`. Every byte of both planes is overwritten, whatever the buffer held before; the words stand in the middle.
///
/// # Errors
/// [`FrameError`] when the buffer cannot hold a picture of `geometry`.
pub fn frame(
    id: FrameId,
    at: CaptureTime,
    geometry: Geometry,
    range: ColourRange,
    buffer: Box<dyn FrameBuffer>,
    words: &[&str],
) -> Result<MaskedFrame, FrameError> {
    let mut frame = RawFrame::new(id, at, geometry, range, buffer)?;
    let mut canvas = Canvas::new(frame.planes_mut(), geometry);
    canvas.blank(BLACK);
    let fonts = Fonts::default();
    let font = fonts.for_slate(geometry.width, geometry.height);
    let mut y = geometry.height.saturating_sub(words.len() * font.line_height()) / 2;
    for line in words {
        font.write(&mut canvas, geometry.width.saturating_sub(font.width_of(line)) / 2, y, line);
        y += font.line_height();
    }
    Ok(frame.into_masked())
}
