//! The figures as JSON, rounded as they are printed. Shares in percent.

use super::{Basis, Outcome, rounded};
use crate::cost::{BOARDS, SOURCES};
use crate::stats::{ClassFigures, Figure, InBin, NIGHT_LUMA, RESAMPLES, Row, SEED};
use serde_json::{Map, Value, json as value};

/// Everything, as one JSON object.
#[must_use]
pub fn json(basis: &Basis, outcomes: &[Outcome]) -> Value {
    value!({
        "data": basis.data,
        "pictures": basis.pictures,
        "extra_boxes": basis.extra_boxes,
        "trained_on": basis.trained_on,
        "filter": basis.filter,
        "pixels_checked": basis.pixels_checked,
        "load_average": basis.load,
        "cores": basis.cores,
        "night_below_mean_luma": NIGHT_LUMA,
        "interval": { "level": 0.95, "resamples": RESAMPLES, "seed": SEED, "over": "pictures" },
        "cost_assumptions": BOARDS.iter().map(|board| board.assumption()).collect::<Vec<_>>(),
        "cost_sources": SOURCES,
        "settings": outcomes.iter().map(outcome).collect::<Vec<_>>(),
    })
}

fn outcome(outcome: &Outcome) -> Value {
    let model = &outcome.model;
    let expected: Map<String, Value> = BOARDS
        .iter()
        .map(|board| {
            let expected = board.expected(model.multiply_adds);
            let ms = [expected.ms, expected.low_ms, expected.high_ms].map(|ms| rounded(ms, 1));
            (board.name.to_owned(), value!({ "ms": ms[0], "low": ms[1], "high": ms[2] }))
        })
        .collect();
    value!({
        "setting": model.setting,
        "model": model.name,
        "sha256": model.sha256,
        "input": format!("{}x{}", model.input.width, model.input.height),
        "bytes": model.bytes,
        "multiply_adds": model.multiply_adds,
        "expected_ms": expected,
        "rows": outcome.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn row(row: &Row) -> Value {
    let mut told = value!({ "name": row.name, "pictures": row.pictures, "missing": row.missing, "in_doubt": row.in_doubt,
        "median_infer_ms": row.median_infer_ms.map(|ms| figure(ms, 1.0, 2)) });
    for figures in &row.classes {
        told[class_key(figures)] = class(figures);
    }
    told
}

fn class_key(figures: &ClassFigures) -> String {
    serde_json::to_value(figures.class).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

fn class(figures: &ClassFigures) -> Value {
    let bins = |bins: &[InBin]| -> Map<String, Value> {
        let told =
            |bin: &InBin| value!({ "boxes": bin.boxes, "core85": bin.core85.map(|core| figure(core, 100.0, 1)) });
        bins.iter().map(|bin| (bin.bin.to_string(), told(bin))).collect()
    };
    value!({
        "boxes": figures.boxes,
        "cover85": figure(figures.cover85, 100.0, 1),
        "core85": figure(figures.core85, 100.0, 1),
        "touch": figure(figures.touch, 100.0, 1),
        "false_area_pct": figure(figures.false_area, 100.0, 3),
        "false_area_pct_extras_excused": figure(figures.false_area_excused, 100.0, 3),
        "median_infer_ms": figures.median_infer_ms.map(|ms| figure(ms, 1.0, 2)),
        "still_shows": figures.still_shows,
        "core85_by_width_at_640": bins(&figures.by_width),
        "core85_curve": bins(&figures.curve),
    })
}

fn figure(figure: Figure, scale: f64, digits: usize) -> Value {
    let told = |value: f64| rounded(scale * value, digits);
    value!({
        "value": told(figure.value),
        "low": figure.interval.map(|interval| told(interval.low)),
        "high": figure.interval.map(|interval| told(interval.high)),
        "method": figure.interval.map(|interval| interval.method),
        "pictures": figure.interval.map(|interval| interval.pictures),
    })
}
