//! A box as large as a van and as square counts as a plate only when the network is sure; until then it can keep a track alive.

use crate::common::{Tensors, decoding, map};
use board_hal::OutputRole::{PlateHeat, PlateScale};
use detect::{Detections, LargePlate};

/// One plate of 24 x `height_px` pixels in a picture 48 pixels wide, with a score of `q` + 128 of 256.
fn found(height_px: f32, q: i8) -> Detections {
    let mut tensors = Tensors::empty(8, 12);
    tensors.heat(PlateHeat, 4, 6, q);
    let place = (4 * tensors.cols + 6) * 2;
    let log_size = |px: f32| ((px / 4.0).ln() / 0.02).round() as i8;
    tensors.data[crate::common::place(PlateScale)][place] = log_size(height_px);
    tensors.data[crate::common::place(PlateScale)][place + 1] = log_size(24.0);
    let mut decoding = decoding();
    decoding.large_plate = Some(LargePlate { width_share: 0.2, aspect: 1.8, score: 0.8 });
    tensors.decode(&decoding, &map(&tensors))
}

#[test]
fn a_large_square_box_needs_a_high_score() {
    let unsure = found(22.0, 30);
    assert!(unsure.found.list.is_empty() && !unsure.found.doubtful);
    assert_eq!(unsure.candidates.len(), 1, "it still supports a track");
    assert_eq!(found(22.0, 100).found.list.len(), 1);
}

#[test]
fn a_large_long_box_is_a_plate_at_the_usual_score() {
    assert_eq!(found(5.0, 30).found.list.len(), 1);
}
