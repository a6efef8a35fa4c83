//! `silhouette`, what it is for: nobody who comes, waits and leaves is ever shown, detected or not; and where its limits are.

#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use mask::SHAPE;
use support::head;
use support::stage::{FRAMES_PER_S, Stage, Thing, is_flat, pixels};

/// Nobody looks like that but him.
const SEED: u32 = 77;
const WAITS_AT: (i64, i64) = (64, 40);
const MINUTES: u64 = 10;

/// Twenty by sixty-four pixels, in one piece.
fn person() -> Thing {
    Thing::new(20, 64, SEED)
}

/// An arm of his, which alone moves while he waits.
fn arm(shift: i64) -> Thing {
    Thing::new(8, 12, SEED + 1).at(WAITS_AT.0 + 14 + shift, WAITS_AT.1 + 20)
}

/// Every pixel is flat or of the still scene.
fn nobody_shows(stage: &Stage, shown: &support::Picture, when: &str) {
    let wrong = pixels().filter(|&(x, y)| !is_flat(shown, x, y) && !stage.is_ground(shown, x, y)).count();
    assert_eq!(wrong, 0, "{when}: pixels of somebody, frame {}", stage.number);
}

/// He comes from the left, waits for ten minutes in which he moves his arm at most every `moves_s` seconds, and leaves to the right.
fn comes_waits_and_leaves(stage: &mut Stage, moves_s: u64) {
    for x in (-20..WAITS_AT.0).step_by(3) {
        let (_, shown) = stage.step(&[person().at(x, WAITS_AT.1)], &[]);
        nobody_shows(stage, &shown, "comes");
    }
    let mut shift = 0;
    for frame in 0..MINUTES * 60 * FRAMES_PER_S {
        if frame % (moves_s * FRAMES_PER_S) == 0 {
            shift = 3 - shift;
        }
        let (_, shown) = stage.step(&[person().at(WAITS_AT.0, WAITS_AT.1), arm(shift)], &[]);
        nobody_shows(stage, &shown, "waits");
    }
    for x in (WAITS_AT.0..170).step_by(3) {
        let (_, shown) = stage.step(&[person().at(x, WAITS_AT.1)], &[]);
        nobody_shows(stage, &shown, "leaves");
    }
    for _ in 0..30 * FRAMES_PER_S {
        let (_, shown) = stage.step(&[], &[]);
        nobody_shows(stage, &shown, "is gone");
    }
}

#[test]
fn p2_nobody_shows_who_comes_waits_ten_minutes_and_leaves_a_known_scene() {
    let mut stage = Stage::new(1);
    stage.seconds(12, &[], &[]);
    comes_waits_and_leaves(&mut stage, 60);
    let (_, shown) = stage.step(&[], &[]);
    assert!((stage.known(&shown) - 1.0).abs() < f64::EPSILON, "the scene is back as it was");
}

#[test]
fn p2_nobody_shows_who_comes_before_anything_is_known() {
    let mut stage = Stage::new(1);
    stage.seconds(2, &[], &[]);
    comes_waits_and_leaves(&mut stage, 8);
    let (_, shown) = stage.step(&[], &[]);
    assert!((stage.known(&shown) - 1.0).abs() < f64::EPSILON, "in the end all is learned");
}

#[test]
fn p2_a_body_is_a_flat_shape_where_the_scene_is_known() {
    let mut stage = Stage::new(1);
    stage.seconds(12, &[], &[]);
    for x in (-20..100).step_by(3) {
        let (_, shown) = stage.step(&[person().at(x, 40)], &[]);
        for (px, py) in pixels() {
            let inside = (x..x + 20).contains(&(px as i64)) && (40..104).contains(&py);
            let near = (x - 16..x + 36).contains(&(px as i64)) && (24..120).contains(&py);
            assert!(!inside || shown.luma_at(px, py) == SHAPE.y, "{px},{py} of somebody at {x}");
            assert!(near || stage.is_ground(&shown, px, py), "{px},{py} is far from him at {x}");
        }
    }
}

#[test]
fn p2_somebody_who_stands_like_a_statue_with_a_mask_on_his_head_stays_flat() {
    let mut stage = Stage::new(1);
    // There from the first picture on; 14 pixels of head over 50 of body.
    let (statue, masked) = (person().at(64, 40), head(5, 66.0, 40.0, 12.0, 14.0));
    for frame in 0..5 * 60 * FRAMES_PER_S {
        let (_, shown) = stage.step(std::slice::from_ref(&statue), &[masked]);
        for (x, y) in pixels().filter(|&(x, y)| (64..84).contains(&x) && (40..104).contains(&y)) {
            assert!(is_flat(&shown, x, y), "{x},{y} of his body, frame {frame}");
        }
        assert!(frame < 150 || stage.known(&shown) > 0.3, "the rest of the scene is learned");
    }
}

#[test]
fn p2_what_a_mask_left_in_the_corner_of_a_cell_is_not_learned() {
    let mut stage = Stage::new(1);
    stage.seconds(2, &[], &[]);
    // Two by two pixels of the cell at 64,40: far too little for it to have moved when the mask is gone.
    stage.step(&[], &[head(5, 48.0, 24.0, 18.0, 18.0)]);
    let shown = stage.seconds(15, &[], &[]);
    assert!((stage.known(&shown) - 1.0).abs() < f64::EPSILON, "{}", stage.known(&shown));
}

#[test]
fn p2_a_parked_thing_becomes_scene_only_after_its_whole_time_and_not_while_any_of_it_moves() {
    let mut stage = Stage::new(1);
    stage.seconds(12, &[], &[]);
    let parked = Thing::new(40, 24, SEED).at(48, 64);
    let hatch = |shift: i64| Thing::new(8, 8, SEED + 1).at(76 + shift, 68);
    for second in 0..300 {
        stage.seconds(1, &[parked.clone(), hatch(second / 100 % 2 * 4)], &[]);
    }
    // It moved last at 200 s; a hundred seconds are less than `again_s`.
    let (_, shown) = stage.step(&[parked.clone(), hatch(0)], &[]);
    assert!(is_flat(&shown, 50, 70) && is_flat(&shown, 70, 80));
    let shown = stage.seconds(25, &[parked.clone(), hatch(0)], &[]);
    assert!(shown.luma_at(50, 80).abs_diff(parked.look.luma_at(2, 16)) <= 1, "after it, it is part of the scene");
}

#[test]
fn p2_nothing_beside_something_that_moves_is_learned() {
    let mut stage = Stage::new(1);
    let waving = |frame: u64| Thing::new(16, 16, SEED).at(72 + (frame % 2) as i64 * 3, 56);
    let mut shown = None;
    for frame in 0..30 * FRAMES_PER_S {
        shown = Some(stage.step(&[waving(frame)], &[]).1);
    }
    let shown = shown.unwrap();
    for (x, y) in pixels().filter(|&(x, y)| (56..107).contains(&x) && (40..88).contains(&y)) {
        assert!(is_flat(&shown, x, y), "{x},{y}");
    }
    assert!(stage.is_ground(&shown, 8, 8) && stage.is_ground(&shown, 150, 110), "far from it the scene is known");
}

#[test]
fn p2_a_long_thing_of_which_one_end_moves_is_not_learned_at_the_other() {
    let mut stage = Stage::new(1);
    stage.seconds(12, &[], &[]);
    // Fifteen cells long, three times as far as surroundings reach here.
    let long = Thing::new(120, 16, SEED).at(24, 64);
    let end = |second: u64| Thing::new(6, 8, SEED + 1).at(136 + (second / 60 % 2) as i64 * 2, 68);
    for second in 0..400 {
        let shown = stage.seconds(1, &[long.clone(), end(second)], &[]);
        nobody_shows(&stage, &shown, "one end moves");
    }
}

#[test]
fn p2_a_foot_that_moves_holds_back_as_much_as_the_man_was_long_who_came() {
    let mut stage = Stage::new(1);
    let man = |x: i64| Thing::new(16, 48, SEED).at(x, 40);
    for x in (0..72).step_by(3) {
        stage.step(&[man(x)], &[]);
    }
    // One cell, five cells below his head; nothing else of him moves.
    let foot = |frame: u64| Thing::new(5, 6, SEED + 1).at(73 + (frame / (8 * FRAMES_PER_S) % 2) as i64 * 2, 81);
    for frame in 0..60 * FRAMES_PER_S {
        let (_, shown) = stage.step(&[man(72), foot(frame)], &[]);
        nobody_shows(&stage, &shown, "a foot moves");
    }
}
