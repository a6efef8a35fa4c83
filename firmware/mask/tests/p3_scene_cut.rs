//! Another scene is noticed; noise, light and things that move are not taken for one.

#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use mask::{Change, SceneCut, SceneCutSettings};
use support::Picture;

/// A street scene of large shapes, shifted by `shift` pixels, brighter by `light`, with `grain` steps of noise.
fn street(seed: usize, shift: usize, light: i32, grain: u32) -> Picture {
    let mut picture = Picture::noise(640, 360, 0, 1 + grain);
    for y in 0..360 {
        for x in 0..640 {
            let block = ((x + shift) / 40 * 31 + y / 40 * 17 + seed * 101).wrapping_mul(2_654_435_761) >> 7;
            let noise = if grain == 0 { 0 } else { i32::from(picture.luma[y * 640 + x]) % grain as i32 };
            picture.luma[y * 640 + x] = (40 + (block % 160) as i32 + light + noise).clamp(0, 255) as u8;
        }
    }
    picture
}

fn looked(pictures: &[Picture]) -> Vec<Change> {
    let mut watch = SceneCut::new(SceneCutSettings::default());
    pictures.iter().zip(0_u64..).map(|(picture, n)| watch.look(&picture.frame(n, n * 40_000))).collect()
}

#[test]
fn p3_another_scene_is_a_cut_on_its_first_frame_only() {
    let changes = looked(&[street(1, 0, 0, 8), street(1, 0, 0, 9), street(2, 0, 0, 8), street(2, 0, 0, 9)]);
    assert_eq!(changes, [Change::None, Change::None, Change::Cut, Change::None]);
}

#[test]
fn p3_a_camera_that_turns_is_noticed_within_a_second() {
    let pictures: Vec<Picture> = (0..25).map(|n| street(1, n * 3, 0, 4)).collect();
    assert!(looked(&pictures).contains(&Change::Moved));
}

#[test]
fn p3_noise_and_a_passing_cloud_are_no_change_of_scene() {
    let pictures: Vec<Picture> = (0..50).map(|n| street(1, 0, n / 5, 8 + n as u32 % 2)).collect();
    assert!(looked(&pictures).iter().all(|change| *change == Change::None));
}

#[test]
fn p3_something_large_that_passes_is_no_cut() {
    let pictures: Vec<Picture> = (0..30)
        .map(|n| {
            let mut picture = street(1, 0, 0, 4);
            for y in 120..300 {
                picture.luma[y * 640 + n * 10..y * 640 + n * 10 + 200].fill(230);
            }
            picture
        })
        .collect();
    assert!(looked(&pictures).iter().all(|change| *change == Change::None));
}

#[test]
fn a_picture_smaller_than_the_grid_is_looked_at_without_fault() {
    assert_eq!(looked(&[Picture::noise(2, 2, 0, 1), Picture::noise(2, 2, 0, 1)]), [Change::None, Change::None]);
}
