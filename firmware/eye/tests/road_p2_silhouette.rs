//! `silhouette` on the road: the scene appears when it has been still, what is found is flat, and a cut or another camera forgets it.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod roadside;

use board_sim::{CameraStep, DetectorStep, Seen};
use contract::{Filter, Rung};
use mask::{Rect, SHAPE, ZONE};
use roadside::{Roadside, SIZE, head, is_bare, shown_pixels};
use std::time::Duration;

/// As by default.
const STILL_S: u64 = 10;

/// A share with `silhouette`, whose first picture that is clear has just been shown.
fn sharing() -> Roadside {
    let side = Roadside::new();
    side.desk.want(|order| order.filter = Filter::Silhouette);
    side.sharing()
}

fn picture(side: &mut Roadside) -> Seen {
    let (_, rung, seen) = side.picture();
    assert_eq!(rung, Rung::Clear);
    seen
}

/// Nothing of the still scene is shown, beyond what coarse cells hit by chance.
fn is_unknown(seen: &Seen) -> bool {
    let everywhere = Rect { x: 0.0, y: 0.0, w: SIZE.0 as f32, h: SIZE.1 as f32 };
    shown_pixels(seen, everywhere).0 < SIZE.0 * SIZE.1 / 20
}

#[test]
fn p2_the_still_scene_appears_when_it_has_been_still_for_long_enough_and_not_before() {
    let mut side = sharing();
    side.steps_for(Duration::from_secs(STILL_S - 1));
    assert!(is_unknown(&picture(&mut side)));
    side.steps_for(Duration::from_secs(2));
    assert!(is_bare(&picture(&mut side)));
}

#[test]
fn p2_a_head_that_is_found_is_flat_with_what_is_beside_it_and_no_pixel_of_it_is_learned() {
    const HEAD: Rect = Rect { x: 96.0, y: 64.0, w: 24.0, h: 32.0 };
    let mut side = sharing();
    side.steps_for(Duration::from_secs(STILL_S + 1));
    side.detector.push(DetectorStep::Find(vec![head(HEAD)]));
    let seen = picture(&mut side);
    let flat = |x: usize, y: usize| seen.luma(x, y) == SHAPE.y;
    assert!((64..96).all(|y| (96..120).all(|x| flat(x, y))));
    let wide = Rect { x: 56.0, y: 24.0, w: 104.0, h: 112.0 };
    assert_eq!(
        shown_pixels(&seen, wide).1,
        SIZE.0 * SIZE.1 - (wide.w * wide.h) as usize,
        "far from it the scene stays"
    );
}

#[test]
fn p3_a_cut_forgets_the_scene() {
    let mut side = sharing();
    side.steps_for(Duration::from_secs(STILL_S + 1));
    assert!(is_bare(&picture(&mut side)));
    for _ in 0..3 {
        side.camera.push(CameraStep::Flat { luma: 220, cb: 128, cr: 128 });
    }
    side.steps(3);
    side.until_clear();
    assert!(is_unknown(&picture(&mut side)), "the same scene as before, and not known any more");
    side.steps_for(Duration::from_secs(STILL_S + 1));
    assert!(is_bare(&picture(&mut side)));
}

#[test]
fn p3_a_camera_that_comes_back_begins_anew() {
    let mut side = sharing();
    side.steps_for(Duration::from_secs(STILL_S + 1));
    assert!(is_bare(&picture(&mut side)));
    side.camera.push(CameraStep::Gone);
    side.step();
    side.until_clear();
    assert!(is_unknown(&picture(&mut side)));
}

#[test]
fn p2_a_privacy_zone_lies_over_the_scene() {
    let zone = Rect { x: 200.0, y: 16.0, w: 40.0, h: 60.0 };
    let side = Roadside::new();
    side.desk.want(|order| {
        order.filter = Filter::Silhouette;
        order.scene.zones.push(zone).unwrap();
    });
    let mut side = side.sharing();
    for seconds in [0, STILL_S + 1] {
        side.steps_for(Duration::from_secs(seconds));
        let seen = picture(&mut side);
        assert!((16..76).all(|y| (200..240).all(|x| seen.luma(x, y) == ZONE.y)), "after {seconds} s");
    }
    let seen = picture(&mut side);
    assert_eq!(shown_pixels(&seen, zone), (0, SIZE.0 * SIZE.1 - 40 * 60));
}

#[test]
fn p5_a_share_that_becomes_weaker_again_sees_the_present_picture_and_what_was_learned_is_forgotten() {
    let mut side = sharing();
    side.steps_for(Duration::from_secs(STILL_S + 1));
    side.desk.want(|order| order.filter = Filter::Fill);
    side.steps_for(Duration::from_secs(4));
    side.desk.want(|order| order.filter = Filter::Silhouette);
    assert!(is_unknown(&picture(&mut side)));
}
