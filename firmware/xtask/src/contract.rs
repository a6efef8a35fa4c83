//! `cargo xtask contract`: the published contract (`firmware/contract/schema/`, tables of its README) from the Rust types.
//!
//! The types carry their schemas only behind a feature, which no other build asks for: its tests are a run of their own.

use crate::{child, workspace};
use anyhow::Result;
use std::process::Command;

/// What every command about it begins with.
const OF_THE_CONTRACT: [&str; 4] = ["--package", "contract", "--features", "schema"];

/// Writes the files.
pub(crate) fn run() -> Result<()> {
    child::run(workspace::cargo().args(["run", "--quiet"]).args(OF_THE_CONTRACT).args(["--example", "contract"]))?;
    eprintln!("firmware/contract: schema/ and README.md are those of the types; `git diff` shows what changed.");
    Ok(())
}

/// The tests that compare them, and replay the examples.
pub(crate) fn tests() -> Command {
    let mut command = workspace::cargo();
    command.arg("test").args(OF_THE_CONTRACT).args(["--test", "published"]);
    command
}

/// Clippy of what only the feature compiles.
pub(crate) fn clippy() -> Command {
    let mut command = workspace::cargo();
    command.args(["clippy", "--quiet"]).args(OF_THE_CONTRACT).args(["--all-targets", "--", "-D", "warnings"]);
    command
}
