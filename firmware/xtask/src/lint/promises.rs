//! `tests/PROMISES.md`: which promise is proven by which tests. Every test that it names is there, and no promise is without.
//!
//! Does not judge whether the tests prove it: that is for whoever reads them.

use super::Verdict;
use super::source::rust_files;
use crate::workspace;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;

const PAGE: &str = "tests/PROMISES.md";
/// README's promises.
const PROMISES: usize = 12;

/// Holds the page to the sources.
pub(crate) fn check() -> Result<Verdict> {
    let root = workspace::root();
    let page = std::fs::read_to_string(root.join(PAGE)).with_context(|| format!("reading {PAGE}"))?;
    let mut known = BTreeSet::new();
    for package in &workspace::metadata(true)?.packages {
        let folder = package.manifest_path.parent().context("a manifest lies in a folder")?;
        for file in rust_files(folder)? {
            let text = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
            known.extend(functions(&text).map(str::to_owned));
        }
    }
    let faults = faults(&page, &known);
    if !faults.is_empty() {
        bail!("{PAGE}:\n    {}", faults.join("\n    "));
    }
    Ok(Verdict::Holds(format!("{PROMISES} promises, {} tests named in {PAGE}", named(&page).count())))
}

/// Names of all functions of a source.
fn functions(text: &str) -> impl Iterator<Item = &str> {
    text.split("fn ").skip(1).filter_map(|rest| rest.split(|c: char| !is_name(c)).next())
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// What the page names as a test: a whole word in backticks, longer than any other word there.
fn named(page: &str) -> impl Iterator<Item = &str> {
    let quoted = page.split('`').skip(1).step_by(2);
    quoted.filter(|word| word.len() > 12 && word.chars().all(is_name))
}

fn faults(page: &str, known: &BTreeSet<String>) -> Vec<String> {
    let missing = named(page).filter(|name| !known.contains(*name)).map(|name| format!("there is no test {name}"));
    let chapters: Vec<&str> = page.split("\n## ").skip(1).collect();
    let unproven = (1..=PROMISES).filter_map(|number| {
        let chapter = chapters.iter().find(|chapter| chapter.starts_with(&format!("P{number}:")));
        match chapter {
            None => Some(format!("P{number} has no chapter")),
            Some(chapter) if named(chapter).next().is_none() => Some(format!("P{number} has no test")),
            Some(_) => None,
        }
    });
    missing.chain(unproven).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_promises_names_tests_that_exist_and_leaves_no_promise_out() {
        match check() {
            Ok(Verdict::Holds(what)) => assert!(what.starts_with("12 promises"), "{what}"),
            Ok(Verdict::NotChecked(why)) => panic!("{why}"),
            Err(error) => panic!("{error:#}"),
        }
    }

    #[test]
    fn a_test_that_is_gone_and_a_promise_without_one_are_named() {
        let chapters: String =
            (1..PROMISES).map(|number| format!("\n## P{number}: x\n`a_test_that_is_there`\n")).collect();
        let page = format!("# page\n{chapters}\n## P12: nothing but `words` and `a_test_that_is_gone`");
        let known = BTreeSet::from(["a_test_that_is_there".to_owned()]);
        assert_eq!(faults(&page, &known), ["there is no test a_test_that_is_gone"]);
        assert_eq!(faults(&page.replace("a_test_that_is_gone", "a b"), &known), ["P12 has no test"]);
        assert_eq!(faults(&page.replace("## P3:", "## P33:"), &known)[1], "P3 has no chapter");
    }
}
