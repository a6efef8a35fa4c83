//! What lies somewhere in a picture of any size lies there again after the way into the network's input and back.

use detect::{LetterboxMap, Prepare};
use mask::{ColourRange, Geometry, Planes};
use proptest::prelude::*;

/// The released networks' inputs.
const INPUTS: [(usize, usize); 3] = [(352, 192), (672, 384), (1024, 576)];

/// As many small as large sides: 16 to 8192, odd ones as they are given to the detector, with a border.
fn side() -> impl Strategy<Value = usize> {
    (4.0f64..13.0).prop_map(|power| (power.exp2() as usize).next_multiple_of(2))
}

/// Where the light of `input` lies, network pixels: the mean of x and of y, weighted by how bright it is.
fn centre_of_light(input: &[i8], width: usize, map: &LetterboxMap) -> (f64, f64) {
    let (mut sum, mut x_sum, mut y_sum) = (0.0, 0.0, 0.0);
    for (y, line) in input.chunks_exact(width * 3).take(map.content_height).enumerate() {
        for (x, pixel) in line.chunks_exact(3).take(map.content_width).enumerate() {
            let light = f64::from(i16::from(pixel[1]) + 128);
            sum += light;
            x_sum += light * (x as f64 + 0.5);
            y_sum += light * (y as f64 + 0.5);
        }
    }
    (x_sum / sum, y_sum / sum)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 40, ..ProptestConfig::default() })]

    /// A white patch on black, some network pixels large, comes back to within a pixel of the picture, or half of one of the input where that is more.
    #[test]
    fn a_patch_comes_back_where_it_was(
        (width, height) in (side(), side()), net in proptest::sample::select(&INPUTS[..]),
        at in (0.0f64..1.0, 0.0f64..1.0), share in (0.02f64..0.5, 0.02f64..0.5),
    ) {
        let geometry = Geometry::packed(width, height);
        let mut prepare = Prepare::new(geometry, ColourRange::Full, net.0, net.1, 114).unwrap();
        let map = prepare.map();
        // Large enough to be seen, and off the edges, at which enlarging holds the last pixel.
        let place = |side: usize, k: f32, share: f64, at: f64| {
            let least = ((f64::from(k) * 6.0).ceil() as usize).max(4).min(side);
            let long = ((side as f64 * share) as usize).clamp(least, side);
            let from = ((side - long) as f64 * at) as usize;
            let margin = if long + 4 <= side { 2 } else { 0 };
            (from.clamp(margin, side - long - margin), long)
        };
        let ((x, w), (y, h)) = (place(width, map.kx, share.0, at.0), place(height, map.ky, share.1, at.1));
        let mut luma = vec![0; geometry.luma_len()];
        for line in luma.chunks_exact_mut(width).skip(y).take(h) {
            line[x..x + w].fill(255);
        }
        let mut input = vec![0; prepare.input_len()];
        prepare.run(Planes { luma: &luma, chroma: &vec![128; geometry.chroma_len()] }, &mut input).unwrap();
        let (net_x, net_y) = centre_of_light(&input, net.0, &map);
        let (back_x, back_y) = (net_x * f64::from(map.kx), net_y * f64::from(map.ky));
        let (true_x, true_y) = (x as f64 + w as f64 / 2.0, y as f64 + h as f64 / 2.0);
        prop_assert!((back_x - true_x).abs() < 1.0, "x {back_x}, not {true_x}, of {width}x{height} in {net:?}");
        prop_assert!((back_y - true_y).abs() < 1.0, "y {back_y}, not {true_y}, of {width}x{height} in {net:?}");
    }

    /// Whatever box the network gives, what of it is masked lies in the picture, and covers the part of the box that does.
    #[test]
    fn boxes_stay_inside_and_lose_nothing_that_is(
        (width, height) in (side(), side()), net in proptest::sample::select(&INPUTS[..]),
        centre in (-0.2f32..1.2, -0.2f32..1.2), size in (0.001f32..3.0, 0.001f32..3.0),
    ) {
        let map = LetterboxMap::new(width, height, net.0, net.1);
        prop_assert!((1..=net.0).contains(&map.content_width) && (1..=net.1).contains(&map.content_height));
        let (cx, cy) = (centre.0 * map.content_width as f32, centre.1 * map.content_height as f32);
        let (w, h) = (size.0 * map.content_width as f32, size.1 * map.content_height as f32);
        let (right, bottom) = (width as f32, height as f32);
        let edges = [(cx - w / 2.0) * map.kx, (cy - h / 2.0) * map.ky, (cx + w / 2.0) * map.kx, (cy + h / 2.0) * map.ky];
        let inside = edges[0] < right && edges[1] < bottom && edges[2] > 0.0 && edges[3] > 0.0;
        match map.to_picture([cx - w / 2.0, cy - h / 2.0, cx + w / 2.0, cy + h / 2.0]) {
            None => prop_assert!(!inside),
            Some(rect) => {
                prop_assert!(inside && rect.is_sound());
                prop_assert!(rect.x >= 0.0 && rect.y >= 0.0);
                prop_assert!(rect.x + rect.w <= right * 1.000_001 && rect.y + rect.h <= bottom * 1.000_001);
                prop_assert!(rect.x <= edges[0].max(0.0) && rect.y <= edges[1].max(0.0));
                prop_assert!(rect.x + rect.w >= edges[2].min(right) * 0.999_999);
                prop_assert!(rect.y + rect.h >= edges[3].min(bottom) * 0.999_999);
            }
        }
    }
}
