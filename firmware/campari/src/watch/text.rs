//! How words and times look on the screen.

/// What a stranger wrote, cut to `most` characters: letters, digits and plain punctuation only. Control characters, and marks that turn writing
/// around or hide it, become dots.
pub(super) fn plain(text: &str, most: usize) -> String {
    let shown = |c: char| if c.is_alphanumeric() || c == ' ' || c.is_ascii_punctuation() { c } else { '·' };
    let mut cut: String = text.chars().take(most).map(shown).collect();
    if text.chars().count() > most && most > 0 {
        cut.pop();
        cut.push('…');
    }
    cut
}

/// Broken between words into lines of at most `width`.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut();
        match line {
            Some(line) if line.is_empty() || line.chars().count() + 1 + word.chars().count() <= width => {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// `1:05` for 65 seconds, `2:00:05` for more than an hour.
pub(super) fn clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// The time of day of Unix seconds, UTC.
pub(super) fn time_of_day(unix_s: u64) -> String {
    let day_s = unix_s % (24 * 3600);
    format!("{:02}:{:02}:{:02}", day_s / 3600, day_s / 60 % 60, day_s % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_as_dots() {
        assert_eq!(plain("traffic\u{1b}[2J\u{202e}x\n", 40), "traffic·[2J·x·");
        assert_eq!(plain("Schrijverstraat é", 40), "Schrijverstraat é");
        assert_eq!(plain("abcdef", 4), "abc…");
    }

    #[test]
    fn a_long_line_breaks_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("unbreakable x", 4), ["unbreakable", "x"]);
        assert_eq!(wrapped("", 4), [""]);
    }

    #[test]
    fn times_are_read_at_a_glance() {
        assert_eq!((clock(5), clock(65), clock(7_205)), ("0:05".into(), "1:05".into(), "2:00:05".into()));
        assert_eq!(time_of_day(1_700_000_000), "22:13:20");
    }
}
