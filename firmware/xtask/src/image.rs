//! `cargo xtask image --vm` and `image-test`: the board's system put together from Debian's packages, and booted (tests/vm/image).

use crate::setup::{self, Arch};
use crate::{child, cross, workspace};
use anyhow::{Context, Result, ensure};
use clap::Args;
use std::path::PathBuf;
use std::process::Command;

/// What `cargo xtask image` is asked.
#[derive(Args, Clone)]
pub(crate) struct Options {
    /// For the virtual machine: the only one that is put together here. Boards' images are made by bitbake (yocto/README.md).
    #[arg(long)]
    vm: bool,
    /// Fetch no package of this machine, no crate.
    #[arg(long)]
    offline: bool,
}

/// What `cargo xtask image-test` is asked.
#[derive(Args, Clone)]
pub(crate) struct TestOptions {
    /// Write what was seen here.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Only this story: first, provision, update, bad, killed or cuts (may be repeated; all of them otherwise).
    #[arg(long, value_name = "STORY")]
    only: Vec<String>,
    /// Fetch no package of this machine, no crate.
    #[arg(long)]
    offline: bool,
}

/// Makes the image.
pub(crate) fn make(options: &Options) -> Result<()> {
    ensure!(options.vm, "say --vm: images of boards are made by bitbake (yocto/README.md)");
    let mut program = program(options.offline)?;
    child::run(program.arg("--image-only"))?;
    eprintln!("written to {}", out().join("image").display());
    Ok(())
}

/// Makes the image, boots it, and holds it to its promises.
pub(crate) fn test(options: &TestOptions) -> Result<()> {
    let here = std::env::current_dir().context("finding the current folder")?;
    let mut program = program(options.offline)?;
    if let Some(json) = &options.json {
        program.arg("--json").arg(here.join(json));
    }
    for story in &options.only {
        program.arg("--only").arg(story);
    }
    child::run(&mut program)
}

fn out() -> PathBuf {
    workspace::kept().join("image")
}

/// The program that does it, built, with everything it needs.
fn program(offline: bool) -> Result<Command> {
    let wanted = setup::Options {
        offline,
        target: Some(Arch::Aarch64),
        board_vm: true,
        image: true,
        ..setup::Options::default()
    };
    setup::run(&wanted)?;
    eprintln!("Building eye, voice and command line for {} …", cross::BOARD);
    let mut arm = workspace::cargo();
    arm.args(["build", "--package", "eye", "--package", "voice", "--package", "campari", "--target", cross::BOARD]);
    child::run(cross::equip(&mut arm))?;
    // One build: `campari`, which looks at journals, comes beside the test.
    child::run(workspace::cargo().args([
        "build",
        "--package",
        "e2e",
        "--package",
        "campari",
        "--bin",
        "image-test",
        "--bin",
        "campari",
    ]))?;
    let cache = workspace::kept().join("image-cache");
    std::fs::create_dir_all(&cache).with_context(|| format!("making {}", cache.display()))?;
    let chronyd =
        child::output(Command::new("bash").arg(workspace::root().join("tests/vm/image/chronyd.sh")).arg(&cache))?;
    let target = workspace::metadata(true)?.target_directory;
    let mut program = Command::new(target.join("debug/image-test"));
    program.arg("--root").arg(workspace::root());
    program.arg("--programs").arg(target.join(cross::BOARD).join("debug"));
    program.arg("--tflite").arg(cross::library().join("libtensorflowlite_c.so"));
    program.arg("--chronyd").arg(chronyd.trim()).arg("--cache").arg(cache).arg("--out").arg(out());
    workspace::equip(&mut program);
    Ok(program)
}
