//! The whole road with a stand-in for `campari-mask`: files in, figures, curve and sheets out.

use anyhow::Result;
use image::{Rgb, RgbImage};
use leak::measure::{Job, Program, measure};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Two pictures with a head and a plate each. The stand-in masks both heads, in `b.png` only by its report: its pixels still
/// show. It masks no plate. `b.png` was trained on.
fn stage(root: &Path) -> Result<Job> {
    let (images, prepared, models) = (root.join("data/images"), root.join("prepared"), root.join("models"));
    for folder in [&images, &prepared, &models.join("eval")] {
        fs::create_dir_all(folder)?;
    }
    let noise = |x: u32, y: u32| Rgb([(x * 37 % 256) as u8, (y * 91 % 256) as u8, ((x * y) % 256) as u8]);
    let original = RgbImage::from_fn(128, 64, noise);
    let masked = RgbImage::from_fn(128, 64, |x, y| if x < 40 { Rgb([90; 3]) } else { noise(x, y) });
    for (name, after) in [("a.png", &masked), ("b.png", &original)] {
        original.save(images.join(name))?;
        after.save(prepared.join(name))?;
    }
    let line = |name: &str| {
        format!(
            r#"{{"image":"images/{name}","width":128,"height":64,"source":"street","boxes":[
                {{"cls":"face","x":10,"y":10,"w":16,"h":16}},{{"cls":"plate","x":90,"y":40,"w":20,"h":6}}]}}"#
        )
        .replace('\n', " ")
    };
    fs::write(root.join("data/annotations.jsonl"), format!("{}\n{}\n", line("a.png"), line("b.png")))?;
    let report = |name: &str| {
        format!(
            r#"{{"image":"{name}","frame":0,"objects":[{{"class":"head","score":0.9,"x":10,"y":10,"w":16,"h":16}}],"#
        ) + r#""mask":[{"shape":"rect","x":0,"y":0,"w":40,"h":64}],"ladder":"clear","millis":{"infer":4.5,"total":5}}"#
    };
    fs::write(prepared.join("report.jsonl"), format!("{}\n{}\n", report("a.png"), report("b.png")))?;
    fs::write(models.join("eval/trained-on.txt"), "images/b.png\n")?;
    fs::write(
        models.join("eval/extra-annotations.jsonl"),
        r#"{"image":"images/a.png","boxes":[{"cls":"face","x":0,"y":0,"w":40,"h":64}]}"#,
    )?;
    fs::write(
        models.join("manifest.toml"),
        "[[model]]\nname = 'm'\nsetting = 'light'\nfile = 'm.tflite'\nsha256 = '00'\nbytes = 9\nmultiply_adds = 449000000\n\
         input = { width = 352, height = 192 }\n",
    )?;
    let program = root.join("mask.sh");
    let script =
        format!("#!/bin/sh\nmkdir -p \"$3\"\ncp {0}/*.png \"$3\"\ncp {0}/report.jsonl \"$5\"\n", prepared.display());
    fs::write(&program, script)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    Ok(Job {
        data: root.join("data"),
        settings: vec![],
        program: Program { file: program, manifest: models.join("manifest.toml"), filter: "fill".into() },
        models,
        check_pixels: true,
        out: root.join("out"),
        json: Some(root.join("elsewhere/figures.json")),
    })
}

fn figures(file: &Path) -> Result<Value> {
    Ok(serde_json::from_str(&fs::read_to_string(file)?)?)
}

#[test]
fn figures_curve_and_sheets_are_written() {
    let root = tempfile::tempdir().unwrap();
    let job = stage(root.path()).unwrap();
    let told = measure(&job).unwrap();
    assert!(told.contains("heads, % [95 % interval]") && told.contains("never trained on"), "{told}");
    for file in ["leak.md", "core85-by-width.svg", "worst-misses-light.png", "worst-false-light.png"] {
        assert!(fs::metadata(job.out.join(file)).unwrap().len() > 100, "{file}");
    }
    let all = figures(&job.out.join("leak.json")).unwrap();
    assert_eq!(all, figures(&root.path().join("elsewhere/figures.json")).unwrap());
    assert_eq!((&all["extra_boxes"], &all["trained_on"]), (&1.into(), &1.into()));
    let row = |name: &str| {
        let rows = all["settings"][0]["rows"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no row {name}"))
    };
    let heads = &row("all")["face"];
    // Of the two covered heads one still shows.
    assert_eq!((&heads["cover85"]["value"], &heads["core85"]["value"]), (&100.0.into(), &50.0.into()));
    assert_eq!((&heads["still_shows"], &heads["boxes"]), (&1.into(), &2.into()));
    assert_eq!(row("all")["plate"]["touch"]["value"], 0.0);
    assert_eq!(row("never trained on")["face"]["core85"]["value"], 100.0);
    // 40 x 64 masked; the head grown by 30 % is 5 to 31 each way. All of it is excused in a.png.
    let outside = 100.0 * (40.0 * 64.0 - 26.0 * 26.0) / (128.0 * 64.0);
    let told = |key: &str| heads[key]["value"].as_f64().unwrap();
    assert!((told("false_area_pct") - outside).abs() < 0.001, "{}", told("false_area_pct"));
    assert!((told("false_area_pct_extras_excused") - outside / 2.0).abs() < 0.001);
    assert_eq!(heads["median_infer_ms"]["value"], 4.5);
}

#[test]
fn without_the_look_at_pixels_the_report_is_believed() {
    let root = tempfile::tempdir().unwrap();
    let job = Job { check_pixels: false, ..stage(root.path()).unwrap() };
    measure(&job).unwrap();
    let all = figures(&job.out.join("leak.json")).unwrap();
    assert_eq!(all["settings"][0]["rows"][0]["face"]["core85"]["value"], 100.0);
}

#[test]
fn a_masked_picture_of_another_size_ends_the_measuring() {
    let root = tempfile::tempdir().unwrap();
    let job = stage(root.path()).unwrap();
    RgbImage::new(64, 64).save(root.path().join("prepared/b.png")).unwrap();
    let told = format!("{:#}", measure(&job).unwrap_err());
    assert!(told.contains("b.png: 64x64 pixels, annotated as 128x64"), "{told}");
}

#[test]
fn a_data_set_that_nobody_trained_on_has_no_such_row_and_needs_no_extras() {
    let root = tempfile::tempdir().unwrap();
    let job = stage(root.path()).unwrap();
    fs::write(job.models.join("eval/trained-on.txt"), "images/of-another-set.png\n").unwrap();
    fs::remove_file(job.models.join("eval/extra-annotations.jsonl")).unwrap();
    let told = measure(&job).unwrap();
    assert!(!told.contains("never trained on") && told.contains("0 of 2 pictures were trained on"), "{told}");
}
