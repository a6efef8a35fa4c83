//! Building for the board's processor, and running its programs here: `cargo xtask build --target …`, `cargo xtask test --target …`.
//!
//! The C side comes from Debian's cross compiler, Rust's standard library from rustup or, where rustup cannot bring it, from Debian's own compiler
//! (`rustc-web`); Arm programs run under qemu's user emulation. On a machine that is itself the target nothing of this is needed.

use crate::setup::{self, Arch};
use crate::{child, workspace};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The board's target.
pub(crate) const BOARD: &str = "aarch64-unknown-linux-gnu";
/// Debian's C library for it.
const SYSROOT: &str = "/usr/aarch64-linux-gnu";
/// Debian's own compiler, whose standard library for other machines are Debian packages.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// What `cargo xtask build` is asked.
#[derive(Args, Clone, Default)]
pub(crate) struct Options {
    /// aarch64-unknown-linux-gnu, or nothing for this machine.
    #[arg(long, value_parser = [BOARD, "x86_64-unknown-linux-gnu"])]
    pub(crate) target: Option<String>,
    /// Optimised as for the image; otherwise as for tests.
    #[arg(long)]
    pub(crate) release: bool,
    /// Fetch nothing.
    #[arg(long)]
    pub(crate) offline: bool,
}

/// Builds every program.
pub(crate) fn run(options: &Options) -> Result<()> {
    let board = options.target.as_deref().is_some_and(is_foreign);
    let target = board.then_some(Arch::Aarch64);
    setup::run(&setup::Options { offline: options.offline, target, ..setup::Options::default() })?;
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--workspace", "--bins"]).args(options.release.then_some("--release"));
    if board {
        equip(cargo.args(["--target", BOARD]));
    }
    child::run(&mut cargo)?;
    let profile = if options.release { "release" } else { "debug" };
    let dir = workspace::metadata(true)?.target_directory;
    let dir = if board { dir.join(BOARD) } else { dir }.join(profile);
    eprintln!("The programs are in {}.", dir.display());
    Ok(())
}

/// Whether a target is another kind of machine than this one.
fn is_foreign(target: &str) -> bool {
    !target.starts_with(std::env::consts::ARCH)
}

/// Gives cargo what it takes to build for the board, and to run what it built.
pub(crate) fn equip(cargo: &mut Command) -> &mut Command {
    if !is_foreign(BOARD) {
        return cargo;
    }
    let library = library();
    let runner = format!("qemu-aarch64-static -L {SYSROOT} -E LD_LIBRARY_PATH={}:{SYSROOT}/lib", library.display());
    cargo
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc")
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", runner)
        .env("BINDGEN_EXTRA_CLANG_ARGS_aarch64_unknown_linux_gnu", format!("--sysroot={SYSROOT} -I{SYSROOT}/include"));
    if !has_std(&rustc()) && has_std(Path::new(DEBIAN_RUSTC)) {
        cargo.env("RUSTC", DEBIAN_RUSTC);
    }
    cargo
}

/// Folder of the TFLite library for the board.
pub(crate) fn library() -> PathBuf {
    workspace::kept().join("tflite/aarch64")
}

/// Whether a compiler here has the board's standard library.
pub(crate) fn std_is_here() -> bool {
    !is_foreign(BOARD) || has_std(&rustc()) || has_std(Path::new(DEBIAN_RUSTC))
}

/// Brings it: through rustup, else through Debian.
pub(crate) fn fetch_std() -> Result<String> {
    let by_rustup = child::output(Command::new("rustup").args(["target", "add", BOARD]).current_dir(workspace::root()));
    if by_rustup.is_ok() && std_is_here() {
        return Ok("by rustup".into());
    }
    setup::foreign_packages("arm64", &["rustc-web", "libstd-rust-web-dev:arm64"])?;
    if std_is_here() {
        return Ok("Debian's, with Debian's compiler".into());
    }
    let cause = by_rustup.err().map_or_else(|| "rustup was content".into(), |error| format!("{error:#}"));
    bail!("neither rustup nor Debian brings Rust's standard library for {BOARD} ({cause})")
}

fn rustc() -> PathBuf {
    std::env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from)
}

fn has_std(rustc: &Path) -> bool {
    let asked = child::output(Command::new(rustc).args(["--print", "sysroot"]).current_dir(workspace::root()));
    asked.is_ok_and(|root| Path::new(root.trim()).join("lib/rustlib").join(BOARD).join("lib").is_dir())
}

/// The packages whose tests run as Arm code: pure logic and everything that touches hardware or C.
const ARM_TESTS: [&str; 8] = ["contract", "detect", "grant", "journal", "link", "mask", "rtp", "token"];

/// Tests that count memory or threads of their own process: under user emulation these are the emulator's too.
const NOT_EMULATED: [&str; 2] =
    ["nothing_is_lost_over_a_thousand_openings", "opening_and_closing_leaves_no_descriptor_thread_or_child"];

/// Runs the tests of the pure and the hardware crates as Arm code.
pub(crate) fn test(offline: bool) -> Result<()> {
    let options = setup::Options { offline, target: Some(Arch::Aarch64), arm: true, ..setup::Options::default() };
    setup::run(&options)?;
    let metadata = workspace::metadata(true)?;
    let hardware = metadata.packages.iter().filter(|package| {
        package.manifest_path.strip_prefix(workspace::root()).is_ok_and(|path| path.starts_with("board"))
    });
    let names: Vec<String> = ARM_TESTS.map(str::to_owned).into_iter().chain(hardware.map(|p| p.name.clone())).collect();
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--no-fail-fast", "--lib", "--bins", "--tests", "--target", BOARD]);
    for name in &names {
        cargo.args(["--package", name]);
    }
    eprintln!("Left out, because they count what is the emulator's: {}", NOT_EMULATED.join(", "));
    cargo.arg("--").args(NOT_EMULATED.iter().flat_map(|name| ["--skip", name]));
    crate::test::counted(equip(&mut cargo)).context("as Arm code")
}
