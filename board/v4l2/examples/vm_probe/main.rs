//! The V4L2 camera against a real driver: the kernel's vivid, in the machine that `tests/vm/run.sh` boots.
//!
//! It wants /dev/video0 (vivid, one memory plane), /dev/video1 (several) and /dev/video2 (an HDMI receiver), and the right to unbind the driver: not for a machine that is used for
//! anything else. With an argument only the checks whose names hold it are made. Prints what it does, then one JSON line; exits 1 when a check failed.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod faults;
mod opening;
mod pictures;
mod stream;
mod support;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

type Check = fn() -> Result<String, String>;

fn main() {
    let checks: [(&str, Check); 25] = [
        ("nv12_is_captured_in_the_drivers_memory", pictures::nv12),
        ("yuyv_uyvy_and_nv16_convert_to_the_same_picture", pictures::converted),
        ("range_and_matrix_are_what_the_driver_states", pictures::colours),
        ("planes_in_several_memories_give_the_same_picture", pictures::several_memories),
        ("the_mapped_memory_can_be_painted_in_place", pictures::painted),
        ("a_masked_picture_is_lent_as_the_drivers_dma_buf", pictures::exported),
        ("memory_of_another_device_is_imported_and_filled_in_place", pictures::imported),
        ("controls_are_set_by_name_and_a_wrong_one_is_told_with_what_there_is", opening::controls),
        ("a_media_graph_is_read_and_what_it_lacks_is_told", opening::media_graph),
        ("sizes_are_what_the_driver_makes_of_them", pictures::sizes),
        ("a_camera_in_use_is_busy", opening::busy),
        ("time_stamps_are_monotonic_and_recent", stream::time_stamps),
        ("a_stalled_consumer_gets_a_fresh_frame", stream::stall),
        ("a_held_frame_outlives_the_camera_and_does_not_block_reopening", stream::held),
        ("a_corrupt_buffer_is_a_bad_frame_and_the_next_is_good", faults::corrupt),
        ("a_driver_that_delivers_nothing_is_a_timeout_and_goes_on", faults::nothing),
        ("an_error_at_any_step_of_opening_is_told_and_reopening_works", opening::opening),
        ("a_lost_signal_is_gone_then_missing_then_back", faults::signal),
        ("another_source_is_gone_and_reopening_shows_its_size", faults::source_change),
        ("a_streaming_error_is_gone_and_reopening_works", faults::streaming_error),
        ("a_disconnect_is_gone_and_reopening_works", faults::disconnect),
        ("an_unplugged_camera_is_gone_then_missing_then_back", faults::unplug),
        ("frames_released_from_other_threads_keep_the_stream_going", stream::threads),
        ("a_warm_camera_allocates_nothing_per_frame", stream::allocations),
        ("a_thousand_reopens_leak_neither_descriptor_nor_mapping", opening::reopen),
    ];
    let mut results = Vec::new();
    let mut failed = 0;
    let only = std::env::args().nth(1).unwrap_or_default();
    for (name, check) in checks.into_iter().filter(|(name, _)| name.contains(&only)) {
        let started = Instant::now();
        let outcome = std::panic::catch_unwind(check).unwrap_or_else(|_| Err("panicked".to_owned()));
        let (result, detail) = match outcome {
            Ok(detail) => ("PASS", detail),
            Err(detail) => ("FAIL", detail),
        };
        failed += usize::from(result == "FAIL");
        println!("{result} {name} ({detail}) {} ms", started.elapsed().as_millis());
        results.push(serde_json::json!({ "check": name, "result": result, "detail": detail }));
    }
    println!("{}", serde_json::json!({ "program": "vm_probe", "failed": failed, "checks": results }));
    std::process::exit(i32::from(failed > 0));
}
