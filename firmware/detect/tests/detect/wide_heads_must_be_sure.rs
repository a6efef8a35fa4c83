//! The wider a head that was not found, the surer the network must be before it keeps a track alive; less is asked where the picture's edge cuts it.

use crate::common::{Tensors, decoding, map};
use board_hal::OutputRole::{HeadHeat, HeadScale};
use detect::{CandidateByWidth, Detections, HeadGrowth};

const BY_WIDTH: CandidateByWidth = CandidateByWidth { from: 10.0, to: 16.0, score: 0.3, at_edge: 0.3 };
/// The lowest of the golden file's thresholds lie below these scores: 0.2, 0.31 and 0.7.
const WEAK: i8 = -77;
const LESS_WEAK: i8 = -48;
const SURE: i8 = 51;

/// One head of `width_px` x 12 pixels in a column of 12, with a score of (`q` + 128) / 256.
fn seen(by_width: Option<CandidateByWidth>, width_px: f32, col: usize, q: i8) -> Detections {
    let mut tensors = Tensors::empty(8, 12);
    tensors.heat(HeadHeat, 4, col, q);
    let place = (4 * tensors.cols + col) * 2;
    let log_size = |px: f32| ((px / 4.0).ln() / 0.02).round() as i8;
    let scales = &mut tensors.data[crate::common::place(HeadScale)];
    (scales[place], scales[place + 1]) = (log_size(12.0), log_size(width_px));
    let mut decoding = decoding();
    (decoding.thresholds.head, decoding.thresholds.head_candidate) = (0.4, 0.15);
    // No growth: widths are then those of the tensors.
    decoding.head_growth = HeadGrowth { min: 0.0, max: 0.0, ..decoding.head_growth };
    decoding.head_by_width = by_width;
    tensors.decode(&decoding, &map(&tensors))
}

fn candidates(width_px: f32, col: usize, q: i8) -> usize {
    seen(Some(BY_WIDTH), width_px, col, q).candidates.len()
}

#[test]
fn a_wide_weak_head_keeps_no_track_and_a_narrow_one_or_a_surer_one_does() {
    assert_eq!([8.0, 20.0].map(|width| candidates(width, 6, WEAK)), [1, 0]);
    assert_eq!(candidates(20.0, 6, LESS_WEAK), 1);
    assert_eq!(seen(None, 20.0, 6, WEAK).candidates.len(), 1, "where nothing is asked");
}

#[test]
fn what_is_found_stays_found_however_wide() {
    let sure = seen(Some(BY_WIDTH), 20.0, 6, SURE);
    assert_eq!((sure.found.list.len(), sure.found.doubtful), (1, false));
}

#[test]
fn half_a_head_at_the_edge_of_the_picture_may_be_weak() {
    // Its middle is 2 pixels from the left edge: 12 of 20 pixels are in the picture.
    assert_eq!(candidates(20.0, 0, WEAK), 1);
}

#[test]
fn numbers_that_cannot_be_meant_are_refused() {
    for bad in [
        CandidateByWidth { from: -1.0, ..BY_WIDTH },
        CandidateByWidth { to: 10.0, ..BY_WIDTH },
        CandidateByWidth { to: f32::NAN, ..BY_WIDTH },
        CandidateByWidth { score: 0.01, ..BY_WIDTH },
        CandidateByWidth { score: 0.99, ..BY_WIDTH },
        CandidateByWidth { at_edge: -0.1, ..BY_WIDTH },
        CandidateByWidth { at_edge: f32::NAN, ..BY_WIDTH },
    ] {
        let mut decoding = decoding();
        decoding.head_by_width = Some(bad);
        assert!(decoding.check().unwrap_err().field.starts_with("head_by_width."), "{bad:?}");
    }
}
