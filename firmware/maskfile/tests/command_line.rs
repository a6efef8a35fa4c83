//! `campari-mask` itself, with the model of this checkout.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use support::gradient;

fn campari_mask(folder: &Path, arguments: &[&str]) -> Output {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/manifest.toml");
    Command::new(env!("CARGO_BIN_EXE_campari-mask"))
        .current_dir(folder)
        .args(["--manifest", manifest].iter().filter(|_| !arguments.contains(&"--manifest")))
        .args(arguments)
        .output()
        .unwrap()
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap()
}

#[test]
fn it_masks_a_folder_and_says_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("in")).unwrap();
    gradient(320, 200).save(folder.path().join("in/a.png")).unwrap();
    let done = campari_mask(folder.path(), &["in", "--out", "out", "--report", "logs/r.jsonl"]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(status(&done), 0, "{said}");
    assert!(said.contains("1 pictures"), "{said}");
    assert!(folder.path().join("out/a.png").exists());
    let report = fs::read_to_string(folder.path().join("logs/r.jsonl")).unwrap();
    assert_eq!(report.lines().count(), 1);
    assert!(report.starts_with(r#"{"image":"a.png","frame":0,"width":320,"height":200,"objects":["#), "{report}");
}

#[test]
fn a_file_that_failed_makes_the_status_1() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.jpg"), "no picture").unwrap();
    gradient(64, 48).save(folder.path().join("b.png")).unwrap();
    let done = campari_mask(folder.path(), &["a.jpg", "b.png", "--out", "out", "--report", "r.jsonl"]);
    assert_eq!(status(&done), 1);
    assert!(String::from_utf8_lossy(&done.stderr).contains("a.jpg"));
    assert!(folder.path().join("out/b.png").exists());
    assert!(fs::read_to_string(folder.path().join("r.jsonl")).unwrap().contains("\"error\":"));
}

#[test]
fn the_profile_chooses_the_model_unless_the_setting_is_given() {
    let folder = tempfile::tempdir().unwrap();
    gradient(64, 48).save(folder.path().join("a.png")).unwrap();
    fs::write(
        folder.path().join("own.toml"),
        "name = \"own\"\ndescription = \"ours\"\n[detector]\nsetting = \"light\"\nthreads = 2\n",
    )
    .unwrap();
    for (more, words) in [
        (
            &["--profile", "rk3588"][..],
            "profile rk3588 (Rockchip RK3588: 4x Cortex-A76 and 4x Cortex-A55, both with int8 dot product): setting full, threads 4",
        ),
        (&["--profile", "rv1126b"], "setting light, threads 3"),
        (&["--profile", "rk3588", "--setting", "fast", "--threads", "1"], "setting fast, threads 1"),
        (&["--profile", "own.toml"], "profile own (ours): setting light, threads 2"),
        (&[], ": setting "),
    ] {
        let done = campari_mask(folder.path(), &[&["a.png", "--out", "out", "--report", "r"][..], more].concat());
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(status(&done), 0, "{more:?}: {said}");
        assert!(said.contains(words), "{more:?}: {said}");
    }
    for (profile, words) in [("rk3399", "there are: rk3588"), ("gone.toml", "gone.toml: No such file")] {
        let done = campari_mask(folder.path(), &["a.png", "--out", "no", "--report", "r", "--profile", profile]);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(status(&done), 1, "{said}");
        assert!(said.contains(words) && !folder.path().join("no").exists(), "{said}");
    }
}

#[test]
fn wrong_usage_is_status_2_and_says_what_to_give() {
    let folder = tempfile::tempdir().unwrap();
    gradient(64, 48).save(folder.path().join("a.png")).unwrap();
    for (arguments, word) in [
        (vec!["--out", "out", "--report", "r"], "IN"),
        (vec!["a.png", "--report", "r"], "--out"),
        (vec!["a.png", "--out", "out", "--report", "r", "--filter", "blur"], "blur"),
        (vec!["a.png", "--out", "out", "--report", "r", "--filter", "coarse"], "--largest-face"),
        (vec!["a.png", "--out", "out", "--report", "r", "--largest-face", "1.5"], "share"),
        (vec!["a.png", "--out", "out", "--report", "r", "--threads", "0"], "threads"),
    ] {
        let done = campari_mask(folder.path(), &arguments);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(status(&done), 2, "{arguments:?}: {said}");
        assert!(said.contains(word), "{arguments:?}: {said}");
    }
}

#[test]
fn silhouette_of_single_pictures_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    gradient(64, 48).save(folder.path().join("a.png")).unwrap();
    let done = campari_mask(folder.path(), &["a.png", "--out", "out", "--report", "r", "--filter", "silhouette"]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(status(&done), 1, "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("a.png: silhouette learns a still scene from a clip"), "{said}");
    assert!(!folder.path().join("out").exists());
}

#[test]
fn what_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    gradient(64, 48).save(folder.path().join("a.png")).unwrap();
    let done = campari_mask(folder.path(), &["gone.png", "--out", "out", "--report", "r"]);
    assert_eq!(status(&done), 1);
    assert!(String::from_utf8_lossy(&done.stderr).contains("gone.png"));
    let done = campari_mask(folder.path(), &["a.png", "--out", "out", "--report", "r", "--manifest", "none.toml"]);
    assert_eq!(status(&done), 1);
    assert!(String::from_utf8_lossy(&done.stderr).contains("none.toml"));
    assert!(!folder.path().join("out").exists());
}
