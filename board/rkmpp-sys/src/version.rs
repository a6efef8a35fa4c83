//! Which library it is.
//!
//! MPP has no version number that a program could ask for; its build writes the last commit into it: `ee946af0 author: A B   2024-03-13 subject`. Builds
//! outside git say `unknown mpp version for missing VCS info`; of those only what they can do tells anything.

use std::fmt;

/// A library's version, as far as it says one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Version {
    /// The day of its last commit: year, month, day.
    pub date: Option<(u16, u8, u8)>,
    /// Its last commit, the first eight hex digits.
    commit: Option<[u8; 8]>,
}

impl Version {
    /// The first day of libraries whose encoders can send slices as they become ready (`split:out`), the youngest thing that is relied on.
    pub const OLDEST: &'static str = "2022-05-10";
    const OLDEST_DATE: (u16, u8, u8) = (2022, 5, 10);

    /// Reads what the library says of itself.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        let commit = text.split_whitespace().next().and_then(|word| word.as_bytes().first_chunk::<8>().copied());
        let date = text.split_whitespace().find_map(date);
        Self { date, commit: commit.filter(|commit| commit.iter().all(u8::is_ascii_hexdigit)) }
    }
    /// It says so itself. One that says nothing is not: its functions and names of settings decide.
    #[must_use]
    pub fn is_too_old(&self) -> bool {
        self.date.is_some_and(|date| date < Self::OLDEST_DATE)
    }
}

fn date(word: &str) -> Option<(u16, u8, u8)> {
    let mut parts = word.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    Some((year.parse().ok()?, month.parse().ok()?, day.parse().ok()?))
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.date {
            Some((year, month, day)) => write!(f, "{year:04}-{month:02}-{day:02}")?,
            None => f.write_str("an unknown date")?,
        }
        if let Some(commit) = &self.commit {
            write!(f, " (commit {})", String::from_utf8_lossy(commit))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_and_commit_are_found_wherever_the_author_ends() {
        let version =
            Version::of_text("ee946af0 author: Some One-Two     2024-03-13 fix[h265e]: 1999-01-01 is no date");
        assert_eq!(version.date, Some((2024, 3, 13)));
        assert_eq!(version.to_string(), "2024-03-13 (commit ee946af0)");
        assert!(!version.is_too_old());
    }

    #[test]
    fn a_library_of_before_slices_is_too_old_and_one_that_says_nothing_is_not() {
        assert!(Version::of_text("6dadc7e1 author: A  2021-09-02 x").is_too_old());
        assert!(Version::of_text("6dadc7e1 author: A  2022-05-09 x").is_too_old());
        assert!(!Version::of_text("6ddafd0b author: A  2022-05-10 x").is_too_old());
        for silent in ["unknown mpp version for missing VCS info", "", "2022-5-10", "ééééé"] {
            let version = Version::of_text(silent);
            assert!(!version.is_too_old(), "{silent}");
            assert_eq!(version.to_string(), "an unknown date", "{silent}");
        }
    }
}
