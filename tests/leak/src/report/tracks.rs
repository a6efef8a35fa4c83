//! Figures over clips, as tables and as JSON.

use super::rounded;
use super::table::{Look, empty, told};
use crate::stats::{Figure, RESAMPLES, SEED, TrackRow};
use comfy_table::Table;
use serde_json::{Value, json as value};

/// One way in which the clips were played, and what came of it.
#[derive(Debug)]
pub struct Played {
    /// `light`, `fast`, `full`.
    pub setting: String,
    /// How they were played, in words.
    pub how: String,
    /// Whether tracks were kept.
    pub tracking: bool,
    /// The figures.
    pub rows: Vec<TrackRow>,
}

/// What the figures were measured on.
#[derive(Debug)]
pub struct ClipBasis {
    /// Clips of each kind.
    pub kinds: Vec<(String, usize)>,
    /// `fill`, `pixelate`.
    pub filter: String,
}

/// Share of bare head-frames and plate-frames that is allowed.
pub(super) const BAR_SHARE: f64 = 0.005;
/// Bare frames in a row that are allowed.
const BAR_RUN: usize = 2;

/// The table and what it means, as text.
#[must_use]
pub fn track_tables(basis: &ClipBasis, played: &[Played], look: Look) -> String {
    let heading = [
        "setting",
        "played",
        "tracks kept",
        "clips",
        "",
        "tracks",
        "boxes",
        "bare, %",
        "tracks bare",
        "longest bare run",
        "false area, %",
        "bars",
    ];
    let mut table: Table = empty(look, heading.map(str::to_owned).to_vec());
    for one in played {
        for row in &one.rows {
            let met = row.bare.value <= BAR_SHARE && row.longest_bare_run <= BAR_RUN;
            table.add_row([
                one.setting.clone(),
                one.how.clone(),
                if one.tracking { "yes" } else { "no" }.to_owned(),
                row.kind.clone(),
                row.class.to_string(),
                row.tracks.to_string(),
                row.boxes.to_string(),
                told(row.bare, 100.0, 2),
                row.tracks_bare.to_string(),
                row.longest_bare_run.to_string(),
                told(row.false_area, 100.0, 2),
                if met { "met" } else { "not met" }.to_owned(),
            ]);
        }
    }
    let kinds: Vec<String> = basis.kinds.iter().map(|(kind, clips)| format!("{clips} {kind}")).collect();
    let notes = [
        format!("Clips: {}. filmed: a camera's video. sequence: real pictures about a second apart. moved-still: one real picture under a simulated camera. \
                 rendered: drawn.", kinds.join(", ")),
        format!("Bare: of the boxes of reference tracks in frames that were shown, those whose central 60 % x 60 % is not covered to 85 % (the report is believed; filter {}). \
                 Bars: at most {} % bare, at most {BAR_RUN} bare frames in a row.", basis.filter, 100.0 * BAR_SHARE),
        "False area: masked pixels outside the truth grown by 30 % on every side, share of the picture, over the clips that hold such tracks. References of stills are not \
         complete, so it is an upper bound.".to_owned(),
        format!("Intervals: 95 %, percentile bootstrap over tracks (false area: over clips), {RESAMPLES} resamples. * none or all bare: the exact bound over tracks. \
                 ~ fewer than {} of them: too narrow to rely on. The ladder is not played: at its start a board covers what is not masked here.", crate::stats::FEW),
    ];
    format!("{table}\n\n{}", notes.map(|note| format!("- {note}\n")).concat())
}

/// Everything, as one JSON object; shares in percent.
#[must_use]
pub fn track_json(basis: &ClipBasis, played: &[Played]) -> Value {
    let figure = |figure: Figure| {
        let told = |value: f64| rounded(100.0 * value, 3);
        value!({ "value": told(figure.value), "low": figure.interval.map(|i| told(i.low)), "high": figure.interval.map(|i| told(i.high)),
            "method": figure.interval.map(|i| i.method) })
    };
    let row = |row: &TrackRow| {
        value!({ "clips": row.kind, "class": row.class, "tracks": row.tracks, "boxes": row.boxes, "bare_pct": figure(row.bare),
            "tracks_bare": row.tracks_bare, "longest_bare_run": row.longest_bare_run, "false_area_pct": figure(row.false_area), "frames_in_doubt": row.in_doubt })
    };
    let one = |one: &Played| value!({ "setting": one.setting, "played": one.how, "tracking": one.tracking, "rows": one.rows.iter().map(row).collect::<Vec<_>>() });
    value!({
        "kinds": basis.kinds.iter().map(|(kind, clips)| value!({ "kind": kind, "clips": clips })).collect::<Vec<_>>(),
        "filter": basis.filter,
        "interval": { "level": 0.95, "resamples": RESAMPLES, "seed": SEED, "over": "tracks; false area: clips" },
        "bars": { "bare_pct": 100.0 * BAR_SHARE, "longest_bare_run": BAR_RUN },
        "played": played.iter().map(one).collect::<Vec<_>>(),
    })
}
