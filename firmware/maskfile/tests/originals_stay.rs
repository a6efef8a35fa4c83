//! No original is ever written over, and no masked file lies among originals unasked.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use support::gradient;
use support::program::run;

/// Makes pictures and remembers their bytes.
struct Originals(Vec<(std::path::PathBuf, Vec<u8>)>);

impl Originals {
    fn new(folder: &Path, names: &[&str]) -> Self {
        let make = |name: &&str| {
            let file = folder.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            gradient(64, 48).save_with_format(&file, image::ImageFormat::Png).unwrap();
            let bytes = fs::read(&file).unwrap();
            (file, bytes)
        };
        Self(names.iter().map(make).collect())
    }
    fn assert_untouched(&self) {
        for (file, bytes) in &self.0 {
            assert!(fs::read(file).unwrap() == *bytes, "{} was written over", file.display());
        }
    }
}

#[test]
fn the_folder_of_originals_is_no_folder_for_masked_files() {
    let folder = tempfile::tempdir().unwrap();
    let originals = Originals::new(folder.path(), &["out/a.png"]);
    symlink("out", folder.path().join("alias")).unwrap();
    for input in ["out", "./out/../out", "alias"] {
        let done = run(folder.path(), &[input], &[]);
        assert_eq!(done.status, Some(1), "{}", done.said);
        assert!(done.said.contains("give --out a folder of its own"), "{}", done.said);
        assert!(done.lines.is_empty());
    }
    assert_eq!(fs::read_dir(folder.path().join("out")).unwrap().count(), 1);
    originals.assert_untouched();
}

#[test]
fn masked_files_below_a_folder_of_originals_are_not_masked_again() {
    let folder = tempfile::tempdir().unwrap();
    let originals = Originals::new(folder.path(), &["a.png", "b/c.png"]);
    for _ in 0..2 {
        let done = run(folder.path(), &["."], &[]);
        assert_eq!(done.status, Some(0), "{}", done.said);
        assert_eq!(done.written(), ["a.png", "b/c.png"].map(str::to_owned).into());
    }
    originals.assert_untouched();
}

#[test]
fn an_original_that_lies_where_another_ones_twin_would_go_stays() {
    let folder = tempfile::tempdir().unwrap();
    let originals = Originals::new(folder.path(), &["x/a.png", "out/a.png"]);
    let done = run(folder.path(), &["x/a.png", "out/a.png"], &[]);
    assert_eq!(done.status, Some(1));
    assert_eq!(done.of("a.png").len(), 2);
    assert!(done.lines.iter().all(|line| line["error"].as_str().unwrap().contains("choose another --out")));
    originals.assert_untouched();
}

#[test]
fn links_in_the_folder_of_masked_files_do_not_lead_to_originals() {
    let folder = tempfile::tempdir().unwrap();
    let originals = Originals::new(folder.path(), &["in/a.png", "in/b.png", "other/c.png"]);
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    symlink("../in/b.png", out.join("a.png")).unwrap();
    fs::hard_link(folder.path().join("in/b.png"), out.join("b.png")).unwrap();
    let done = run(folder.path(), &["in"], &[]);
    assert!(done.error("a.png").contains("choose another --out"));
    assert!(done.line("b.png")["error"].is_null(), "a hard link is replaced, not written through");
    originals.assert_untouched();
}

#[test]
fn two_folders_with_the_same_names_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let originals = Originals::new(folder.path(), &["x/a.png", "y/a.png", "y/b.png"]);
    gradient(32, 32).save(folder.path().join("x/a.png")).unwrap();
    let done = run(folder.path(), &["x", "y"], &[]);
    assert_eq!(done.status, Some(1));
    assert!(done.said.contains("y/a.png: would be written over"), "{}", done.said);
    assert_eq!(image::image_dimensions(done.out.join("a.png")).unwrap(), (32, 32), "the first one's twin");
    assert_eq!(done.written(), ["a.png", "b.png"].map(str::to_owned).into());
    drop(originals);
}

#[test]
fn the_report_is_written_over_no_original_and_by_no_masked_file() {
    let folder = tempfile::tempdir().unwrap();
    let originals = Originals::new(folder.path(), &["report.jsonl", "in/a.png"]);
    let done = run(folder.path(), &["in", "report.jsonl"], &[]);
    assert_eq!(done.status, Some(1));
    assert!(done.said.contains("report.jsonl: is to be masked"), "{}", done.said);
    originals.assert_untouched();
    assert!(done.written().is_empty());
}
