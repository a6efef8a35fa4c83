//! A share with `silhouette`: the still scene appears, what moves before it is a flat shape and never shows, and the rate is held.
//!
//! The scene is drawn for the test, because in the default one nothing is still for long: a gray texture without black and white, and before it a
//! thing striped in both, larger than a person, that no detector knows.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a helper that fails fails the test; figures are told

mod common;

use campari::stage::Scene;
use common::{PATIENCE, alone, programs, run, stage_of};
use contract::Filter;
use e2e::pictures::{self, Box2, Gray};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const WIDTH: usize = 640;
const HEIGHT: usize = 360;
/// As by default, in a configuration that says nothing of it.
const RATE: f64 = 12.0;
/// Longer than it takes to be granted, clear, and still for ten seconds.
const WATCHED: Duration = Duration::from_secs(20);
/// Gray of what moves: `mask::SHAPE` has luma 96 of 16 to 235.
const SHAPE: u8 = 93;
/// The thing is in the upper half, the overlay above it.
const MOVING: Box2 = Box2 { x: 0, y: 60, w: WIDTH, h: 80 };
/// Far below it.
const STILL: Box2 = Box2 { x: 40, y: 270, w: 560, h: 80 };

/// Draws a minute of it with ffmpeg.
fn draw(dir: &Path) -> PathBuf {
    std::fs::create_dir_all(dir).unwrap();
    let file = dir.join("moving.mp4");
    let ground = format!(
        "nullsrc=size={WIDTH}x{HEIGHT}:rate=25,geq=lum='70+mod(floor(X/8)*37+floor(Y/8)*23,110)':cb=128:cr=128"
    );
    let thing = "nullsrc=size=60x80:rate=25,geq=lum='if(mod(floor(X/6),2),235,16)':cb=128:cr=128";
    let across = format!("[0][1]overlay=x='mod(t*70,{})-60':y=60", WIDTH + 60);
    let drawn = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", &ground, "-f", "lavfi", "-i", thing])
        .args(["-filter_complex", &across, "-t", "60", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "12"])
        .args(["-pix_fmt", "yuv420p"])
        .arg(&file)
        .status()
        .unwrap();
    assert!(drawn.success());
    file
}

fn values(picture: &Gray, area: Box2) -> impl Iterator<Item = u8> + '_ {
    (area.y..area.y + area.h).flat_map(move |y| picture.data[y * picture.width + area.x..][..area.w].iter().copied())
}

#[test]
fn p2_a_share_with_silhouette_shows_the_still_scene_and_of_what_moves_only_where_it_is() {
    let _alone = alone();
    run(async {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let scene = draw(&dir.join("silhouette-scene"));
        let stage = stage_of("silhouette", &programs(), Scene::Clip(scene.clone()));
        let stage = stage.detector_setting("light").start().await.unwrap();
        stage.ready(PATIENCE).await.unwrap();
        let mut order = stage.order();
        order.filter = Filter::Silhouette;
        let outcome = stage.grant(order).await.unwrap();
        assert!(outcome.answer.ok, "{outcome:?}");
        let clear = |said: &campari::stage::Said| said.eye().is_some_and(|eye| eye.ladder == contract::Rung::Clear);
        stage.until("clear", PATIENCE, clear).await.unwrap();
        stage.guarded(tokio::time::sleep(WATCHED)).await.unwrap();
        let received = stage.paths().received.clone();
        let saved = stage.stop().await.unwrap();
        let fps = saved.fps().unwrap();
        let seen = pictures::decode(&received, WIDTH, HEIGHT).unwrap();
        judge(&seen, &pictures::decode(&scene, WIDTH, HEIGHT).unwrap()[0], fps);
    });
}

fn judge(seen: &[Gray], ground: &Gray, fps: f64) {
    let bright = |picture: &Gray| values(picture, MOVING).filter(|luma| *luma > 205).count();
    let flat = |picture: &Gray| values(picture, MOVING).filter(|luma| luma.abs_diff(SHAPE) <= 5).count();
    let known = |picture: &Gray| pictures::correlation(picture, ground, STILL);
    let (first, last) = (&seen[2], &seen[seen.len() - 1]);
    let most_bright = seen.iter().map(bright).max().unwrap();
    println!(
        "{} pictures, {fps:.1} a second; brightest {most_bright} px; known {:.2}, then {:.2}; flat {} px",
        seen.len(),
        known(first),
        known(last),
        flat(last)
    );
    assert!((RATE * 0.5..=RATE * 1.05).contains(&fps), "{fps} pictures a second");
    assert_eq!(most_bright, 0, "white of the thing that moves shows");
    assert!(known(first) < 0.5 && known(last) > 0.9, "the still scene is learned, and not at once");
    // It is beyond the edge at times; in some picture it is wholly there.
    assert!(seen.iter().map(flat).max().unwrap() > 60 * 80 / 2, "what moves is a flat shape");
}
