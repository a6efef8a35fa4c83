//! A picture to draw outlines and words on.

use crate::input::Rect;
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::iso_8859_1::FONT_6X10;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Baseline, Text};
use image::{Rgb, RgbImage};
use std::convert::Infallible;

/// Height of a line of text, pixels.
pub(super) const LINE_PX: u32 = 11;
/// Width of a letter, pixels.
pub(super) const LETTER_PX: u32 = 6;

/// A picture that embedded-graphics draws on; what lies outside it is left out.
pub(super) struct Canvas(pub(super) RgbImage);

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.0.width(), self.0.height())
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(at, colour) in pixels {
            let place = (u32::try_from(at.x), u32::try_from(at.y));
            if let (Ok(x), Ok(y)) = place
                && x < self.0.width()
                && y < self.0.height()
            {
                self.0.put_pixel(x, y, Rgb([colour.r(), colour.g(), colour.b()]));
            }
        }
        Ok(())
    }
}

impl Canvas {
    /// Outlines a box, two pixels wide.
    pub(super) fn outline(&mut self, rect: Rect, colour: Rgb888) {
        // Far outside is far enough: outlines may begin well beyond the picture.
        let place = |value: f64| value.round().clamp(-1e5, 1e5) as i32;
        let corners =
            [Point::new(place(rect.x), place(rect.y)), Point::new(place(rect.x + rect.w), place(rect.y + rect.h))];
        let Ok(()) = Rectangle::with_corners(corners[0], corners[1])
            .into_styled(PrimitiveStyle::with_stroke(colour, 2))
            .draw(self);
    }

    /// Writes a line whose top left corner is at (`x`, `y`).
    pub(super) fn write(&mut self, text: &str, x: u32, y: u32, colour: Rgb888) {
        let at = Point::new(x as i32, y as i32);
        let Ok(_) = Text::with_baseline(text, at, MonoTextStyle::new(&FONT_6X10, colour), Baseline::Top).draw(self);
    }
}
