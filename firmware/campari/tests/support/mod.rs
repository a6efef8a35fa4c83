//! The program `campari` as a person or a script runs it, in a folder of its own that is its home too.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail them")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// Runs it and waits.
pub(crate) fn campari(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_campari"))
        .args(arguments)
        .current_dir(dir)
        .env("HOME", dir)
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("RUST_LOG")
        .output()
        .unwrap()
}

/// All that it printed.
pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The one JSON value that it printed.
pub(crate) fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|cause| panic!("{cause}: {}", said(output)))
}
