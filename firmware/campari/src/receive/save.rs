//! Saves what can be decoded, as a byte stream (ITU-T H.264 or H.265, annex B), and keeps the time that it spans.
//!
//! Begins at a key unit; after a loss it waits for the next one, as a player that shows no damaged picture does.

use super::ReceiveError;
use rtp::AccessUnit;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file being written.
#[derive(Debug)]
pub struct Saved {
    file: BufWriter<File>,
    stream: SavedStream,
    last_timestamp: Option<u32>,
    decodable: bool,
}

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedStream {
    /// Where.
    pub path: PathBuf,
    /// Pictures in it.
    pub pictures: u64,
    /// Pictures left out because one before them was lost.
    pub left_out: u64,
    /// Time from the first picture to the last, RTP ticks (90 kHz). Pauses between sources do not count.
    pub ticks: u64,
    /// What went wrong while writing; the rest is missing.
    pub fault: Option<String>,
}

impl SavedStream {
    /// Pictures per second.
    #[must_use]
    pub fn fps(&self) -> Option<f64> {
        (self.pictures > 1 && self.ticks > 0).then(|| (self.pictures - 1) as f64 * 90_000.0 / self.ticks as f64)
    }
    /// Seconds from the first picture to the end of the last.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.fps().map_or(0.0, |fps| self.pictures as f64 / fps)
    }
}

impl Saved {
    /// Begins a file, replacing what was there.
    ///
    /// # Errors
    /// [`ReceiveError::File`].
    pub fn create(path: &Path) -> Result<Self, ReceiveError> {
        let file = File::create(path).map_err(|cause| ReceiveError::File { path: path.to_owned(), cause })?;
        let stream = SavedStream { path: path.to_owned(), pictures: 0, left_out: 0, ticks: 0, fault: None };
        Ok(Self { file: BufWriter::new(file), stream, last_timestamp: None, decodable: false })
    }

    /// Adds a unit if it can be decoded after those before it.
    pub fn unit(&mut self, unit: &AccessUnit<'_>) {
        self.decodable = unit.key || (self.decodable && !unit.after_loss);
        if !self.decodable {
            self.stream.left_out += 1;
            return;
        }
        if let Err(cause) = self.file.write_all(unit.data) {
            self.stream.fault.get_or_insert_with(|| cause.to_string());
            self.decodable = false;
            return;
        }
        if let Some(last) = self.last_timestamp.replace(unit.timestamp) {
            let step = unit.timestamp.wrapping_sub(last);
            // More than ten seconds is another source's timeline.
            self.stream.ticks += if step < 900_000 { u64::from(step) } else { 3_600 };
        }
        self.stream.pictures += 1;
    }

    /// Writes out what is buffered.
    #[must_use]
    pub fn finish(mut self) -> SavedStream {
        if let Err(cause) = self.file.flush() {
            self.stream.fault.get_or_insert_with(|| cause.to_string());
        }
        self.stream
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(timestamp: u32, key: bool, after_loss: bool) -> AccessUnit<'static> {
        AccessUnit { data: &[0, 0, 0, 1, 0x65], timestamp, captured: None, key, after_loss }
    }

    #[test]
    fn what_cannot_be_decoded_is_left_out_until_the_next_key_picture() {
        let dir = tempfile::tempdir().unwrap();
        let mut saved = Saved::create(&dir.path().join("s.h264")).unwrap();
        for (timestamp, key, after_loss) in [
            (0, false, false),
            (3600, true, false),
            (7200, false, false),
            (14_400, false, true),
            (18_000, false, false),
            (21_600, true, true),
        ] {
            saved.unit(&unit(timestamp, key, after_loss));
        }
        let stream = saved.finish();
        assert_eq!((stream.pictures, stream.left_out), (3, 3));
        assert_eq!(std::fs::metadata(&stream.path).unwrap().len(), 15);
    }

    #[test]
    fn the_frame_rate_comes_from_the_timestamps_even_across_their_wrap() {
        let dir = tempfile::tempdir().unwrap();
        let mut saved = Saved::create(&dir.path().join("s.h264")).unwrap();
        for n in 0..51_u32 {
            saved.unit(&unit(0xffff_0000_u32.wrapping_add(n * 6000), n == 0, false));
        }
        let stream = saved.finish();
        assert!((stream.fps().unwrap() - 15.0).abs() < 1e-9);
        assert!((stream.seconds() - 3.4).abs() < 1e-9);
    }
}
