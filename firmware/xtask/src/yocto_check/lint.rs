//! oelint-adv, in an environment of its own. What it is not asked, and why, is in the layer's .oelint.cfg.

use super::{Told, findings};
use crate::{venv, workspace};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

const OELINT: &str = "oelint-adv==9.11.2";

pub(super) fn check(told: &mut Told) -> Result<()> {
    let folder = workspace::kept().join("oelint");
    if let Err(cause) = venv::make(&folder, OELINT) {
        told.not_checked(format!("oelint-adv: {cause:#}"));
        return Ok(());
    }
    let layer = workspace::root().join("yocto/meta-campari");
    let mut recipes = Vec::new();
    gather(&layer, &mut recipes)?;
    recipes.sort();
    let mut lint = Command::new(folder.join("bin/oelint-adv"));
    lint.args(["--quiet", "--relpaths", "--jobs", "1", "--hide", "info", "--exit-zero"])
        .args(&recipes)
        .current_dir(&layer);
    let out = lint.output().context("starting oelint-adv")?;
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    let found = findings::of_lint(&said);
    if !out.status.success() {
        told.fails(format!("oelint-adv ended with {}:\n{}", out.status, crate::child::tail(&said)));
    } else if found.is_empty() {
        told.holds(format!("oelint-adv: {} recipes, no error, no warning", recipes.len()));
    } else {
        told.fails(format!("oelint-adv:\n    {}", found.join("\n    ")));
    }
    Ok(())
}

/// Recipes and appends; classes and includes are read through them.
fn gather(folder: &Path, recipes: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            gather(&path, recipes)?;
        } else if path.extension().is_some_and(|ending| ending == "bb" || ending == "bbappend") {
            recipes.push(path);
        }
    }
    Ok(())
}
