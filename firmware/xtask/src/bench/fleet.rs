//! `cargo xtask bench fleet`: thousands of simulated boards on one Mosquitto, its restart, and what grows with their number.
//!
//! Builds and runs `tests/fleet`; judges its figures. Wants a machine that does nothing else: the load beside the figures says whether it did.

use super::row::{self, Bar, Row};
use super::{Options, programs::number};
use crate::{child, setup, workspace};
use anyhow::{Context, Result};
use serde_json::Value;
use std::io::Write;

/// Measures fleets of the sizes asked for; table, JSON and plot.
pub(super) fn run(options: &Options) -> Result<()> {
    anyhow::ensure!(!options.boards.is_empty(), "how many boards? --boards 500,1000");
    child::find("mosquitto").context("mosquitto is not installed; run: apt-get install mosquitto")?;
    child::run(workspace::cargo().args(["build", "--release", "--package", "fleet"]))?;
    let target = workspace::metadata(true)?.target_directory.join("bench");
    std::fs::create_dir_all(&target).with_context(|| format!("making {}", target.display()))?;
    let (json, plot) = (target.join("fleet.json"), target.join("fleet.svg"));
    let sizes: Vec<String> = options.boards.iter().map(usize::to_string).collect();
    let mut command = child::guarded(&workspace::release_dir()?.join("campari-fleet"));
    command.arg("measure").args(["--boards", &sizes.join(",")]).arg("--json").arg(&json).arg("--plot").arg(&plot);
    child::run(workspace::equip(&mut command))?;
    let text = std::fs::read_to_string(&json).with_context(|| format!("reading {}", json.display()))?;
    let report: Value = serde_json::from_str(&text).with_context(|| format!("{} is no JSON", json.display()))?;
    std::io::stdout().write_all(row::table(&rows(&report)?).as_bytes()).context("printing the table")?;
    if let Some(file) = &options.json {
        setup::write_whole(file, text.as_bytes())?;
    }
    eprintln!("written to {} and {}", json.display(), plot.display());
    Ok(())
}

fn rows(report: &Value) -> Result<Vec<Row>> {
    let runs = report["runs"].as_array().context("the fleet's report names no runs")?;
    let mut rows = Vec::new();
    for run in runs {
        let boards = number(run, "boards")?;
        let name = |what: &str| format!("{boards} boards: {what}");
        let load = format!("load {} before, {} after", run["load_before"], run["load_after"]);
        let figure = |what: &str, unit, bar, path: &str| match number(run, path) {
            Ok(figure) => Row::new(&name(what), unit, bar, figure),
            Err(_) => Row::missing(&name(what), "no verdict, or not all within the patience"),
        };
        rows.push(figure("all back after a restart", "s", Bar::AtMost(60.0), "all_back_s").note(load));
        rows.push(figure("not back", "", Bar::AtMost(0.0), "not_back"));
        for (phase, told) in [("steady", "verdict p99"), ("storm", "verdict p99, until all are back")] {
            let sum = &run[phase];
            let without: f64 = ["refused", "missing"].iter().map(|kind| total(&sum[*kind])).sum();
            let note = format!("{} granted, {without} refused or without verdict", sum["granted"]);
            rows.push(figure(told, "ms", Bar::AtMost(100.0), &format!("{phase}.p99_ms")).note(note));
        }
        rows.push(figure("memory of a board, voice and simulated eye", "kB", Bar::None, "board_kb"));
        rows.push(figure("broker", "MB", Bar::None, "broker_mb"));
        rows.push(figure("broker, of one processor", "%", Bar::None, "broker_cpu_percent"));
    }
    for failed in report["failed"].as_array().into_iter().flatten() {
        let name = format!("{} boards: all back after a restart", failed["boards"]);
        rows.push(Row::missing(&name, failed["why"].as_str().unwrap_or_default()));
    }
    for (what, path) in [("boards", "boards_mb"), ("broker", "broker_mb")] {
        let line = &report["growth"][path];
        let name = format!("memory of the {what}, how straight it grows (r²)");
        rows.push(match number(line, "r2") {
            Ok(r2) => Row::new(&name, "", Bar::AtLeast(0.98), r2)
                .note(format!("{:.0} kB for each board more", number(line, "each")? * 1e3)),
            Err(_) => Row::missing(&name, "wants three sizes or more: --boards 500,1000,2000"),
        });
    }
    Ok(rows)
}

fn total(counts: &Value) -> f64 {
    counts.as_object().into_iter().flatten().filter_map(|(_, count)| count.as_f64()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_fleet_that_does_not_come_back_is_not_met() {
        let sum = json!({"granted": 9, "refused": {"busy": 2}, "missing": {"no answer": 1}, "p99_ms": 120.0});
        let run = json!({"boards": 100, "load_before": 0.1, "load_after": 0.5, "all_back_s": null, "not_back": 3, "steady": sum, "storm": sum,
            "board_kb": 300.0, "broker_mb": 10.0, "broker_cpu_percent": 3.0});
        let failed = json!({"boards": 900, "why": "700 of 900 boards were ready within 240 s"});
        let report = json!({"runs": [run], "failed": [failed], "growth": {"boards_mb": null, "broker_mb": {"base": 1.0, "each": 0.02, "r2": 0.999}}});
        let table = row::table(&rows(&report).unwrap());
        let line =
            |begins: &str| table.lines().find(|line| line.starts_with(begins)).unwrap_or_else(|| panic!("{table}"));
        assert!(line("100 boards: all back").contains("not measured"));
        assert!(line("100 boards: not back").contains("NOT MET"));
        assert!(line("100 boards: verdict p99 ").contains("NOT MET"));
        assert!(line("100 boards: verdict p99 ").contains("3 refused or without verdict"), "{table}");
        assert!(line("900 boards").contains("not measured") && line("900 boards").contains("700 of 900"), "{table}");
        assert!(line("memory of the boards").contains("not measured"));
        assert!(line("memory of the broker").contains("20 kB for each board more"), "{table}");
    }
}
