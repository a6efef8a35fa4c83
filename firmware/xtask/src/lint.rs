//! `cargo xtask lint`: everything that must hold of the code besides its tests.
//!
//! Every check runs, whatever the ones before it found; the end lists them all. A check that could not run says so and
//! why, apart from those that passed.

mod licences;
mod msrv;
mod promises;
mod rules;
mod source;
mod tree;

use crate::{child, contract, workspace};
use anyhow::{Result, bail};
use clap::Args;
use std::process::Command;

/// What `cargo xtask lint` is asked.
#[derive(Args, Clone, Default)]
pub(crate) struct Options {
    /// Also what takes long: installs cargo-deny when it is missing.
    #[arg(long)]
    pub(crate) full: bool,
}

/// How a check went.
pub(crate) enum Verdict {
    /// It holds; what was looked at.
    Holds(String),
    /// It could not be checked, and why.
    NotChecked(String),
}

type Check = (&'static str, fn() -> Result<Verdict>);

const CHECKS: &[Check] = &[
    ("format", format),
    ("dependency rules", tree::check),
    ("source rules", source::check),
    ("promises and their tests", promises::check),
    ("licences, bans and sources", licences::check),
    ("clippy", clippy),
    ("docs", docs),
    ("minimum Rust", msrv::check),
    ("cargo-deny", licences::cargo_deny),
    ("advisories", licences::advisories),
];

/// Runs every check.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.full {
        licences::install_cargo_deny()?;
    }
    let mut failed = Vec::new();
    let mut told = String::new();
    for (name, check) in CHECKS {
        eprintln!("lint: {name} …");
        let line = match check() {
            Ok(Verdict::Holds(what)) => format!("  ✓ {name}: {what}\n"),
            Ok(Verdict::NotChecked(why)) => format!("  - {name}: NOT CHECKED, {why}\n"),
            Err(error) => {
                failed.push(*name);
                format!("  ✗ {name}: {error:#}\n")
            }
        };
        told.push_str(&line);
    }
    eprint!("\n{told}");
    if !failed.is_empty() {
        bail!("lint failed: {}", failed.join(", "));
    }
    Ok(())
}

fn format() -> Result<Verdict> {
    child::run(workspace::cargo().args(["fmt", "--all", "--check"]))?;
    Ok(Verdict::Holds("rustfmt would change nothing".into()))
}

fn clippy() -> Result<Verdict> {
    child::run(workspace::cargo().args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    child::run(&mut contract::clippy())?;
    Ok(Verdict::Holds("no warnings in any target".into()))
}

fn docs() -> Result<Verdict> {
    let mut cargo = workspace::cargo();
    cargo.args(["doc", "--quiet", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    child::run(&mut cargo)?;
    Ok(Verdict::Holds("no warnings".into()))
}

/// Whether a program runs at all.
pub(crate) fn runs(command: &mut Command) -> bool {
    child::output(command).is_ok()
}
