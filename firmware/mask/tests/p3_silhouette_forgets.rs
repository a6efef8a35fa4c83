//! `silhouette` in doubt: what is forgotten is gone, and whatever changes altogether is covered altogether.

#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use contract::{Filter, Rung};
use mask::plan::decide;
use mask::{FrameId, Painter, Rect, apply};
use support::stage::{FRAMES_PER_S, Stage, Thing, is_flat, pixels};
use support::{Picture, found};

/// From a scene that is known to another one by way of `change`; from then on every picture is that of a painter that never saw the first.
fn forgets(change: impl FnOnce(&mut Stage)) {
    let mut stage = Stage::new(1);
    let before = stage.seconds(12, &[], &[]);
    assert!((stage.known(&before) - 1.0).abs() < f64::EPSILON);
    stage.ground = Picture::noise(160, 120, 0, 2);
    change(&mut stage);
    let mut fresh = Stage { painter: Painter::new(), view: stage.view.clone(), ground: stage.ground.clone(), ..stage };
    let mut after = Stage { painter: stage.painter, view: fresh.view.clone(), ground: fresh.ground.clone(), ..fresh };
    for frame in 0..20 * FRAMES_PER_S {
        let thing = Thing::new(16, 40, 9).at(frame as i64 % 200 - 20, 50);
        let (_, one) = after.step(std::slice::from_ref(&thing), &[]);
        let (_, two) = fresh.step(std::slice::from_ref(&thing), &[]);
        assert!(one == two, "frame {frame} shows what was forgotten");
    }
}

#[test]
fn p3_nothing_outlives_forget() {
    forgets(|stage| stage.painter.forget());
}

#[test]
fn p3_another_scene_is_noticed_though_nobody_says_so() {
    forgets(|_| {});
}

#[test]
fn p3_nothing_outlives_a_gap() {
    forgets(|stage| stage.begin_us += 4_000_000);
}

#[test]
fn p3_nothing_outlives_a_clock_that_runs_back() {
    forgets(|stage| stage.begin_us -= 1_000_000);
}

#[test]
fn p3_nothing_outlives_other_privacy_zones() {
    forgets(|stage| stage.view.zones.push(Rect { x: 8.0, y: 8.0, w: 20.0, h: 20.0 }).unwrap());
}

#[test]
fn p3_a_picture_that_changes_altogether_is_covered_altogether() {
    for change in [1, 2] {
        let mut stage = Stage::new(1);
        stage.seconds(12, &[], &[]);
        match change {
            1 => stage.ground.luma.iter_mut().for_each(|value| *value = value.saturating_sub(12)),
            _ => stage.ground.luma.rotate_left(2),
        }
        let (_, shown) = stage.step(&[], &[]);
        assert!(pixels().all(|(x, y)| is_flat(&shown, x, y)), "light or shaking, {change}");
        let later = stage.seconds(11, &[], &[]);
        assert!((stage.known(&later) - 1.0).abs() < f64::EPSILON, "and is learned anew, {change}");
    }
}

#[test]
fn p3_a_covered_picture_is_covered_and_starts_every_count_anew() {
    let mut stage = Stage::new(1);
    stage.seconds(9, &[], &[]);
    stage.rung = Rung::Covered;
    let (_, shown) = stage.step(&[], &[]);
    assert!(pixels().all(|(x, y)| !stage.is_ground(&shown, x, y) || stage.ground.luma_at(x, y).abs_diff(16) <= 1));
    stage.rung = Rung::Clear;
    let soon = stage.seconds(9, &[], &[]);
    assert!(pixels().all(|(x, y)| is_flat(&soon, x, y)), "the nine seconds before do not count");
    let later = stage.seconds(2, &[], &[]);
    assert!(stage.known(&later) > 0.99);
}

#[test]
fn p3_nothing_is_learned_while_masks_are_of_earlier_pictures() {
    let mut stage = Stage::new(1);
    stage.rung = Rung::Cautious;
    let shown = stage.seconds(30, &[], &[]);
    assert!(pixels().all(|(x, y)| is_flat(&shown, x, y)));
    stage.rung = Rung::Clear;
    let (_, shown) = stage.step(&[], &[]);
    assert!(stage.known(&shown) > 0.99);
}

#[test]
fn p2_what_moves_in_a_privacy_zone_never_shows_and_changes_nothing() {
    let zone = Rect { x: 40.0, y: 30.0, w: 60.0, h: 60.0 };
    let run = |moves: bool| -> Vec<Picture> {
        let mut stage = Stage::new(1);
        stage.view.zones.push(zone).unwrap();
        let frames = 0..15 * FRAMES_PER_S;
        frames
            .map(|frame| {
                let x = if moves { 44 + frame as i64 % 30 } else { 50 };
                stage.step(&[Thing::new(20, 40, 9).at(x, 40)], &[]).1
            })
            .collect()
    };
    assert!(run(true) == run(false));
}

#[test]
fn p3_a_size_that_changes_midway_begins_anew() {
    let mut painter = Painter::new();
    let view = Stage::new(1).view;
    for number in 0..300_u64 {
        let (width, height) = if number < 150 { (160, 120) } else { (176, 92) };
        let raw = Picture::noise(width, height, 6, 1);
        let plan = decide(FrameId(number), Some(&found(number, &[])), Rung::Clear, Filter::Silhouette, &view);
        let masked = apply(raw.frame(number, number * 100_000), &plan, &mut painter).unwrap();
        let shown = Picture::of(raw.geometry, masked.planes());
        let bare = (0..height).all(|y| (0..width).all(|x| shown.luma_at(x, y) == raw.luma_at(x, y)));
        assert_eq!(bare, (100..150).contains(&number) || number >= 250, "frame {number}");
    }
}
