//! 4:2:2 to NV12: luma taken as it is, chroma of two lines averaged. Plain loops over bytes that a compiler turns into vector code.

use crate::negotiate::Layout;
use mask::{Geometry, PlanesMut};

/// Converts `from`, whose lines are `stride` bytes apart, to the NV12 picture `to` of `geometry`. The caller has checked that both are large
/// enough; a `from` that is not leaves the rest of `to` as it was.
pub fn to_nv12(layout: Layout, from: &[u8], stride: usize, geometry: Geometry, to: &mut PlanesMut<'_>) {
    match layout {
        Layout::Yuyv => interleaved::<0, 1>(from, stride, geometry, to),
        Layout::Uyvy => interleaved::<1, 0>(from, stride, geometry, to),
        Layout::Nv16 { chroma_offset } => semi_planar(from, stride, chroma_offset, geometry, to),
    }
}

/// Luma at every `LUMA`th of two bytes, Cb and Cr in turn at every `CHROMA`th: as NV12 wants them.
fn interleaved<const LUMA: usize, const CHROMA: usize>(
    from: &[u8],
    stride: usize,
    geometry: Geometry,
    to: &mut PlanesMut<'_>,
) {
    let line_len = geometry.width * 2;
    let luma = to.luma.chunks_mut(geometry.luma_stride * 2);
    let chroma = to.chroma.chunks_mut(geometry.chroma_stride);
    for ((pair, luma), chroma) in from.chunks(stride * 2).zip(luma).zip(chroma).take(geometry.height / 2) {
        let (Some(upper), Some(lower)) = (pair.get(..line_len), pair.get(stride..stride + line_len)) else { return };
        let (luma_upper, luma_lower) = luma.split_at_mut(geometry.luma_stride);
        every_second::<LUMA>(upper, &mut luma_upper[..geometry.width]);
        every_second::<LUMA>(lower, &mut luma_lower[..geometry.width]);
        for ((to, up), down) in
            chroma[..geometry.width].iter_mut().zip(upper.chunks_exact(2)).zip(lower.chunks_exact(2))
        {
            *to = mean(up[CHROMA], down[CHROMA]);
        }
    }
}

fn semi_planar(from: &[u8], stride: usize, chroma_offset: usize, geometry: Geometry, to: &mut PlanesMut<'_>) {
    let width = geometry.width;
    let (luma, chroma) = from.split_at(chroma_offset.min(from.len()));
    for (from, to) in luma.chunks(stride).zip(to.luma.chunks_mut(geometry.luma_stride)).take(geometry.height) {
        let Some(from) = from.get(..width) else { return };
        to[..width].copy_from_slice(from);
    }
    for (pair, to) in
        chroma.chunks(stride * 2).zip(to.chroma.chunks_mut(geometry.chroma_stride)).take(geometry.height / 2)
    {
        let (Some(upper), Some(lower)) = (pair.get(..width), pair.get(stride..stride + width)) else { return };
        for ((to, up), down) in to[..width].iter_mut().zip(upper).zip(lower) {
            *to = mean(*up, *down);
        }
    }
}

fn every_second<const AT: usize>(from: &[u8], to: &mut [u8]) {
    for (to, from) in to.iter_mut().zip(from.chunks_exact(2)) {
        *to = from[AT];
    }
}

/// Rounded up, as URHADD and PAVGB do.
fn mean(a: u8, b: u8) -> u8 {
    ((u16::from(a) + u16::from(b) + 1) >> 1) as u8
}
