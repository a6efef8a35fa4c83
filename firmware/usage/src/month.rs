//! A month of the calendar, UTC: what a bill is for.

use serde::{Deserialize, Serialize};
use std::fmt;

/// `2026-11`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Month {
    /// Months since the year 0.
    count: i32,
}

impl Month {
    /// The month in which a Unix time in milliseconds lies; `None` beyond the year 9999.
    #[must_use]
    pub fn of_unix_ms(unix_ms: u64) -> Option<Self> {
        let timestamp = jiff::Timestamp::from_millisecond(i64::try_from(unix_ms).ok()?).ok()?;
        let date = jiff::tz::Offset::UTC.to_datetime(timestamp).date();
        Some(Self { count: i32::from(date.year()) * 12 + i32::from(date.month()) - 1 })
    }

    /// So many months later.
    #[must_use]
    pub fn plus(self, months: u16) -> Self {
        Self { count: self.count + i32::from(months) }
    }

    /// This one and all up to `last`; none when that is earlier.
    pub fn through(self, last: Self) -> impl Iterator<Item = Self> {
        (self.count..=last.count).map(|count| Self { count })
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.count / 12, self.count % 12 + 1)
    }
}

impl std::str::FromStr for Month {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no month; write it like 2026-11");
        let (year, month) = text.split_once('-').ok_or_else(wrong)?;
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if year.len() != 4 || month.len() != 2 || !digits(year) || !digits(month) {
            return Err(wrong());
        }
        let (year, month): (i32, i32) = (year.parse().map_err(|_| wrong())?, month.parse().map_err(|_| wrong())?);
        if (1..=12).contains(&month) { Ok(Self { count: year * 12 + month - 1 }) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for Month {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Month> for String {
    fn from(month: Month) -> String {
        month.to_string()
    }
}
