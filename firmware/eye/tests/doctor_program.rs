//! `campari-eye --doctor`: every line of a profile is checked on this machine, and what cannot be meant is one clear line.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod broken;

use contract::doctor::{Check, Outcome, Report};
use std::path::Path;
use std::process::{Command, Output};

const PROFILE: &str = r#"
name = "here"
description = "this machine"
[camera]
names = ["campari-no-such-camera"]
width = 320
height = 192
fps = 5
[encoder]
kind = "software"
[detector]
setting = "light"
threads = 1
[budget]
capture_ms = 1
prepare_ms = 1
infer_ms = 20
decode_ms = 1
mask_ms = 1
encode_ms = 10
[pins]
privacy_switch = { line = "campari-no-such-line" }
light_sharing = { chip = "campari-no-such-chip", offset = 1 }
[watchdog]
device = "/dev/campari-no-such-watchdog"
"#;

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_campari-eye"))
        .arg("--doctor")
        .args(args)
        .env("CAMPARI_LOG", "error")
        .output()
        .unwrap()
}

fn examine(profile: &str, more: &[&str]) -> (Report, Option<i32>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("here.toml");
    std::fs::write(&file, profile).unwrap();
    let manifest = broken::manifest();
    let output =
        run(&[&["--profile", file.to_str().unwrap(), "--manifest", manifest.to_str().unwrap()], more].concat());
    let report = serde_json::from_slice(&output.stdout);
    (report.unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr))), output.status.code())
}

fn find<'a>(report: &'a Report, line: &str) -> &'a Check {
    report.checks.iter().find(|check| check.line == line).unwrap_or_else(|| panic!("no {line} in {report:#?}"))
}

#[test]
fn each_line_of_a_profile_is_held_against_the_machine_and_what_is_missing_has_a_remedy() {
    let (report, status) = examine(PROFILE, &[]);
    assert_eq!((report.profile.as_str(), status), ("here", Some(1)));
    for line in ["profile", "encoder.kind", "detector.setting", "detector.threads", "budget"] {
        assert_eq!(find(&report, line).outcome, Outcome::Pass, "{:?}", find(&report, line));
    }
    for (line, found) in [
        ("camera.names", "video node"),
        ("pins.privacy_switch", "campari-no-such-line"),
        ("pins.light_sharing", "campari-no-such-chip"),
        ("watchdog.device", "/dev/campari-no-such-watchdog"),
    ] {
        let check = find(&report, line);
        assert!(check.outcome == Outcome::Fail && check.found.contains(found), "{check:?}");
        assert!(check.remedy.as_ref().is_some_and(|remedy| !remedy.is_empty()), "{check:?}");
    }
    for check in &report.checks {
        assert!(!check.found.contains('\n'), "{check:?}");
    }
    assert!(report.stages.is_empty());
}

#[test]
fn the_bench_puts_what_was_measured_beside_what_is_expected() {
    let (report, _) = examine(PROFILE, &["--bench"]);
    let stages: Vec<_> = report.stages.iter().map(|s| (s.stage.as_str(), s.expected_ms, s.p50_ms.is_some())).collect();
    assert_eq!(
        stages,
        [
            ("capture", Some(1.0), false),
            ("prepare", Some(1.0), true),
            ("infer", Some(20.0), true),
            ("decode", Some(1.0), true),
            ("mask", Some(1.0), true),
            ("encode", Some(10.0), true)
        ]
    );
    assert!(report.stages.iter().all(|s| s.p50_ms.is_none_or(|p50| p50 > 0.0 && s.p99_ms.unwrap() >= p50)));
    assert_eq!(find(&report, "bench.capture").outcome, Outcome::Note, "there is no such camera");
    assert!(find(&report, "bench").found.contains("of 200.0 ms"));
}

#[test]
fn a_broken_model_and_cores_that_are_not_there_are_failures() {
    let models = broken::ModelFolder::new("light");
    models.negate_weights();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("here.toml");
    std::fs::write(&file, PROFILE.replace("threads = 1", "threads = 1\ncores = [250]")).unwrap();
    let manifest = models.manifest();
    let output = run(&["--profile", file.to_str().unwrap(), "--manifest", manifest.to_str().unwrap()]);
    let report: Report = serde_json::from_slice(&output.stdout).unwrap();
    let model = find(&report, "detector.setting");
    assert!(model.outcome == Outcome::Fail && model.found.contains("self-test failed"), "{model:?}");
    let cores = find(&report, "detector.cores");
    assert!(cores.outcome == Outcome::Fail && cores.found.contains("no core 250"), "{cores:?}");
}

#[test]
fn an_encoder_that_is_stated_first_must_be_there_even_if_another_one_does_its_work() {
    let encoder = |kind: &str| find(&examine(&PROFILE.replace("\"software\"", kind), &[]).0, "encoder.kind").clone();
    let found = encoder("[\"mpp\", \"software\"]");
    assert!(
        found.outcome == Outcome::Fail && found.found.contains("mpp") && found.found.contains("software"),
        "{found:?}"
    );
    assert_eq!(encoder("\"mpp\"").outcome, Outcome::Fail);
    assert_eq!(encoder("\"auto\"").outcome, Outcome::Pass);
}

#[test]
fn a_configuration_is_checked_with_its_own_camera_pins_and_folders() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("eye.toml");
    let text = format!(
        "site = \"almere\"\ncamera = \"613\"\nprofile = \"desktop\"\n[source]\nkind = \"v4l2\"\ndevice = \"/dev/campari-no-such-node\"\n\
         [detector]\nmanifest = {:?}\nsetting = \"light\"\n[clock]\nassume_synchronised = true\n[pins]\ntamper = {{ line = \"campari-no-such-line\" }}\n\
         [link]\nsocket = {:?}\n[state]\ndir = {:?}\n[policy]\nroots = [{{ kid = \"a\", x = \"0\" }}, {{ kid = \"b\", x = \"0\" }}]\n",
        broken::manifest(),
        folder.path().join("eye.sock"),
        folder.path().join("state"),
    );
    std::fs::write(&config, text).unwrap();
    let output = run(&["--config", config.to_str().unwrap()]);
    let report: Report = serde_json::from_slice(&output.stdout).unwrap();
    for (line, outcome) in [
        ("source.device", Outcome::Fail),
        ("pins.tamper", Outcome::Fail),
        ("state.dir", Outcome::Pass),
        ("link.socket", Outcome::Pass),
        ("policy.bundle", Outcome::Note),
    ] {
        assert_eq!(find(&report, line).outcome, outcome, "{report:#?}");
    }
    assert!(!Path::new(&folder.path().join("state")).exists(), "the doctor makes nothing");
}

#[test]
fn a_profile_that_cannot_be_meant_is_one_line_and_status_2() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.toml");
    for (text, words) in [
        (PROFILE.replace("width = 320", "wide = 320"), vec!["own.toml", "line 6", "wide", "width"]),
        (PROFILE.replace("kind = \"software\"", "kind = \"x265\""), vec!["line 10", "mpp", "software"]),
        (PROFILE.replace("fps = 5", "fps = 0"), vec!["line 8", "1 to 120"]),
        (PROFILE.replace("infer_ms = 20", "infer_ms = -1"), vec!["budget.infer_ms = -1", "0 to 10000"]),
    ] {
        std::fs::write(&file, text).unwrap();
        let output = run(&["--profile", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        let said = String::from_utf8(output.stderr).unwrap();
        for word in words {
            assert!(said.contains(word), "{word} is missing in: {said}");
        }
        assert!(!said.contains("panicked"), "{said}");
    }
    assert_eq!(run(&["--profile", "rk3399"]).status.code(), Some(2));
}
