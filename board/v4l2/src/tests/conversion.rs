//! YUYV to NV12.

use crate::yuyv::to_nv12;
use mask::{Geometry, PlanesMut};

#[test]
fn luma_is_copied_and_chroma_of_two_lines_averaged() {
    // Two lines of four pixels, two bytes of padding each.
    let from = [10, 100, 11, 200, 12, 101, 13, 201, 0, 0, 20, 104, 21, 201, 22, 101, 23, 203, 0, 0];
    let (mut luma, mut chroma) = ([0; 8], [0; 4]);
    to_nv12(&from, 10, Geometry::packed(4, 2), &mut PlanesMut { luma: &mut luma, chroma: &mut chroma });
    assert_eq!(luma, [10, 11, 12, 13, 20, 21, 22, 23]);
    assert_eq!(chroma, [102, 201, 101, 202]);
}

#[test]
fn the_last_line_needs_no_padding() {
    let geometry = Geometry::packed(4, 4);
    let from = vec![7; 10 * 3 + 8];
    let (mut luma, mut chroma) = ([0; 16], [0; 8]);
    to_nv12(&from, 10, geometry, &mut PlanesMut { luma: &mut luma, chroma: &mut chroma });
    assert!(luma.iter().chain(&chroma).all(|value| *value == 7));
}

#[test]
fn a_picture_cut_short_leaves_the_rest_alone() {
    let (mut luma, mut chroma) = ([0; 16], [0; 8]);
    let planes = &mut PlanesMut { luma: &mut luma, chroma: &mut chroma };
    to_nv12(&[9; 20], 8, Geometry::packed(4, 4), planes);
    assert_eq!((luma[..8].to_vec(), luma[8..].to_vec()), (vec![9; 8], vec![0; 8]));
}
