//! `cargo xtask test` and `cargo xtask nightly`: plain `cargo test`, so that nobody needs another runner.
//!
//! The closing line adds up what cargo's test programs reported one by one. Soak tests (tests/e2e/soak.rs: the whole road; firmware/voice/tests/soak.rs: a
//! pushed, a fetched and a relayed share at once) read `CAMPARI_SOAK_SECONDS`, which nightly sets to what it is asked, ten minutes otherwise; tests with random input take `CAMPARI_FUZZ_FACTOR` times as much of it.

use crate::{board_vm, child, contract, cross, lint, setup, workspace};
use anyhow::{Result, bail};
use clap::Args;
use std::process::Command;
use std::time::Instant;

/// What `cargo xtask test` is asked.
#[derive(Args, Clone, Default)]
pub(crate) struct Options {
    /// Leave the lint out.
    #[arg(long)]
    pub(crate) no_lint: bool,
    /// Fetch nothing.
    #[arg(long)]
    pub(crate) offline: bool,
    /// For the board: only the tests of pure and hardware crates, as Arm code under emulation.
    #[arg(long, value_parser = [cross::BOARD])]
    pub(crate) target: Option<String>,
    /// Leave the board in the virtual machine out.
    #[arg(long)]
    pub(crate) no_vm: bool,
}

/// What `cargo xtask nightly` is asked.
#[derive(Args, Clone, Default)]
pub(crate) struct Nightly {
    /// How long each soak lasts [default: CAMPARI_SOAK_SECONDS, or 600].
    #[arg(long, value_name = "SECONDS")]
    pub(crate) soak_seconds: Option<u32>,
}

impl Nightly {
    fn soak(&self) -> String {
        let asked = self.soak_seconds.map(|seconds| seconds.to_string());
        asked.or_else(|| std::env::var("CAMPARI_SOAK_SECONDS").ok()).unwrap_or_else(|| "600".into())
    }
}

/// What the test programs reported, added up.
#[derive(Default, Debug, PartialEq, Eq)]
struct Sum {
    passed: u32,
    failed: u32,
    ignored: u32,
}

impl Sum {
    /// Adds a line such as `test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; …`; other lines add nothing.
    fn add(&mut self, line: &str) {
        let Some(counts) = line.trim().strip_prefix("test result: ") else { return };
        for part in counts.split([';', '.']) {
            let Some((number, what)) = part.trim().split_once(' ') else { continue };
            let Ok(number) = number.parse::<u32>() else { continue };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

/// Every test, then the lint, then the board in a virtual machine.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.target.is_some() {
        return cross::test(options.offline);
    }
    setup::run(&setup::Options { offline: options.offline, interop: true, ..setup::Options::default() })?;
    cargo_test(&["--no-fail-fast"], &[], None)?;
    if !options.no_lint {
        lint::run(&lint::Options::default())?;
    }
    if options.no_vm {
        return Ok(());
    }
    board_vm::run(&board_vm::Options { offline: options.offline, json: None })
}

/// What outlasts CI. Long tests are `#[ignore = "nightly: …"]`; soaks read how long from the environment.
pub(crate) fn nightly(options: &Nightly) -> Result<()> {
    setup::run(&setup::Options { nightly: true, interop: true, ..setup::Options::default() })?;
    cargo_test(&["--no-fail-fast"], &["--include-ignored"], Some(&options.soak()))?;
    valgrind()?;
    let story = workspace::root().join("tests/story.sh");
    child::run(workspace::equip(Command::new("bash").arg(&story).current_dir(workspace::root())))?;
    let board = workspace::root().join("tests/vm/run.sh");
    if board.exists() {
        child::run(workspace::equip(Command::new("bash").arg(&board).current_dir(workspace::root())))?;
    } else {
        eprintln!("board in a VM: not run, there is no tests/vm/run.sh yet");
    }
    lint::run(&lint::Options { full: true })
}

/// The hardware encoder's unsafe code, and the library that stands in for MPP, under valgrind. Tests that measure time or count the process's memory are
/// left out: valgrind takes forty times as long, and holds what it likes.
fn valgrind() -> Result<()> {
    let suppressions = workspace::root().join("board/mpp/valgrind.supp");
    let runner = format!(
        "valgrind --quiet --error-exitcode=9 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
         --suppressions={}",
        suppressions.display()
    );
    let host = std::env::consts::ARCH.to_uppercase();
    let mut command = workspace::cargo();
    command.args(["test", "--package", "board-mpp", "--test", "faults_are_errors", "--test", "pictures_survive"]);
    command.args(["--test", "versions", "--", "--test-threads", "1"]);
    command.env(format!("CARGO_TARGET_{host}_UNKNOWN_LINUX_GNU_RUNNER"), runner);
    child::run(workspace::equip(&mut command))
}

/// Builds the binaries (end-to-end tests run them), then all tests, doc tests included.
fn cargo_test(cargo: &[&str], harness: &[&str], soak_seconds: Option<&str>) -> Result<()> {
    child::run(workspace::cargo().args(["build", "--workspace", "--bins"]))?;
    let mut command = workspace::cargo();
    command.args(["test", "--workspace"]).args(cargo).arg("--").args(harness);
    workspace::equip(&mut command);
    if let Some(seconds) = soak_seconds {
        command.env("CAMPARI_SOAK_SECONDS", seconds);
        command.env("CAMPARI_FUZZ_FACTOR", std::env::var("CAMPARI_FUZZ_FACTOR").unwrap_or_else(|_| "50".into()));
    }
    // By itself: with the rest it would build every program with the contract's schemas.
    counted_all([&mut contract::tests(), &mut command])
}

/// Runs `cargo test …` and adds up what its programs report.
pub(crate) fn counted(command: &mut Command) -> Result<()> {
    counted_all([command])
}

fn counted_all<const N: usize>(commands: [&mut Command; N]) -> Result<()> {
    let started = Instant::now();
    let mut sum = Sum::default();
    let mut ok = true;
    for command in commands {
        ok &= child::lines(command, |line| {
            sum.add(line);
            eprintln!("{line}");
        })?;
    }
    let seconds = started.elapsed().as_secs();
    eprintln!("\n{} passed, {} failed, {} ignored ({seconds} s)", sum.passed, sum.failed, sum.ignored);
    if !ok {
        bail!("cargo test failed; the failing tests are listed above");
    }
    if sum.passed == 0 {
        bail!("cargo test succeeded without one passed test; that cannot be right");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reports_of_several_test_programs_add_up() {
        let mut sum = Sum::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.20s",
        ] {
            sum.add(line);
        }
        assert_eq!(sum, Sum { passed: 4, failed: 2, ignored: 1 });
    }
}
