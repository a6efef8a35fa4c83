//! Benches that are programs of their own: examples that print one line of JSON.

use super::Setting;
use super::row::{Bar, Row};
use crate::{child, workspace};
use anyhow::{Context, Result};
use serde_json::Value;

/// Runs an example in the release profile; its last line is the JSON.
pub(super) fn example(package: &str, name: &str, arguments: &[&str]) -> Result<Value> {
    let mut cargo = workspace::cargo();
    cargo.args(["run", "--quiet", "--release", "--package", package, "--example", name]);
    if !arguments.is_empty() {
        cargo.arg("--").args(arguments);
    }
    let text = child::output(workspace::equip(&mut cargo))?;
    let last = text.lines().rfind(|line| line.starts_with('{')).with_context(|| format!("{name} printed no JSON"))?;
    serde_json::from_str(last).with_context(|| format!("reading what {name} printed: {last}"))
}

/// A figure of that JSON; `path` as in `a.b`.
pub(super) fn number(json: &Value, path: &str) -> Result<f64> {
    let value = path.split('.').fold(json, |value, key| &value[key]);
    value.as_f64().with_context(|| format!("{path} is missing in {json}"))
}

/// 1080p, 10 objects of 80x100 px.
pub(super) fn paint(_: &Setting) -> Result<Vec<Row>> {
    let json = example("mask", "paint_bench", &[])?;
    Ok(vec![
        Row::new("paint fill", "ms", Bar::AtMost(0.03), number(&json, "fill_ms")?)
            .note("1080p, 10 objects of 80x100 px"),
        Row::new("paint pixelate", "ms", Bar::AtMost(0.1), number(&json, "pixelate_ms")?).note("the same"),
        Row::new("paint silhouette", "ms", Bar::AtMost(6.0), number(&json, "silhouette_ms")?)
            .note("the slowest of: nothing known, scene known, everything changing"),
        Row::new("paint coarse / copy", "x", Bar::AtMost(3.0), number(&json, "coarse_over_copy")?)
            .note("the whole NV12 picture, against copying it once"),
    ])
}

/// The detector on one thread, and what surrounds it.
pub(super) fn detect(_: &Setting) -> Result<Vec<Row>> {
    let manifest = workspace::root().join("models/manifest.toml");
    let network = example("board-tflite", "infer", &[&manifest.display().to_string(), "fast", "1"])?;
    let around = example("detect", "bench", &[])?;
    let row = |name: &str, json: &Value, path: &str| {
        Ok::<Row, anyhow::Error>(Row::new(name, "ms", Bar::None, number(json, path)?))
    };
    Ok(vec![
        Row::new("detector, fast setting", "ms", Bar::AtMost(10.0), number(&network, "infer_ms.p50")?)
            .note("median of one inference, one thread"),
        row("prepare 1080p for it", &around, "prepare_ms.p50")?,
        row("decode its tensors", &around, "decode_ms.p50")?,
        row("track", &around, "track_ms.p50")?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_figure_is_named() {
        let json = serde_json::json!({"a": {"b": 2.5}});
        assert_eq!(number(&json, "a.b").unwrap(), 2.5);
        assert!(number(&json, "a.c").unwrap_err().to_string().contains("a.c is missing"));
    }
}
