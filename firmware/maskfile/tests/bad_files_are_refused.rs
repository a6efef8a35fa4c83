//! Files that are not what they say: each is named with what is wrong, nothing of it is written, memory stays bounded, and the rest is done.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use image::codecs::jpeg::JpegEncoder;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use support::gradient;
use support::program::{arguments, finish, run, through};

/// A folder `in` below a temporary one, with one good picture.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    fs::create_dir(&input).unwrap();
    gradient(64, 48).save(input.join("good.png")).unwrap();
    (folder, input)
}

fn png_chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let crc = [&kind[..], body].concat().iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ ((crc & 1) * 0xedb8_8320))
    });
    [&(body.len() as u32).to_be_bytes()[..], kind, body, &(!crc).to_be_bytes()].concat()
}

/// A PNG that claims `side` x `side` pixels of eight bytes each, and holds next to nothing.
fn boastful_png(side: u32) -> Vec<u8> {
    let header = [&side.to_be_bytes()[..], &side.to_be_bytes(), &[16, 6, 0, 0, 0]].concat();
    let pixels = [0x78, 0x9c, 0x63, 0, 0, 0, 1, 0, 1];
    [&b"\x89PNG\r\n\x1a\n"[..], &png_chunk(b"IHDR", &header), &png_chunk(b"IDAT", &pixels), &png_chunk(b"IEND", &[])]
        .concat()
}

#[test]
fn each_bad_picture_is_named_with_what_is_wrong_and_leaves_nothing() {
    let (folder, input) = folder();
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 95).encode_image(&gradient(640, 480)).unwrap();
    let mut vast = jpeg.clone();
    let frame = vast.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    vast[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
    let png = fs::read(input.join("good.png")).unwrap();
    let cases: [(&str, &[u8], &str); 9] = [
        ("broken-off.jpg", &jpeg[..jpeg.len() / 2], "breaks off"),
        ("broken-off.png", &png[..png.len() / 2], "unexpected end of file"),
        ("header-only.jpg", &jpeg[..30], "Jpeg"),
        ("empty.jpg", b"", "0 bytes"),
        ("empty.png", b"", "0 bytes"),
        ("text.jpg", b"Dear Sir or Madam", "neither JPEG nor PNG"),
        ("gif.png", b"GIF89a\x01\0\x01\0\0\0\0;", "Gif"),
        ("vast.jpg", &vast, "65500x65500"),
        ("vast.png", &boastful_png(60_000), "60000x60000"),
    ];
    for (name, bytes, _) in cases {
        fs::write(input.join(name), bytes).unwrap();
    }
    symlink("nowhere", input.join("dangling.jpg")).unwrap();
    // The two vast ones would take 12 and 28 gigabytes; the address space is what the libraries and one real picture need.
    let done = finish(folder.path(), &mut through(&["prlimit", "--as=2000000000"], folder.path(), &["in"], &[]));
    assert_eq!(done.status, Some(1), "{}", done.said);
    for (name, _, words) in cases {
        let error = done.error(name);
        assert!(error.contains(name) && error.contains(words), "{name}: {error}");
        assert!(!error.contains('\n'), "one line: {error}");
    }
    assert!(done.error("dangling.jpg").contains("No such file"));
    assert_eq!(done.lines.len(), cases.len() + 2, "a line for every file");
    assert_eq!(done.written(), ["good.png".to_owned()].into());
}

#[test]
fn a_picture_just_within_the_limit_that_holds_nothing_is_refused_too() {
    let (folder, input) = folder();
    fs::write(input.join("hollow.png"), boastful_png(8192)).unwrap();
    let done = run(folder.path(), &["in"], &[]);
    assert_eq!(done.status, Some(1));
    assert!(done.error("hollow.png").contains("Png"));
    assert_eq!(done.written(), ["good.png".to_owned()].into());
}

#[test]
fn a_folder_that_cannot_be_listed_is_named_and_the_rest_is_done() {
    let (folder, input) = folder();
    let closed = input.join("closed");
    fs::create_dir(&closed).unwrap();
    gradient(64, 48).save(closed.join("a.png")).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    // For root, permissions are no obstacle unless it gives up the right to ignore them.
    let root = fs::read_dir(&closed).is_ok();
    let without = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];
    let mut program =
        if root { through(&without, folder.path(), &["in"], &[]) } else { arguments(folder.path(), &["in"], &[]) };
    let done = finish(folder.path(), &mut program);
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(done.status, Some(1), "{}", done.said);
    assert!(done.error("closed").contains("cannot be listed (Permission denied"), "{}", done.said);
    assert_eq!(done.written(), ["good.png".to_owned()].into());
}

#[test]
fn links_in_a_circle_end_and_every_file_is_taken_once_by_its_own_name() {
    let (folder, input) = folder();
    let elsewhere = folder.path().join("elsewhere");
    for sub in [input.join("deep/er"), elsewhere.clone()] {
        fs::create_dir_all(&sub).unwrap();
        gradient(32, 32).save(sub.join("b.png")).unwrap();
    }
    for (to, link) in [("..", "deep/a-up"), ("../..", "deep/er/a-up"), (".", "a-self"), ("deep", "a-deep")] {
        symlink(to, input.join(link)).unwrap();
    }
    symlink(&elsewhere, input.join("linked")).unwrap();
    symlink("loop.png", input.join("loop.png")).unwrap();
    let done = run(folder.path(), &["in"], &[]);
    let images: Vec<_> = done.lines.iter().map(|line| line["image"].as_str().unwrap()).collect();
    assert_eq!(images, ["deep/er/b.png", "good.png", "linked/b.png", "loop.png"], "{}", done.said);
    assert!(done.error("loop.png").contains("symbolic links"));
    assert_eq!(done.written(), ["deep/er/b.png", "good.png", "linked/b.png"].map(str::to_owned).into());
}

#[test]
fn a_pipe_in_a_folder_is_not_waited_for() {
    let (folder, input) = folder();
    for name in ["a.png", "b.mp4"] {
        assert!(Command::new("mkfifo").arg(input.join(name)).status().unwrap().success());
    }
    let done = run(folder.path(), &["in"], &[]);
    assert_eq!((done.status, done.lines.len()), (Some(0), 1), "{}", done.said);
}

/// Forty frames of ffmpeg's test picture, or what `more` says.
fn clip(file: &Path, source: &str, more: &[&str]) {
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i", source])
        .args(more)
        .arg(file)
        .status();
    assert!(made.expect("ffmpeg is on the PATH").success());
}

const STREET: &str = "testsrc2=size=320x192:rate=10:duration=4";

#[test]
fn clips_without_pictures_and_clips_that_break_off_are_named() {
    let (folder, input) = folder();
    clip(&input.join("sound.mp4"), "sine=duration=1", &[]);
    for (name, whole) in [("cut.mkv", "whole.mkv"), ("cut.ts", "whole.ts"), ("cut.mp4", "whole.mp4")] {
        let whole = folder.path().join(whole);
        clip(&whole, STREET, &["-c:v", "libx264", "-g", "10"]);
        let bytes = fs::read(&whole).unwrap();
        fs::write(input.join(name), &bytes[..bytes.len() * 3 / 4]).unwrap();
    }
    fs::write(input.join("text.mp4"), "Dear Sir or Madam").unwrap();
    fs::write(input.join("empty.mp4"), "").unwrap();
    let done = run(folder.path(), &["in"], &[]);
    assert_eq!(done.status, Some(1));
    assert!(done.error("sound.mp4").contains("no video stream"), "{}", done.said);
    for name in ["text.mp4", "empty.mp4", "cut.mp4"] {
        assert!(done.error(name).contains("nothing that ffmpeg reads"), "{}", done.said);
    }
    for name in ["cut.mkv", "cut.ts"] {
        let lines = done.of(name);
        let (error, frames) = lines.split_last().unwrap();
        assert!(frames.len() > 10 && frames.len() < 40, "{name}: {}", frames.len());
        assert!(frames.iter().enumerate().all(|(number, line)| line["frame"] == number), "{name}");
        let error = error["error"].as_str().unwrap();
        let told = format!("the {} frames before that are masked", frames.len());
        assert!(error.contains("ended early") && error.contains(&told), "{name}: {error}");
    }
    assert_eq!(done.written(), ["cut.mkv", "cut.ts", "good.png"].map(str::to_owned).into());
}

#[test]
fn a_decoder_that_is_killed_is_not_the_end_of_the_clip() {
    let (folder, input) = folder();
    clip(&input.join("street.mp4"), STREET, &["-c:v", "libx264"]);
    // In place of ffmpeg: the reading one dies without a word after twelve frames, the writing one is real.
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let path = std::env::var("PATH").unwrap();
    let frames = 100 + 12 * (320 * 192 * 3 / 2 + 6);
    let script = format!(
        "#!/bin/sh\nPATH='{path}'\ncase \"$*\" in\n*yuv4mpegpipe*) ffmpeg \"$@\" 2>/dev/null | head -c {frames}; kill -KILL $$ ;;\n*) exec ffmpeg \"$@\" ;;\nesac\n"
    );
    fs::write(bin.join("ffmpeg"), script).unwrap();
    fs::set_permissions(bin.join("ffmpeg"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut program = arguments(folder.path(), &["in/street.mp4"], &[]);
    let done = finish(folder.path(), program.env("PATH", format!("{}:{path}", bin.display())));
    assert_eq!(done.status, Some(1), "{}", done.said);
    let error = done.lines.last().unwrap()["error"].as_str().unwrap();
    assert!(error.contains("ended early") && error.contains("signal: 9"), "{error}");
}

#[test]
fn a_place_that_cannot_be_written_is_named_and_nothing_half_done_stays() {
    let (folder, input) = folder();
    clip(&input.join("street.mp4"), STREET, &["-c:v", "libx264"]);
    for taken in ["good.png/here.txt", "street.mp4/here.txt"] {
        let taken = folder.path().join("out").join(taken);
        fs::create_dir_all(taken.parent().unwrap()).unwrap();
        fs::write(taken, "in the way").unwrap();
    }
    let done = run(folder.path(), &["in"], &[]);
    assert_eq!(done.status, Some(1));
    assert!(done.error("good.png").contains("cannot be written"), "{}", done.said);
    let last = done.lines.last().unwrap();
    assert_eq!(last["image"], "street.mp4");
    assert!(last["error"].as_str().unwrap().contains("cannot be written"), "{last}");
    assert_eq!(done.written(), ["good.png/here.txt", "street.mp4/here.txt"].map(str::to_owned).into());
}
