//! `campari doctor` with an eye that a script plays: what is printed, what is JSON, and the exit statuses 0, 1 and 2.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

use contract::doctor::{Check, Outcome, Report};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// A folder with a voice and an eye that does `script`.
fn programs(script: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("campari-eye", format!("#!/bin/sh\n{script}\n")), ("campari-voice", "#!/bin/sh\n".into())] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

fn doctor(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_campari"));
    command.arg("doctor").arg("--bin-dir").arg(folder).args(args).output().unwrap()
}

fn says(checks: Vec<Check>) -> String {
    let report = Report { profile: "roof".into(), checks, stages: vec![] };
    format!("echo '{}'", serde_json::to_string(&report).unwrap())
}

#[test]
fn a_sound_board_ends_with_0_and_tells_each_check() {
    let folder = programs(&says(vec![Check::pass("clock", "synchronised"), Check::note("pins", "none", "state some")]));
    let output = doctor(folder.path(), &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    for part in ["pass  clock", "note  pins", "→ state some", "pass  campari-voice", "roof: sound, 1 to note"] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
}

#[test]
fn a_failure_ends_with_1_and_json_says_the_same() {
    let script = says(vec![Check::fail("clock", "not synchronised", "start a time service")]);
    let folder = programs(&format!("{script}; exit 1"));
    let output = doctor(folder.path(), &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Report = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((report.checks[0].outcome, report.checks[1].line.as_str()), (Outcome::Fail, "campari-voice"));
}

#[test]
fn what_is_asked_for_reaches_the_eye() {
    let script = says(vec![]).replace("\"roof\"", "\"'\"$*\"'\"");
    let folder = programs(&script);
    let output = doctor(folder.path(), &["--profile", "./own.toml", "--manifest", "m.toml", "--bench", "--json"]);
    let report: Report = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report.profile, "--doctor --manifest m.toml --profile ./own.toml --bench");
}

#[test]
fn an_eye_that_cannot_check_ends_with_2_and_one_line_that_says_why() {
    let folder = programs("echo '2026-11-22T12:00:00Z ERROR campari_eye: there is no profile \"x\"' >&2; exit 2");
    let output = doctor(folder.path(), &["--profile", "x"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "campari: there is no profile \"x\"\n");
    let json: serde_json::Value = serde_json::from_slice(&doctor(folder.path(), &["--json"]).stdout).unwrap();
    assert_eq!(json["ok"], false);
}

#[test]
fn a_machine_without_an_eye_ends_with_2_and_wrong_usage_too() {
    let folder = tempfile::tempdir().unwrap();
    let output = doctor(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("campari-eye cannot be run") && said.contains("--bin-dir"), "{said}");
    assert_eq!(doctor(folder.path(), &["--profile", "a", "--config", "b"]).status.code(), Some(2));
}

#[test]
fn a_missing_voice_is_a_failure() {
    let folder = programs(&says(vec![]));
    std::fs::remove_file(folder.path().join("campari-voice")).unwrap();
    let output = doctor(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("FAIL  campari-voice"));
}
