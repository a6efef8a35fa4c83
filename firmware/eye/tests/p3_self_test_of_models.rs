//! P3: the self-test passes with every model of this checkout, and fails when the model, its numbers or the way into it are wrong.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod broken;

use board_hal::{Detector, OutputRole};
use board_tflite::TfliteDetector;
use broken::{Broken, ModelFolder, manifest};
use contract::body::SelfTestResult;
use detect::Decoding;
use eye::inference::Inference;
use eye::selftest::{GoldenSet, MissCause, Moment, SelfTest, Standing};
use eye::watchdog::Watchdog;
use std::path::Path;
use std::time::Duration;

const SETTINGS: [&str; 3] = ["light", "fast", "full"];
const PATIENCE: Duration = Duration::from_secs(60);

fn open(manifest: &Path, setting: &str) -> TfliteDetector {
    TfliteDetector::open(manifest, setting, 1).unwrap()
}

/// One round, which a test of this file ends within a few seconds.
fn round(detector: Box<dyn Detector>, decoding: Decoding, pad: u8) -> Standing {
    let set = GoldenSet::built_in().unwrap();
    let mut selftest = SelfTest::new(set, detector.spec(), pad, decoding.thresholds, PATIENCE).unwrap();
    let mut inference = Inference::start(detector, decoding, Watchdog::new(), PATIENCE).unwrap();
    for monotonic_us in 0..32 {
        selftest.wait(&mut inference, Moment { monotonic_us, utc_us: 1 }, PATIENCE);
        if selftest.standing().result != SelfTestResult::Running {
            break;
        }
    }
    selftest.standing()
}

/// What the self-test says of a sound model after `change`.
fn of(setting: &str, change: impl FnOnce(TfliteDetector, Decoding) -> (Box<dyn Detector>, Decoding)) -> Standing {
    let detector = open(&manifest(), setting);
    let (decoding, pad) = (detector.decoding(), detector.pad());
    let (detector, decoding) = change(detector, decoding);
    round(detector, decoding, pad)
}

/// It must fail with every setting; why, by setting.
#[track_caller]
fn fails(change: impl Fn(TfliteDetector, Decoding) -> (Box<dyn Detector>, Decoding)) -> [MissCause; 3] {
    let mut causes = Vec::new();
    for setting in SETTINGS {
        let standing = of(setting, &change);
        assert_eq!(standing.result, SelfTestResult::Failed, "{setting}");
        causes.push(standing.miss.unwrap().cause);
    }
    causes.try_into().unwrap()
}

#[track_caller]
fn broken(change: impl Fn(Broken) -> Broken) -> [MissCause; 3] {
    fails(|detector, decoding| (Box::new(change(Broken::new(Box::new(detector)))), decoding))
}

#[test]
fn p3_every_model_of_this_checkout_passes() {
    for setting in SETTINGS {
        let standing = of(setting, |detector, decoding| (Box::new(detector), decoding));
        assert_eq!((standing.result, standing.miss), (SelfTestResult::Passed, None), "{setting}");
        assert!(standing.took > Duration::ZERO);
    }
}

/// It must not hang by a thread: with every score asked for a quarter higher a sound model still passes.
#[test]
fn p3_a_sound_model_passes_with_a_margin() {
    for setting in SETTINGS {
        let standing = of(setting, |detector, mut decoding| {
            decoding.thresholds.head *= 1.25;
            decoding.thresholds.plate *= 1.25;
            decoding.plate_by_width = None;
            (Box::new(detector), decoding)
        });
        assert_eq!((standing.result, standing.miss), (SelfTestResult::Passed, None), "{setting}");
    }
}

#[test]
fn p3_weights_that_are_not_the_trained_ones_fail() {
    for setting in SETTINGS {
        let folder = ModelFolder::new(setting);
        folder.negate_weights();
        let detector = open(&folder.manifest(), setting);
        let (decoding, pad) = (detector.decoding(), detector.pad());
        assert_eq!(round(Box::new(detector), decoding, pad).result, SelfTestResult::Failed, "{setting}");
    }
}

#[test]
fn p3_pixels_that_reach_the_network_wrongly_scaled_fail() {
    // 0..1 in place of 0..255; the picture inverted.
    broken(|it| it.input(|q| ((i16::from(q) + 128) / 255) as i8));
    broken(|it| it.input(|q| !q));
}

#[test]
fn p3_a_network_that_takes_red_for_blue_fails() {
    for cause in broken(Broken::red_is_blue) {
        assert!(matches!(cause, MissCause::NotHidden(..)), "{cause}");
    }
}

#[test]
fn p3_a_wrong_scale_of_any_tensor_that_boxes_are_read_from_fails() {
    for (role, factor) in [
        (OutputRole::HeadHeat, 0.25),
        (OutputRole::PlateHeat, 0.25),
        (OutputRole::HeadScale, 1.5),
        (OutputRole::PlateScale, 1.8),
        (OutputRole::HeadScale, 0.5),
        (OutputRole::PlateScale, 0.5),
    ] {
        for setting in SETTINGS {
            let standing = of(setting, |detector, decoding| {
                (Box::new(Broken::new(Box::new(detector)).scale(role, factor)), decoding)
            });
            assert_eq!(standing.result, SelfTestResult::Failed, "{setting} {role:?} {factor}");
        }
    }
}

#[test]
fn p3_boxes_that_lie_beside_what_was_drawn_fail() {
    for cause in broken(|it| it.shift_by(32)) {
        assert!(matches!(cause, MissCause::NotHidden(..) | MissCause::Misplaced(..)), "{cause}");
    }
}

#[test]
fn p3_thresholds_that_most_objects_do_not_reach_fail() {
    for (head, plate) in [(0.45, 0.25), (0.2, 0.6), (0.9, 0.9)] {
        let causes = fails(|detector, mut decoding| {
            (decoding.thresholds.head, decoding.thresholds.plate) = (head, plate);
            (Box::new(detector), decoding)
        });
        assert_eq!(causes, [MissCause::Thresholds(head, plate); 3]);
    }
}

#[test]
fn p3_a_wide_plate_that_must_be_surer_than_any_is_fails() {
    fails(|detector, mut decoding| {
        decoding.plate_by_width = Some(detect::ScoreByWidth { from: 4.0, to: 20.0, score: 0.99, candidate: None });
        (Box::new(detector), decoding)
    });
}

#[test]
fn p3_heads_that_are_hidden_as_faces_only_fail() {
    fails(|detector, mut decoding| {
        (decoding.head_growth.min, decoding.head_growth.max) = (0.0, 0.0);
        (Box::new(detector), decoding)
    });
}

#[test]
fn p3_the_answer_to_the_picture_before_fails() {
    broken(Broken::one_behind);
}
