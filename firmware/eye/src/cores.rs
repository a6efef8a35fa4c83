//! On which cores the detector works. Boards have quick and slow ones; a network whose threads are spread over both waits for the slow ones.
//!
//! Linux gives a new thread the cores of the one that made it, so whatever is made within [`during`] works there: TFLite's threads and ours.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Runs `make` on `cores` and comes back; with none stated, wherever the system likes. Cores that are not there are told, and then it goes on without.
pub fn during<T>(cores: &[u8], make: impl FnOnce() -> T) -> T {
    let this = Pid::from_raw(0);
    let before = match (cores.is_empty(), sched_getaffinity(this)) {
        (false, Ok(before)) => before,
        _ => return make(),
    };
    if let Err(error) = set(cores).and_then(|set| sched_setaffinity(this, &set)) {
        tracing::warn!(%error, ?cores, "the detector cannot be kept to its cores; it runs on all");
        return make();
    }
    let made = make();
    if let Err(error) = sched_setaffinity(this, &before) {
        tracing::warn!(%error, "this thread stays on the detector's cores");
    }
    made
}

fn set(cores: &[u8]) -> nix::Result<CpuSet> {
    let mut set = CpuSet::new();
    cores.iter().try_for_each(|core| set.set(usize::from(*core)))?;
    Ok(set)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a helper that fails fails the test")]
mod tests {
    use super::*;

    fn mine() -> Vec<u8> {
        let set = sched_getaffinity(Pid::from_raw(0)).unwrap();
        (0..128).filter(|core| set.is_set(usize::from(*core)).unwrap()).collect()
    }

    #[test]
    fn threads_made_meanwhile_stay_on_the_cores_and_this_one_comes_back() {
        let before = mine();
        let one = *before.last().unwrap();
        let (here, thread) = during(&[one], || (mine(), std::thread::spawn(mine)));
        assert_eq!((here, thread.join().unwrap()), (vec![one], vec![one]));
        assert_eq!(mine(), before);
    }

    #[test]
    fn cores_that_are_not_there_and_none_at_all_change_nothing() {
        let before = mine();
        assert_eq!(during(&[], mine), before);
        assert_eq!(during(&[127], mine), before);
    }
}
