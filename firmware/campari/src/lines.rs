//! Lines of a file of any size, one at a time: a file that somebody damaged costs neither memory nor a panic.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// One line.
#[derive(Debug)]
pub struct Line<'a> {
    /// From 1.
    pub number: u64,
    /// Its first byte in the file.
    pub offset: u64,
    /// Without its `\n`. Of a line that is too long only its beginning.
    pub bytes: &'a [u8],
    /// Whether a `\n` ends it; the last one of a file may lack it.
    pub whole: bool,
    /// Longer than was asked for.
    pub too_long: bool,
}

/// Hands every line of `path` to `each`, those of more than `longest` bytes cut.
///
/// # Errors
/// What the system says, or what `each` does.
pub fn each<E: From<std::io::Error>>(
    path: &Path,
    longest: usize,
    mut each: impl FnMut(Line<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader = BufReader::new(File::open(path)?);
    let (mut offset, mut number, mut bytes) = (0_u64, 0_u64, Vec::new());
    loop {
        bytes.clear();
        let read = reader.by_ref().take(longest as u64 + 1).read_until(b'\n', &mut bytes)? as u64;
        if read == 0 {
            return Ok(());
        }
        number += 1;
        let whole = bytes.last() == Some(&b'\n');
        if whole {
            bytes.pop();
        }
        let too_long = bytes.len() > longest;
        each(Line { number, offset, bytes: &bytes, whole: whole || too_long, too_long })?;
        offset += read;
        if too_long {
            offset += skip_line(&mut reader)?;
        }
    }
}

fn skip_line(reader: &mut impl BufRead) -> std::io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = reader.fill_buf()?;
        let (used, found) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        reader.consume(used);
        skipped += used as u64;
        if found {
            return Ok(skipped);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_with_their_place_and_long_ones_are_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        let long = "x".repeat(30_000);
        std::fs::write(&path, format!("one\n\n{long}\n0123456789\nlast")).unwrap();
        let mut seen = vec![];
        each::<std::io::Error>(&path, 10, |line| {
            seen.push((line.number, line.offset, line.bytes.len(), line.whole, line.too_long));
            Ok(())
        })
        .unwrap();
        assert_eq!(
            seen,
            [
                (1, 0, 3, true, false),
                (2, 4, 0, true, false),
                (3, 5, 11, true, true),
                (4, 30_006, 10, true, false),
                (5, 30_017, 4, false, false)
            ]
        );
    }
}
