//! The minimum Rust of the workspace: built with that compiler where one is at hand, else read off the manifests.

use super::{Verdict, runs};
use crate::{child, workspace};
use anyhow::{Context, Result, bail};
use std::process::Command;

/// What the Yocto releases we target ship.
const MSRV: &str = "1.90";

pub(crate) fn check() -> Result<Verdict> {
    if runs(Command::new("rustup").args(["run", MSRV, "rustc", "--version"])) {
        // A folder of its own: compilers do not share build results, and the main one should stay warm.
        let target = workspace::metadata(true)?.target_directory.join("msrv");
        let mut cargo = Command::new("rustup");
        cargo.current_dir(workspace::root()).env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env_remove("RUSTC");
        cargo
            .args(["run", MSRV, "cargo", "check", "--quiet", "--workspace", "--all-targets", "--target-dir"])
            .arg(target);
        child::run(&mut cargo)?;
        return Ok(Verdict::Holds(format!("Rust {MSRV} compiles every target")));
    }
    let metadata = workspace::metadata(false)?;
    let stated = metadata.packages.iter().filter_map(|package| Some((package, package.rust_version.as_deref()?)));
    let mut newer = Vec::new();
    let mut count = 0;
    for (package, version) in stated {
        count += 1;
        if parse(version)? > parse(MSRV)? {
            newer.push(format!("{} {} wants {version}", package.name, package.version));
        }
    }
    if !newer.is_empty() {
        bail!("packages newer than Rust {MSRV}: {}", newer.join(", "));
    }
    Ok(Verdict::Holds(format!(
        "no {MSRV} compiler was at hand (`rustup toolchain install {MSRV}` brings it); read off the manifests: {count} of {} \
         packages state a version and none is above {MSRV}; clippy's incompatible_msrv covers our own calls",
        metadata.packages.len()
    )))
}

/// `1.90` or `1.90.1` as numbers.
fn parse(version: &str) -> Result<(u32, u32)> {
    let mut parts = version.split('.').map(str::parse::<u32>);
    let mut part = || parts.next().unwrap_or(Ok(0)).with_context(|| format!("{version} is no Rust version"));
    Ok((part()?, part()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(parse("1.9").unwrap() < parse("1.90").unwrap());
        assert!(parse("1.91.0").unwrap() > parse("1.90").unwrap());
        assert!(parse("new").is_err());
    }
}
