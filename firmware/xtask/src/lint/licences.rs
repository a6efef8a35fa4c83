//! Licences, bans and sources of every package we are built from, by the lists in `deny.toml`.
//!
//! cargo-deny reads the same file and runs too where it is installed; this check needs nothing and so always runs.

use super::{Verdict, runs};
use crate::workspace::{Metadata, Package};
use crate::{child, workspace};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::process::Command;

/// The part of `deny.toml` that is read here.
#[derive(Deserialize)]
struct Deny {
    licenses: Licences,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    package: String,
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    package: String,
    reason: String,
}

pub(crate) fn check() -> Result<Verdict> {
    let file = workspace::root().join("deny.toml");
    let text = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    let deny: Deny = toml::from_str(&text).with_context(|| format!("{}", file.display()))?;
    let metadata = workspace::metadata(false)?;
    let faults = faults(&deny, &metadata);
    if !faults.is_empty() {
        bail!("{} (lists in deny.toml):\n    {}", faults.len(), faults.join("\n    "));
    }
    Ok(Verdict::Holds(format!("{} packages", metadata.packages.len())))
}

fn faults(deny: &Deny, metadata: &Metadata) -> Vec<String> {
    let mut faults = Vec::new();
    for package in &metadata.packages {
        faults.extend(licence_fault(deny, package));
        if let Some(ban) = deny.bans.deny.iter().find(|ban| ban.package == package.name) {
            faults.push(format!("{} is banned: {}", package.name, ban.reason));
        }
        let own = metadata.workspace_members.contains(&package.id);
        match &package.source {
            Some(source) if !source.starts_with("registry+") => {
                faults.push(format!(
                    "{} comes from {source}; only the registry's packages are pinned for good",
                    package.name
                ));
            }
            None if !own => faults.push(format!("{} is a path outside the workspace", package.name)),
            _ => {}
        }
    }
    let registries: BTreeSet<&String> =
        metadata.packages.iter().filter_map(|package| package.source.as_ref()).collect();
    if registries.len() > 1 {
        faults.push(format!("packages come from more than one place: {registries:?}"));
    }
    faults
}

fn licence_fault(deny: &Deny, package: &Package) -> Option<String> {
    let name = &package.name;
    let Some(expression) = &package.license else {
        let file = package
            .license_file
            .as_ref()
            .map_or("no licence at all".into(), |f| format!("only a file, {}", f.display()));
        return Some(format!("{name} {} states {file}", package.version));
    };
    let also = deny.licenses.exceptions.iter().filter(|exception| exception.package == *name).flat_map(|e| &e.allow);
    let allowed: BTreeSet<&str> = deny.licenses.allow.iter().chain(also).map(String::as_str).collect();
    let parsed = match spdx::Expression::parse_mode(expression, spdx::ParseMode::LAX) {
        Ok(parsed) => parsed,
        Err(error) => {
            return Some(format!(
                "{name} {}: {expression:?} is no licence expression: {}",
                package.version, error.reason
            ));
        }
    };
    let ok = parsed.evaluate(|licence| allowed.contains(licence.to_string().as_str()));
    (!ok).then(|| format!("{name} {}: {expression} is not among the allowed licences", package.version))
}

fn deny_command() -> Command {
    let mut cargo = workspace::cargo();
    cargo.args(["deny", "--log-level", "error", "--offline"]);
    cargo
}

/// The real tool, where it is installed.
pub(crate) fn cargo_deny() -> Result<Verdict> {
    if !runs(deny_command().arg("--version")) {
        return Ok(Verdict::NotChecked(
            "cargo-deny is not installed (`cargo xtask lint --full` installs it); the check above read the same lists"
                .into(),
        ));
    }
    child::output(deny_command().args(["check", "licenses", "bans", "sources"]))?;
    Ok(Verdict::Holds("licences, bans and sources".into()))
}

/// Known vulnerabilities: their database is fetched by cargo-deny, where it can be.
pub(crate) fn advisories() -> Result<Verdict> {
    let mut fetch = workspace::cargo();
    if !runs(fetch.args(["deny", "fetch", "db"])) {
        return Ok(Verdict::NotChecked(
            "the advisory database could not be had (it takes cargo-deny and a network)".into(),
        ));
    }
    child::output(deny_command().args(["check", "advisories"]))?;
    Ok(Verdict::Holds("none known for our packages".into()))
}

/// Takes minutes, so only when asked for.
pub(crate) fn install_cargo_deny() -> Result<()> {
    if runs(deny_command().arg("--version")) {
        return Ok(());
    }
    eprintln!("installing cargo-deny (some minutes) …");
    child::run(workspace::cargo().args(["install", "--quiet", "--locked", "cargo-deny"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deny() -> Deny {
        toml::from_str(
            r#"licenses = { allow = ["MIT", "Apache-2.0"], exceptions = [{ crate = "odd", allow = ["Zlib"] }] }
               bans = { deny = [{ crate = "bad", reason = "for the test" }] }"#,
        )
        .unwrap()
    }

    fn package(name: &str, license: Option<&str>, source: Option<&str>) -> Package {
        Package {
            id: name.into(),
            name: name.into(),
            version: "1.0.0".into(),
            source: source.map(Into::into),
            license: license.map(Into::into),
            license_file: None,
            rust_version: None,
            manifest_path: "/x/Cargo.toml".into(),
        }
    }

    fn faults_of(package: Package) -> Vec<String> {
        let metadata =
            Metadata { packages: vec![package], workspace_members: vec!["ours".into()], target_directory: "/t".into() };
        faults(&deny(), &metadata)
    }

    const REGISTRY: Option<&str> = Some("registry+somewhere");

    #[test]
    fn a_licence_that_is_not_listed_is_a_fault() {
        assert_eq!(faults_of(package("good", Some("GPL-3.0-only OR MIT"), REGISTRY)), [""; 0]);
        assert_eq!(faults_of(package("old", Some("MIT/Apache-2.0"), REGISTRY)), [""; 0]);
        assert_eq!(faults_of(package("odd", Some("Zlib"), REGISTRY)), [""; 0]);
        assert_eq!(faults_of(package("gpl", Some("GPL-3.0-only AND MIT"), REGISTRY)).len(), 1);
        assert_eq!(faults_of(package("zlib", Some("Zlib"), REGISTRY)).len(), 1);
        assert_eq!(faults_of(package("none", None, REGISTRY)).len(), 1);
    }

    #[test]
    fn a_banned_package_is_a_fault() {
        assert_eq!(faults_of(package("bad", Some("MIT"), REGISTRY)), ["bad is banned: for the test"]);
    }

    #[test]
    fn a_git_or_foreign_path_source_is_a_fault() {
        assert_eq!(faults_of(package("git", Some("MIT"), Some("git+somewhere"))).len(), 1);
        assert_eq!(faults_of(package("elsewhere", Some("MIT"), None)).len(), 1);
        assert_eq!(faults_of(package("ours", Some("MIT"), None)), [""; 0]);
    }
}
