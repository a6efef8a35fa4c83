//! P11, P12 over time: a share that runs for long costs no more memory and no more descriptors at its end than after its first minute, and is no later.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a helper that fails fails the test; figures are told

mod common;

use common::{PATIENCE, alone, run, stage};
use std::time::{Duration, Instant};

/// Until caches and buffers have their size.
const WARM: Duration = Duration::from_secs(60);
/// What memory may grow by after that, kilobytes: less than a hundredth of one 720p frame a minute.
const GROWTH_KB: u64 = 1_024;

struct Footprint {
    memory_kb: u64,
    descriptors: usize,
}

fn footprint(pid: u32) -> Footprint {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    Footprint {
        memory_kb: memory.trim().trim_end_matches(" kB").parse().unwrap(),
        descriptors: std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count),
    }
}

#[test]
#[ignore = "nightly: runs for CAMPARI_SOAK_SECONDS, ten minutes unless told otherwise"]
fn p12_a_long_share_grows_in_nothing() {
    let _alone = alone();
    let lasts = std::env::var("CAMPARI_SOAK_SECONDS").map_or(600, |seconds| seconds.parse().unwrap());
    run(async {
        let stage = stage("soak").detector_setting("light").start().await.unwrap();
        stage.ready(PATIENCE).await.unwrap();
        let mut order = stage.order();
        order.lasts = Duration::from_secs(3_600);
        assert!(stage.grant(order).await.unwrap().answer.ok);
        let pids = [("eye", stage.eye().unwrap().pid()), ("voice", stage.voice().unwrap().pid())];
        stage.guarded(tokio::time::sleep(WARM)).await.unwrap();
        let before = pids.map(|(_, pid)| footprint(pid));
        let (began, units) = (Instant::now(), stage.ledger().snapshot().units);
        stage.guarded(tokio::time::sleep(Duration::from_secs(lasts))).await.unwrap();
        let seen = stage.ledger().snapshot();
        println!(
            "{:.1} pictures a second for {} s, {} lost packets, capture to subscriber {:?} us",
            (seen.units - units) as f64 / began.elapsed().as_secs_f64(),
            lasts,
            seen.packets_lost,
            seen.latency_us
        );
        for ((name, pid), before) in pids.into_iter().zip(before) {
            let after = footprint(pid);
            println!(
                "{name}: {} kB, then {} kB; {} descriptors, then {}",
                before.memory_kb, after.memory_kb, before.descriptors, after.descriptors
            );
            assert!(after.memory_kb <= before.memory_kb + GROWTH_KB, "{name} grows");
            assert!(after.descriptors <= before.descriptors, "{name} leaks descriptors");
        }
        stage.stop().await;
    });
}
