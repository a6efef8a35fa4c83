//! A painter that has seen one frame of each kind allocates nothing more. One test alone in its file: the count is
//! of the whole process.

#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod support;

use contract::{Filter, Rung};
use mask::plan::{Plan, decide};
use mask::{FrameId, HeldForms, Overlay, Painter, apply};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use support::{Picture, found, head, scene};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const WARM: u64 = 60;

fn plans(id: u64) -> Vec<Plan> {
    let objects = found(id, &[head(1, 10.0, 10.0, 60.0, 80.0), head(2 + id as u32, 90.0, 20.0, 40.0, 40.0)]);
    let mut plans: Vec<Plan> = Filter::ALL
        .into_iter()
        .map(|filter| decide(FrameId(id), Some(&objects), Rung::Clear, filter, &scene()))
        .collect();
    plans.push(decide(FrameId(id), None, Rung::Dark, Filter::Fill, &scene()));
    plans
}

#[test]
fn p12_a_warm_painter_allocates_nothing() {
    let region = Region::new(ALLOCATOR);
    let raw = Picture::noise(640, 480, 0, 1);
    assert!(region.change().allocations > 0, "the counter counts");
    let mut forms = HeldForms::new();
    let mut painter = Painter::with_overlay(Overlay::new("613"));
    // One round warms the painter. The others are for the test harness, whose own thread still allocates while the first frames are painted.
    for id in 0..WARM {
        for plan in plans(id) {
            apply(raw.frame(id, id * 40_000), &plan, &mut painter).unwrap();
        }
    }
    for id in WARM..WARM + 300 {
        for plan in plans(id) {
            let frame = raw.frame(id, id * 40_000);
            let region = Region::new(ALLOCATOR);
            let mut plan = plan;
            forms.hold(&mut plan, id * 40_000);
            let masked = apply(frame, &plan, &mut painter).unwrap();
            let change = region.change();
            assert_eq!((change.allocations, change.reallocations), (0, 0), "frame {id}, {}", plan.filter());
            drop(masked);
        }
    }
}
