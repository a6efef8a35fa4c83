//! The wider a box, the surer the network must be that it is a plate; until then it can keep a track alive.

use crate::common::{Tensors, decoding, map};
use board_hal::OutputRole::{PlateHeat, PlateScale};
use detect::{Detections, ScoreByWidth};

const BY_WIDTH: ScoreByWidth = ScoreByWidth { from: 12.0, to: 24.0, score: 0.8, candidate: None };

/// One plate of `width_px` x 6 pixels with a score of (`q` + 128) / 256.
fn found(width_px: f32, q: i8) -> Detections {
    found_by(BY_WIDTH, width_px, q)
}

fn found_by(by_width: ScoreByWidth, width_px: f32, q: i8) -> Detections {
    let mut tensors = Tensors::empty(8, 12);
    tensors.heat(PlateHeat, 4, 6, q);
    let place = (4 * tensors.cols + 6) * 2;
    let log_size = |px: f32| ((px / 4.0).ln() / 0.02).round() as i8;
    tensors.data[crate::common::place(PlateScale)][place] = log_size(6.0);
    tensors.data[crate::common::place(PlateScale)][place + 1] = log_size(width_px);
    let mut decoding = decoding();
    decoding.plate_by_width = Some(by_width);
    tensors.decode(&decoding, &map(&tensors))
}

#[test]
fn a_wide_box_needs_a_high_score() {
    let unsure = found(30.0, 60);
    assert!(unsure.found.list.is_empty() && !unsure.found.doubtful);
    assert_eq!(unsure.candidates.len(), 1, "it still supports a track");
    assert_eq!(found(30.0, 100).found.list.len(), 1);
}

#[test]
fn a_narrow_box_is_a_plate_at_the_usual_score() {
    assert_eq!(found(10.0, 30).found.list.len(), 1);
}

#[test]
fn what_is_asked_rises_from_the_narrow_score_to_the_wide_one() {
    let asked = |width| BY_WIDTH.asked(width, 0.3);
    assert_eq!((asked(0.0), asked(12.0), asked(24.0), asked(500.0)), (0.3, 0.3, 0.8, 0.8));
    assert!((asked(18.0) - 0.55).abs() < 1e-6);
}

#[test]
fn a_wide_candidate_needs_more_than_a_narrow_one_where_that_is_asked() {
    let by_width = ScoreByWidth { candidate: Some(0.5), ..BY_WIDTH };
    let candidates = |width, q| found_by(by_width, width, q).candidates.len();
    assert_eq!((candidates(30.0, -20), candidates(30.0, 10)), (0, 1), "scores of 0.42 and 0.54");
    assert_eq!(candidates(10.0, -80), 1, "0.19 and narrow");
    assert_eq!(found_by(by_width, 30.0, 100).found.list.len(), 1, "what is found stays found");
}

#[test]
fn numbers_that_cannot_be_meant_are_refused() {
    for bad in [
        ScoreByWidth { from: -1.0, ..BY_WIDTH },
        ScoreByWidth { to: 12.0, ..BY_WIDTH },
        ScoreByWidth { to: f32::NAN, ..BY_WIDTH },
        ScoreByWidth { score: 0.01, ..BY_WIDTH },
        ScoreByWidth { score: 1.0, ..BY_WIDTH },
        ScoreByWidth { candidate: Some(0.01), ..BY_WIDTH },
        ScoreByWidth { candidate: Some(0.9), ..BY_WIDTH },
        ScoreByWidth { candidate: Some(f32::NAN), ..BY_WIDTH },
    ] {
        let mut decoding = decoding();
        decoding.plate_by_width = Some(bad);
        assert!(decoding.check().unwrap_err().field.starts_with("plate_by_width."), "{bad:?}");
    }
}
