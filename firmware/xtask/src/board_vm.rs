//! `cargo xtask board-vm`: builds eye and voice for the board and runs them in a virtual machine (tests/vm/board).

use crate::setup::{self, Arch};
use crate::{child, cross, workspace};
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;
use std::process::Command;

/// What `cargo xtask board-vm` is asked.
#[derive(Args, Clone, Default)]
pub(crate) struct Options {
    /// Write what was seen here.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Fetch nothing.
    #[arg(long)]
    pub(crate) offline: bool,
}

/// Runs it to its end.
pub(crate) fn run(options: &Options) -> Result<()> {
    let wanted = setup::Options {
        offline: options.offline,
        target: Some(Arch::Aarch64),
        board_vm: true,
        ..setup::Options::default()
    };
    setup::run(&wanted)?;
    eprintln!("Building eye and voice for {} …", cross::BOARD);
    let mut arm = workspace::cargo();
    arm.args(["build", "--package", "eye", "--package", "voice", "--target", cross::BOARD]);
    child::run(cross::equip(&mut arm))?;
    child::run(workspace::cargo().args(["build", "--package", "e2e", "--bin", "board-vm"]))?;
    let here = std::env::current_dir().context("finding the current folder")?;
    let target = workspace::metadata(true)?.target_directory;
    let mut program = Command::new(target.join("debug/board-vm"));
    program.arg("--root").arg(workspace::root());
    program.arg("--programs").arg(target.join(cross::BOARD).join("debug"));
    program.arg("--scene").arg(workspace::scene());
    program.arg("--tflite").arg(cross::library());
    program.arg("--out").arg(workspace::kept().join("board-vm"));
    if let Some(json) = &options.json {
        program.arg("--json").arg(here.join(json));
    }
    child::run(workspace::equip(&mut program))
}
