//! `silhouette`, its law: every cell shown is flat, or is what `fill` left of that cell in an earlier picture, after which it stayed still and unmasked for long enough.
//! Whatever moves, whatever is detected, whatever the rung.

#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use contract::{Filter, Rung};
use mask::plan::decide;
use mask::{FILL, FrameId, Object, Painter, Rect, SHAPE, SilhouetteSettings, apply};
use proptest::prelude::*;
use std::collections::{HashSet, VecDeque};
use support::stage::{FRAMES_PER_S, SIZE, Stage, Thing, pixels};
use support::{Picture, found, head};

const STILL_S: u64 = 5;
/// Of pictures below 720 lines.
const CELL_PX: usize = 8;
const COLUMNS: usize = SIZE.0 / CELL_PX;

/// Both planes of one cell.
fn cell(picture: &Picture, index: usize) -> Vec<u8> {
    let (x, y) = (index % COLUMNS * CELL_PX, index / COLUMNS * CELL_PX);
    let luma = (y..y + CELL_PX).flat_map(|v| picture.luma[v * SIZE.0 + x..][..CELL_PX].to_vec());
    let chroma = (y / 2..(y + CELL_PX) / 2).flat_map(|v| picture.chroma[v * SIZE.0 + x..][..CELL_PX].to_vec());
    luma.chain(chroma).collect()
}

fn flat(luma: u8, cb: u8, cr: u8) -> Vec<u8> {
    let chroma = [cb, cr].into_iter().cycle().take(CELL_PX * CELL_PX / 2);
    std::iter::repeat_n(luma, CELL_PX * CELL_PX).chain(chroma).collect()
}

/// Mean absolute difference above the default step, luma or colour.
fn moved(a: &[u8], b: &[u8]) -> bool {
    let split = CELL_PX * CELL_PX;
    let sum = |range: std::ops::Range<usize>| -> u32 {
        a[range.clone()].iter().zip(&b[range]).map(|(a, b)| u32::from(a.abs_diff(*b))).sum()
    };
    sum(0..split) > 6 * split as u32 || sum(split..a.len()) > 6 * (a.len() - split) as u32
}

/// What may be shown of each cell, worked out anew from the pictures under `fill`.
struct Law {
    /// The last `STILL_S` seconds, oldest first; with the cells that a mask touched.
    past: VecDeque<(Vec<Vec<u8>>, Vec<bool>)>,
    allowed: Vec<HashSet<Vec<u8>>>,
}

impl Law {
    fn new() -> Self {
        Self { past: VecDeque::new(), allowed: vec![HashSet::new(); COLUMNS * SIZE.1 / CELL_PX] }
    }
    fn take(&mut self, filled: &Picture, masks: &[Rect]) {
        let cells: Vec<_> = (0..self.allowed.len()).map(|index| cell(filled, index)).collect();
        let touched = |index: usize| {
            let at = Rect {
                x: (index % COLUMNS * CELL_PX) as f32,
                y: (index / COLUMNS * CELL_PX) as f32,
                w: CELL_PX as f32,
                h: CELL_PX as f32,
            };
            masks.iter().any(|mask| mask.overlap(at) > 0.0)
        };
        let masked = (0..self.allowed.len()).map(touched).collect();
        self.past.push_back((cells, masked));
        if self.past.len() as u64 <= STILL_S * FRAMES_PER_S {
            return;
        }
        for index in 0..self.allowed.len() {
            let first = &self.past[0].0[index];
            if self.past.iter().all(|(cells, masked)| !masked[index] && !moved(&cells[index], first)) {
                self.allowed[index].insert(first.clone());
            }
        }
        self.past.pop_front();
    }
}

/// The picture as `fill` leaves it.
fn filled(raw: &Picture, number: u64, objects: &[Object], stage: &Stage) -> Picture {
    let plan = decide(FrameId(number), Some(&found(number, objects)), Rung::Clear, Filter::Fill, &stage.view);
    let masked = apply(raw.frame(number, 0), &plan, &mut Painter::new()).unwrap();
    Picture::of(raw.geometry, masked.planes())
}

/// Somebody who walks, stops at times, and is detected at times.
#[derive(Debug, Clone)]
struct Walker {
    size: (usize, usize),
    from: (i64, i64),
    step: (i64, i64),
    /// Walks in the first so many frames of each period.
    walks: u64,
    period: u64,
    detected: bool,
    seed: u32,
}

fn walker() -> impl Strategy<Value = Walker> {
    let size = (4_usize..16, 8_usize..32).prop_map(|(w, h)| (2 * w, 2 * h));
    (size, (-20_i64..150, -20_i64..110), (-3_i64..4, -2_i64..3), 0_u64..40, 40_u64..90, any::<bool>(), any::<u32>())
        .prop_map(|(size, from, step, walks, period, detected, seed)| Walker {
            size,
            from,
            step,
            walks,
            period,
            detected,
            seed,
        })
}

impl Walker {
    fn thing(&self, number: u64) -> Thing {
        let steps = (number / self.period * self.walks + (number % self.period).min(self.walks)) as i64;
        let x = (self.from.0 + steps * self.step.0).rem_euclid(200) - 20;
        let y = (self.from.1 + steps * self.step.1).rem_euclid(150) - 20;
        Thing::new(self.size.0, self.size.1, self.seed).at(x, y)
    }
    /// The upper quarter is detected as a head in most frames.
    fn object(&self, number: u64) -> Option<Object> {
        let Thing { x, y, .. } = self.thing(number);
        let (w, h) = (self.size.0 as f32, self.size.1 as f32);
        (self.detected && number % 7 != 3).then(|| head(1 + self.seed % 1000, x as f32, y as f32, w, h / 4.0))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn p2_every_cell_is_flat_or_was_learned_from_masked_pixels_that_had_been_still_for_long_enough(
        seed in any::<u32>(),
        walkers in prop::collection::vec(walker(), 0..4),
        cautious in prop::option::of(2_u64..50),
        covered in prop::option::of(60_u64..200),
    ) {
        let mut stage = Stage::new(seed);
        stage.painter = Painter::new().silhouette(SilhouetteSettings { still_s: 5, again_s: 8, ..Default::default() });
        let (shape, unknown) = (flat(SHAPE.y, SHAPE.cb, SHAPE.cr), flat(FILL.y, FILL.cb, FILL.cr));
        let mut law = Law::new();
        let mut learned = 0;
        for number in 0..260 {
            stage.rung = match (cautious, covered) {
                (Some(every), _) if number % every == 0 => Rung::Cautious,
                (_, Some(every)) if number % every == every - 1 => Rung::Covered,
                _ => Rung::Clear,
            };
            let things: Vec<Thing> = walkers.iter().map(|walker| walker.thing(number)).collect();
            let objects: Vec<Object> = walkers.iter().filter_map(|walker| walker.object(number)).collect();
            let (raw, shown) = stage.step(&things, &objects);
            law.take(&filled(&raw, number, &objects, &stage), &objects.iter().map(|o| o.rect).collect::<Vec<_>>());
            if stage.rung == Rung::Covered {
                continue; // dark, as everywhere where the largest face is unknown
            }
            for index in 0..law.allowed.len() {
                let cell = cell(&shown, index);
                let known = law.allowed[index].contains(&cell);
                learned += usize::from(known);
                prop_assert!(known || cell == shape || cell == unknown, "frame {number}, cell {index} shows something else");
            }
        }
        prop_assert!(!walkers.is_empty() || covered.is_some() || learned > 0, "a still scene is learned");
    }
}

#[test]
fn p2_where_nothing_is_known_the_picture_is_that_of_coarse() {
    let mut stage = Stage::new(3);
    stage.view.largest_face_px = Some(60.0);
    for (number, seconds) in [(0_u64, 0_u64), (51, 5)] {
        if seconds > 0 {
            stage.seconds(seconds, &[], &[]);
        }
        assert_eq!(stage.number, number);
        let (raw, shown) = stage.step(&[], &[]);
        let plan = decide(FrameId(number), Some(&found(number, &[])), Rung::Clear, Filter::Coarse, &stage.view);
        let coarse = apply(raw.frame(number, 0), &plan, &mut Painter::new()).unwrap();
        assert!(shown == Picture::of(raw.geometry, coarse.planes()), "frame {number}");
        assert!(stage.known(&shown) < 0.2, "frame {number}");
    }
}

#[test]
fn a_still_scene_is_learned_and_shown_as_it_is() {
    let mut stage = Stage::new(3);
    let early = stage.seconds(9, &[], &[]);
    assert!(pixels().all(|(x, y)| support::stage::is_flat(&early, x, y)), "nothing is shown before its time");
    let late = stage.seconds(2, &[], &[]);
    assert!((stage.known(&late) - 1.0).abs() < f64::EPSILON, "{}", stage.known(&late));
}
