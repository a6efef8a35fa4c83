//! Preparing, decoding and tracking a frame allocates nothing (a frame path that allocates fails at the worst time). One test alone, because the
//! counter counts the whole process.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use board_hal::{OutputRole, QuantisedTensor};
use detect::{Decoding, Detections, Prepare, TrackSettings, Tracker};
use mask::{ColourRange, FrameId, Geometry, Planes};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn frame_after_frame_allocates_nothing() {
    let golden: serde_json::Value = serde_json::from_str(include_str!("../../../models/golden/decode.json")).unwrap();
    let decoding: Decoding = serde_json::from_value(golden["model"].clone()).unwrap();
    let geometry = Geometry::packed(1280, 720);
    let (luma, chroma) = (vec![90; geometry.luma_len()], vec![128; geometry.chroma_len()]);
    let mut prepare = Prepare::new(geometry, ColourRange::Limited, 640, 384, 114).unwrap();
    let mut input = vec![0; prepare.input_len()];
    let mut tracker = Tracker::new(TrackSettings::default());
    let mut found = Detections::none(FrameId(0));
    let mut heat = vec![-128; 96 * 160];
    let rest = vec![0; 96 * 160 * 10];

    // The first frames are not counted: the test's own harness may still be settling down beside them.
    let mut region = Region::new(ALLOCATOR);
    let mut most = 0;
    for frame in 0..220 {
        if frame == 20 {
            region = Region::new(ALLOCATOR);
        }
        heat.fill(-128);
        for i in 0..frame % 80 {
            heat[(i / 10) * 12 * 160 + (i % 10) * 16 + frame % 7] = 100 - (i as i8);
        }
        prepare.run(Planes { luma: &luma, chroma: &chroma }, &mut input).unwrap();
        let output = |role: OutputRole| QuantisedTensor {
            data: if role.channels() == 1 { &heat } else { &rest[..96 * 160 * role.channels()] },
            height: 96,
            width: 160,
            channels: role.channels(),
            scale: if role.channels() == 1 { 1.0 / 256.0 } else { 0.02 },
            zero_point: if role.channels() == 1 { -128 } else { 0 },
        };
        let id = FrameId(frame as u64);
        detect::decode(&output, &decoding, &prepare.map(), id, &mut found);
        let objects = tracker.step(id, frame as u64 * 66_667, (frame % 5 != 0).then_some(&found));
        most = most.max(objects.list.len());
    }
    let change = region.change();
    assert!(most > 40, "the frames were to hold many objects, they held {most}");
    assert_eq!((change.allocations, change.reallocations), (0, 0));
}
