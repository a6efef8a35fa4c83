//! Pictures in any encoding come out with the colours that they show, and in the file type of their name.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use contract::Filter;
use image::{DynamicImage, Rgb, RgbImage};
use std::fs;
use support::jpeg::flat_blocks;
use support::{difference, finds, gradient, looker, mask};

/// The masked twin of a file with nothing to mask.
fn masked(name: &str, bytes: &[u8]) -> RgbImage {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    fs::write(&file, bytes).unwrap();
    let out = folder.path().join("out");
    let done = mask(&[&file], &out, &mut looker(finds(&[]), Filter::Fill, None));
    assert_eq!(done.summary.pictures, 1, "{name}: {:?}", done.complaints);
    image::open(out.join(name)).unwrap().into_rgb8()
}

fn png(picture: &DynamicImage) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn assert_close(masked: &RgbImage, expected: &RgbImage, within: u8, what: &str) {
    assert_eq!(masked.dimensions(), expected.dimensions(), "{what}");
    for (x, y, pixel) in masked.enumerate_pixels() {
        let should = expected.get_pixel(x, y);
        assert!(difference(*pixel, *should) <= within, "{what} at {x},{y}: {pixel:?}, not {should:?}");
    }
}

#[test]
fn png_in_gray_in_sixteen_bits_and_with_transparency() {
    let picture = DynamicImage::ImageRgb8(gradient(97, 61));
    for (name, variant) in [
        ("rgb16.png", DynamicImage::ImageRgb16(picture.to_rgb16())),
        ("rgba.png", DynamicImage::ImageRgba8(picture.to_rgba8())),
        ("rgba16.png", DynamicImage::ImageRgba16(picture.to_rgba16())),
    ] {
        assert_close(&masked(name, &png(&variant)), &picture.to_rgb8(), 6, name);
    }
    let gray = DynamicImage::ImageLuma8(picture.to_luma8());
    for (name, variant) in [
        ("gray.png", gray.clone()),
        ("gray16.png", DynamicImage::ImageLuma16(gray.to_luma16())),
        ("gray-alpha.png", DynamicImage::ImageLumaA8(gray.to_luma_alpha8())),
    ] {
        assert_close(&masked(name, &png(&variant)), &gray.to_rgb8(), 3, name);
    }
}

#[test]
fn jpeg_in_gray_and_cmyk_baseline_and_progressive() {
    const INKS: [[u8; 4]; 6] =
        [[255, 255, 255, 255], [40, 200, 90, 255], [250, 30, 20, 230], [60, 60, 220, 180], [0, 0, 0, 0], [128; 4]];
    // Wider than the filter that spreads chroma, so that the middle of a patch shows its own colour.
    let (across, side) = (6 * 6_u16, 6_usize);
    let blocks: Vec<[u8; 4]> = (0..side).flat_map(|_| (0..usize::from(across)).map(move |x| INKS[x / side])).collect();
    for progressive in [false, true] {
        for components in [1, 3, 4] {
            let what = format!("{components} components, progressive {progressive}");
            let masked = masked("a.jpg", &flat_blocks(across, &blocks, components, progressive));
            assert_eq!(masked.dimensions(), (288, 48), "{what}");
            for (patch, [c, m, y, k]) in INKS.into_iter().enumerate() {
                // Adobe's CMYK is stored inverted: 255 is no ink.
                let with_black = |v: u8| ((u32::from(v) * u32::from(k) + 127) / 255) as u8;
                let should = match components {
                    1 => [c; 3],
                    3 => [c, m, y],
                    _ => [c, m, y].map(with_black),
                };
                let pixel = *masked.get_pixel(patch as u32 * 48 + 24, 24);
                assert!(difference(pixel, Rgb(should)) <= 5, "{what}, patch {patch}: {pixel:?}, not {should:?}");
            }
        }
    }
}

#[test]
fn what_a_file_is_counts_and_not_what_it_is_called_when_it_is_read() {
    let picture = gradient(96, 64);
    assert_close(&masked("really-png.jpg", &png(&DynamicImage::ImageRgb8(picture.clone()))), &picture, 8, "png as jpg");
    let blocks = vec![[200, 100, 50, 0]; 4];
    let flat = RgbImage::from_pixel(16, 16, Rgb([200, 100, 50]));
    assert_close(&masked("really-jpeg.PNG", &flat_blocks(2, &blocks, 3, false)), &flat, 5, "jpeg as png");
}
