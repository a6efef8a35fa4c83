//! `cargo xtask setup`: makes a machine ready to build, test and demonstrate.
//!
//! Looks first and works only on what is missing, so that a ready machine costs well under a second and no network.
//! What is fetched is pinned by sha256 and comes through pip; Debian packages come through apt-get.

mod debian;
mod pins;
mod python;
mod scene;

use crate::progress::Steps;
use crate::{child, cross, venv, workspace};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

pub(crate) use debian::foreign_packages;
pub(crate) use python::python;

/// What `cargo xtask setup` is asked.
#[derive(Args, Clone, Default)]
pub(crate) struct Options {
    /// Fetch nothing: say what is missing and fail.
    #[arg(long)]
    pub(crate) offline: bool,
    /// Also what it takes to build for this machine type.
    #[arg(long, value_enum)]
    pub(crate) target: Option<Arch>,
    /// Also what only `cargo xtask bench` needs.
    #[arg(skip)]
    pub(crate) bench: bool,
    /// Also what only `cargo xtask bench glass` needs.
    #[arg(skip)]
    pub(crate) glass: bool,
    /// Also what only `cargo xtask nightly` needs.
    #[arg(skip)]
    pub(crate) nightly: bool,
    /// Also what only `cargo xtask attack` needs.
    #[arg(skip)]
    pub(crate) attack: bool,
    /// Also what only the tests with foreign clients need.
    #[arg(skip)]
    pub(crate) interop: bool,
    /// Also what runs single programs of another machine type.
    #[arg(skip)]
    pub(crate) arm: bool,
    /// Also what only `cargo xtask board-vm` needs.
    #[arg(skip)]
    pub(crate) board_vm: bool,
    /// Also what only `cargo xtask image` needs.
    #[arg(skip)]
    pub(crate) image: bool,
}

/// A machine type that Campari is built for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Arch {
    /// The developer's machine.
    #[value(name = "x86_64")]
    X86_64,
    /// The board.
    #[value(name = "aarch64")]
    Aarch64,
}

impl Arch {
    fn host() -> Result<Self> {
        Self::from_str(std::env::consts::ARCH, false)
            .map_err(|_| anyhow::anyhow!("Campari builds on x86_64 and aarch64, not on {}", std::env::consts::ARCH))
    }
}

/// Something that is missing, and so has to be done.
enum Job {
    Debian(Vec<&'static debian::Need>),
    Crates,
    /// Rust's standard library for the board.
    Std,
    Fetch(&'static pins::Pin),
    Scene,
    /// The Python of the tests with foreign clients.
    Interop,
}

impl Job {
    fn name(&self) -> String {
        match self {
            Self::Debian(needs) => {
                format!("Debian packages {}", needs.iter().map(|n| n.package).collect::<Vec<_>>().join(" "))
            }
            Self::Crates => "Rust crates of Cargo.lock".into(),
            Self::Std => format!("Rust's standard library for {}", cross::BOARD),
            Self::Fetch(pin) => format!("{} ({} {})", pin.what, pin.package, pin.version),
            Self::Scene => "default scene".into(),
            Self::Interop => "Python packages of the tests' foreign client".into(),
        }
    }

    fn needs_network(&self) -> bool {
        !matches!(self, Self::Scene)
    }
}

/// Brings the machine into a state in which everything builds and runs.
pub(crate) fn run(options: &Options) -> Result<()> {
    let kept = workspace::kept();
    let jobs = missing(&kept, options)?;
    if jobs.is_empty() {
        eprintln!("Set-up: everything is there.");
        return Ok(());
    }
    if options.offline && jobs.iter().any(Job::needs_network) {
        let list: String =
            jobs.iter().filter(|job| job.needs_network()).map(|job| format!("\n  {}", job.name())).collect();
        bail!("missing, and --offline forbids fetching:{list}\nRun `cargo xtask setup` once with a network.");
    }
    let mut steps = Steps::new(jobs.len());
    for job in &jobs {
        let step = steps.begin(&job.name());
        let detail = match job {
            Job::Debian(needs) => debian::install(needs)?,
            Job::Crates => fetch_crates(&kept)?,
            Job::Std => cross::fetch_std()?,
            Job::Fetch(pin) => python::fetch(pin, &kept)?,
            Job::Scene => scene::make(&kept)?,
            Job::Interop => venv::interop()?,
        };
        step.done(&detail);
    }
    Ok(())
}

/// What is not there yet, in the order in which it has to be done.
fn missing(kept: &Path, options: &Options) -> Result<Vec<Job>> {
    let mut jobs = Vec::new();
    let foreign = options.target.is_some_and(|target| Arch::host().is_ok_and(|host| host != target));
    let needs = debian::missing(&[
        (debian::VENV, options.bench || options.attack || options.interop),
        (debian::GLASS, options.glass),
        (debian::NIGHTLY, options.nightly),
        (debian::ATTACK, options.attack),
        (debian::CROSS, foreign),
        (debian::ARM, foreign && options.arm),
        (debian::BOARD_VM, options.board_vm),
        (debian::IMAGE, options.image),
    ]);
    if !needs.is_empty() {
        jobs.push(Job::Debian(needs));
    }
    if foreign && !cross::std_is_here() {
        jobs.push(Job::Std);
    }
    if stamp(&crates_stamp(kept)) != Some(crates_key()?) {
        jobs.push(Job::Crates);
    }
    let host = Arch::host()?;
    let wanted = |pin: &&pins::Pin| match pin.arch {
        None => true,
        Some(arch) => arch == host || Some(arch) == options.target,
    };
    for pin in pins::PINS.iter().filter(wanted) {
        if !python::is_here(pin, kept)? {
            jobs.push(Job::Fetch(pin));
        }
    }
    if !scene::is_here(kept)? {
        jobs.push(Job::Scene);
    }
    if options.interop && !venv::interop_is_here(kept)? {
        jobs.push(Job::Interop);
    }
    Ok(jobs)
}

/// cargo fetches lazily, dev-dependencies last; all at once means that tests build offline after a demo was built online.
fn fetch_crates(kept: &Path) -> Result<String> {
    child::output(workspace::cargo().args([
        "fetch",
        "--target",
        &format!("{}-unknown-linux-gnu", std::env::consts::ARCH),
    ]))?;
    write_whole(&crates_stamp(kept), crates_key()?.as_bytes())?;
    Ok("all in cargo's cache".into())
}

fn crates_stamp(kept: &Path) -> PathBuf {
    kept.join("crates.stamp")
}

fn crates_key() -> Result<String> {
    let lock = workspace::root().join("Cargo.lock");
    Ok(sha256_hex(&std::fs::read(&lock).with_context(|| format!("reading {}", lock.display()))?))
}

/// What a stamp file says, if there is one.
fn stamp(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// Lower-case hexadecimal SHA-256.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a file so that it is there whole or not at all, whenever we are interrupted.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let at = || format!("writing {}", path.display());
    let part = path.with_extension("part");
    std::fs::create_dir_all(path.parent().with_context(at)?).with_context(at)?;
    std::fs::write(&part, bytes).with_context(at)?;
    std::fs::rename(&part, path).with_context(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_is_the_published_one() {
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_bare_machine_misses_the_library_before_the_scene() {
        let empty = tempfile::tempdir().unwrap();
        let jobs = missing(empty.path(), &Options::default()).unwrap();
        let names: Vec<String> = jobs.iter().map(Job::name).collect();
        let at = |what: &str| names.iter().position(|name| name.contains(what));
        assert!(at("TFLite").unwrap() < at("default scene").unwrap(), "{names:?}");
        assert!(!names.iter().any(|name| name.contains("aarch64")) || std::env::consts::ARCH == "aarch64", "{names:?}");
    }

    #[test]
    fn the_library_of_the_board_is_fetched_when_asked_for() {
        let empty = tempfile::tempdir().unwrap();
        let options = Options { target: Some(Arch::Aarch64), ..Options::default() };
        let jobs = missing(empty.path(), &options).unwrap();
        assert!(jobs.iter().any(|job| job.name().contains("aarch64")));
    }
}
