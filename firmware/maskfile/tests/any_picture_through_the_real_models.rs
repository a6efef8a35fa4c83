//! Pictures of any size and content through the program and the models of this checkout, with every setting: no panic, right geometry, whole lines.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageEncoder, Luma, Rgb, RgbImage};
use std::fs;
use std::path::Path;
use support::portraits::{FACE, crowd, portrait};
use support::program::{SETTINGS, check_line, run};
use support::{gradient, is_gray};

/// The same noise in every run.
fn noise(width: u32, height: u32) -> RgbImage {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    RgbImage::from_fn(width, height, |_, _| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Rgb([state as u8, (state >> 8) as u8, (state >> 16) as u8])
    })
}

#[test]
fn any_size_and_content_is_masked_and_reported_whole() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    fs::create_dir(&input).unwrap();
    let mut sizes = Vec::new();
    for (width, height) in [(1, 1), (1, 2), (15, 15), (16, 16), (17, 31), (1, 4000), (4000, 1), (8192, 16), (353, 193)]
    {
        let name = format!("{width}x{height}.png");
        gradient(width, height).save(input.join(&name)).unwrap();
        sizes.push((name, (width, height)));
    }
    let flat = |value| GrayImage::from_pixel(321, 241, Luma([value]));
    flat(0).save(input.join("black.png")).unwrap();
    flat(255).save(input.join("white.jpg")).unwrap();
    sizes.extend(["black.png", "white.jpg"].map(|name| (name.to_owned(), (321, 241))));
    noise(640, 480).save(input.join("noise.png")).unwrap();
    sizes.push(("noise.png".to_owned(), (640, 480)));
    for setting in SETTINGS {
        let done = run(folder.path(), &["in"], &["--setting", setting]);
        assert_eq!(done.status, Some(0), "{setting}: {}", done.said);
        assert_eq!(done.lines.len(), sizes.len());
        for (name, size) in &sizes {
            check_line(done.line(name), *size);
            assert_eq!(image::image_dimensions(done.out.join(name)).unwrap(), *size, "{name}");
        }
    }
}

/// The middle of the largest mask, as shares of the picture.
fn largest_mask(line: &serde_json::Value) -> (f64, f64) {
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    let areas = line["mask"].as_array().unwrap().iter();
    let largest = areas.max_by_key(|area| area["w"].as_u64().unwrap() * area["h"].as_u64().unwrap()).unwrap();
    let middle = |from: &str, length: &str, side: &str| {
        (number(&largest[from]) + number(&largest[length]) / 2.0) / number(&line[side])
    };
    (middle("x", "w", "width"), middle("y", "h", "height"))
}

#[test]
fn a_head_in_an_8k_picture_is_masked_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let scale = 6;
    let person = portrait();
    let person = imageops::resize(&person, person.width() * scale, person.height() * scale, FilterType::Nearest);
    let (left, top) = (3000, 1500);
    for (width, height) in [(7680, 4320), (7681, 4319)] {
        let mut picture = RgbImage::from_pixel(width, height, Rgb([150, 155, 160]));
        imageops::replace(&mut picture, &person, left, top);
        picture.save(folder.path().join(format!("{width}.jpg"))).unwrap();
    }
    for setting in SETTINGS {
        let done = run(folder.path(), &["7680.jpg", "7681.jpg"], &["--setting", setting]);
        assert_eq!(done.status, Some(0), "{setting}: {}", done.said);
        for (name, size) in [("7680.jpg", (7680, 4320)), ("7681.jpg", (7681, 4319))] {
            check_line(done.line(name), size);
            let masked = image::open(done.out.join(name)).unwrap().into_rgb8();
            assert_eq!(masked.dimensions(), size);
            let [face_left, face_top, face_right, face_bottom] = FACE.map(|edge| edge * scale);
            for (x, y) in
                [(face_left, face_top), (face_right, face_top), (face_left, face_bottom), (face_right, face_bottom)]
            {
                let pixel = *masked.get_pixel(left as u32 + x, top as u32 + y);
                assert!(is_gray(pixel), "{setting}, {name}: {x},{y} of the face shows {pixel:?}");
            }
        }
    }
}

/// EXIF (TIFF, little-endian) with the orientation alone.
fn exif(orientation: Orientation) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    bytes.extend([orientation.to_exif(), 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

/// `upright` as a camera stores it that says `orientation`.
fn stored(upright: &RgbImage, orientation: Orientation) -> RgbImage {
    let mut picture = DynamicImage::ImageRgb8(upright.clone());
    picture.apply_orientation(match orientation {
        Orientation::Rotate90 => Orientation::Rotate270,
        Orientation::Rotate270 => Orientation::Rotate90,
        its_own_inverse => its_own_inverse,
    });
    picture.into_rgb8()
}

fn save_jpeg(picture: &RgbImage, orientation: Orientation, file: &Path) {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
    encoder.set_exif_metadata(exif(orientation)).unwrap();
    encoder.encode_image(picture).unwrap();
    fs::write(file, bytes).unwrap();
}

#[test]
fn a_head_stands_upright_and_is_masked_whatever_way_the_camera_was_held() {
    let folder = tempfile::tempdir().unwrap();
    let upright = portrait();
    let (width, height) = upright.dimensions();
    let names: Vec<String> = (1..=8).map(|exif| format!("{exif}.jpg")).collect();
    for (exif, name) in (1..=8).zip(&names) {
        let orientation = Orientation::from_exif(exif).unwrap();
        save_jpeg(&stored(&upright, orientation), orientation, &folder.path().join(name));
    }
    let inputs: Vec<&str> = names.iter().map(String::as_str).collect();
    for setting in SETTINGS {
        let done = run(folder.path(), &inputs, &["--setting", setting]);
        assert_eq!(done.status, Some(0), "{setting}: {}", done.said);
        let (x, y) = largest_mask(done.line("1.jpg"));
        for name in &names {
            check_line(done.line(name), (width, height));
            let (this_x, this_y) = largest_mask(done.line(name));
            assert!((this_x - x).abs() < 0.03 && (this_y - y).abs() < 0.03, "{setting}, {name}: {}", done.line(name));
            let masked = image::open(done.out.join(name)).unwrap().into_rgb8();
            assert_eq!(masked.dimensions(), (width, height), "the written file is as the report says");
            for (x, y) in [(FACE[0], FACE[1]), (FACE[2], FACE[1]), (FACE[0], FACE[3]), (FACE[2], FACE[3])] {
                assert!(is_gray(*masked.get_pixel(x, y)), "{setting}, {name}: {x},{y} of the face shows");
            }
            // No second turn for whoever opens it.
            let bytes = fs::read(done.out.join(name)).unwrap();
            assert!(!bytes.windows(4).any(|part| part == b"Exif"), "{name}");
        }
    }
}

#[test]
fn p3_a_hundred_faces_cover_the_whole_picture() {
    let folder = tempfile::tempdir().unwrap();
    let picture = crowd(15, 7, (128, 154));
    let size = picture.dimensions();
    picture.save(folder.path().join("crowd.png")).unwrap();
    for setting in SETTINGS {
        for (more, rung) in [(&["--largest-face", "0.1"][..], "covered"), (&[], "dark")] {
            let done = run(folder.path(), &["crowd.png"], &[&["--setting", setting][..], more].concat());
            assert_eq!(done.status, Some(0), "{setting}: {}", done.said);
            let line = done.line("crowd.png");
            check_line(line, size);
            assert_eq!(line["ladder"], rung, "{setting}: more than 64 heads are more than can be masked one by one");
            assert_eq!(line["mask"], serde_json::json!([{"shape": "rect", "x": 0, "y": 0, "w": size.0, "h": size.1}]));
            let masked = image::open(done.out.join("crowd.png")).unwrap().into_rgb8();
            // Cells of 432 pixels, 2.25 times as wide as the largest face; or one for all.
            let cell = if rung == "covered" { 432 } else { size.0 };
            for (x, y, pixel) in masked.enumerate_pixels() {
                let corner = masked.get_pixel(x / cell * cell, y / cell * cell);
                assert_eq!(pixel, corner, "{setting}, {rung}: {x},{y} differs from its cell");
            }
        }
    }
}
