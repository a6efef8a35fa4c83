//! The decoder gives the boxes of the reference decoder (`models/decode.py`), to a thousandth of a pixel.

use crate::common::{FRAME, Tensors};
use board_hal::OutputRole;
use detect::{Decoding, LetterboxMap};
use mask::{Class, Object};
use serde::Deserialize;
use std::collections::HashMap;

#[derive(Deserialize)]
struct Golden {
    model: Model,
    kx: f32,
    ky: f32,
    picture_width: usize,
    picture_height: usize,
    tensors: HashMap<String, Vec<i8>>,
    expected: Vec<Expected>,
    expected_candidates: Vec<Expected>,
}

#[derive(Deserialize)]
struct Model {
    #[serde(flatten)]
    decoding: Decoding,
    outputs: HashMap<String, Output>,
}

#[derive(Deserialize)]
struct Output {
    shape: [usize; 4],
    scale: f32,
    zero_point: i32,
}

#[derive(Deserialize)]
struct Expected {
    cls: Class,
    score: f32,
    x: f32,
    y: f32,
    w: f32,
    h: f32,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../../../models/golden/decode.json")).unwrap()
}

fn tensors(golden: &Golden) -> Tensors {
    let [_, rows, cols, _] = golden.model.outputs["head_heat"].shape;
    let mut tensors = Tensors::empty(rows, cols);
    for (i, role) in OutputRole::ALL.iter().enumerate() {
        let output = &golden.model.outputs[role.name()];
        tensors.data[i].clone_from(&golden.tensors[role.name()]);
        (tensors.scale[i], tensors.zero_point[i]) = (output.scale, output.zero_point);
    }
    tensors
}

fn assert_same(found: &[Object], expected: &[&Expected]) {
    assert_eq!(found.len(), expected.len(), "found {found:#?}");
    for (i, (object, e)) in found.iter().zip(expected).enumerate() {
        assert_eq!(object.class, e.cls, "box {i}");
        let rect = object.rect;
        for (name, is, should) in [
            ("score", object.score, e.score),
            ("x", rect.x, e.x),
            ("y", rect.y, e.y),
            ("w", rect.w, e.w),
            ("h", rect.h, e.h),
        ] {
            assert!((is - should).abs() < 1e-3, "box {i}: {name} is {is}, the reference says {should}");
        }
    }
}

#[test]
fn boxes_and_order_are_those_of_the_reference() {
    let golden = golden();
    assert!(golden.expected.len() > 3 && golden.expected_candidates.len() > golden.expected.len());
    let whole = LetterboxMap::new(golden.picture_width, golden.picture_height, 48, 32);
    let map = LetterboxMap { kx: golden.kx, ky: golden.ky, ..whole };
    let found = tensors(&golden).decode(&golden.model.decoding, &map);

    assert_eq!(found.frame(), FRAME);
    assert!(!found.found.doubtful);
    assert_same(&found.found.list, &golden.expected.iter().collect::<Vec<_>>());

    // The reference decodes again with lower thresholds; here one pass gives both, so the weak ones are what is left over.
    for class in [Class::Head, Class::Plate] {
        let ours: Vec<Object> =
            found.found.list.iter().chain(&found.candidates).filter(|o| o.class == class).copied().collect();
        let theirs: Vec<&Expected> = golden.expected_candidates.iter().filter(|e| e.cls == class).collect();
        assert_same(&ours, &theirs);
    }
}

#[test]
fn golden_numbers_pass_their_own_check() {
    golden().model.decoding.check().unwrap();
}
