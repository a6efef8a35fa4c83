//! `cargo xtask yocto-check`: bitbake reads the layer and plans both images for every board whose sources are given; yocto-check-layer and oelint-adv look
//! at it, kas at its own files; recipes that compile nothing are installed. Builds nothing else, fetches no source.
//!
//! Exit status: 0 everything held, 1 something did not, 2 nothing failed, but not everything was at hand.

mod bitbake;
mod findings;
mod host;
mod install;
mod kas;
mod layers;
mod lint;
mod pins;

use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// What `cargo xtask yocto-check` is asked.
#[derive(Args, Clone, Default)]
pub(crate) struct Options {
    /// openembedded-core, unpacked.
    #[arg(long, value_name = "DIR")]
    pub(crate) oe: PathBuf,
    /// bitbake, of the same release.
    #[arg(long, value_name = "DIR")]
    pub(crate) bitbake: PathBuf,
    /// Further layers, or folders of layers: meta-openembedded, meta-rauc, meta-rockchip.
    #[arg(long, value_name = "DIR", num_args = 1..)]
    pub(crate) layers: Vec<PathBuf>,
    /// The user that bitbake runs as where this is run by root, which bitbake refuses.
    #[arg(long, value_name = "NAME", default_value = "nobody")]
    pub(crate) user: String,
    /// Where bitbake works (default: a folder of this check in the system's temporary one). That user must be able to reach it.
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch: Option<PathBuf>,
    /// Plan images for these machines only (default: for every one whose layer is given).
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(crate) machines: Vec<String>,
    /// Leave out yocto-check-layer, which takes several times as long as the rest.
    #[arg(long)]
    pub(crate) quick: bool,
}

/// What came out, for the last lines.
#[derive(Default)]
pub(crate) struct Told {
    lines: Vec<String>,
    failed: bool,
    missing: bool,
}

impl Told {
    fn holds(&mut self, what: impl std::fmt::Display) {
        self.lines.push(format!("  ✓ {what}"));
    }
    fn fails(&mut self, what: impl std::fmt::Display) {
        self.failed = true;
        self.lines.push(format!("  ✗ {what}"));
    }
    fn not_checked(&mut self, what: impl std::fmt::Display) {
        self.missing = true;
        self.lines.push(format!("  - NOT CHECKED: {what}"));
    }
    fn verdict(&self) -> u8 {
        match (self.failed, self.missing) {
            (true, _) => 1,
            (false, true) => 2,
            (false, false) => 0,
        }
    }
}

/// Checks to the end, whatever is found on the way.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut told = Told::default();
    pins::check(&mut told)?;
    lint::check(&mut told)?;
    kas::check(&mut told)?;
    let lacking = host::lacking(options);
    if lacking.is_empty() {
        let plan = layers::Plan::of(options, &mut told)?;
        let build = bitbake::Build::set_up(options, &plan)?;
        if let Some(machine) = plan.machines.first() {
            build.parse(machine, &mut told)?;
        }
        for machine in &plan.machines {
            build.plan_images(machine, &mut told)?;
        }
        // The last one: a board, where its layer is given, and with it what only boards have.
        if let Some(machine) = plan.machines.last() {
            build.install(machine, build.has_bundle(), &mut told)?;
        }
        if options.quick {
            told.not_checked("yocto-check-layer (--quick)");
        } else {
            build.check_layer(&mut told)?;
        }
    } else {
        for what in lacking {
            told.not_checked(format!("bitbake: {what}"));
        }
    }
    for line in &told.lines {
        eprintln!("{line}");
    }
    Ok(ExitCode::from(told.verdict()))
}

/// A path that does not depend on where we are.
fn absolute(path: &std::path::Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("finding {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_at_hand_is_never_a_success() {
        let mut told = Told::default();
        told.holds("one");
        assert_eq!(told.verdict(), 0);
        told.not_checked("another");
        assert_eq!(told.verdict(), 2);
        told.fails("a third");
        assert_eq!(told.verdict(), 1);
    }
}
