//! Pictures of any size and orientation: what is found is gone, the rest stays, names and sizes are kept.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use board_sim::{DetectorStep, Found, Script};
use contract::Filter;
use image::codecs::jpeg::JpegEncoder;
use image::{ImageEncoder, Rgb};
use serde_json::json;
use std::fs;
use support::{NET, difference, finds, gradient, is_gray, looker, mask, plate};

#[test]
fn p2_a_found_object_is_flat_in_the_written_picture_and_the_rest_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("a.png"), folder.path().join("out"));
    let picture = gradient(640, 384);
    picture.save(&file).unwrap();
    // Network pixels are two of this picture's.
    let done = mask(&[&file], &out, &mut looker(finds(&[plate(102.0, 62.0, 40.0, 16.0)]), Filter::Fill, None));
    let masked = image::open(out.join("a.png")).unwrap().into_rgb8();
    let shape = &done.line("a.png")["mask"][0];
    let edge = |key: &str| shape[key].as_u64().unwrap() as u32;
    let (left, top) = (edge("x"), edge("y"));
    let (right, bottom) = (left + edge("w"), top + edge("h"));
    assert!(left <= 164 && top <= 108 && right >= 244 && bottom >= 140, "{shape}");
    assert!(left >= 156 && top >= 100 && right <= 252 && bottom <= 148, "{shape}");
    for (x, y, pixel) in masked.enumerate_pixels() {
        if (left..right).contains(&x) && (top..bottom).contains(&y) {
            assert!(is_gray(*pixel), "{x},{y}: {pixel:?}");
        } else if !(left - 2..right + 2).contains(&x) || !(top - 2..bottom + 2).contains(&y) {
            assert!(difference(*pixel, *picture.get_pixel(x, y)) <= 6, "{x},{y}: {pixel:?}");
        }
    }
}

#[test]
fn every_line_has_the_fields_of_the_contract_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.jpg");
    gradient(320, 192).save(&file).unwrap();
    let done = mask(
        &[&file],
        &folder.path().join("out"),
        &mut looker(finds(&[plate(100.0, 60.0, 40.0, 16.0)]), Filter::Fill, None),
    );
    let line = done.line("a.jpg");
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(keys(line), "frame height image ladder mask millis objects width");
    assert_eq!(keys(&line["objects"][0]), "class h score w x y");
    assert_eq!(keys(&line["mask"][0]), "h shape w x y");
    assert_eq!(keys(&line["millis"]), "infer mask prepare total");
    assert_eq!(line["frame"], 0);
    assert_eq!((&line["width"], &line["height"]), (&json!(320), &json!(192)));
    assert_eq!(line["objects"][0]["class"], "plate");
    assert_eq!(line["mask"][0]["shape"], "rect");
    assert_eq!(line["ladder"], "clear");
    assert!(line["millis"]["total"].as_f64().unwrap() > 0.0);
}

#[test]
fn any_size_keeps_its_size_and_masks_stay_inside_it() {
    let folder = tempfile::tempdir().unwrap();
    for (width, height) in [(16, 16), (17, 16), (16, 17), (61, 47), (1921, 1081), (8192, 16), (16, 4320)] {
        let name = format!("{width}x{height}.png");
        let file = folder.path().join(&name);
        gradient(width, height).save(&file).unwrap();
        // Larger than any picture.
        let everywhere = plate(NET.0 as f32 / 2.0, NET.1 as f32 / 2.0, 600.0, 600.0);
        let out = folder.path().join("out");
        let done = mask(&[&file], &out, &mut looker(finds(&[everywhere]), Filter::Fill, None));
        assert_eq!(done.summary.pictures, 1, "{:?}", done.complaints);
        let masked = image::open(out.join(&name)).unwrap().into_rgb8();
        assert_eq!(masked.dimensions(), (width, height));
        let shape = &done.line(&name)["mask"][0];
        let side = |from: &str, length: &str| shape[from].as_u64().unwrap() + shape[length].as_u64().unwrap();
        assert!(side("x", "w") <= u64::from(width) && side("y", "h") <= u64::from(height), "{name}: {shape}");
        assert!(is_gray(*masked.get_pixel(width / 2, height / 2)));
    }
}

/// EXIF (TIFF, little-endian) with one field: orientation, and a comment that must not survive.
fn exif(orientation: u8) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    bytes.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(b"51.0543N 3.7174E");
    bytes
}

#[test]
fn exif_rotation_is_honoured_and_no_metadata_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("turned.jpg");
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
    // Six: the stored picture must be turned clockwise to stand upright.
    encoder.set_exif_metadata(exif(6)).unwrap();
    let mut picture = gradient(96, 64);
    for y in 0..16 {
        for x in 0..16 {
            picture.put_pixel(x, y, Rgb([255, 0, 0]));
        }
    }
    encoder.encode_image(&picture).unwrap();
    assert!(bytes.windows(8).any(|part| part == b"51.0543N"));
    fs::write(&file, &bytes).unwrap();
    let out = folder.path().join("out");
    let done = mask(&[&file], &out, &mut looker(finds(&[]), Filter::Fill, None));
    let line = done.line("turned.jpg");
    assert_eq!((&line["width"], &line["height"]), (&json!(64), &json!(96)));
    let written = fs::read(out.join("turned.jpg")).unwrap();
    assert!(!written.windows(4).any(|part| part == b"Exif" || part == b"51.0"));
    let masked = image::load_from_memory(&written).unwrap().into_rgb8();
    assert_eq!(masked.dimensions(), (64, 96));
    assert!(difference(*masked.get_pixel(58, 6), Rgb([255, 0, 0])) < 60, "the red corner is at the top right now");
    assert!(difference(*masked.get_pixel(6, 6), Rgb([255, 0, 0])) > 60);
}

#[test]
fn pictures_do_not_remember_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    fs::create_dir(&input).unwrap();
    for name in ["a.png", "b.png"] {
        gradient(320, 192).save(input.join(name)).unwrap();
    }
    let script = Script::of([DetectorStep::Find(vec![plate(100.0, 60.0, 40.0, 16.0)])], DetectorStep::Find(vec![]));
    let done = mask(&[&input], &folder.path().join("out"), &mut looker(script, Filter::Fill, None));
    assert_eq!(done.line("a.png")["mask"].as_array().unwrap().len(), 1);
    assert_eq!(done.line("b.png")["mask"], json!([]));
}

#[test]
fn p3_more_objects_than_can_be_masked_cover_the_picture_as_one_shape() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("crowd.png");
    gradient(321, 193).save(&file).unwrap();
    let crowd: Vec<Found> =
        (0..100).map(|n| plate(12.0 + (n % 10) as f32 * 30.0, 10.0 + (n / 10) as f32 * 18.0, 16.0, 8.0)).collect();
    let out = folder.path().join("out");
    for (largest_face, rung) in [(None, "dark"), (Some(0.3), "covered")] {
        let done = mask(&[&file], &out, &mut looker(finds(&crowd), Filter::Fill, largest_face));
        let line = done.line("crowd.png");
        assert_eq!(line["ladder"], rung);
        assert_eq!(line["mask"], json!([{"shape": "rect", "x": 0, "y": 0, "w": 321, "h": 193}]));
        let masked = image::open(out.join("crowd.png")).unwrap().into_rgb8();
        let mut colours: Vec<_> = masked.pixels().map(|pixel| pixel.0).collect();
        colours.sort_unstable();
        colours.dedup();
        // Cells of 218 pixels, two by one.
        assert!(colours.len() <= if largest_face.is_some() { 2 } else { 1 }, "{} colours", colours.len());
    }
}
