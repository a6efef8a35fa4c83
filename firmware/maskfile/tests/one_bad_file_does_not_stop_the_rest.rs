//! Files that cannot be read, masked or written are named and counted; the others are done.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use board_sim::{DetectorStep, Script};
use contract::Filter;
use std::fs;
use support::{finds, gradient, looker, mask};

#[test]
fn an_unreadable_picture_in_the_middle_of_a_folder_is_reported_and_the_rest_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("in"), folder.path().join("out"));
    fs::create_dir_all(input.join("deep/er")).unwrap();
    gradient(64, 48).save(input.join("a.png")).unwrap();
    fs::write(input.join("b.jpg"), "no picture").unwrap();
    let whole = {
        gradient(64, 48).save(input.join("c.jpg")).unwrap();
        fs::read(input.join("c.jpg")).unwrap()
    };
    fs::write(input.join("d.png"), &fs::read(input.join("a.png")).unwrap()[..60]).unwrap();
    fs::write(input.join("e.JPG"), &whole).unwrap();
    fs::write(input.join("notes.txt"), "not for masking").unwrap();
    gradient(32, 32).save(input.join("deep/er/f.png")).unwrap();
    let done = mask(&[&input], &out, &mut looker(finds(&[]), Filter::Fill, None));
    assert_eq!((done.summary.pictures, done.summary.failed), (4, 2));
    let images: Vec<_> = done.lines.iter().map(|line| line["image"].as_str().unwrap()).collect();
    assert_eq!(images, ["a.png", "b.jpg", "c.jpg", "d.png", "deep/er/f.png", "e.JPG"], "in the order of names");
    for bad in ["b.jpg", "d.png"] {
        assert!(done.line(bad)["error"].as_str().unwrap().contains(bad));
        assert!(done.complaints.iter().any(|text| text.contains(bad)));
        assert!(!out.join(bad).exists());
    }
    for good in ["a.png", "c.jpg", "e.JPG", "deep/er/f.png"] {
        assert!(image::open(out.join(good)).is_ok(), "{good}");
    }
}

#[test]
fn p2_nothing_is_written_when_the_detector_fails() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    fs::create_dir(&input).unwrap();
    for name in ["a.png", "b.png", "c.png"] {
        gradient(64, 48).save(input.join(name)).unwrap();
    }
    let out = folder.path().join("out");
    let find = || DetectorStep::Find(vec![]);
    let script = Script::of([find(), DetectorStep::Fail], find());
    let done = mask(&[&input], &out, &mut looker(script, Filter::Fill, None));
    assert_eq!((done.summary.pictures, done.summary.failed), (2, 1));
    assert!(done.line("b.png")["error"].as_str().unwrap().contains("inference failed"));
    assert!(!out.join("b.png").exists());
}

#[test]
fn an_original_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.png");
    gradient(64, 48).save(&file).unwrap();
    let before = fs::read(&file).unwrap();
    let done = mask(&[&file], folder.path(), &mut looker(finds(&[]), Filter::Fill, None));
    assert_eq!(done.summary.failed, 1);
    assert!(done.complaints[0].contains("--out"), "{:?}", done.complaints);
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn two_files_of_one_name_are_not_written_over_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["x", "y"].map(|sub| {
        let sub = folder.path().join(sub);
        fs::create_dir(&sub).unwrap();
        let file = sub.join("a.png");
        gradient(64, 48).save(&file).unwrap();
        file
    });
    let out = folder.path().join("out");
    let done = mask(&[&files[0], &files[1]], &out, &mut looker(finds(&[]), Filter::Fill, None));
    assert_eq!((done.summary.pictures, done.summary.failed), (1, 1));
}
