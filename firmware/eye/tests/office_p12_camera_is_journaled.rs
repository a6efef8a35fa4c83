//! P12 and P7: when the camera went and when it came back is in the journal, however often it does.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod bench;

use bench::Bench;
use board_hal::Clock;
use eye::road::{CameraStanding, Desk, Report};
use std::time::Duration;

fn report(camera: CameraStanding) -> Report {
    Report { camera, ..bench::camera_lost() }
}

fn journaled(bench: &Bench) -> Vec<String> {
    let journal = bench.journal();
    let about = journal.lines().filter_map(|line| Some(line[line.find("camera-")?..].split('"').next()?.to_owned()));
    about.collect()
}

#[test]
fn p12_a_loss_and_a_return_are_journaled_and_a_loose_plug_once_a_minute() {
    let (bench, mut voice, _dir) = Bench::ready();
    let mut tell = |standing, then: Duration| {
        bench.office.report(&report(standing));
        // Of two, the second was told after the report was seen.
        voice.state();
        voice.state();
        bench.clock.pause(then);
    };
    tell(CameraStanding::Delivering, Duration::from_secs(1));
    assert!(journaled(&bench).is_empty(), "a camera that is there is nothing to write about");
    tell(CameraStanding::Lost, Duration::from_secs(1));
    assert_eq!(journaled(&bench), ["camera-lost"]);
    for _ in 0..10 {
        tell(CameraStanding::Delivering, Duration::from_secs(1));
        tell(CameraStanding::Frozen, Duration::from_secs(1));
    }
    assert_eq!(journaled(&bench), ["camera-lost"]);
    tell(CameraStanding::Delivering, Duration::from_secs(60));
    tell(CameraStanding::Delivering, Duration::from_secs(1));
    assert_eq!(journaled(&bench), ["camera-lost", "camera-back"]);
}
