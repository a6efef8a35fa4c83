//! Licence plates: the shape and colours of real ones, made-up numbers.

use crate::world::{fill_path, fill_px, rgb};
use ab_glyph::{Font, FontVec, PxScale, ScaleFont};
use anyhow::{Context, Result};
use std::path::Path;
use tiny_skia::{
    FilterQuality, Mask, PathBuilder, Pixmap, PixmapMut, PixmapPaint, Point, PremultipliedColorU8, Rect, Transform,
};

/// 520 x 110 mm, EU 2411/98 and national rules.
pub(crate) const WIDTH_M: f32 = 0.52;
pub(crate) const HEIGHT_M: f32 = 0.11;
const WIDTH_PX: u32 = 520;
const HEIGHT_PX: u32 = 110;

/// How a plate looks.
#[derive(Clone, Copy)]
pub(crate) enum Look {
    /// Black on yellow, as in the Netherlands.
    Yellow,
    /// Black on white, as in Germany.
    White,
}

/// A rendered plate, one pixel a millimetre and halvings of it.
pub(crate) struct Plate {
    levels: Vec<Pixmap>,
}

/// The typeface of plates.
pub(crate) fn font(path: &Path) -> Result<FontVec> {
    let bytes = std::fs::read(path)
        .with_context(|| format!("reading {} (Debian package fonts-dejavu-core)", path.display()))?;
    FontVec::try_from_vec(bytes).with_context(|| format!("{} is no typeface", path.display()))
}

impl Plate {
    pub(crate) fn new(font: &FontVec, look: Look, country: &str, number: &str) -> Result<Self> {
        let mut plate = Pixmap::new(WIDTH_PX, HEIGHT_PX).context("a plate has a size")?;
        let ground = match look {
            Look::Yellow => rgb(246, 190, 20),
            Look::White => rgb(240, 240, 236),
        };
        let mut onto = plate.as_mut();
        onto.fill(rgb(20, 20, 20));
        rect(&mut onto, 4.0, 4.0, 512.0, 102.0, ground);
        rect(&mut onto, 4.0, 4.0, 44.0, 102.0, rgb(10, 50, 150));
        for star in 0..12 {
            let angle = star as f32 * std::f32::consts::TAU / 12.0;
            if let Some(dot) = PathBuilder::from_circle(26.0 + 13.0 * angle.cos(), 32.0 + 13.0 * angle.sin(), 2.4) {
                fill_path(&mut onto, &dot, rgb(250, 210, 40), Transform::identity());
            }
        }
        text(&mut plate, font, country, 26.0, 30.0, 92.0, [250, 250, 250]);
        text(&mut plate, font, number, 284.0, 96.0, 92.0, [16, 16, 20]);
        Ok(Self { levels: halvings(plate) })
    }

    /// Draws it with its top left corner at a point, so many pixels wide.
    pub(crate) fn draw(&self, onto: &mut PixmapMut<'_>, at: Point, width_px: f32) {
        draw_level(
            onto,
            &self.levels,
            WIDTH_PX as f32,
            Transform::from_translate(at.x, at.y),
            width_px / WIDTH_PX as f32,
        );
    }
}

/// A picture and its halvings: drawing from the next larger one keeps small copies free of aliasing.
pub(crate) fn halvings(picture: Pixmap) -> Vec<Pixmap> {
    let mut levels = vec![picture];
    while let Some(last) = levels.last().filter(|last| last.width() > 24 && last.height() > 24) {
        let (w, h) = (last.width() / 2, last.height() / 2);
        let Some(mut half) = Pixmap::new(w, h) else { break };
        let from = last.pixels();
        let stride = last.width() as usize;
        for (at, to) in half.pixels_mut().iter_mut().enumerate() {
            let (x, y) = (at % w as usize * 2, at / w as usize * 2);
            let four = [
                from[y * stride + x],
                from[y * stride + x + 1],
                from[(y + 1) * stride + x],
                from[(y + 1) * stride + x + 1],
            ];
            let mean = |part: fn(PremultipliedColorU8) -> u8| {
                (four.iter().map(|&pixel| u16::from(part(pixel))).sum::<u16>() / 4) as u8
            };
            let alpha = mean(PremultipliedColorU8::alpha);
            let colour =
                [mean(PremultipliedColorU8::red), mean(PremultipliedColorU8::green), mean(PremultipliedColorU8::blue)];
            // Means of premultiplied values are premultiplied again.
            if let Some(pixel) = PremultipliedColorU8::from_rgba(colour[0], colour[1], colour[2], alpha) {
                *to = pixel;
            }
        }
        levels.push(half);
    }
    levels
}

/// Draws the level that suits `scale` (of the full picture) under a transform.
pub(crate) fn draw_level(onto: &mut PixmapMut<'_>, levels: &[Pixmap], full_width: f32, place: Transform, scale: f32) {
    let fits = |level: &&Pixmap| level.width() as f32 >= full_width * scale;
    let Some(level) = levels.iter().rev().find(fits).or(levels.first()) else { return };
    let own = scale * full_width / level.width() as f32;
    let paint = PixmapPaint { quality: FilterQuality::Bilinear, ..PixmapPaint::default() };
    onto.draw_pixmap(0, 0, level.as_ref(), &paint, place.pre_scale(own, own), None);
}

fn rect(onto: &mut PixmapMut<'_>, x: f32, y: f32, w: f32, h: f32, colour: tiny_skia::Color) {
    let corners = [(x, y), (x + w, y), (x + w, y + h), (x, y + h)].map(|(x, y)| Point::from_xy(x, y));
    fill_px(onto, &corners, colour, Transform::identity());
}

/// Writes a line centred on `middle`, its baseline at `base`.
fn text(onto: &mut Pixmap, font: &FontVec, line: &str, middle: f32, height: f32, base: f32, ink: [u8; 3]) {
    let scale = PxScale { x: height * 0.86, y: height };
    let scaled = font.as_scaled(scale);
    let width: f32 = line.chars().map(|letter| scaled.h_advance(font.glyph_id(letter))).sum();
    let mut x = middle - width / 2.0;
    for letter in line.chars() {
        let glyph = font.glyph_id(letter).with_scale_and_position(scale, ab_glyph::point(x, base));
        x += scaled.h_advance(font.glyph_id(letter));
        let Some(outline) = font.outline_glyph(glyph) else { continue };
        let bounds = outline.px_bounds();
        let Some(mut mask) = Mask::new(onto.width(), onto.height()) else { continue };
        outline.draw(|dx, dy, cover| {
            let (px, py) = (bounds.min.x + dx as f32, bounds.min.y + dy as f32);
            if px >= 0.0 && py >= 0.0 && px < onto.width() as f32 && py < onto.height() as f32 {
                mask.data_mut()[py as usize * onto.width() as usize + px as usize] = (cover.min(1.0) * 255.0) as u8;
            }
        });
        let mut paint = tiny_skia::Paint::default();
        paint.set_color_rgba8(ink[0], ink[1], ink[2], 255);
        if let Some(all) = Rect::from_xywh(0.0, 0.0, onto.width() as f32, onto.height() as f32) {
            onto.fill_rect(all, &paint, Transform::identity(), Some(&mask));
        }
    }
}
