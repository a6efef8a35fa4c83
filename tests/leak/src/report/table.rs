//! The figures as tables, for a terminal or as markdown.

use super::{Basis, Outcome};
use crate::cost::{BOARDS, SOURCES};
use crate::input::Class;
use crate::stats::{ClassFigures, FEW, Figure, Method, NIGHT_LUMA, RESAMPLES, Row};
use comfy_table::{ContentArrangement, Table, presets};

/// How tables are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// With lines, for a terminal.
    Terminal,
    /// For a document.
    Markdown,
}

/// All tables and what they mean, as text.
#[must_use]
pub fn tables(basis: &Basis, outcomes: &[Outcome], look: Look) -> String {
    let mut text = String::new();
    let mut add = |title: &str, table: Option<Table>| {
        if let Some(table) = table {
            let mark = if look == Look::Markdown { "## " } else { "" };
            text.push_str(&format!("{mark}{title}\n\n{table}\n\n"));
        }
    };
    for class in Class::ALL {
        add(&format!("{class}, % [95 % interval]"), main_table(outcomes, class, look));
        add(
            &format!("{class}: core85 by width in px at 640, % [95 % interval] (boxes)"),
            widths(outcomes, class, look),
        );
    }
    add("cost", costs(outcomes, look));
    text + &notes(basis, outcomes)
}

pub(super) fn empty(look: Look, heading: Vec<String>) -> Table {
    let mut table = Table::new();
    table.load_style(match look {
        Look::Terminal => presets::UTF8_FULL_CONDENSED,
        Look::Markdown => presets::ASCII_MARKDOWN,
    });
    table.set_content_arrangement(ContentArrangement::Disabled).set_header(heading);
    table
}

/// Rows of a class, those of one kind of picture together so that settings stand under one another.
fn figures(outcomes: &[Outcome], class: Class) -> Vec<(&Outcome, &Row, &ClassFigures)> {
    let names = outcomes.first().map_or(&[][..], |outcome| &outcome.rows);
    let of = |name: &str| {
        let name = name.to_owned();
        outcomes.iter().flat_map(move |outcome| {
            let rows = outcome.rows.iter().filter(|row| row.name == name).collect::<Vec<_>>();
            rows.into_iter().map(move |row| (outcome, row))
        })
    };
    let found = names.iter().flat_map(|row| of(&row.name));
    found
        .filter_map(|(outcome, row)| Some((outcome, row, row.classes.iter().find(|figures| figures.class == class)?)))
        .collect()
}

fn main_table(outcomes: &[Outcome], class: Class, look: Look) -> Option<Table> {
    let heading = [
        "pictures",
        "",
        "setting",
        "boxes",
        "cover85",
        "core85",
        "touch",
        "false area",
        "… extras excused",
        "shows",
        "ms here",
    ];
    let mut table = empty(look, heading.map(str::to_owned).to_vec());
    let figures = figures(outcomes, class);
    for (outcome, row, of) in &figures {
        let ms = of.median_infer_ms.map_or_else(|| "-".to_owned(), |ms| told(ms, 1.0, 2));
        table.add_row([
            row.name.clone(),
            row.pictures.to_string(),
            outcome.model.setting.clone(),
            of.boxes.to_string(),
            told(of.cover85, 100.0, 1),
            told(of.core85, 100.0, 1),
            told(of.touch, 100.0, 1),
            told(of.false_area, 100.0, 3),
            told(of.false_area_excused, 100.0, 3),
            of.still_shows.to_string(),
            ms,
        ]);
    }
    (!figures.is_empty()).then_some(table)
}

fn widths(outcomes: &[Outcome], class: Class, look: Look) -> Option<Table> {
    let figures = figures(outcomes, class);
    let bins = &figures.first()?.2.by_width;
    let heading = ["pictures".to_owned(), "setting".to_owned()].into_iter();
    let mut table = empty(look, heading.chain(bins.iter().map(|bin| bin.bin.to_string())).collect());
    for (outcome, row, of) in figures {
        let cells = of.by_width.iter().map(|bin| match bin.core85 {
            Some(core) => format!("{} ({})", told(core, 100.0, 1), bin.boxes),
            None => "-".to_owned(),
        });
        table.add_row([row.name.clone(), outcome.model.setting.clone()].into_iter().chain(cells));
    }
    Some(table)
}

fn costs(outcomes: &[Outcome], look: Look) -> Option<Table> {
    let heading = ["setting", "network input", "multiply-adds", "file, bytes"].map(str::to_owned).into_iter();
    let heading = heading.chain(["median ms here, one thread".to_owned()]);
    let boards = BOARDS.iter().map(|board| format!("expected ms, {}", board.name));
    let mut table = empty(look, heading.chain(boards).collect());
    for outcome in outcomes {
        let model = &outcome.model;
        let ms = outcome.rows.first().and_then(|row| row.median_infer_ms);
        let cells = [
            model.setting.clone(),
            format!("{}x{}", model.input.width, model.input.height),
            format!("{:.0} M", model.multiply_adds as f64 / 1e6),
            model.bytes.to_string(),
            ms.map_or_else(|| "-".to_owned(), |ms| told(ms, 1.0, 2)),
        ];
        let expected = BOARDS.iter().map(|board| {
            let expected = board.expected(model.multiply_adds);
            format!("{:.0} ({:.0}-{:.0})", expected.ms, expected.low_ms, expected.high_ms)
        });
        table.add_row(cells.into_iter().chain(expected));
    }
    (!outcomes.is_empty()).then_some(table)
}

/// `96.5 [94.6-98.1]`, and a mark where the interval is not quite the bootstrap's: see the notes.
pub(super) fn told(figure: Figure, scale: f64, digits: usize) -> String {
    let interval = figure.interval.map(|interval| {
        let mark = match interval.method {
            Method::Exact => "*",
            Method::Bootstrap if interval.is_shaky() => "~",
            Method::Bootstrap => "",
        };
        format!(" [{:.digits$}-{:.digits$}]{mark}", scale * interval.low, scale * interval.high)
    });
    format!("{:.digits$}{}", scale * figure.value, interval.unwrap_or_default())
}

fn notes(basis: &Basis, outcomes: &[Outcome]) -> String {
    let load = basis.load.map_or_else(|| "unknown".to_owned(), |load| format!("{load:.1}"));
    let missing = outcomes.first().and_then(|outcome| outcome.rows.first()).map_or(0, |row| row.missing);
    let pixels = if basis.pixels_checked {
        "masked pixels are compared with the originals: a core that still shows (|r| >= 0.35) is a leak"
    } else {
        "masked pixels were not looked at: the report is believed"
    };
    let mut lines = vec![
        format!(
            "cover85, core85, touch: share of annotated boxes of which the masks cover 85 %, whose central 60 % x 60 % is covered to 85 %, of which 25 % are \
             covered; {pixels}. Filter {}; single pictures, no tracking.",
            basis.filter
        ),
        "False area: masked pixels outside the truth grown by 30 % on every side, mean share of the picture, over the sources that have the class annotated; \
         masks of both classes count. Annotations are not complete, so it is an upper bound."
            .to_owned(),
        format!(
            "Extras excused: {} boxes that nobody had annotated count as truth for the false area, never as hits or misses.",
            basis.extra_boxes
        ),
        format!(
            "Intervals: 95 %, percentile bootstrap over pictures, {RESAMPLES} resamples. * all boxes passed, or none: the exact bound over the pictures that \
             hold such boxes. ~ fewer than {FEW} pictures hold such boxes: too narrow to rely on."
        ),
        format!("Night: mean luma of the picture below {NIGHT_LUMA}. {} of {} pictures were trained on.", basis.trained_on, basis.pictures),
        format!(
            "Expected ms: multiply-adds / (4 cores x clock x rate), slowest and quickest published rate in brackets; the network alone. {SOURCES}."
        ),
    ];
    lines.extend(BOARDS.iter().map(|board| format!("{}.", board.assumption())));
    lines.push(format!(
        "ms here: one thread on this machine, load {load} on {} cores over the last minutes; above the number of cores other work was measured as well.",
        basis.cores
    ));
    for outcome in outcomes {
        let doubt = outcome.rows.first().map_or(0, |row| row.in_doubt);
        if doubt > 0 {
            let setting = &outcome.model.setting;
            lines.push(format!(
                "{setting}: {doubt} pictures were covered whole, because of doubt; their boxes count as covered and their area as false."
            ));
        }
    }
    if missing > 0 {
        lines.push(format!("{missing} pictures could not be masked; all their boxes count as missed."));
    }
    lines.iter().map(|line| format!("- {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Interval;

    #[test]
    fn a_figure_is_told_with_its_interval_and_a_mark_where_it_is_not_the_bootstrap_s() {
        let told = |method, pictures| {
            told(
                Figure { value: 0.965, interval: Some(Interval { low: 0.9461, high: 0.981, method, pictures }) },
                100.0,
                1,
            )
        };
        assert_eq!(told(Method::Bootstrap, 70), "96.5 [94.6-98.1]");
        assert_eq!(told(Method::Bootstrap, 7), "96.5 [94.6-98.1]~");
        assert_eq!(told(Method::Exact, 7), "96.5 [94.6-98.1]*");
        assert_eq!(super::told(Figure { value: 7.126, interval: None }, 1.0, 2), "7.13");
    }
}
