//! Text on a picture: white on a dark box, in the bitmap fonts of `embedded-graphics`, scaled to the picture. Printable ASCII; anything else shows as `?`.

use crate::area::Area;
use crate::canvas::{BLACK, Canvas, WHITE};
use embedded_graphics::image::GetPixel;
use embedded_graphics::mono_font::MonoFont;
use embedded_graphics::mono_font::ascii::{FONT_6X10, FONT_10X20};
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::prelude::Point;

const FIRST: u8 = b' ';
const GLYPHS: usize = 95;
const MAX_LINES: usize = 20;

/// One font as bits: for each glyph and line, bit `n` is the pixel in column `n`.
struct Face {
    width: usize,
    height: usize,
    glyphs: [[u16; MAX_LINES]; GLYPHS],
}

impl Face {
    fn read(font: &MonoFont<'_>) -> Self {
        let (width, height) = (font.character_size.width as usize, font.character_size.height as usize);
        let mut glyphs = [[0; MAX_LINES]; GLYPHS];
        let mut per_row = 0;
        while font.image.pixel(point((per_row + 1) * width - 1, 0)).is_some() {
            per_row += 1;
        }
        for (glyph, code) in glyphs.iter_mut().zip(FIRST..) {
            let index = font.glyph_mapping.index(char::from(code));
            let (left, top) = (index % per_row * width, index / per_row * height);
            for (y, bits) in glyph.iter_mut().enumerate().take(height) {
                for x in 0..width {
                    if font.image.pixel(point(left + x, top + y)) == Some(BinaryColor::On) {
                        *bits |= 1 << x;
                    }
                }
            }
        }
        Self { width, height, glyphs }
    }
    fn glyph(&self, character: char) -> &[u16; MAX_LINES] {
        let code = u8::try_from(character).unwrap_or(b'?');
        let index = usize::from(code.wrapping_sub(FIRST));
        self.glyphs.get(index).unwrap_or(&self.glyphs[usize::from(b'?' - FIRST)])
    }
}

fn point(x: usize, y: usize) -> Point {
    Point::new(i32::try_from(x).unwrap_or(i32::MAX), i32::try_from(y).unwrap_or(i32::MAX))
}

/// The fonts, read once.
pub(crate) struct Fonts {
    small: Face,
    large: Face,
}

impl Default for Fonts {
    fn default() -> Self {
        Self { small: Face::read(&FONT_6X10), large: Face::read(&FONT_10X20) }
    }
}

/// A font at the size that suits a picture.
#[derive(Clone, Copy)]
pub(crate) struct Type<'a> {
    face: &'a Face,
    scale: usize,
}

impl Fonts {
    /// About a fiftieth of the picture's height, and never wider than an eighth of it a word.
    pub(crate) fn for_picture(&self, width: usize, height: usize) -> Type<'_> {
        let face = if height < 400 || width < 480 { &self.small } else { &self.large };
        Type { face, scale: ((height + 540) / 1080).max(1) }
    }
    /// Larger, for the slate.
    pub(crate) fn for_slate(&self, width: usize, height: usize) -> Type<'_> {
        let plain = self.for_picture(width, height);
        Type { scale: (plain.scale * 2).min((width / (plain.face.width * 40)).max(1)), ..plain }
    }
}

impl Type<'_> {
    pub(crate) fn character_width(&self) -> usize {
        self.face.width * self.scale
    }
    /// From one line of text to the next, pixels; even.
    pub(crate) fn line_height(&self) -> usize {
        (self.face.height * self.scale + 2 * self.margin() + 1) & !1
    }
    /// Dark pixels above and below the text.
    fn margin(&self) -> usize {
        2 * self.scale
    }
    /// Dark pixels left and right of the text: words beside each other are a character apart.
    fn side_margin(&self) -> usize {
        self.character_width() / 2
    }
    /// Width of `text` with its box, pixels.
    pub(crate) fn width_of(&self, text: &str) -> usize {
        text.chars().count() * self.character_width() + 2 * self.side_margin()
    }
    /// Writes `text` with its box at `x`, `y`; what does not fit in the picture is cut off.
    pub(crate) fn write(&self, canvas: &mut Canvas<'_>, x: usize, y: usize, text: &str) {
        let (x, y) = (x & !1, y & !1);
        let geometry = canvas.geometry;
        let right = ((x + self.width_of(text) + 1) & !1).min(geometry.width);
        let bottom = (y + self.line_height()).min(geometry.height);
        if right <= x || bottom <= y {
            return;
        }
        canvas.flat(&Area { x, y, w: right - x, h: bottom - y }, BLACK);
        let top = y + self.margin();
        for line in top..bottom {
            let row = (line - top) / self.scale;
            if row >= self.face.height {
                break;
            }
            let pixels = canvas.luma_line(&Area { x, y, w: right - x, h: bottom - y }, line);
            let mut left = self.side_margin();
            for character in text.chars() {
                let mut bits = self.face.glyph(character)[row];
                while bits != 0 {
                    let column = left + bits.trailing_zeros() as usize * self.scale;
                    for pixel in pixels.iter_mut().skip(column).take(self.scale) {
                        *pixel = WHITE.y;
                    }
                    bits &= bits - 1;
                }
                left += self.character_width();
            }
        }
    }
}
