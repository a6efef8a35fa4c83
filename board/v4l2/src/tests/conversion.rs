//! NV16, UYVY and YUYV to NV12.

use crate::convert::to_nv12;
use crate::negotiate::Layout;
use mask::{Geometry, PlanesMut};

/// Each layout of a picture of `width` by `height`, `padding` bytes behind each line: which one, its bytes, its stride.
fn layouts(width: usize, height: usize, padding: usize) -> [(Layout, Vec<u8>, usize); 3] {
    let luma = |x: usize, y: usize| ((x * 3 + y * 7) % 200) as u8;
    // Cb, Cr of the pair of pixels.
    let colour = |pair: usize, y: usize| [((pair * 5 + y * 11) % 200) as u8, ((pair * 13 + y * 2 + 90) % 200) as u8];
    let mut all = [
        (Layout::Yuyv, vec![], width * 2 + padding),
        (Layout::Uyvy, vec![], width * 2 + padding),
        (Layout::Nv16 { chroma_offset: (width + padding) * height }, vec![], width + padding),
    ];
    for y in 0..height {
        for pair in 0..width / 2 {
            let ([cb, cr], y0, y1) = (colour(pair, y), luma(pair * 2, y), luma(pair * 2 + 1, y));
            all[0].1.extend([y0, cb, y1, cr]);
            all[1].1.extend([cb, y0, cr, y1]);
            all[2].1.extend([y0, y1]);
        }
        all.iter_mut().for_each(|(_, bytes, _)| bytes.extend(vec![0xee; padding]));
    }
    for y in 0..height {
        all[2].1.extend((0..width / 2).flat_map(|pair| colour(pair, y)));
        all[2].1.extend(vec![0xee; padding]);
    }
    all
}

fn converted(layout: Layout, from: &[u8], stride: usize, geometry: Geometry) -> (Vec<u8>, Vec<u8>) {
    let mut luma = vec![0; geometry.luma_stride * geometry.height];
    let mut chroma = vec![0; geometry.chroma_stride * geometry.height / 2];
    to_nv12(layout, from, stride, geometry, &mut PlanesMut { luma: &mut luma, chroma: &mut chroma });
    (luma, chroma)
}

#[test]
fn luma_is_copied_and_chroma_of_two_lines_averaged() {
    // Two lines of four pixels, two bytes of padding each.
    let from = [10, 100, 11, 200, 12, 101, 13, 201, 0, 0, 20, 104, 21, 201, 22, 101, 23, 203, 0, 0];
    let (luma, chroma) = converted(Layout::Yuyv, &from, 10, Geometry::packed(4, 2));
    assert_eq!(luma, [10, 11, 12, 13, 20, 21, 22, 23]);
    assert_eq!(chroma, [102, 201, 101, 202]);
}

#[test]
fn every_layout_of_a_picture_gives_the_same_nv12_whatever_the_padding() {
    for (width, height, padding) in [(64, 6, 0), (34, 4, 2), (2, 2, 30)] {
        let geometry = Geometry { luma_stride: width + 6, chroma_stride: width + 8, ..Geometry::packed(width, height) };
        let all =
            layouts(width, height, padding).map(|(layout, from, stride)| converted(layout, &from, stride, geometry));
        assert_eq!(all[0], all[1]);
        assert_eq!(all[0], all[2]);
        let (luma, chroma) = &all[0];
        assert_eq!(luma[geometry.luma_stride + 1], 10, "second line, second pixel");
        assert_eq!(luma[width..width + 6], [0; 6], "what lies behind a line is left alone");
        assert_eq!(chroma[..2], [6, 91], "0 and 11 rounded up, 90 and 92");
        assert!(!luma.contains(&0xee) && !chroma.contains(&0xee), "padding is not a pixel");
    }
}

#[test]
fn the_last_line_needs_no_padding() {
    for (layout, from, stride) in layouts(4, 4, 2) {
        let whole = converted(layout, &from, stride, Geometry::packed(4, 4));
        assert_eq!(converted(layout, &from[..from.len() - 2], stride, Geometry::packed(4, 4)), whole);
    }
}

#[test]
fn a_picture_cut_short_leaves_the_rest_alone() {
    let (luma, _) = converted(Layout::Yuyv, &[9; 20], 8, Geometry::packed(4, 4));
    assert_eq!((luma[..8].to_vec(), luma[8..].to_vec()), (vec![9; 8], vec![0; 8]));
    for (layout, from, stride) in layouts(16, 8, 3) {
        for len in 0..from.len() {
            converted(layout, &from[..len], stride, Geometry::packed(16, 8));
        }
    }
}
