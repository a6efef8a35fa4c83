//! Clips with a stand-in for `campari-mask` and real ffmpeg: reports in; figures, JSON and the sheet of the worst out.

use anyhow::Result;
use leak::measure::{ClipJob, Program, measure_clips};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// A clip of ten frames with a head that stands still. The stand-in masks it in all frames but 4 and 5; without tracks in none but the first.
fn stage(root: &Path) -> Result<ClipJob> {
    let (clips, models) = (root.join("clips"), root.join("models"));
    fs::create_dir_all(&clips)?;
    fs::create_dir_all(&models)?;
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=size=128x64:rate=5:duration=2"])
        .args(["-pix_fmt", "yuv420p"])
        .arg(clips.join("street.mp4"))
        .status()?;
    assert!(made.success(), "ffmpeg is on the PATH");
    let truth = |frame: u64| format!(r#"{{"frame":{frame},"track":1,"cls":"head","x":40,"y":20,"w":16,"h":16}}"#);
    fs::write(clips.join("street.jsonl"), (0..10).map(|frame| truth(frame) + "\n").collect::<String>())?;
    let report = |masked: &dyn Fn(u64) -> bool| {
        let line = |frame: u64| {
            let mask = if masked(frame) { r#"{"shape":"rect","x":36,"y":16,"w":24,"h":24}"# } else { "" };
            format!(
                r#"{{"image":"street.mp4","frame":{frame},"width":128,"height":64,"mask":[{mask}],"ladder":"clear"}}"#
            )
        };
        (0..10).map(|frame| line(frame) + "\n").collect::<String>()
    };
    fs::write(root.join("tracked.jsonl"), report(&|frame| frame != 4 && frame != 5))?;
    fs::write(root.join("alone.jsonl"), report(&|frame| frame == 0))?;
    fs::write(
        models.join("manifest.toml"),
        "[[model]]\nname = 'm'\nsetting = 'light'\nfile = 'm.tflite'\nsha256 = '00'\nbytes = 9\nmultiply_adds = 449000000\n\
         input = { width = 352, height = 192 }\n",
    )?;
    // Arguments: IN --out DIR --report FILE, and options after these.
    let script = format!(
        "#!/bin/sh\nmkdir -p \"$3\"\ncase \"$*\" in *--no-tracking*) cp {0}/alone.jsonl \"$5\";; *) cp {0}/tracked.jsonl \"$5\";; esac\n",
        root.display()
    );
    let program = root.join("mask.sh");
    fs::write(&program, script)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    Ok(ClipJob {
        clips,
        program: Program { file: program, manifest: models.join("manifest.toml"), filter: "fill".into() },
        models,
        settings: vec![],
        quick: true,
        out: root.join("out"),
        json: None,
    })
}

#[test]
fn tracks_are_scored_with_and_without_tracking() {
    let root = tempfile::tempdir().unwrap();
    let job = stage(root.path()).unwrap();
    let told = measure_clips(&job).unwrap();
    assert!(told.contains("longest bare run") && told.contains("1 filmed"), "{told}");
    let figures: Value = serde_json::from_str(&fs::read_to_string(job.out.join("clips.json")).unwrap()).unwrap();
    let row = |tracking: bool| {
        let played = figures["played"].as_array().unwrap();
        let one = played.iter().find(|one| one["tracking"] == tracking).unwrap();
        one["rows"].as_array().unwrap().iter().find(|row| row["clips"] == "all").unwrap().clone()
    };
    let (with, without) = (row(true), row(false));
    assert_eq!((&with["bare_pct"]["value"], &with["longest_bare_run"]), (&20.0.into(), &2.into()));
    assert_eq!((&without["bare_pct"]["value"], &without["longest_bare_run"]), (&90.0.into(), &9.into()));
    assert_eq!((&with["tracks"], &with["boxes"]), (&1.into(), &10.into()));
    assert!(fs::read_to_string(job.out.join("bare-by-way.svg")).unwrap().contains("plates: bare"));
    assert!(fs::metadata(job.out.join("worst-frames-light.png")).unwrap().len() > 100);
    assert!(fs::read_to_string(job.out.join("clips.md")).unwrap().contains("| light"));
}

#[test]
fn a_clip_that_was_not_masked_ends_the_measuring() {
    let root = tempfile::tempdir().unwrap();
    let job = stage(root.path()).unwrap();
    fs::write(root.path().join("alone.jsonl"), r#"{"image":"street.mp4","error":"no clip"}"#).unwrap();
    let told = format!("{:#}", measure_clips(&job).unwrap_err());
    assert!(told.contains("clips that were not masked") && told.contains("no clip"), "{told}");
}
