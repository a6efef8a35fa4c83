//! P12: once warm, a picture costs no allocation of ours on its way through the hardware encoder, whichever thread it is on. (The library that stands in
//! for MPP has a heap of its own, which is not counted.)

#![allow(clippy::unwrap_used, unsafe_code)] // a helper that fails fails the test; `support` has its reasons

mod support;

use board_hal::{EncodedUnit, Encoder, Nv12Pool};
use contract::{Filter, Rung};
use mask::plan::{Scene, decide};
use mask::{CaptureTime, ColourRange, FrameId, Objects, Painter, RawFrame, apply};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use support::{SIZE, Sim};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn p12_a_picture_costs_no_allocation_once_the_encoder_is_warm() {
    let counts = Region::new(ALLOCATOR);
    drop(std::hint::black_box(vec![0_u8; 64]));
    assert!(counts.change().allocations >= 1, "the counter counts");
    let sim = Sim::new();
    let mut encoder = sim.open();
    let pool = Nv12Pool::new(SIZE.0, SIZE.1, 2);
    let mut painter = Painter::new();
    let mut unit = EncodedUnit { data: Vec::with_capacity(1 << 20), key: false };
    let mut run = |from: u64, count: u64| {
        for number in from..from + count {
            let (id, at) = (FrameId(number), CaptureTime { monotonic_us: number * 40_000, utc_us: 0 });
            let buffer = pool.take().unwrap();
            let raw = RawFrame::new(id, at, pool.geometry(), ColourRange::Limited, buffer).unwrap();
            let plan = decide(id, Some(&Objects::none(id)), Rung::Clear, Filter::Fill, &Scene::unknown());
            encoder.encode(apply(raw, &plan, &mut painter).unwrap(), number % 20 == 0, &mut unit).unwrap();
            assert!(!unit.data.is_empty());
        }
    };
    run(0, 60);
    let region = Region::new(ALLOCATOR);
    run(60, 200);
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations), (0, 0), "{change:?}");
}
