//! A warm road allocates nothing, in whichever thread: capture, detection, tracks, masks, overlay, encoding, delivery. One test alone in its file,
//! because the count is of the whole process.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod roadside;

use board_sim::DetectorStep;
use contract::Filter;
use mask::{Overlay, Painter, Rect};
use roadside::{Roadside, Setup, head};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Until every buffer has its size. That no first wait costs anything, however late it comes, is held by `handover_allocates_nothing`.
const WARM: usize = 300;
const COUNTED: usize = 200;

fn step(side: &mut Roadside) {
    side.road.step();
    side.road.settle();
}

#[test]
fn p12_road_allocates_nothing_per_frame_once_warm() {
    let region = Region::new(ALLOCATOR);
    let painter = Painter::with_overlay(Overlay::new("613"));
    let side = Roadside::build(Setup { painter, ..Setup::default() });
    assert!(region.change().allocations > 0, "the counter counts");
    let heads = (0..6).map(|n| head(Rect { x: 30.0 * n as f32 + 8.0, y: 100.0, w: 20.0, h: 26.0 })).collect();
    side.detector.from_now(DetectorStep::Find(heads));
    side.desk.want(|order| order.scene.zones.push(Rect { x: 0.0, y: 150.0, w: 80.0, h: 40.0 }).unwrap());
    let mut side = side.sharing();
    side.desk.forget();
    for filter in Filter::ALL {
        side.desk.want(|order| order.filter = filter);
        (0..WARM).for_each(|_| step(&mut side));
        let (handed, looked) = (side.desk.handed(), side.detector.taken());
        let region = Region::new(ALLOCATOR);
        (0..COUNTED).for_each(|_| step(&mut side));
        let change = region.change();
        assert_eq!((change.allocations, change.reallocations), (0, 0), "{COUNTED} frames with {filter}");
        assert_eq!(side.desk.handed() - handed, COUNTED as u64, "every frame went all the way");
        assert_eq!(side.detector.taken() - looked, COUNTED as u64, "and was looked at");
    }
}
