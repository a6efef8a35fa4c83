//! The dependency rules, checked on `cargo tree` of each package by itself.
//!
//! Per package, because a workspace-wide look unifies features and could hide an edge; normal edges only, because tests
//! may use what they like.

use super::Verdict;
use super::rules::{TREE, TREE_EXCEPT, TreeRule};
use crate::{child, workspace};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;

/// Checks every rule on the real trees.
pub(crate) fn check() -> Result<Verdict> {
    let mut trees = BTreeMap::new();
    let mut broken = Vec::new();
    for rule in TREE {
        for &who in rule.who {
            if !trees.contains_key(who) {
                trees.insert(who, tree_of(who)?);
            }
            broken.extend(violations(rule, who, &trees[who]));
        }
    }
    if !broken.is_empty() {
        bail!("{} broken (rules in firmware/xtask/src/lint/rules.rs):\n    {}", broken.len(), broken.join("\n    "));
    }
    let through: String =
        TREE_EXCEPT.iter().map(|e| format!("; let through {} → {}: {}", e.who, e.package, e.reason)).collect();
    Ok(Verdict::Holds(format!("{} rules on the trees of {} packages{through}", TREE.len(), trees.len())))
}

/// What a package is built from: each package with the path that leads to it first.
fn tree_of(package: &str) -> Result<Vec<Vec<String>>> {
    let mut cargo = workspace::cargo();
    cargo.args(["tree", "--package", package, "--edges", "normal", "--prefix", "depth", "--format", " {p}"]);
    parse(&child::output(&mut cargo)?)
}

/// Reads lines such as `2 mio v1.0.0`: depth, name, version.
fn parse(text: &str) -> Result<Vec<Vec<String>>> {
    let mut path: Vec<String> = Vec::new();
    let mut paths = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        let depth: Option<usize> = words.next().and_then(|word| word.parse().ok());
        let (Some(depth), Some(name)) = (depth, words.next()) else {
            bail!("`cargo tree` wrote a line that is not understood: {line:?}");
        };
        path.truncate(depth);
        path.push(name.to_owned());
        paths.push(path.clone());
    }
    paths.first().context("`cargo tree` wrote nothing")?;
    Ok(paths)
}

/// Where a tree breaks a rule, each forbidden package once.
fn violations(rule: &TreeRule, who: &str, tree: &[Vec<String>]) -> Vec<String> {
    let mut found: BTreeMap<&str, String> = BTreeMap::new();
    for path in tree.iter().filter(|path| path.len() > 1) {
        let Some(name) = path.last() else { continue };
        let excepted = TREE_EXCEPT.iter().any(|except| except.who == who && except.package == name);
        if !excepted && rule.may_not.iter().any(|pattern| fits(pattern, name)) {
            found.entry(name).or_insert_with(|| format!("{}: {}", path.join(" → "), rule.reason));
        }
    }
    found.into_values().collect()
}

fn fits(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAKE: &str = "0 eye v0.1.0 (/somewhere)\n1 contract v0.1.0\n2 serde v1.0.0\n1 helper v0.3.0\n2 tokio v1.0.0\n\
                        3 mio v1.0.0\n1 rustls-pki-types v1.0.0\n";

    fn rule(who: &str) -> &'static TreeRule {
        TREE.iter().find(|rule| rule.who == [who]).unwrap()
    }

    #[test]
    fn a_network_crate_below_the_eye_is_found_with_the_path_to_it() {
        let broken = violations(rule("eye"), "eye", &parse(FAKE).unwrap());
        assert_eq!(broken.len(), 3, "{broken:?}");
        assert!(broken.iter().any(|line| line.starts_with("eye → helper → tokio:")), "{broken:?}");
        assert!(broken.iter().any(|line| line.starts_with("eye → helper → tokio → mio:")), "{broken:?}");
    }

    #[test]
    fn a_clean_tree_breaks_nothing() {
        let tree = parse("0 eye v0.1.0\n1 contract v0.1.0\n2 serde v1.0.0\n").unwrap();
        assert!(TREE.iter().all(|rule| violations(rule, "eye", &tree).is_empty()));
    }

    #[test]
    fn the_voice_may_not_reach_a_driver_however_deep() {
        let tree = parse("0 voice v0.1.0\n1 link v0.1.0\n2 board-v4l2 v0.1.0\n").unwrap();
        let rules = TREE.iter().filter(|rule| rule.who.contains(&"voice"));
        let broken: Vec<String> = rules.flat_map(|rule| violations(rule, "voice", &tree)).collect();
        assert_eq!(broken.len(), 1);
        assert!(broken[0].starts_with("voice → link → board-v4l2:"), "{broken:?}");
    }

    #[test]
    fn every_rule_and_exception_has_a_reason() {
        assert!(TREE.iter().all(|rule| rule.reason.len() > 10));
        assert!(TREE_EXCEPT.iter().all(|except| except.reason.len() > 10));
    }

    #[test]
    fn a_tree_that_is_not_understood_is_an_error() {
        assert!(parse("├── serde v1.0.0").is_err());
        assert!(parse("").is_err());
    }
}
