//! `cargo xtask bench glass`: from capture to the picture on the screen, for each player with the settings that README recommends.
//!
//! Builds and runs `tests/glass`; judges its figures. The programs are those of demo and tests. Wants a machine that does nothing else.

use super::programs::number;
use super::row::{self, Bar, Row};
use crate::{child, demo, setup, workspace};
use anyhow::{Context, Result};
use serde_json::Value;
use std::io::Write;

/// Capture to screen (P11).
const WITHIN_MS: f64 = 1_000.0;
/// First picture that can be decoded, after listening began.
const FIRST_WITHIN_MS: f64 = 300.0;

/// Measures every player; table, JSON and histograms.
pub(super) fn run(options: &super::Options) -> Result<()> {
    setup::run(&setup::Options { glass: true, ..setup::Options::default() })?;
    demo::build()?;
    child::run(workspace::cargo().args(["build", "--package", "glass"]))?;
    let target = workspace::metadata(true)?.target_directory.join("bench");
    std::fs::create_dir_all(&target).with_context(|| format!("making {}", target.display()))?;
    let (json, plot, out) = (target.join("glass.json"), target.join("glass.svg"), target.join("glass"));
    let bin_dir = workspace::bin_dir()?;
    let mut command = child::guarded(&bin_dir.join("campari-glass"));
    command.arg("measure").arg("--programs").arg(&bin_dir).arg("--models").arg(workspace::root().join("models"));
    command
        .arg("--scene")
        .arg(workspace::scene())
        .arg("--out")
        .arg(&out)
        .arg("--json")
        .arg(&json)
        .arg("--plot")
        .arg(&plot);
    child::run(workspace::equip(&mut command))?;
    let text = std::fs::read_to_string(&json).with_context(|| format!("reading {}", json.display()))?;
    let report: Value = serde_json::from_str(&text).with_context(|| format!("{} is no JSON", json.display()))?;
    std::io::stdout().write_all(row::table(&rows(&report)?).as_bytes()).context("printing the table")?;
    if let Some(file) = &options.json {
        setup::write_whole(file, text.as_bytes())?;
    }
    eprintln!("load before: {}", report["load_before"]);
    eprintln!("written to {} and {}; what the screen showed last: {}", json.display(), plot.display(), out.display());
    Ok(())
}

fn rows(report: &Value) -> Result<Vec<Row>> {
    let clients = report["clients"].as_array().context("the report names no players")?;
    let mut rows = Vec::new();
    for client in clients {
        let title = client["name"].as_str().context("a player without a name")?;
        let mut values: Vec<f64> =
            client["latencies_ms"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
        values.sort_by(f64::total_cmp);
        let Some(last) = values.len().checked_sub(1) else {
            rows.push(Row::missing(title, client["failed"].as_str().unwrap_or("no picture")));
            continue;
        };
        let part = |part: f64| values[(part * last as f64).ceil() as usize];
        let to_packet = client["to_packet_ms"][0]
            .as_f64()
            .map_or_else(String::new, |ms| format!(", {ms:.0} ms of the median to the packet"));
        let note = format!(
            "{} pictures, {} a second, longest gap {} ms{to_packet}",
            values.len(),
            client["fps"],
            client["longest_gap_ms"]
        );
        rows.push(Row::new(&format!("{title}: p50"), "ms", Bar::None, part(0.5)).note(note));
        rows.push(Row::new(&format!("{title}: p95"), "ms", Bar::None, part(0.95)));
        rows.push(Row::new(&format!("{title}: p99"), "ms", Bar::None, part(0.99)));
        rows.push(Row::new(&format!("{title}: slowest"), "ms", Bar::AtMost(WITHIN_MS), part(1.0)));
        rows.push(Row::new(
            &format!("{title}: its start to its first picture"),
            "ms",
            Bar::None,
            number(client, "first_ms")?,
        ));
    }
    let joins: Vec<f64> =
        report["view"]["first_picture_ms"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    let slowest = joins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    rows.push(if joins.is_empty() {
        Row::missing("campari view, first picture", "it had none")
    } else {
        Row::new("campari view, first picture, the slowest", "ms", Bar::AtMost(FIRST_WITHIN_MS), slowest)
            .note(format!("of {} shares that it joined while they ran", joins.len()))
    });
    let arrival = report["view"]["arrival_ms"].as_array().cloned().unwrap_or_default();
    for (what, value) in ["p50", "p99", "slowest"].into_iter().zip(arrival) {
        rows.push(Row::new(
            &format!("campari view, capture to arrival {what}"),
            "ms",
            Bar::None,
            value.as_f64().unwrap_or(f64::NAN),
        ));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_player_that_is_late_once_is_not_met_and_one_that_showed_nothing_is_not_measured() {
        let client = |name: &str, latencies: Value| json!({"name": name, "latencies_ms": latencies, "fps": 25.0, "longest_gap_ms": 41.0, "first_ms": 900.0, "to_packet_ms": [18.0, 30.0]});
        let mut nothing = client("three", json!([]));
        nothing["failed"] = "no picture with its time within 20 s".into();
        let clients = [client("one", json!([90.0, 80.0])), client("two", json!([90.0, 1001.0])), nothing];
        let report =
            json!({"clients": clients, "view": {"first_picture_ms": [40.0, 301.0], "arrival_ms": [17.0, 30.0, 33.0]}});
        let table = row::table(&rows(&report).unwrap());
        let line =
            |begins: &str| table.lines().find(|line| line.starts_with(begins)).unwrap_or_else(|| panic!("{table}"));
        assert!(!line("one: slowest").contains("NOT MET"));
        assert!(line("two: slowest").contains("NOT MET"));
        assert!(line("three").contains("not measured") && line("three").contains("no picture with its time"));
        assert!(line("campari view, first picture").contains("NOT MET"));
        assert!(line("one: p50").contains("2 pictures") && line("one: p50").contains("18 ms of the median"), "{table}");
    }
}
