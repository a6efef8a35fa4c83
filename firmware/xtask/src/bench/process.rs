//! CPU time and memory of a running process, read from `/proc`.
//!
//! The eye is a grandchild of ours (`campari demo` starts it), so it is found by the file it was started from.

use anyhow::{Context, Result};
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::Duration;

/// `USER_HZ`, fixed at 100 on every Linux that Rust runs on.
const TICKS_PER_S: f64 = 100.0;
/// How often a process is looked at: its last look decides the figure, so the error is at most one interval.
const INTERVAL: Duration = Duration::from_millis(200);

/// What was seen of a process up to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Used {
    /// User and system time of all its threads.
    pub(crate) cpu_s: f64,
    /// The largest resident size.
    pub(crate) rss_mb: f64,
    /// Resident size in the middle of what was seen, and at its end: growth.
    pub(crate) rss_mid_mb: f64,
    pub(crate) rss_end_mb: f64,
}

/// Waits for `parent` and watches whatever runs `program` (a canonical path) meanwhile.
pub(crate) fn watch(parent: &mut Child, program: &Path) -> Result<(ExitStatus, Used)> {
    let mut looks: Vec<(f64, f64)> = Vec::new();
    let mut crowded = 0;
    let status = loop {
        if let Some(status) = parent.try_wait().context("waiting for the program")? {
            break status;
        }
        let pids = pids_of(program);
        crowded += u32::from(pids.len() > 1);
        looks.extend(pids.first().copied().and_then(look));
        std::thread::sleep(INTERVAL);
    };
    // A program that starts another is there twice for a moment; a second one that stays makes the figures nobody's.
    anyhow::ensure!(crowded < 3, "{} ran more than once; end the others and measure again", program.display());
    let mid = looks.get(looks.len() / 2).copied().unwrap_or_default();
    let end = looks.last().copied().unwrap_or_default();
    let rss_mb = looks.iter().map(|look| look.1).fold(0.0, f64::max);
    Ok((status, Used { cpu_s: end.0, rss_mb, rss_mid_mb: mid.1, rss_end_mb: end.1 }))
}

fn pids_of(program: &Path) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_string_lossy().parse().ok())
        .filter(|pid| is_running(*pid, program))
        .collect()
}

/// By the executable, or by the first word of the command line for a process that is not dumpable (the eye is not).
fn is_running(pid: u32, program: &Path) -> bool {
    if let Ok(exe) = std::fs::read_link(format!("/proc/{pid}/exe")) {
        return exe == program;
    }
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let first = line.split(|byte| *byte == 0).next().unwrap_or_default();
    Path::new(&String::from_utf8_lossy(first).into_owned()) == program
}

fn look(pid: u32) -> Option<(f64, f64)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some((cpu_s(&stat)?, rss_mb(&status)?))
}

/// Fields 14 and 15 of proc_pid_stat(5); the name (field 2) may hold spaces, so counting starts after it.
fn cpu_s(stat: &str) -> Option<f64> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / TICKS_PER_S)
}

fn rss_mb(status: &str) -> Option<f64> {
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_brackets_does_not_shift_the_fields() {
        let stat = "12 (a) b (c) S 1 1 1 0 -1 4194304 10 0 0 0 150 50 0 0 20 0 1 0 100 1 1";
        assert_eq!(cpu_s(stat), Some(2.0));
    }

    #[test]
    fn resident_memory_is_read_in_mb() {
        assert_eq!(rss_mb("Name:\tx\nVmRSS:\t  2048 kB\n"), Some(2.0));
    }

    #[test]
    fn we_see_ourselves() {
        let me = std::env::current_exe().unwrap().canonicalize().unwrap();
        assert!(pids_of(&me).contains(&std::process::id()));
        assert!(look(std::process::id()).unwrap().1 > 0.5);
    }
}
