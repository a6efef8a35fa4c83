//! What the detector's self-test came to is in `state`, and in the journal when it changes.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod bench;

use bench::{BEGIN_S, Bench};
use contract::Rung;
use contract::body::SelfTestResult;
use eye::road::{CameraStanding, Desk, Report};
use eye::selftest::{Miss, MissCause, Standing};
use mask::ladder::RungReason;
use std::time::Duration;

fn report(result: SelfTestResult, miss: Option<Miss>) -> Report {
    let standing = Standing { result, at_utc_us: Some(BEGIN_S * 1_000_000), took: Duration::from_millis(120), miss };
    Report {
        rung: Rung::Covered,
        reason: RungReason::SelfTestFailed,
        camera: CameraStanding::Delivering,
        captured: 0,
        dropped: 0,
        objects_masked: 0,
        misses_bridged: 0,
        shapes_painted: 0,
        rung_us: [0; 4],
        inference: Duration::ZERO,
        selftest: Some(standing),
    }
}

/// Events of the journal that are about the self-test, with the model's hash that each must carry.
fn journaled(bench: &Bench) -> Vec<String> {
    let journal = bench.journal();
    let about = journal.lines().filter(|line| line.contains("self-test"));
    about
        .map(|line| {
            assert!(line.contains(&"00".repeat(32)), "{line}");
            let from = line.find("self-test").unwrap();
            line[from..].split('"').next().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn p3_a_miss_is_in_state_with_its_reason_and_p7_in_the_journal_once() {
    let (bench, mut voice, _dir) = Bench::ready();
    assert_eq!(voice.state().self_test, None, "no frame yet");
    let miss = Miss { picture: "by-night", cause: MissCause::Strays(9) };
    bench.office.report(&report(SelfTestResult::Running, None));
    voice.state();
    for _ in 0..3 {
        bench.office.report(&report(SelfTestResult::Failed, Some(miss)));
        voice.state();
    }
    let state = voice.state();
    assert_eq!((state.model.as_str(), state.model_sha256), ("test", "00".repeat(32)));
    assert_eq!(state.ladder_reason.as_deref(), Some("the detector's self-test failed"));
    let told = state.self_test.unwrap();
    assert_eq!((told.result, told.at, told.took_ms), (SelfTestResult::Failed, Some(BEGIN_S), 120.0));
    assert_eq!(told.missed.as_deref(), Some("by-night"));
    assert_eq!(told.why.as_deref(), Some("9 masks lie where nothing was drawn, at most 2 may"));
    assert_eq!(journaled(&bench), ["self-test-failed"]);

    for _ in 0..3 {
        bench.office.report(&report(SelfTestResult::Passed, None));
        voice.state();
    }
    assert_eq!(voice.state().self_test.unwrap().missed, None);
    assert_eq!(journaled(&bench), ["self-test-failed", "self-test-passed"]);
}
