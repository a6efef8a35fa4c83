//! A frame's planes become the network's input: right colours, right place, right padding, nothing from beyond a line's end.

use detect::{LetterboxMap, Prepare, PrepareError};
use mask::{ColourMatrix, ColourRange, Geometry, Planes};
use proptest::prelude::*;

/// A picture of one colour.
fn flat(geometry: Geometry, [y, cb, cr]: [u8; 3]) -> (Vec<u8>, Vec<u8>) {
    let chroma = [cb, cr].repeat(geometry.chroma_stride * geometry.height / 4 + geometry.width);
    (vec![y; geometry.luma_len()], chroma[..geometry.chroma_len()].to_vec())
}

fn run(
    geometry: Geometry,
    range: ColourRange,
    net: (usize, usize),
    luma: &[u8],
    chroma: &[u8],
) -> (LetterboxMap, Vec<u8>) {
    let mut prepare = Prepare::new(geometry, range, net.0, net.1, 114).unwrap();
    let mut input = vec![0; prepare.input_len()];
    prepare.run(Planes { luma, chroma }, &mut input).unwrap();
    (prepare.map(), input.into_iter().map(|v| (i16::from(v) + 128) as u8).collect())
}

fn assert_close(pixel: &[u8], expected: [u8; 3], what: &str) {
    assert!(
        pixel.iter().zip(expected).all(|(is, should)| is.abs_diff(should) <= 2),
        "{what}: {pixel:?}, not {expected:?}"
    );
}

#[test]
fn a_stated_colour_matrix_takes_the_place_of_the_usual_one() {
    // Red of 100 % bars in a picture of 720 lines, under each matrix.
    for (matrix, red) in [
        (ColourMatrix::Bt601, [81, 90, 240]),
        (ColourMatrix::Bt709, [63, 102, 240]),
        (ColourMatrix::Bt2020, [74, 97, 240]),
    ] {
        let geometry = Geometry::packed(1280, 720);
        let (luma, chroma) = flat(geometry, red);
        let mut prepare = Prepare::new(geometry, ColourRange::Limited, 320, 192, 0).unwrap().with_matrix(matrix);
        let mut input = vec![0; prepare.input_len()];
        prepare.run(Planes { luma: &luma, chroma: &chroma }, &mut input).unwrap();
        let pixel: Vec<u8> = input[100 * 320 * 3..][..3].iter().map(|v| (i16::from(*v) + 128) as u8).collect();
        assert_close(&pixel, [255, 0, 0], &format!("{matrix:?}"));
    }
}

#[test]
fn reference_colours_come_out_right() {
    // 100 % bars: BT.709 limited for HD, BT.601 limited for SD, BT.601 full (JPEG) for SD.
    let cases = [
        (1280, 720, ColourRange::Limited, [63, 102, 240], [255, 0, 0]),
        (1280, 720, ColourRange::Limited, [173, 42, 26], [0, 255, 0]),
        (1280, 720, ColourRange::Limited, [32, 240, 118], [0, 0, 255]),
        (640, 480, ColourRange::Limited, [81, 90, 240], [255, 0, 0]),
        (640, 480, ColourRange::Limited, [145, 54, 34], [0, 255, 0]),
        (640, 480, ColourRange::Full, [76, 85, 255], [254, 0, 0]),
        (640, 480, ColourRange::Full, [200, 128, 128], [200, 200, 200]),
        (1280, 720, ColourRange::Limited, [16, 128, 128], [0, 0, 0]),
        (1280, 720, ColourRange::Limited, [235, 128, 128], [255, 255, 255]),
        (1280, 720, ColourRange::Limited, [0, 128, 128], [0, 0, 0]),
        (1280, 720, ColourRange::Limited, [255, 128, 128], [255, 255, 255]),
    ];
    for (width, height, range, colour, expected) in cases {
        let geometry = Geometry::packed(width, height);
        let (luma, chroma) = flat(geometry, colour);
        let (_, input) = run(geometry, range, (320, 192), &luma, &chroma);
        for at in [0, 100 * 320 + 50, 170 * 320 + 200] {
            assert_close(&input[at * 3..][..3], expected, &format!("{colour:?} at {at}"));
        }
    }
}

#[test]
fn full_hd_leaves_a_padded_stripe_below() {
    let geometry = Geometry::packed(1920, 1080);
    let (luma, chroma) = flat(geometry, [235, 128, 128]);
    let (map, input) = run(geometry, ColourRange::Limited, (640, 384), &luma, &chroma);
    assert_eq!((map.content_width, map.content_height, map.kx, map.ky), (640, 360, 3.0, 3.0));
    assert!(input[..360 * 640 * 3].iter().all(|v| *v == 255));
    assert!(input[360 * 640 * 3..].iter().all(|v| *v == 114));
}

#[test]
fn tall_picture_leaves_a_padded_stripe_beside() {
    let geometry = Geometry::packed(480, 640);
    let (luma, chroma) = flat(geometry, [16, 128, 128]);
    let (map, input) = run(geometry, ColourRange::Limited, (640, 384), &luma, &chroma);
    assert_eq!((map.content_width, map.content_height), (288, 384));
    for line in input.chunks(640 * 3) {
        assert!(line[..288 * 3].iter().all(|v| *v == 0) && line[288 * 3..].iter().all(|v| *v == 114));
    }
}

#[test]
fn thin_lines_are_averaged_not_skipped() {
    // White lines of one pixel every 3: a third of the light, wherever the samples fall.
    let geometry = Geometry::packed(1920, 1080);
    let (mut luma, chroma) = flat(geometry, [0, 128, 128]);
    luma.iter_mut().step_by(3).for_each(|v| *v = 255);
    let (_, input) = run(geometry, ColourRange::Full, (640, 384), &luma, &chroma);
    assert!(input[..360 * 640 * 3].iter().all(|v| v.abs_diff(85) <= 1));
}

#[test]
fn changed_camera_format_is_an_error_not_a_panic() {
    let geometry = Geometry::packed(640, 480);
    let (luma, chroma) = flat(geometry, [0, 0, 0]);
    let mut prepare = Prepare::new(geometry, ColourRange::Full, 320, 192, 0).unwrap();
    let mut input = vec![0; prepare.input_len()];
    let short = Planes { luma: &luma[1..], chroma: &chroma };
    assert!(matches!(prepare.run(short, &mut input), Err(PrepareError::Plane { plane: "luma", .. })));
    let short = Planes { luma: &luma, chroma: &chroma[1..] };
    assert!(matches!(prepare.run(short, &mut input), Err(PrepareError::Plane { plane: "chroma", .. })));
    let whole = Planes { luma: &luma, chroma: &chroma };
    assert!(matches!(prepare.run(whole, &mut input[1..]), Err(PrepareError::Buffer { .. })));
    assert!(prepare.run(whole, &mut input).is_ok());
}

#[test]
fn impossible_sizes_are_refused() {
    let refused = |geometry, net| Prepare::new(geometry, ColourRange::Full, net, net, 0).err().unwrap();
    let narrow = Geometry { luma_stride: 639, ..Geometry::packed(640, 480) };
    for geometry in [Geometry::packed(0, 480), Geometry::packed(641, 480), Geometry::packed(640, 32768), narrow] {
        assert_eq!(refused(geometry, 320), PrepareError::Geometry(geometry));
    }
    assert_eq!(refused(Geometry::packed(640, 480), 0), PrepareError::Input { width: 0, height: 0 });
}

/// Luma by the definition: each output is the mean of the area that it covers, or lies between two inputs; in floating point.
fn slow_line(line: &[f64], to: usize) -> Vec<f64> {
    let from = line.len();
    let step = from as f64 / to as f64;
    (0..to)
        .map(|i| {
            if from > to {
                let (begin, end) = (i as f64 * step, (i + 1) as f64 * step);
                let covered = |s: usize| ((s + 1) as f64).min(end) - (s as f64).max(begin);
                line.iter().enumerate().map(|(s, v)| v * covered(s).max(0.0)).sum::<f64>() / step
            } else {
                let position = ((i as f64 + 0.5) * step - 0.5).clamp(0.0, (from - 1) as f64);
                let (first, part) = (position as usize, position.fract());
                line[first] * (1.0 - part) + line[(first + 1).min(from - 1)] * part
            }
        })
        .collect()
}

fn slow(luma: &[f64], width: usize, (to_width, to_height): (usize, usize)) -> Vec<f64> {
    let lines: Vec<Vec<f64>> = luma.chunks(width).map(|line| slow_line(line, to_width)).collect();
    let columns: Vec<Vec<f64>> =
        (0..to_width).map(|x| slow_line(&lines.iter().map(|l| l[x]).collect::<Vec<_>>(), to_height)).collect();
    (0..to_height).flat_map(|y| columns.iter().map(move |c| c[y]).collect::<Vec<_>>()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Grey pictures of any size with any strides equal the slow definition to two levels; what lies between the lines never shows.
    #[test]
    fn any_size_and_stride_equals_the_definition(
        half in (1usize..60, 1usize..40), extra in (0usize..9, 0usize..9), net in (8usize..70, 8usize..50), seed in any::<u64>(),
    ) {
        let (width, height) = (half.0 * 2, half.1 * 2);
        let geometry = Geometry { luma_stride: width + extra.0, chroma_stride: width + extra.1, ..Geometry::packed(width, height) };
        let noise = |i: usize| ((i as u64 ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
        let mut luma: Vec<u8> = (0..geometry.luma_len()).map(noise).collect();
        let mut chroma = vec![128; geometry.chroma_len()];
        let picture = |luma: &[u8]| -> Vec<f64> {
            luma.chunks(geometry.luma_stride).flat_map(|l| l[..width].iter().map(|v| f64::from(*v))).collect()
        };
        let (map, input) = run(geometry, ColourRange::Full, net, &luma, &chroma);
        let expected = slow(&picture(&luma), width, (map.content_width, map.content_height));
        for (row, line) in input.chunks(net.0 * 3).enumerate() {
            for (col, pixel) in line.chunks(3).enumerate() {
                if row < map.content_height && col < map.content_width {
                    let should = expected[row * map.content_width + col];
                    prop_assert!(pixel.iter().all(|v| (f64::from(*v) - should).abs() <= 2.0), "{row},{col}: {pixel:?} {should}");
                } else {
                    prop_assert_eq!(pixel, &[114, 114, 114]);
                }
            }
        }
        for line in luma.chunks_mut(geometry.luma_stride).chain(chroma.chunks_mut(geometry.chroma_stride)) {
            if line.len() > width {
                line[width..].fill(77);
            }
        }
        prop_assert_eq!(run(geometry, ColourRange::Full, net, &luma, &chroma).1, input);
    }

    /// A box in the picture survives the way to the input and back.
    #[test]
    fn boxes_find_their_way_back(picture in (1usize..2000, 1usize..1200), net in (32usize..1000, 32usize..600), at in (0.0f32..0.8, 0.0f32..0.8)) {
        let (width, height) = (picture.0 * 2, picture.1 * 2);
        let map = LetterboxMap::new(width, height, net.0, net.1);
        prop_assert!(map.content_width <= net.0 && map.content_height <= net.1);
        let inside = [at.0 * map.content_width as f32, at.1 * map.content_height as f32];
        let rect = map.to_picture([inside[0], inside[1], map.content_width as f32, map.content_height as f32]).unwrap();
        prop_assert!((rect.x - at.0 * width as f32).abs() < 0.01 + width as f32 * 1e-5);
        prop_assert!((rect.x + rect.w - width as f32).abs() < 0.01 && (rect.y + rect.h - height as f32).abs() < 0.01);
        prop_assert_eq!(map.to_picture([-9.0, -9.0, 0.0, 5.0]), None);
    }
}
