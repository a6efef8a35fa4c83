//! YUYV (4:2:2, Y0 Cb Y1 Cr) to NV12: luma copied, chroma of two lines averaged.

use mask::{Geometry, PlanesMut};

/// Converts `from`, whose lines are `stride` bytes apart, to the NV12 picture `to` of `geometry`. The caller has checked that both are large
/// enough; a `from` that is not leaves the rest of `to` as it was.
pub(crate) fn to_nv12(from: &[u8], stride: usize, geometry: Geometry, to: &mut PlanesMut<'_>) {
    let line_len = geometry.width * 2;
    let pairs = from.chunks(stride * 2);
    let luma = to.luma.chunks_mut(geometry.luma_stride * 2);
    let chroma = to.chroma.chunks_mut(geometry.chroma_stride);
    for ((pair, luma), chroma) in pairs.zip(luma).zip(chroma).take(geometry.height / 2) {
        let (Some(upper), Some(lower)) = (pair.get(..line_len), pair.get(stride..stride + line_len)) else { return };
        let (luma_upper, luma_lower) = luma.split_at_mut(geometry.luma_stride);
        let pixels = upper.chunks_exact(4).zip(lower.chunks_exact(4));
        let targets =
            luma_upper.chunks_exact_mut(2).zip(luma_lower.chunks_exact_mut(2)).zip(chroma.chunks_exact_mut(2));
        for ((up, down), ((to_up, to_down), to_chroma)) in pixels.zip(targets) {
            to_up.copy_from_slice(&[up[0], up[2]]);
            to_down.copy_from_slice(&[down[0], down[2]]);
            to_chroma.copy_from_slice(&[mean(up[1], down[1]), mean(up[3], down[3])]);
        }
    }
}

fn mean(a: u8, b: u8) -> u8 {
    u8::midpoint(a, b) + ((a ^ b) & 1)
}
