//! kas, in an environment of its own, reads each combination of `yocto/kas/*.yml` that the layer's README names: are they valid, do they fit together, and is
//! every layer pinned to a commit? Fetches no layer.

use super::Told;
use crate::{child, venv, workspace};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::process::Command;

const KAS: &str = "kas==5.5";
/// What every build has.
const EVERY: &str = "campari";
/// A release and a board; each is read as it is, with `dev`, and with the release's own `cve-…`.
const BUILDS: &[(&str, &str)] =
    &[("wrynose", "qemuarm64"), ("whinlatter", "qemuarm64"), ("whinlatter", "rk3588"), ("whinlatter", "rk3568")];
/// Without these steps nothing is cloned.
const SKIPPED: &[&str] = &["repo_setup_loop", "finish_setup_repos", "repos_checkout"];

pub(super) fn check(told: &mut Told) -> Result<()> {
    let folder = workspace::kept().join("kas");
    if let Err(cause) = venv::make(&folder, KAS) {
        told.not_checked(format!("kas: {cause:#}"));
        return Ok(());
    }
    let (mut read, mut wrong) = (0, Vec::new());
    for files in combinations() {
        let mut kas = Command::new(folder.join("bin/kas"));
        kas.arg("dump").args(SKIPPED.iter().flat_map(|step| ["--skip", step])).args(["--format", "json"]).arg(&files);
        // kas writes nothing there without the steps that are left out, but asks that it exists.
        kas.env("KAS_WORK_DIR", &folder).current_dir(workspace::root());
        let out = kas.stdin(std::process::Stdio::null()).output().context("starting kas")?;
        let said = String::from_utf8_lossy(&out.stderr);
        read += 1;
        if !out.status.success() {
            wrong.push(format!("{files} ({}):\n{}", out.status, child::tail(&said)));
        } else if let Some(warning) = said.lines().find(|line| line.contains("WARNING") || line.contains("ERROR")) {
            wrong.push(format!("{files}: {warning}"));
        } else if let Err(cause) = judge(&String::from_utf8_lossy(&out.stdout)) {
            wrong.push(format!("{files}: {cause:#}"));
        }
    }
    if wrong.is_empty() {
        told.holds(format!("kas: {read} combinations, valid, every layer at a commit"));
    } else {
        told.fails(format!("kas:\n    {}", wrong.join("\n    ")));
    }
    Ok(())
}

/// As kas wants them: paths from the repository's root, joined by colons.
fn combinations() -> Vec<String> {
    let joined =
        |names: &[&str]| names.iter().map(|name| format!("yocto/kas/{name}.yml")).collect::<Vec<_>>().join(":");
    let mut all = Vec::new();
    for (release, board) in BUILDS {
        all.push(joined(&[EVERY, release, board]));
        all.push(joined(&[EVERY, release, board, "dev"]));
        all.push(joined(&[EVERY, release, board, &format!("cve-{release}")]));
    }
    all
}

/// What kas made of the files.
fn judge(dumped: &str) -> Result<()> {
    let whole: Value = serde_json::from_str(dumped).context("reading what kas dumped")?;
    for key in ["machine", "distro"] {
        if whole[key].as_str().is_none_or(str::is_empty) {
            bail!("no {key}");
        }
    }
    for (name, layer) in whole["repos"].as_object().context("no repos")? {
        let commit = layer["commit"].as_str().unwrap_or_default();
        if layer["url"].is_string() && (commit.len() != 40 || !commit.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            bail!("{name} is not pinned to a commit");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_without_a_whole_commit_is_not_pinned() {
        let dumped = |commit: &str| {
            format!(
                r#"{{"machine":"m","distro":"d","repos":{{"ours":{{}},"meta-x":{{"url":"https://x",{commit}"layers":{{}}}}}}}}"#
            )
        };
        judge(&dumped(&format!(r#""commit":"{}","#, "a1".repeat(20)))).unwrap();
        for commit in ["", r#""branch":"main","#, r#""commit":"a1b2c3","#] {
            let cause = judge(&dumped(commit)).unwrap_err().to_string();
            assert!(cause.contains("meta-x"), "{cause}");
        }
    }

    #[test]
    fn every_file_of_a_combination_exists_and_every_file_is_in_one() {
        let folder = workspace::root().join("yocto/kas");
        let combined = combinations().join(":");
        for file in combined.split(':') {
            assert!(workspace::root().join(file).exists(), "{file}");
        }
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            // rockchip.yml is included by its boards.
            assert!(name == "rockchip.yml" || combined.contains(&format!("/{name}")), "{name} is read by nobody");
        }
    }
}
