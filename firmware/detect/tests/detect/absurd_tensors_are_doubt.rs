//! P3: tensors that cannot be meant, and more objects than fit, are doubt; never an empty answer that looks sure.

use crate::common::{Tensors, decoding, map, place};
use board_hal::OutputRole::{HeadHeat, HeadLandmarks, HeadOffset, HeadScale, PlateHeat, PlateOffset, PlateScale};
use detect::{Detections, LetterboxMap};
use mask::Class;
use proptest::prelude::*;

fn decode(tensors: &Tensors) -> Detections {
    tensors.decode(&decoding(), &map(tensors))
}

fn one_head() -> Tensors {
    let mut tensors = Tensors::empty(8, 12);
    tensors.heat(HeadHeat, 4, 6, 100);
    tensors
}

#[test]
fn an_empty_street_is_no_doubt() {
    let found = decode(&Tensors::empty(8, 12));
    assert!(!found.found.doubtful && found.found.list.is_empty() && found.candidates.is_empty());
}

#[test]
fn one_peak_is_one_head() {
    let found = decode(&one_head());
    assert!(!found.found.doubtful);
    assert_eq!(found.found.list.len(), 1);
    assert_eq!(found.found.list[0].class, Class::Head);
}

#[test]
fn weak_peak_is_a_candidate_only() {
    let mut tensors = Tensors::empty(8, 12);
    tensors.heat(HeadHeat, 4, 6, -128 + 40);
    let found = decode(&tensors);
    assert!(found.found.list.is_empty() && !found.found.doubtful);
    assert_eq!(found.candidates.len(), 1);
}

#[test]
fn p3_three_hundred_heads_are_doubt() {
    let mut tensors = Tensors::empty(96, 160);
    for i in 0..300 {
        tensors.heat(HeadHeat, (i / 20) * 6 + 2, (i % 20) * 8 + 3, 100);
    }
    let found = decode(&tensors);
    assert!(found.found.doubtful);
    assert_eq!(found.found.list.len(), mask::MAX_OBJECTS);
}

#[test]
fn p3_a_map_that_is_hot_everywhere_is_doubt() {
    for role in [HeadHeat, PlateHeat] {
        let mut tensors = Tensors::empty(96, 160);
        tensors.data[place(role)].fill(127);
        assert!(decode(&tensors).found.doubtful);
    }
}

#[test]
fn p3_more_candidates_than_fit_are_doubt() {
    let mut tensors = Tensors::empty(96, 160);
    for i in 0..(48 * 26) {
        tensors.heat(PlateHeat, (i / 26) * 2, (i % 26) * 6, -128 + 50);
    }
    assert!(decode(&tensors).found.doubtful);
}

#[test]
fn p3_quantisation_that_is_not_a_number_is_doubt() {
    for role in [HeadHeat, HeadScale, HeadLandmarks, PlateScale] {
        for scale in [f32::NAN, f32::INFINITY, f32::MAX, 0.0, -1.0] {
            let mut tensors = one_head();
            tensors.scale[place(role)] = scale;
            assert!(decode(&tensors).found.doubtful, "{role:?} {scale}");
        }
    }
}

#[test]
fn p3_boxes_beyond_all_measure_are_doubt() {
    let mut tensors = one_head();
    tensors.scale[place(HeadScale)] = 1.0;
    tensors.data[place(HeadScale)].fill(127);
    assert!(decode(&tensors).found.doubtful);
}

#[test]
fn p3_threshold_that_no_value_reaches_is_doubt() {
    let mut tensors = Tensors::empty(8, 12);
    tensors.scale[place(HeadHeat)] = 1e-4;
    assert!(decode(&tensors).found.doubtful);
}

#[test]
fn p3_tensors_of_different_sizes_are_doubt() {
    let mut tensors = one_head();
    tensors.data[place(PlateOffset)].pop();
    assert!(decode(&tensors).found.doubtful);
}

#[test]
fn p3_doubt_about_plates_keeps_the_heads() {
    let mut tensors = one_head();
    tensors.scale[place(PlateHeat)] = f32::NAN;
    let found = decode(&tensors);
    assert!(found.found.doubtful);
    assert_eq!(found.found.list.len(), 1);
}

#[test]
fn doubt_does_not_outlive_its_frame() {
    let mut tensors = one_head();
    tensors.scale[place(HeadHeat)] = f32::NAN;
    let mut found = Detections::none(crate::common::FRAME);
    for (scale, doubtful) in [(f32::NAN, true), (1.0 / 256.0, false)] {
        tensors.scale[place(HeadHeat)] = scale;
        detect::decode(&|role| tensors.tensor(role), &decoding(), &map(&tensors), crate::common::FRAME, &mut found);
        assert_eq!(found.found.doubtful, doubtful);
    }
}

#[test]
fn head_at_the_edge_is_cut_off_there_and_kept() {
    let mut tensors = Tensors::empty(8, 12);
    tensors.heat(HeadHeat, 0, 0, 100).heat(HeadHeat, 7, 11, 100);
    let found = decode(&tensors);
    assert_eq!(found.found.list.len(), 2);
    for object in &found.found.list {
        let rect = object.rect;
        assert!(rect.x >= 0.0 && rect.y >= 0.0 && rect.x + rect.w <= 48.0 && rect.y + rect.h <= 32.0, "{rect:?}");
    }
}

#[test]
fn p3_box_thrown_out_of_the_picture_is_doubt() {
    let mut tensors = one_head();
    tensors.data[place(HeadOffset)].fill(127);
    tensors.scale[place(HeadOffset)] = 0.2;
    assert!(decode(&tensors).found.doubtful);
}

#[test]
fn peak_over_the_padding_hides_nothing_and_is_no_doubt() {
    let mut tensors = Tensors::empty(8, 12);
    tensors.heat(HeadHeat, 7, 6, 100);
    let flat = LetterboxMap::new(480, 160, 48, 32);
    let found = tensors.decode(&decoding(), &flat);
    assert!(!found.found.doubtful && found.found.list.is_empty());
}

proptest! {
    /// Whatever the numbers, the answer is sound boxes within the picture, and never fewer than one for a lone strong peak without doubt.
    #[test]
    fn p3_any_tensors_give_sound_boxes_or_doubt(
        seed in proptest::collection::vec(any::<i8>(), 8 * 12 * 20),
        scales in proptest::array::uniform7(prop_oneof![Just(1.0f32 / 256.0), 0.001f32..0.1, Just(f32::NAN), Just(1e30)]),
        row in 0usize..8, col in 0usize..12,
    ) {
        let mut tensors = Tensors::empty(8, 12);
        let mut numbers = seed.into_iter();
        for data in &mut tensors.data {
            for value in data {
                *value = numbers.next().unwrap();
            }
        }
        tensors.data[place(HeadHeat)].fill(-128);
        tensors.heat(HeadHeat, row, col, 127);
        tensors.scale[1..].copy_from_slice(&scales[1..]);
        let found = decode(&tensors);
        for object in found.found.list.iter().chain(&found.candidates) {
            let rect = object.rect;
            prop_assert!(rect.is_sound());
            prop_assert!(rect.x >= 0.0 && rect.y >= 0.0 && rect.x + rect.w <= 48.01 && rect.y + rect.h <= 32.01);
        }
        let heads = found.found.list.iter().filter(|o| o.class == Class::Head).count();
        prop_assert!(found.found.doubtful || heads == 1);
    }
}
