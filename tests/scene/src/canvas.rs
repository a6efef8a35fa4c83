//! The frame under composition, and which actor each pixel shows: occlusion is counted, not guessed.

use crate::world::{HEIGHT_PX, WIDTH_PX};
use tiny_skia::{Pixmap, PixmapMut};

/// A box in pixels, origin top left; may reach beyond the frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Area {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) w: f32,
    pub(crate) h: f32,
}

impl Area {
    /// The part within the frame.
    pub(crate) fn clipped(self) -> Option<Self> {
        let (x, y) = (self.x.max(0.0), self.y.max(0.0));
        let w = (self.x + self.w).min(WIDTH_PX as f32) - x;
        let h = (self.y + self.h).min(HEIGHT_PX as f32) - y;
        (w > 0.0 && h > 0.0).then_some(Self { x, y, w, h })
    }

    fn pixels(self) -> impl Iterator<Item = usize> {
        let Area { x, y, w, h } = self.clipped().unwrap_or(Area { x: 0.0, y: 0.0, w: 0.0, h: 0.0 });
        let rows = y as usize..((y + h).ceil() as usize).min(HEIGHT_PX as usize);
        rows.flat_map(move |row| {
            let from = row * WIDTH_PX as usize;
            from + x as usize..from + ((x + w).ceil() as usize).min(WIDTH_PX as usize)
        })
    }
}

/// The frame, a layer for the actor being drawn, and the owner of every pixel.
pub(crate) struct Canvas {
    frame: Pixmap,
    layer: Pixmap,
    owner: Vec<u8>,
}

impl Canvas {
    pub(crate) fn new() -> Self {
        let blank = || Pixmap::new(WIDTH_PX, HEIGHT_PX).expect("the frame's size is not zero");
        Self { frame: blank(), layer: blank(), owner: vec![0; (WIDTH_PX * HEIGHT_PX) as usize] }
    }

    /// Starts a frame from the empty street.
    pub(crate) fn begin(&mut self, street: &Pixmap) {
        self.frame.data_mut().copy_from_slice(street.data());
        self.owner.fill(0);
    }

    /// Draws one actor in front of what is there. Returns how many of its pixels lie in `box_px`.
    pub(crate) fn actor(&mut self, owner: u8, box_px: Area, draw: impl FnOnce(&mut PixmapMut<'_>)) -> u32 {
        self.layer.data_mut().fill(0);
        draw(&mut self.layer.as_mut());
        let frame = self.frame.data_mut().chunks_exact_mut(4);
        for ((from, to), own) in self.layer.data().chunks_exact(4).zip(frame).zip(&mut self.owner) {
            let alpha = u32::from(from[3]);
            if alpha == 0 {
                continue;
            }
            // Source over, premultiplied.
            for (to, &from) in to.iter_mut().zip(from) {
                *to = (u32::from(from) + (u32::from(*to) * (255 - alpha) + 127) / 255).min(255) as u8;
            }
            if alpha > 127 {
                *own = owner;
            }
        }
        self.count(owner, box_px)
    }

    /// Pixels within a box that show this actor.
    pub(crate) fn count(&self, owner: u8, box_px: Area) -> u32 {
        box_px.pixels().filter(|&at| self.owner[at] == owner).count() as u32
    }

    /// The frame, opaque.
    pub(crate) fn rgba(&self) -> &[u8] {
        self.frame.data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{fill_px, rgb};
    use tiny_skia::{Point, Transform};

    fn square(onto: &mut PixmapMut<'_>, x: f32, y: f32, side: f32) {
        let corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side)].map(|(x, y)| Point::from_xy(x, y));
        fill_px(onto, &corners, rgb(200, 0, 0), Transform::identity());
    }

    #[test]
    fn an_actor_hidden_by_another_loses_the_pixels_it_hides() {
        let mut canvas = Canvas::new();
        let area = Area { x: 100.0, y: 100.0, w: 40.0, h: 40.0 };
        assert_eq!(canvas.actor(1, area, |onto| square(onto, 100.0, 100.0, 40.0)), 1600);
        canvas.actor(2, area, |onto| square(onto, 120.0, 100.0, 40.0));
        assert_eq!(canvas.count(1, area), 800);
    }

    #[test]
    fn a_box_beyond_the_edge_is_clipped() {
        let area = Area { x: -10.0, y: 700.0, w: 30.0, h: 40.0 };
        assert_eq!(area.clipped(), Some(Area { x: 0.0, y: 700.0, w: 20.0, h: 20.0 }));
        assert_eq!(Area { x: -50.0, ..area }.clipped(), None);
    }
}
