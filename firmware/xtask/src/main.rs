//! `cargo xtask`: set-up, demo, builds, tests, lint, benches and leak figures of this workspace.
//!
//! The only program that runs before set-up, so it builds with Rust and a C linker alone. It orchestrates; every job it
//! starts is a program of its own (cargo, pip, ffmpeg, `campari demo`). Exit status: 0 done, 1 refused or failed, 2 usage.

mod attack;
mod bench;
mod board_vm;
mod child;
mod contract;
mod cross;
mod demo;
mod image;
mod leak;
mod lint;
mod progress;
mod setup;
mod test;
mod vendor;
mod venv;
mod workspace;
mod yocto_check;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Set-up, demo, tests, lint, benches and leak figures of Campari.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Installs and fetches what is missing: Debian packages, the TFLite library, the scene.
    Setup(setup::Options),
    /// Sets up, builds, and runs the whole road on this machine.
    Demo(demo::Options),
    /// Builds every program, for this machine or for the board.
    Build(cross::Options),
    /// Sets up and runs every test, then the lint.
    Test(test::Options),
    /// Eye and voice as Arm programs on a board in a virtual machine.
    BoardVm(board_vm::Options),
    /// The board's system for a virtual machine, put together from Debian's packages with the layer's own files.
    Image(image::Options),
    /// Boots that image: signed kernel, verified root, a share, a slot that is broken.
    ImageTest(image::TestOptions),
    /// What outlasts CI: the long tests, the board in a VM, the full lint.
    Nightly(test::Nightly),
    /// Format, clippy, docs, MSRV, dependency rules, licences and sources.
    Lint(lint::Options),
    /// Writes the published contract anew from the types: JSON Schemas, AsyncAPI document, tables of its page.
    Contract,
    /// Measures against the bars and the peers; prints a table and writes target/bench/bench.json.
    Bench(bench::Options),
    /// Measures what detector and mask miss on annotated pictures, with 95 % intervals.
    Leak(leak::Options),
    /// Tries to undo masking: re-identification, plate reading, several frames, edges, the stream.
    Attack(attack::Options),
    /// Makes and pins the source archive that the Yocto recipes build from.
    Vendor(vendor::Options),
    /// bitbake reads the Yocto layer and plans its images; exit status 2 when not everything for it was at hand.
    YoctoCheck(yocto_check::Options),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Setup(options) => setup::run(&setup::Options { interop: true, ..options }),
        Command::Demo(options) => demo::run(&options),
        Command::Build(options) => cross::run(&options),
        Command::Test(options) => test::run(&options),
        Command::BoardVm(options) => board_vm::run(&options),
        Command::Image(options) => image::make(&options),
        Command::ImageTest(options) => image::test(&options),
        Command::Nightly(options) => test::nightly(&options),
        Command::Lint(options) => lint::run(&options),
        Command::Contract => contract::run(),
        Command::Bench(options) => bench::run(&options),
        Command::Leak(options) => leak::run(&options),
        Command::Attack(options) => attack::run(&options),
        Command::Vendor(options) => vendor::run(&options),
        Command::YoctoCheck(options) => return finish(yocto_check::run(&options)),
    };
    finish(done.map(|()| ExitCode::SUCCESS))
}

fn finish(done: anyhow::Result<ExitCode>) -> ExitCode {
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
