//! Motion JPEG to NV12: whole pictures or none.

use crate::jpeg::Jpeg;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use mask::{Geometry, PlanesMut};

const WIDTH: usize = 64;
const HEIGHT: usize = 48;

/// The left half red, the right half blue.
fn red_and_blue(width: usize, height: usize) -> Vec<u8> {
    let row = [[255_u8, 0, 0].repeat(width / 2), [0, 0, 255].repeat(width / 2)].concat();
    encoded(&row.repeat(height), width, height, ExtendedColorType::Rgb8)
}

fn encoded(pixels: &[u8], width: usize, height: usize, kind: ExtendedColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 95)
        .write_image(pixels, width as u32, height as u32, kind)
        .expect("it can be encoded");
    bytes
}

fn decode(from: &[u8]) -> Result<(Vec<u8>, Vec<u8>), String> {
    let geometry = Geometry::packed(WIDTH, HEIGHT);
    let (mut luma, mut chroma) = (vec![0; WIDTH * HEIGHT], vec![0; WIDTH * HEIGHT / 2]);
    Jpeg::new(geometry).decode_to_nv12(from, &mut PlanesMut { luma: &mut luma, chroma: &mut chroma })?;
    Ok((luma, chroma))
}

fn is_near(is: u8, should: u8) -> bool {
    is.abs_diff(should) <= 3
}

/// The JPEG without its Huffman tables (segments DHT, ITU-T T.81 B.2.4.2), with the mark of Motion JPEG.
fn without_tables(from: &[u8]) -> Vec<u8> {
    let mut to = vec![0xff, 0xd8, 0xff, 0xe0, 0, 16];
    to.extend(*b"AVI1\0\0\0\0\0\0\0\0\0\0");
    let mut at = 2;
    while from[at + 1] != 0xda {
        let end = at + 2 + usize::from(u16::from_be_bytes([from[at + 2], from[at + 3]]));
        if !matches!(from[at + 1], 0xc4 | 0xe0) {
            to.extend_from_slice(&from[at..end]);
        }
        at = end;
    }
    to.extend_from_slice(&from[at..]);
    to
}

#[test]
fn colours_are_those_of_jfif() {
    let (luma, chroma) = decode(&red_and_blue(WIDTH, HEIGHT)).unwrap();
    // BT.601, full range.
    for (x, [y, cb, cr]) in [(4, [76, 85, 255]), (WIDTH - 4, [29, 255, 107])] {
        assert!(is_near(luma[20 * WIDTH + x], y), "luma at {x}");
        let at = 10 * WIDTH + x / 2 * 2;
        assert!(is_near(chroma[at], cb) && is_near(chroma[at + 1], cr), "chroma at {x}: {:?}", &chroma[at..at + 2]);
    }
}

#[test]
fn a_camera_that_leaves_out_the_huffman_tables_is_understood() {
    let whole = red_and_blue(WIDTH, HEIGHT);
    let bare = without_tables(&whole);
    assert!(bare.len() + 300 < whole.len(), "the tables are gone");
    assert_eq!(decode(&bare).unwrap(), decode(&whole).unwrap());
}

#[test]
fn bytes_behind_the_picture_do_no_harm() {
    let mut padded = red_and_blue(WIDTH, HEIGHT);
    let whole = decode(&padded).unwrap();
    padded.extend([0; 1_000]);
    assert_eq!(decode(&padded).unwrap(), whole);
}

#[test]
fn a_gray_picture_has_no_colour() {
    let gray = encoded(&[90; WIDTH * HEIGHT], WIDTH, HEIGHT, ExtendedColorType::L8);
    let (luma, chroma) = decode(&gray).unwrap();
    assert!(luma.iter().all(|value| is_near(*value, 90)));
    assert!(chroma.iter().all(|value| *value == 128));
}

#[test]
fn another_size_than_agreed_on_is_refused_with_both() {
    let error = decode(&red_and_blue(WIDTH, HEIGHT - 8)).unwrap_err();
    assert!(error.contains("64x40") && error.contains("64x48"), "{error}");
    assert!(decode(&red_and_blue(WIDTH * 2, HEIGHT)).is_err());
}

#[test]
fn a_picture_cut_short_anywhere_is_refused() {
    let noise: Vec<u8> = (0..WIDTH * HEIGHT * 3).map(|at| (at * at / 7) as u8).collect();
    let whole = encoded(&noise, WIDTH, HEIGHT, ExtendedColorType::Rgb8);
    decode(&whole).unwrap();
    for len in 0..whole.len() - 1 {
        assert!(decode(&whole[..len]).is_err(), "{len} of {} bytes", whole.len());
    }
}

#[test]
fn whatever_is_altered_nothing_panics() {
    let whole = red_and_blue(WIDTH, HEIGHT);
    for at in 0..whole.len() {
        for value in [0, 0xff, whole[at] ^ 0x55] {
            let mut altered = whole.clone();
            altered[at] = value;
            let outcome = decode(&altered);
            assert!(!outcome.is_err_and(|cause| cause.contains("panicked")), "byte {at} = {value}");
        }
    }
}
