//! P5 on the road: a grant's cap on the frame rate is held, whatever the camera's own rate and whoever asks for key pictures.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod roadside;

use roadside::Roadside;
use std::time::Duration;

const SECONDS: u64 = 20;
const CAMERA_FPS: u64 = 25;

fn pictures_under(side: &mut Roadside, cap: Option<u8>) -> u64 {
    side.desk.want(|order| order.fps_cap = cap);
    side.steps_for(Duration::from_secs(SECONDS)).len() as u64
}

#[test]
fn p5_the_cap_is_held_and_nearly_reached() {
    for cap in [1, 5, 7, 12, 13, 24, 25, 60] {
        let mut side = Roadside::new().sharing();
        let pictures = pictures_under(&mut side, Some(cap));
        let most = u64::from(cap).min(CAMERA_FPS) * SECONDS;
        assert!(pictures <= most + 1, "cap {cap}: {pictures} pictures in {SECONDS} s");
        assert!(pictures >= most - most / 50 - 1, "cap {cap}: only {pictures} pictures in {SECONDS} s");
    }
}

#[test]
fn p5_wishes_for_key_pictures_do_not_lift_the_cap() {
    let mut side = Roadside::new().sharing();
    side.desk.ask_for_key(true);
    side.desk.want(|order| order.fps_cap = Some(5));
    let mut pictures = 0;
    for _ in 0..CAMERA_FPS * SECONDS {
        side.desk.want(|order| order.key_wanted = true);
        pictures += side.step().map_or(0, |delivery| u64::from(delivery.unit().key));
    }
    assert!((5 * SECONDS - 1..=5 * SECONDS + 1).contains(&pictures), "{pictures}");
}

#[test]
fn p5_a_cap_that_is_lifted_holds_nobody_up() {
    let mut side = Roadside::new().sharing();
    pictures_under(&mut side, Some(1));
    assert_eq!(pictures_under(&mut side, None), CAMERA_FPS * SECONDS);
    pictures_under(&mut side, Some(1));
    side.desk.want(|order| order.fps_cap = Some(25));
    assert!(side.steps(3).len() >= 2, "the slower cap's second is not waited for");
}

#[test]
fn p5_a_new_share_does_not_wait_for_the_cap_of_the_one_before() {
    let mut side = Roadside::new().sharing();
    pictures_under(&mut side, Some(1));
    side.steps(30).last().unwrap();
    side.desk.close();
    side.step();
    side.desk.open();
    assert!(side.step().unwrap().key);
}

#[test]
fn the_encoder_reckons_with_the_rate_under_the_cap_without_a_key_picture() {
    let mut side = Roadside::new().sharing();
    assert_eq!(side.picture().0.fps, CAMERA_FPS as u32);
    for (cap, fps) in [(Some(5), 5), (Some(12), 12), (Some(60), CAMERA_FPS as u32), (None, CAMERA_FPS as u32)] {
        side.desk.want(|order| order.fps_cap = cap);
        let shown = side.steps(30);
        assert!(shown.iter().all(|delivery| delivery.unit().fps == fps && !delivery.key), "{cap:?}");
    }
}
