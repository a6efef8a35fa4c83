//! Clips through ffmpeg (which these tests need on the PATH): every frame once, tracks hold, nothing half-done is left behind.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use ::mask::{FILL, SHAPE};
use board_sim::{DetectorStep, Script};
use contract::Filter;
use maskfile::play::Play;
use std::fs;
use std::path::Path;
use std::process::Command;
use support::program::check_line;
use support::{finds, looker, mask, mask_played, plate};

/// Twenty frames of ffmpeg's test picture.
fn clip(file: &Path, codec: &str) {
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=320x192:rate=10:duration=2"])
        .args(["-metadata", "title=Schrijverstraat", "-pix_fmt", "yuv420p", "-c:v", codec])
        .arg(file)
        .status();
    assert!(made.expect("ffmpeg is on the PATH").success());
}

/// Luma of one frame of a clip.
fn frame_of(file: &Path, frame: usize) -> Vec<u8> {
    let shown = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-i"])
        .arg(file)
        .args([
            "-vf",
            &format!("select=eq(n\\,{frame})"),
            "-frames:v",
            "1",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "gray",
            "pipe:1",
        ])
        .output()
        .expect("ffmpeg is on the PATH");
    assert_eq!(shown.stdout.len(), 320 * 192, "{}", String::from_utf8_lossy(&shown.stderr));
    shown.stdout
}

/// How far luma differs from the fill in the middle of the object.
fn worst(luma: &[u8]) -> u8 {
    (56..64).flat_map(|y| (86..114).map(move |x| luma[y * 320 + x])).map(|v| v.abs_diff(128)).max().unwrap()
}

#[test]
fn p2_every_frame_of_a_clip_is_masked_and_reported_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("street.mp4"), folder.path().join("out"));
    clip(&file, "libx264");
    let done = mask(&[&file], &out, &mut looker(finds(&[plate(100.0, 60.0, 40.0, 16.0)]), Filter::Fill, None));
    assert_eq!((done.summary.clips, done.summary.frames, done.summary.failed), (1, 20, 0), "{:?}", done.complaints);
    for (number, line) in done.lines.iter().enumerate() {
        assert_eq!(line["image"], "street.mp4");
        assert_eq!(line["frame"], number);
        assert_eq!(line["mask"].as_array().unwrap().len(), 1);
    }
    for frame in [0, 7, 19] {
        assert!(worst(&frame_of(&file, frame)) > 20, "the clip itself shows something there");
        assert!(worst(&frame_of(&out.join("street.mp4"), frame)) <= 4, "frame {frame}");
    }
    let bytes = fs::read(out.join("street.mp4")).unwrap();
    assert!(!bytes.windows(15).any(|part| part == b"Schrijverstraat"), "the title is left behind");
}

#[test]
fn p3_a_track_is_masked_through_frames_in_which_it_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("street.mp4"), folder.path().join("out"));
    clip(&file, "libx264");
    let found = || DetectorStep::Find(vec![plate(100.0, 60.0, 40.0, 16.0)]);
    let missed = || DetectorStep::Find(vec![]);
    let script = Script::of([found(), found(), found(), missed(), missed()], found());
    let done = mask(&[&file], &out, &mut looker(script, Filter::Fill, None));
    for frame in [3, 4] {
        assert_eq!(done.lines[frame]["mask"].as_array().unwrap().len(), 1, "{}", done.lines[frame]);
        assert!(worst(&frame_of(&out.join("street.mp4"), frame)) <= 4);
    }
}

#[test]
fn boxes_of_a_track_at_the_edge_end_there_in_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("street.mp4");
    clip(&file, "libx264");
    let found = [plate(4.0, 6.0, 40.0, 16.0), plate(310.0, 188.0, 40.0, 16.0)];
    let done = mask(&[&file], &folder.path().join("out"), &mut looker(finds(&found), Filter::Fill, None));
    assert_eq!(done.lines.len(), 20);
    for line in &done.lines {
        check_line(line, (320, 192));
        assert_eq!(line["objects"].as_array().unwrap().len(), 2);
    }
}

#[test]
fn a_container_that_does_not_hold_h264_becomes_matroska() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("old.mpg"), folder.path().join("out"));
    clip(&file, "mpeg2video");
    let done = mask(&[&file], &out, &mut looker(finds(&[]), Filter::Fill, None));
    assert_eq!(done.summary.clips, 1, "{:?}", done.complaints);
    assert!(out.join("old.mkv").exists());
    assert_eq!(done.lines[0]["image"], "old.mpg");
}

#[test]
fn a_clip_that_is_none_and_a_detector_that_fails_leave_no_file_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (bad, good, out) = (folder.path().join("bad.mp4"), folder.path().join("good.mp4"), folder.path().join("out"));
    fs::write(&bad, "no clip").unwrap();
    clip(&good, "libx264");
    let script = Script::of(vec![DetectorStep::Find(vec![]); 5], DetectorStep::Fail);
    let done = mask(&[&bad, &good], &out, &mut looker(script, Filter::Fill, None));
    assert_eq!((done.summary.clips, done.summary.failed), (0, 2));
    assert!(done.lines.iter().any(|line| line["image"] == "bad.mp4" && line["error"].is_string()));
    assert!(done.lines.iter().any(|line| line["image"] == "good.mp4" && line["error"].is_string()));
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0, "nothing, and nothing half-done");
}

#[test]
fn a_slower_camera_and_a_late_detector_keep_the_clip_s_frame_numbers_and_mask_every_frame_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("street.mp4"), folder.path().join("out"));
    clip(&file, "libx264");
    let play = Play { fps: Some(5.0), look_every: 2, ..Play::default() };
    let found = finds(&[plate(100.0, 60.0, 40.0, 16.0)]);
    let done = mask_played(&[&file], &out, &mut looker(found, Filter::Fill, None), play);
    let numbers: Vec<u64> = done.lines.iter().map(|line| line["frame"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
    assert!(done.lines.iter().all(|line| line["mask"].as_array().unwrap().len() == 1));
    assert!(worst(&frame_of(&out.join("street.mp4"), 5)) <= 4);
}

#[test]
fn without_tracks_a_missed_frame_is_bare() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("street.mp4"), folder.path().join("out"));
    clip(&file, "libx264");
    let found = DetectorStep::Find(vec![plate(100.0, 60.0, 40.0, 16.0)]);
    let script = Script::of([found.clone(), DetectorStep::Find(vec![])], found);
    let play = Play { without_tracks: true, ..Play::default() };
    let done = mask_played(&[&file], &out, &mut looker(script, Filter::Fill, None), play);
    let masks: Vec<usize> = done.lines.iter().take(3).map(|line| line["mask"].as_array().unwrap().len()).collect();
    assert_eq!(masks, [1, 0, 1]);
}

/// Twelve seconds of nothing, then somebody white walks through; four frames a second.
fn walk_in(file: &Path) {
    let moving = "color=c=gray:size=320x192:rate=4:duration=15,format=yuv420p[b];color=c=white:size=24x60:rate=4:duration=15[w];\
                  [b][w]overlay=x='if(lt(t,12),-100,40+16*(t-12)*4)':y=80";
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-y", "-filter_complex", moving, "-c:v", "libx264", "-qp", "0"])
        .args(["-pix_fmt", "yuv420p"])
        .arg(file)
        .status();
    assert!(made.expect("ffmpeg is on the PATH").success());
}

#[test]
fn p2_silhouette_learns_the_still_scene_of_a_clip_and_shows_what_comes_flat() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("street.mp4"), folder.path().join("out"));
    walk_in(&file);
    let done = mask(&[&file], &out, &mut looker(finds(&[]), Filter::Silhouette, None));
    assert_eq!((done.summary.clips, done.summary.frames, done.summary.failed), (1, 60, 0), "{:?}", done.complaints);
    let masked = out.join("street.mp4");
    let (before, known, walking) = (frame_of(&masked, 8), frame_of(&masked, 46), frame_of(&masked, 54));
    assert!(before.iter().all(|luma| luma.abs_diff(FILL.y) <= 4), "nothing is known in the first seconds");
    let scene = frame_of(&file, 46);
    assert!(known.iter().zip(&scene).all(|(a, b)| a.abs_diff(*b) <= 6), "then the still scene is shown");
    // Nobody detected it: it is flat because it moves.
    let white = |luma: &[u8]| luma.iter().filter(|&&value| value > 200).count();
    assert!(white(&frame_of(&file, 54)) > 1000 && white(&walking) == 0);
    assert!(walking.iter().filter(|luma| luma.abs_diff(SHAPE.y) <= 4).count() > 24 * 60);
}

#[test]
fn a_picture_among_clips_is_named_and_the_clip_is_silhouette() {
    let folder = tempfile::tempdir().unwrap();
    let (file, picture) = (folder.path().join("street.mp4"), folder.path().join("still.png"));
    clip(&file, "libx264");
    image::RgbImage::new(32, 32).save(&picture).unwrap();
    let out = folder.path().join("out");
    let done = mask(&[&picture, &file], &out, &mut looker(finds(&[]), Filter::Silhouette, None));
    assert_eq!((done.summary.clips, done.summary.pictures, done.summary.failed), (1, 0, 1));
    assert!(done.complaints[0].contains("still.png: silhouette learns"), "{:?}", done.complaints);
    assert!(!out.join("still.png").exists());
}

#[test]
fn what_the_detector_saw_is_told_of_the_frames_it_looked_at_without_tracks() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("street.mp4"), folder.path().join("out"));
    clip(&file, "libx264");
    let found = DetectorStep::Find(vec![plate(100.0, 60.0, 40.0, 16.0)]);
    let script = Script::of([found.clone(), DetectorStep::Find(vec![])], found);
    let play = Play { look_every: 2, ..Play::default() };
    let done = mask_played(&[&file], &out, &mut looker(script, Filter::Fill, None), play);
    let told: Vec<(u64, usize)> = done
        .sights
        .iter()
        .take(3)
        .map(|sight| (sight["frame"].as_u64().unwrap(), sight["found"].as_array().unwrap().len()))
        .collect();
    assert_eq!(told, [(0, 1), (2, 0), (4, 1)]);
    assert_eq!(done.lines[2]["mask"].as_array().unwrap().len(), 1, "masked by its track, and yet not told as seen");
    let at = |sight: usize| done.sights[sight]["captured_us"].as_u64().unwrap();
    assert!(at(1) > at(0) && at(2) - at(1) == at(1) - at(0));
}
