//! The source rules: which paths the code of a package may not name.
//!
//! Reads tokens, not lines: comments and strings do not count, `use std::{fs, io}` does, and items under `#[cfg(test)]`
//! are left out. Tests, examples and benches of a package are free, except from the rule on `unsafe`.

mod paths;

use super::Verdict;
use super::rules::{PURE, SOURCE, SourceRule, Who};
use crate::{child, workspace};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Checks every rule on the real sources.
pub(crate) fn check() -> Result<Verdict> {
    let metadata = workspace::metadata(true)?;
    let below_eye = below_eye()?;
    let mut broken = Vec::new();
    let mut count = 0;
    for package in &metadata.packages {
        let folder = package.manifest_path.parent().context("a manifest lies in a folder")?;
        let board = folder.parent().is_some_and(|parent| parent.ends_with("board"));
        let applies = |rule: &&SourceRule| match rule.who {
            Who::Pure => PURE.contains(&package.name.as_str()),
            Who::EyeAndBelow => below_eye.contains(&package.name),
            Who::OutsideBoard => !board,
        };
        let rules: Vec<&SourceRule> = SOURCE.iter().filter(applies).collect();
        for file in rust_files(folder)? {
            let shipped = file.starts_with(folder.join("src"));
            let text = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
            let short = file.strip_prefix(workspace::root().canonicalize()?).unwrap_or(&file);
            count += 1;
            for rule in rules.iter().filter(|rule| shipped || matches!(rule.who, Who::OutsideBoard)) {
                let faults = violations(rule, &text);
                broken.extend(
                    faults
                        .into_iter()
                        .map(|(line, what)| format!("{}:{line}: {what}: {}", short.display(), rule.reason)),
                );
            }
        }
    }
    if !broken.is_empty() {
        bail!("{} broken (rules in firmware/xtask/src/lint/rules.rs):\n    {}", broken.len(), broken.join("\n    "));
    }
    Ok(Verdict::Holds(format!("{} rules on {count} files", SOURCE.len())))
}

/// Lines of a source that name a forbidden path, and which.
fn violations(rule: &SourceRule, text: &str) -> Vec<(usize, String)> {
    let everything = matches!(rule.who, Who::OutsideBoard);
    let mut found = BTreeSet::new();
    for named in paths::named(text, everything) {
        for forbidden in rule.may_not {
            // Anywhere within the path: `std::time::Instant::now` and, after a `use`, `Instant::now`.
            if named.segments.windows(forbidden.len()).any(|part| part == *forbidden) {
                found.insert((named.line, forbidden.join("::")));
            }
        }
    }
    found.into_iter().collect()
}

/// The eye and the packages of this workspace that it is built from.
fn below_eye() -> Result<BTreeSet<String>> {
    let mut cargo = workspace::cargo();
    cargo.args(["tree", "--package", "eye", "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    let tree = child::output(&mut cargo)?;
    Ok(tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

/// Every `.rs` file of a package; nested packages have a manifest of their own and are left to it.
/// A package's sources, without those of packages below it.
pub(super) fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() && !path.join("Cargo.toml").exists() && !path.ends_with("target") {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str) -> Vec<String> {
        let mut all: Vec<(usize, String)> = SOURCE.iter().flat_map(|rule| violations(rule, text)).collect();
        all.dedup();
        all.into_iter().map(|(line, what)| format!("{line} {what}")).collect()
    }

    #[test]
    fn sockets_clocks_files_and_threads_are_found_however_they_are_named() {
        assert!(broken("fn f() { let t = std::time::Instant::now(); }").contains(&"1 Instant::now".to_owned()));
        assert!(broken("\nuse std::{io, fs};\n").contains(&"2 std::fs".to_owned()));
        assert!(broken("use std::net::{IpAddr,\n TcpStream};").contains(&"2 TcpStream".to_owned()));
        assert!(broken("use std::thread as t;").contains(&"1 std::thread".to_owned()));
        assert!(broken("fn f() { unsafe { g() } }").contains(&"1 unsafe".to_owned()));
    }

    #[test]
    fn comments_strings_tests_and_addresses_are_no_offence() {
        let fine = r##"
            //! Never calls Instant::now().
            #![deny(unsafe_code)]
            use std::net::IpAddr; /* std::fs /* nested */ TcpStream */
            const SAY: &str = "std::thread \" Instant::now"; const RAW: &str = r#"unsafe " { "#;
            fn life<'a>(x: &'a str) -> char { '"' }
            #[cfg(test)]
            mod tests { use std::fs; fn f() { std::thread::yield_now(); } }
        "##;
        assert_eq!(broken(fine), [""; 0]);
    }

    #[test]
    fn unsafe_is_found_in_tests_too() {
        assert_eq!(broken("#[cfg(test)]\nmod t { unsafe impl Send for X {} }"), ["2 unsafe"]);
    }
}
