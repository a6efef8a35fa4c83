//! Benches that are programs of their own: examples that print one line of JSON.

use super::Setting;
use super::row::{Bar, Row};
use crate::{child, workspace};
use anyhow::{Context, Result};
use serde_json::Value;

/// Runs an example in the release profile; its last line is the JSON.
fn example(package: &str, name: &str, arguments: &[&str]) -> Result<Value> {
    let mut cargo = workspace::cargo();
    cargo.args(["run", "--quiet", "--release", "--package", package, "--example", name]);
    if !arguments.is_empty() {
        cargo.arg("--").args(arguments);
    }
    let text = child::output(cargo.env("LD_LIBRARY_PATH", workspace::tflite()))?;
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
        Row::new("paint coarse / copy", "x", Bar::AtMost(3.0), number(&json, "coarse_over_copy")?)
            .note("the whole NV12 picture, against copying it once"),
    ])
}

/// The detector on one thread.
pub(super) fn detect(_: &Setting) -> Result<Vec<Row>> {
    let models = workspace::root().join("models/manifest.toml");
    let json = example("board-tflite", "detect_bench", &["--json", &models.display().to_string()])?;
    Ok(vec![
        Row::new("detector", "ms", Bar::AtMost(10.0), number(&json, "infer_ms")?).note("one inference, one thread"),
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
