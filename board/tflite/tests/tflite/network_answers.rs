//! The released models run, and their tensors have the shapes and meanings that the decoder reads.

use crate::common::{ModelFolder, manifest};
use board_hal::{Detector, DetectorError, OutputRole};
use board_tflite::TfliteDetector;

fn grey(detector: &TfliteDetector) -> Vec<i8> {
    vec![0; detector.spec().width * detector.spec().height * 3]
}

#[test]
fn every_model_of_the_manifest_opens_and_answers() {
    let entries = board_tflite::manifest::read(&manifest()).unwrap();
    assert!(!entries.is_empty());
    for entry in entries {
        let mut detector = TfliteDetector::open(manifest(), &entry.setting, 1).unwrap();
        assert_eq!(detector.spec().sha256, entry.sha256);
        let input = grey(&detector);
        detector.infer(&input).unwrap();
        for role in OutputRole::ALL {
            let tensor = detector.output(role);
            assert_eq!(tensor.channels, role.channels());
            assert_eq!((tensor.width * 4, tensor.height * 4), (entry.input.width, entry.input.height));
            assert_eq!(tensor.data.len(), tensor.width * tensor.height * tensor.channels);
        }
    }
}

#[test]
fn answer_depends_on_the_picture_and_repeats() {
    let mut detector = TfliteDetector::open(manifest(), "fast", 1).unwrap();
    let flat = grey(&detector);
    let width = detector.spec().width;
    let blob: Vec<i8> = (0..flat.len())
        .map(|i| {
            let (x, y) = ((i / 3 % width) as i32, (i / 3 / width) as i32);
            if (x - 320).pow(2) + (y - 190).pow(2) < 60 * 60 { 90 } else { -60 }
        })
        .collect();
    let mut scale_of = |input: &[i8]| {
        detector.infer(input).unwrap();
        detector.output(OutputRole::HeadScale).data.to_vec()
    };
    let (first, other, again) = (scale_of(&flat), scale_of(&blob), scale_of(&flat));
    assert_ne!(first, other);
    assert_eq!(first, again);
}

#[test]
fn input_of_the_wrong_length_is_no_inference() {
    let mut detector = TfliteDetector::open(manifest(), "fast", 1).unwrap();
    let mut input = grey(&detector);
    input.pop();
    assert!(matches!(detector.infer(&input), Err(DetectorError::Inference(_))));
}

#[test]
fn detector_runs_on_another_thread_after_its_file_is_gone() {
    let folder = ModelFolder::new();
    let mut detector = TfliteDetector::open(folder.manifest(), "fast", 2).unwrap();
    drop(folder);
    let input = grey(&detector);
    std::thread::spawn(move || detector.infer(&input)).join().unwrap().unwrap();
}

#[test]
fn threads_do_not_change_the_answer() {
    let heat = |threads| {
        let mut detector = TfliteDetector::open(manifest(), "fast", threads).unwrap();
        let input: Vec<i8> = (0..grey(&detector).len()).map(|i| ((i * 7919) % 251) as u8 as i8).collect();
        detector.infer(&input).unwrap();
        detector.output(OutputRole::HeadHeat).data.to_vec()
    };
    assert_eq!(heat(1), heat(2));
}
