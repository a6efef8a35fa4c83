//! `campari-eye --self-test` runs the self-test once and says by its exit status whether a slot is good.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod broken;

use broken::{ModelFolder, manifest};
use std::path::Path;
use std::process::{Command, Output};

fn run(manifest: &Path, folder: &Path) -> Output {
    let config = folder.join("eye.toml");
    let text = format!(
        "site = \"almere\"\ncamera = \"613\"\n[source]\nkind = \"v4l2\"\ndevice = \"/nowhere\"\n[detector]\nmanifest = {manifest:?}\nsetting = \"light\"\n\
         [link]\nsocket = {:?}\n[state]\ndir = {:?}\n[policy]\nroots = [{{ kid = \"a\", x = \"0\" }}, {{ kid = \"b\", x = \"0\" }}]\n",
        folder.join("eye.sock"),
        folder.join("state"),
    );
    std::fs::write(&config, text).unwrap();
    Command::new(env!("CARGO_BIN_EXE_campari-eye")).arg("--config").arg(config).arg("--self-test").output().unwrap()
}

#[test]
fn p3_a_sound_model_passes_and_needs_neither_camera_nor_link_nor_state() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&manifest(), folder.path());
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.starts_with("self-test passed: campari-heads-plates-") && said.contains("sha256 "), "{said}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["eye.toml"]);
}

#[test]
fn p3_a_broken_model_fails_and_says_which_picture_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let models = ModelFolder::new("light");
    models.negate_weights();
    let output = run(&models.manifest(), folder.path());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(output.stdout.is_empty());
    let last = said.lines().last().unwrap();
    assert!(last.contains("self-test failed: campari-heads-plates-") && last.contains("close-by"), "{last}");
}

#[test]
fn a_model_that_cannot_be_used_is_no_pass() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&folder.path().join("manifest.toml"), folder.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("manifest.toml"));
}
