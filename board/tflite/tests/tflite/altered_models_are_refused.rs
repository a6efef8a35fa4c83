//! A model that is not exactly what the manifest says never runs, and the refusal says what to do (P3, P6).

use crate::common::ModelFolder;
use board_hal::OutputRole;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

fn assert_says(refusal: &str, parts: &[&str]) {
    for part in parts {
        assert!(refusal.contains(part), "{refusal:?} does not say {part:?}");
    }
}

/// Writes a model and makes the manifest's length and hash fit it.
fn replace_model(folder: &ModelFolder, bytes: &[u8]) {
    let hash = Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    });
    folder.set(&["sha256"], hash).set(&["bytes"], bytes.len() as i64);
    std::fs::write(folder.model(), bytes).unwrap();
}

#[test]
fn p6_one_flipped_bit_is_refused() {
    let folder = ModelFolder::new();
    let mut bytes = std::fs::read(folder.model()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(folder.model(), bytes).unwrap();
    assert_says(&folder.refusal(), &["sha256", "the manifest says", "altered", ".tflite"]);
}

#[test]
fn truncated_file_is_refused_by_its_length() {
    let folder = ModelFolder::new();
    let bytes = std::fs::read(folder.model()).unwrap();
    std::fs::write(folder.model(), &bytes[..bytes.len() / 2]).unwrap();
    assert_says(&folder.refusal(), &[&format!("has {} bytes", bytes.len() / 2), "copy the file again"]);
}

#[test]
fn longer_file_is_refused() {
    let folder = ModelFolder::new();
    let mut bytes = std::fs::read(folder.model()).unwrap();
    bytes.push(0);
    std::fs::write(folder.model(), bytes).unwrap();
    assert_says(&folder.refusal(), &["has more bytes"]);
}

#[test]
fn missing_file_is_refused() {
    let folder = ModelFolder::new();
    std::fs::remove_file(folder.model()).unwrap();
    assert_says(&folder.refusal(), &["cannot be read", "beside the manifest"]);
}

#[test]
fn hashed_garbage_is_no_model() {
    let folder = ModelFolder::new();
    replace_model(&folder, &[0x5a; 4096]);
    assert_says(&folder.refusal(), &["not a TensorFlow Lite model"]);
}

#[test]
fn hashed_half_model_is_no_model() {
    let folder = ModelFolder::new();
    let bytes = std::fs::read(folder.model()).unwrap();
    replace_model(&folder, &bytes[..bytes.len() / 2]);
    assert_says(&folder.refusal(), &["not a TensorFlow Lite model"]);
}

#[test]
fn foreign_input_size_is_refused() {
    let folder = ModelFolder::new();
    // Every shape in the manifest is made to fit another height, so that only the file itself disagrees.
    let (width, height) = folder.input_size();
    let other = height + 32;
    folder.set(&["input", "height"], other);
    for role in OutputRole::ALL {
        folder.set(&["outputs", role.name(), "shape"], vec![1, other / 4, width / 4, role.channels() as i64]);
    }
    let (is, said) =
        (format!("input has shape [1, {height}, {width}, 3]"), format!("the manifest says [1, {other}, {width}, 3]"));
    assert_says(&folder.refusal(), &[&is, &said]);
}

#[test]
fn shape_that_the_decoder_cannot_read_is_refused() {
    let folder = ModelFolder::new();
    let (width, height) = folder.input_size();
    folder.set(&["outputs", "head_landmarks", "shape"], vec![1, height / 4, width / 4, 11]);
    let wanted = format!("[1, {}, {}, 10]", height / 4, width / 4);
    assert_says(&folder.refusal(), &["manifest.toml", "head_landmarks", &wanted]);
}

#[test]
fn foreign_quantisation_is_refused() {
    let folder = ModelFolder::new();
    folder.set(&["outputs", "head_heat", "scale"], 0.004);
    assert_says(&folder.refusal(), &["head_heat", "0.004", "one release"]);
}

#[test]
fn role_without_a_tensor_is_refused() {
    let folder = ModelFolder::new();
    folder.set(&["outputs", "plate_heat", "tensor"], "numberplate_heat");
    assert_says(&folder.refusal(), &["plate_heat", "numberplate_heat", "the file has:"]);
}

#[test]
fn two_roles_swapped_are_refused_by_their_quantisation() {
    let folder = ModelFolder::new();
    folder.set(&["outputs", "head_scale", "tensor"], "head_offset");
    assert_says(&folder.refusal(), &["head_scale has scale"]);
}
