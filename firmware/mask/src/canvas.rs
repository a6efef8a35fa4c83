//! The planes of one picture with their geometry: flat areas and sums over areas. Knows nothing of objects or plans.

use crate::area::Area;
use crate::{Geometry, PlanesMut};

/// A colour as it lies in NV12 (BT.601/709 studio swing; also a valid full-range colour).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Yuv {
    /// Luma.
    pub y: u8,
    /// Blue difference; 128 is none.
    pub cb: u8,
    /// Red difference; 128 is none.
    pub cr: u8,
}

impl Yuv {
    /// A gray.
    #[must_use]
    pub const fn gray(y: u8) -> Self {
        Self { y, cb: 128, cr: 128 }
    }
}

/// Over objects under `fill`. A constant, not the mean of the object: nothing of it remains.
pub const FILL: Yuv = Yuv::gray(128);
/// Over privacy zones.
pub const ZONE: Yuv = Yuv::gray(80);
/// Behind text, on the slate and on a `dark` picture.
pub const BLACK: Yuv = Yuv::gray(16);
/// Text.
pub const WHITE: Yuv = Yuv::gray(235);

/// Two planes to paint on.
pub(crate) struct Canvas<'a> {
    pub(crate) luma: &'a mut [u8],
    pub(crate) chroma: &'a mut [u8],
    pub(crate) geometry: Geometry,
}

impl<'a> Canvas<'a> {
    pub(crate) fn new(PlanesMut { luma, chroma }: PlanesMut<'a>, geometry: Geometry) -> Self {
        Self { luma, chroma, geometry }
    }
    /// One luma line of an area.
    pub(crate) fn luma_line(&mut self, area: &Area, line: usize) -> &mut [u8] {
        let start = line * self.geometry.luma_stride + area.x;
        &mut self.luma[start..start + area.w]
    }
    /// Paints an area in one colour. Areas have even edges, so that luma and chroma cover the same pixels.
    pub(crate) fn flat(&mut self, area: &Area, colour: Yuv) {
        for line in area.y..area.bottom() {
            self.luma_line(area, line).fill(colour.y);
        }
        for line in area.y / 2..area.bottom() / 2 {
            let start = line * self.geometry.chroma_stride + area.x;
            fill_pairs(&mut self.chroma[start..start + area.w], colour);
        }
    }
    /// Overwrites both planes to their last byte, padding included.
    pub(crate) fn blank(&mut self, colour: Yuv) {
        self.luma.fill(colour.y);
        fill_pairs(self.chroma, colour);
    }
    /// The mean colour of an area that is not empty.
    pub(crate) fn mean(&self, area: &Area) -> Yuv {
        let mut sum = 0_u64;
        for line in area.y..area.bottom() {
            let start = line * self.geometry.luma_stride + area.x;
            sum += u64::from(sum_of(&self.luma[start..start + area.w]));
        }
        let (mut cb, mut cr) = (0_u64, 0_u64);
        for line in area.y / 2..area.bottom() / 2 {
            let start = line * self.geometry.chroma_stride + area.x;
            let (b, r) = sums_of_pairs(&self.chroma[start..start + area.w]);
            cb += u64::from(b);
            cr += u64::from(r);
        }
        let pixels = (area.w * area.h) as u64;
        Yuv { y: rounded(sum, pixels), cb: rounded(cb, pixels / 4), cr: rounded(cr, pixels / 4) }
    }
}

/// `sum / count` to the nearest; the mean of bytes is a byte.
pub(crate) fn rounded(sum: u64, count: u64) -> u8 {
    ((sum + count / 2) / count.max(1)) as u8
}

/// Interleaved Cb Cr in one colour.
pub(crate) fn fill_pairs(line: &mut [u8], colour: Yuv) {
    if colour.cb == colour.cr {
        line.fill(colour.cb);
        return;
    }
    for pair in line.chunks_exact_mut(2) {
        pair[0] = colour.cb;
        pair[1] = colour.cr;
    }
}

fn sum_of(line: &[u8]) -> u32 {
    line.iter().fold(0, |sum, &value| u32::wrapping_add(sum, u32::from(value)))
}

/// Sums of Cb and of Cr.
fn sums_of_pairs(line: &[u8]) -> (u32, u32) {
    line.chunks_exact(2).fold((0, 0), |(b, r): (u32, u32), pair| {
        (b.wrapping_add(u32::from(pair[0])), r.wrapping_add(u32::from(pair[1])))
    })
}
