//! The detector: that the model is the manifest's and finds what it must, and that it may run where it is told to.

use super::Asked;
use contract::doctor::Check;
use std::collections::BTreeMap;
use std::path::Path;

/// Where Linux lists its cores.
const CPUS: &str = "/sys/devices/system/cpu";

/// The model loads, is what the manifest says, and passes the self-test.
pub(super) fn setting(asked: &Asked) -> Vec<Check> {
    const LINE: &str = "detector.setting";
    let setting = asked.setting();
    let tested = match crate::start::self_test_of(&asked.manifest, setting, asked.threads(), asked.cores()) {
        Ok(tested) => tested,
        Err(error) => {
            return vec![Check::fail(
                LINE,
                error.to_string(),
                "install this release's models, and state their manifest",
            )];
        }
    };
    vec![match tested.standing.miss {
        None => Check::pass(LINE, format!("{setting}: {}, self-test passed", tested.model.0)),
        Some(miss) => Check::fail(
            LINE,
            format!("{setting}: {}, self-test failed: {}: {}", tested.model.0, miss.picture, miss.cause),
            "model or library are broken on this board, and every picture is covered: install the release anew",
        ),
    }]
}

/// There are as many cores as it has threads.
pub(super) fn threads(asked: &Asked) -> Vec<Check> {
    const LINE: &str = "detector.threads";
    let (threads, cores) = (asked.threads(), capacities(Path::new(CPUS)).len());
    vec![if threads > cores {
        Check::fail(LINE, format!("{threads} on {cores} cores"), format!("threads = {cores} at most"))
    } else if threads == cores && cores > 1 {
        Check::note(LINE, format!("{threads}, and no core is left"), format!("threads = {}", cores - 1))
    } else {
        Check::pass(LINE, format!("{threads} on {cores} cores"))
    }]
}

/// The cores are there, are as many as its threads, and no other one is quicker.
pub(super) fn cores(asked: &Asked) -> Vec<Check> {
    judge_cores(asked.cores(), asked.threads(), &capacities(Path::new(CPUS)))
}

fn judge_cores(stated: &[u8], threads: usize, there: &BTreeMap<u8, u32>) -> Vec<Check> {
    const LINE: &str = "detector.cores";
    let quickest = there.values().max().copied().unwrap_or_default();
    let quick: Vec<u8> = there.iter().filter(|(_, capacity)| **capacity == quickest).map(|(core, _)| *core).collect();
    let uneven = quick.len() < there.len();
    vec![if let Some(core) = stated.iter().find(|core| !there.contains_key(core)) {
        Check::fail(
            LINE,
            format!("there is no core {core}; there are {:?}", there.keys()),
            format!("cores = {quick:?}"),
        )
    } else if stated.is_empty() && uneven {
        Check::note(LINE, "none stated, and the cores are not alike", format!("cores = {quick:?}"))
    } else if stated.is_empty() {
        Check::pass(LINE, "none stated; all are alike")
    } else if stated.len() < threads {
        Check::fail(LINE, format!("{threads} threads on {} cores", stated.len()), "as many cores as threads")
    } else if stated.iter().any(|core| there[core] < quickest) {
        Check::note(LINE, format!("{stated:?}, of which some are slow"), format!("cores = {quick:?}"))
    } else {
        Check::pass(LINE, format!("{stated:?}"))
    }]
}

/// The cores that are there and how much each can do; 1024 where Linux does not say (`cpu_capacity`), which it does where they differ.
fn capacities(folder: &Path) -> BTreeMap<u8, u32> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let core = entry.file_name().to_str()?.strip_prefix("cpu")?.parse().ok()?;
            let capacity = std::fs::read_to_string(entry.path().join("cpu_capacity")).ok();
            Some((core, capacity.and_then(|text| text.trim().parse().ok()).unwrap_or(1_024)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::doctor::Outcome;

    #[test]
    fn cores_that_are_not_there_too_few_or_slow_are_told_with_those_to_state() {
        let big_little: BTreeMap<u8, u32> = (0..8).map(|core| (core, if core < 4 { 530 } else { 1_024 })).collect();
        let even: BTreeMap<u8, u32> = (0..4).map(|core| (core, 1_024)).collect();
        for (stated, threads, there, outcome, remedy) in [
            (&[4, 5, 6, 7][..], 4, &big_little, Outcome::Pass, None),
            (&[], 4, &big_little, Outcome::Note, Some("cores = [4, 5, 6, 7]")),
            (&[0, 1, 2, 3], 4, &big_little, Outcome::Note, Some("cores = [4, 5, 6, 7]")),
            (&[4, 5], 4, &big_little, Outcome::Fail, Some("as many cores as threads")),
            (&[4, 5, 6, 7], 4, &even, Outcome::Fail, Some("cores = [0, 1, 2, 3]")),
            (&[], 2, &even, Outcome::Pass, None),
        ] {
            let checks = judge_cores(stated, threads, there);
            assert_eq!((checks[0].outcome, checks[0].remedy.as_deref()), (outcome, remedy), "{stated:?}: {checks:?}");
        }
    }
}
