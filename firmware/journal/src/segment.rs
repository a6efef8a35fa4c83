//! What the files of a journal are called, and which of them may go.

/// What the one file of a journal was called before there were segments; it counts as the first.
pub const UNDIVIDED: &str = "journal.jsonl";

/// File name of segment `number`, counted from 1.
#[must_use]
pub fn name(number: u32) -> String {
    format!("journal-{number:06}.jsonl")
}

/// The number of a segment by its file name; [`UNDIVIDED`] is 0. Anything else is no segment.
#[must_use]
pub fn number(file_name: &str) -> Option<u32> {
    if file_name == UNDIVIDED {
        return Some(0);
    }
    let digits = file_name.strip_prefix("journal-")?.strip_suffix(".jsonl")?;
    let plain = digits.len() >= 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|number| plain && *number > 0)
}

/// How large a journal may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A segment that has reached this many bytes is followed by a new one.
    pub segment_bytes: u64,
    /// When all segments together have more, the oldest go.
    pub keep_bytes: u64,
}

impl Limits {
    /// How many of the oldest segments, whose sizes are given oldest first, must go. The two newest always stay.
    #[must_use]
    pub fn surplus(&self, sizes: impl DoubleEndedIterator<Item = u64> + ExactSizeIterator) -> usize {
        let count = sizes.len();
        let mut total = 0_u64;
        let fit = sizes
            .rev()
            .take_while(|bytes| {
                total = total.saturating_add(*bytes);
                total <= self.keep_bytes
            })
            .count();
        count - fit.max(2).min(count)
    }
}
