//! A manifest that cannot be meant is refused before any model file is opened.

use crate::common::ModelFolder;
use board_tflite::TfliteDetector;

use toml::Value;

fn refusal_after(path: &[&str], value: impl Into<Value>) -> String {
    ModelFolder::new().set(path, value).refusal()
}

#[test]
fn misspelt_field_is_refused() {
    let folder = ModelFolder::new();
    folder.edit(|entry| {
        let thresholds = entry["thresholds"].as_table_mut().unwrap();
        let value = thresholds.remove("head_candidate").unwrap();
        thresholds.insert("head_candiate".to_owned(), value);
    });
    let refusal = folder.refusal();
    assert!(refusal.contains("head_candiate"), "{refusal}");
}

#[test]
fn p6_threshold_that_finds_nothing_is_refused() {
    let refusal = refusal_after(&["thresholds", "head"], 1.0);
    assert!(refusal.contains("thresholds.head is 1"), "{refusal}");
}

#[test]
fn candidate_above_its_threshold_is_refused() {
    let refusal = refusal_after(&["thresholds", "head_candidate"], 0.9);
    assert!(refusal.contains("thresholds.head_candidate is 0.9"), "{refusal}");
}

#[test]
fn not_a_number_is_refused() {
    let refusal = refusal_after(&["head_growth", "max"], f64::NAN);
    assert!(refusal.contains("head_growth.max"), "{refusal}");
}

#[test]
fn model_outside_the_folder_is_refused() {
    let refusal = refusal_after(&["file"], "../other.tflite");
    assert!(refusal.contains("plain name"), "{refusal}");
}

#[test]
fn unknown_setting_names_those_there_are() {
    let folder = ModelFolder::new();
    let refusal = TfliteDetector::open(folder.manifest(), "turbo", 1).err().unwrap().to_string();
    assert!(refusal.contains("turbo") && refusal.contains("fast"), "{refusal}");
}

#[test]
fn missing_manifest_says_where_it_belongs() {
    let folder = ModelFolder::new();
    std::fs::remove_file(folder.manifest()).unwrap();
    let refusal = TfliteDetector::open(folder.manifest(), "fast", 1).err().unwrap().to_string();
    assert!(refusal.contains("manifest.toml") && refusal.contains("cannot be read"), "{refusal}");
}

#[test]
fn zero_threads_are_refused() {
    let folder = ModelFolder::new();
    let refusal = TfliteDetector::open(folder.manifest(), "fast", 0).err().unwrap().to_string();
    assert!(refusal.contains("1 to 64"), "{refusal}");
}
