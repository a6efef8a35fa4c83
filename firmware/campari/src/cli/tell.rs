//! How times, tables and words of the wire are shown to people.

use comfy_table::{Cell, CellAlignment, presets};
use serde::Serialize;

/// Unix milliseconds as `2026-11-22T14:00:00Z`; what is no date stays a number.
pub(super) fn time(unix_ms: u64) -> String {
    let timestamp = i64::try_from(unix_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    timestamp.map_or_else(|| unix_ms.to_string(), |timestamp| format!("{timestamp:.0}"))
}

/// A day (its beginning, UTC) or an instant, in Unix milliseconds.
pub(super) fn moment(text: &str) -> Result<u64, String> {
    let wrong = |cause: jiff::Error| format!("{cause}; write it like 2026-11-22 or 2026-11-22T14:00:00Z");
    let timestamp = match text.parse::<jiff::Timestamp>() {
        Ok(timestamp) => timestamp,
        Err(_) => {
            let day: jiff::civil::Date = text.parse().map_err(wrong)?;
            let midnight = day.to_datetime(jiff::civil::Time::midnight());
            jiff::tz::Offset::UTC.to_timestamp(midnight).map_err(wrong)?
        }
    };
    u64::try_from(timestamp.as_millisecond()).map_err(|_| format!("{text} is before 1970"))
}

/// The name that serde gives a unit variant.
pub(super) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// A table without lines, that a terminal and a pipe take alike.
pub(super) struct Table(comfy_table::Table);

impl Table {
    pub(super) fn new(head: &[&str]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_header(head);
        Self(table)
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.0.add_row(cells);
    }

    /// Numbers to the right.
    pub(super) fn row_of(&mut self, cells: Vec<(String, bool)>) {
        let cell = |(text, number)| {
            Cell::new(text).set_alignment(if number { CellAlignment::Right } else { CellAlignment::Left })
        };
        self.0.add_row(cells.into_iter().map(cell));
    }

    pub(super) fn text(&self) -> String {
        self.0.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_as_it_is_written() {
        assert_eq!(time(1_794_744_000_123), "2026-11-15T12:00:00Z");
        assert_eq!(moment("2026-11-15T12:00:00Z"), Ok(1_794_744_000_000));
        assert_eq!(moment("2026-11-15"), Ok(1_794_744_000_000 - 12 * 3_600_000));
        assert_eq!(time(u64::MAX), u64::MAX.to_string());
        assert!(moment("yesterday").unwrap_err().contains("2026-11-22"));
        assert!(moment("1912-06-23").is_err());
    }
}
