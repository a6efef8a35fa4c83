//! P12: a call into C code that hangs is noticed, and ends the process so that it can be started anew.
//!
//! The end itself happens in a child: the test starts itself anew.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod roadside;

use board_sim::{DetectorStep, EncoderStep, Gate, SimDetector};
use detect::LetterboxMap;
use eye::inference::{Answer, Inference};
use eye::watchdog::{Stage, Watchdog};
use mask::FrameId;
use roadside::{NET, Roadside, SIZE, decoding, scripts};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CHILD: &str = "CAMPARI_TEST_WATCHDOG_CHILD";
/// Longer than any test waits.
const FOR_EVER: Duration = Duration::from_secs(60);

/// Waits until the watchdog says so.
fn until(dog: &Watchdog, wanted: Option<Stage>) {
    let start = Instant::now();
    while dog.overdue() != wanted {
        assert!(start.elapsed() < FOR_EVER, "{:?} instead of {wanted:?}", dog.overdue());
        std::thread::yield_now();
    }
}

#[test]
fn p12_a_call_that_takes_too_long_is_overdue_until_it_is_back() {
    let dog = Watchdog::new();
    assert_eq!(dog.overdue(), None);
    let watched = dog.enter(Stage::Encode, Duration::from_millis(5));
    let patient = dog.enter(Stage::Inference, FOR_EVER);
    until(&dog, Some(Stage::Encode));
    drop(watched);
    assert_eq!(dog.overdue(), None);
    drop(patient);
    let late = dog.enter(Stage::Inference, Duration::from_millis(5));
    until(&dog, Some(Stage::Inference));
    drop(late);
    assert_eq!(dog.overdue(), None);
}

#[test]
fn p12_a_hung_inference_is_overdue() {
    let (_, script, _) = scripts();
    let gate = Gate::new();
    script.push(DetectorStep::Hang(gate.clone()));
    let dog = Watchdog::new();
    let network = Box::new(SimDetector::new(NET.0, NET.1, script));
    let mut inference = Inference::start(network, decoding(), Arc::clone(&dog), Duration::from_millis(5)).unwrap();
    let map = LetterboxMap::new(SIZE.0, SIZE.1, NET.0, NET.1);
    let answer = inference.ask(FrameId(0), 0, map, Duration::from_millis(1), |_| Ok(()));
    assert!(matches!(answer, Answer::Late));
    until(&dog, Some(Stage::Inference));
    gate.open();
    until(&dog, None);
}

#[test]
fn p12_a_hung_encoder_is_overdue() {
    let mut side = Roadside::new().sharing();
    let (dog, gate) = (Arc::clone(&side.watchdog), Gate::new());
    side.encoder.push(EncoderStep::Hang(gate.clone()));
    let road = std::thread::spawn(move || side.step());
    gate.wait_until_reached();
    until(&dog, Some(Stage::Encode));
    gate.open();
    assert!(road.join().unwrap().is_some());
    assert_eq!(dog.overdue(), None);
}

/// Runs test `name` of this file again in a process of its own, which must end as the watchdog ends it.
fn ends(name: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--test-threads", "1", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert_eq!(output.status.signal(), Some(nix::sys::signal::Signal::SIGABRT as i32), "{}", output.status);
}

/// Whether this is such a process. It leaves no core behind.
fn is_child() -> bool {
    let child = std::env::var_os(CHILD).is_some();
    if child {
        nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 0, 0).unwrap();
    }
    child
}

#[test]
fn p12_a_guarded_process_ends_when_a_call_hangs() {
    if !is_child() {
        return ends("p12_a_guarded_process_ends_when_a_call_hangs");
    }
    let dog = Watchdog::new();
    dog.guard().unwrap();
    for _ in 0..3 {
        drop(dog.enter(Stage::Encode, Duration::from_millis(1)));
    }
    let _hung = dog.enter(Stage::Encode, Duration::from_millis(20));
    std::thread::park_timeout(FOR_EVER);
}

#[test]
fn p12_the_process_ends_when_the_detectors_thread_dies() {
    if !is_child() {
        return ends("p12_the_process_ends_when_the_detectors_thread_dies");
    }
    let mut side = Roadside::new().sharing();
    side.detector.push(DetectorStep::Panic);
    side.steps(2);
}

#[test]
fn p12_the_process_ends_when_no_encoder_can_be_had_in_it_any_more() {
    if !is_child() {
        return ends("p12_the_process_ends_when_no_encoder_can_be_had_in_it_any_more");
    }
    let mut side = Roadside::new().sharing();
    side.encoder.push(EncoderStep::Wedged);
    side.steps(2);
}

#[test]
fn p12_the_process_ends_when_the_encoders_thread_dies() {
    if !is_child() {
        return ends("p12_the_process_ends_when_the_encoders_thread_dies");
    }
    let mut side = Roadside::new().sharing();
    side.encoder.push(EncoderStep::Panic);
    side.steps(2);
}
