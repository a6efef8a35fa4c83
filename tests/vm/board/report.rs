//! What was seen, step by step: on the terminal while it happens, and as JSON at the end.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::Instant;

/// What of the eye's configuration is set for an emulated processor: table, key, value.
pub(crate) const SLOWED: [(&str, &str, i64); 5] = [
    ("detector", "wait_ms", 5_000), // an inference of `light` takes half a second, and more beside other work
    ("detector", "hang_ms", 60_000), // and may take longer while the machine starts
    ("encoder", "hang_ms", 20_000),
    ("ladder", "cautious_ms", 10_000), // so that a frame that waited is not one in doubt
    ("ladder", "good_frames", 4),      // at two or three frames a second
];

/// The steps so far.
pub(crate) struct Report {
    started: Instant,
    steps: Vec<Value>,
    facts: Map<String, Value>,
    failed: bool,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), steps: Vec::new(), facts: Map::new(), failed: false }
    }

    /// Does a step and tells how it went.
    pub(crate) fn step<T>(&mut self, name: &str, doing: impl FnOnce() -> Result<T>) -> Result<T> {
        let started = Instant::now();
        let done = doing();
        self.told(name, started, done, "")
    }

    /// Tells how a step went that began at `started`.
    pub(crate) fn told<T>(&mut self, name: &str, started: Instant, done: Result<T>, detail: &str) -> Result<T> {
        let seconds = (started.elapsed().as_secs_f64() * 10.0).round() / 10.0;
        let (mark, said) = match &done {
            Ok(_) => ("PASS", detail.to_owned()),
            Err(error) => ("FAIL", format!("{error:#}")),
        };
        self.failed |= done.is_err();
        let dash = if said.is_empty() { "" } else { ": " };
        eprintln!("{mark} {name}{dash}{said} ({seconds} s)");
        self.steps.push(json!({ "step": name, "result": mark, "detail": said, "seconds": seconds }));
        done.with_context(|| name.to_owned())
    }

    /// A step that was not come to.
    pub(crate) fn not_run(&mut self, name: &str) {
        eprintln!("---- {name}: NOT RUN, because of the failure above");
        self.steps.push(json!({ "step": name, "result": "not run" }));
    }

    /// Something to remember.
    pub(crate) fn fact(&mut self, name: &str, value: impl Into<Value>) {
        self.facts.insert(name.to_owned(), value.into());
    }

    /// The closing lines.
    pub(crate) fn end(&self) {
        let slowed: Vec<String> = SLOWED.iter().map(|(table, key, value)| format!("{table}.{key} = {value}")).collect();
        eprintln!("emulated, hence slow; set for that: {}", slowed.join(", "));
        for (name, value) in &self.facts {
            eprintln!("{name}: {value}");
        }
        eprintln!("{} steps, {:.0} s", self.steps.len(), self.started.elapsed().as_secs_f64());
    }

    /// Writes everything to `file`.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let slowed: Map<String, Value> =
            SLOWED.iter().map(|(table, key, value)| (format!("{table}.{key}"), json!(value))).collect();
        let all = json!({
            "passed": !self.failed && !self.steps.is_empty(),
            "seconds": self.started.elapsed().as_secs_f64().round(),
            "machine": "qemu virt, cortex-a76, 2 cores, emulated (TCG)",
            "set_for_emulation": slowed,
            "seen": self.facts,
            "steps": self.steps,
        });
        let text = serde_json::to_string_pretty(&all).context("the report")?;
        std::fs::write(file, text + "\n").with_context(|| format!("writing {}", file.display()))
    }
}
