//! A screen in memory: Xvfb, whose frame buffer is a file that is read without being its client, so that looking costs the players nothing.
//!
//! The file is in the X window dump format (XWDFile.h, version 7): a header of big-endian words, colours, then the pixels.

use crate::letters::{Grey, Letters, WORD};
use anyhow::{Context, Result, bail, ensure};
use std::fs::File;
use std::io::BufWriter;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// As large as the default scene, so that players show it pixel by pixel.
pub const SIZE: (usize, usize) = (1280, 720);
/// Between two looks at the screen. A frame buffer tells nobody that it changed.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Between two searches of the whole screen for where a time stands.
const SEARCH_EVERY: Duration = Duration::from_millis(50);
/// How long the X server may take to start.
const UP_WITHIN: Duration = Duration::from_secs(30);
/// Bytes of a pixel: blue, green, red, nothing.
const PIXEL: usize = 4;
/// Bytes of a colour in the dump's table.
const COLOUR: usize = 12;

/// The X server; killed when dropped.
pub struct Screen {
    /// What `DISPLAY` has to say.
    pub display: String,
    memory: Arc<Memory>,
    _server: Child,
}

/// A picture that was not on the screen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// When it was captured: what is written on it, milliseconds since the Unix epoch.
    pub captured_ms: u64,
    /// When it was seen, microseconds since the Unix epoch.
    pub seen_us: u64,
}

impl Shown {
    /// From capture to screen. Up to a millisecond too long, since what is written has no smaller digits, and up to one look too long.
    #[must_use]
    pub fn latency_ms(&self) -> f64 {
        (self.seen_us as f64 - self.captured_ms as f64 * 1e3) / 1e3
    }
}

impl Screen {
    /// Starts one, its frame buffer in `dir`.
    ///
    /// # Errors
    /// What is missing, or what the server said.
    pub async fn start(dir: &Path) -> Result<Self> {
        let log = dir.join("xvfb.log");
        let size = format!("{}x{}x24", SIZE.0, SIZE.1);
        // Any user of this machine may draw: VLC runs for nobody where we are root.
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", &size, "-nolisten", "tcp", "-ac", "-br", "-noreset", "-fbdir"])
            .arg(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).with_context(|| log.display().to_string())?)
            .kill_on_drop(true)
            .spawn()
            .context("starting Xvfb; is it installed? apt-get install xvfb")?;
        let said = server.stdout.take().context("Xvfb's output is piped")?;
        let mut number = String::new();
        let up = tokio::time::timeout(UP_WITHIN, BufReader::new(said).read_line(&mut number)).await;
        if !matches!(up, Ok(Ok(1..))) {
            bail!("Xvfb did not start: {}", std::fs::read_to_string(&log).unwrap_or_default());
        }
        let memory = Arc::new(Memory::open(&dir.join("Xvfb_screen0"))?);
        Ok(Self { display: format!(":{}", number.trim()), memory, _server: server })
    }

    /// Looks on until dropped; pictures captured before `from_ms` are an earlier player's.
    #[must_use]
    pub fn watch(&self, from_ms: u64) -> Watch {
        let (tell, shown) = mpsc::unbounded_channel();
        let over = Arc::new(AtomicBool::new(false));
        let (memory, ends) = (Arc::clone(&self.memory), Arc::clone(&over));
        std::thread::spawn(move || {
            if let Err(cause) = look(&memory, from_ms, &tell, &ends) {
                // The channel closes, which whoever waits for pictures sees.
                eprintln!("the screen cannot be read: {cause:#}");
            }
        });
        Watch { shown, over }
    }

    /// What is on it now, as a picture file.
    ///
    /// # Errors
    /// What could not be read or written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let pixels = self.memory.lines(0, SIZE.1)?;
        let rgb: Vec<u8> = pixels.chunks_exact(PIXEL).flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]).collect();
        let file = File::create(path).with_context(|| path.display().to_string())?;
        let mut encoder = png::Encoder::new(BufWriter::new(file), SIZE.0 as u32, SIZE.1 as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header()?.write_image_data(&rgb)?;
        Ok(())
    }
}

/// What appears on the screen.
pub struct Watch {
    /// Each picture once.
    pub shown: mpsc::UnboundedReceiver<Shown>,
    over: Arc<AtomicBool>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// The clock that the eye's writing is held against.
#[must_use]
pub fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

fn look(memory: &Memory, from_ms: u64, tell: &mpsc::UnboundedSender<Shown>, over: &AtomicBool) -> Result<()> {
    let letters = Letters::default();
    let (mut place, mut last, mut before) = (None, from_ms, Vec::new());
    while !over.load(Ordering::Relaxed) {
        let Some((x, y)) = place else {
            let green = green(&memory.lines(0, SIZE.1)?);
            place = letters.find(Grey { pixels: &green, width: SIZE.0 });
            if place.is_none() {
                std::thread::sleep(SEARCH_EVERY);
            }
            continue;
        };
        let lines = memory.lines(y, WORD.1)?;
        let seen_us = now_us();
        if lines != before {
            let green = green(&lines);
            match letters.read(Grey { pixels: &green, width: SIZE.0 }, x, 0) {
                // A word that stays: not one that the player is just drawing.
                Some(captured_ms) if captured_ms > last && memory.lines(y, WORD.1)? == lines => {
                    last = captured_ms;
                    if tell.send(Shown { captured_ms, seen_us }).is_err() {
                        return Ok(());
                    }
                    before = lines;
                }
                Some(captured_ms) if captured_ms <= last => before = lines,
                // Half drawn, or the player is gone: the next look tells.
                _ => {}
            }
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

/// Grey enough for letters that are white on black.
fn green(pixels: &[u8]) -> Vec<u8> {
    pixels.chunks_exact(PIXEL).map(|pixel| pixel[1]).collect()
}

/// The frame buffer.
struct Memory {
    file: File,
    /// Where the pixels begin.
    begins: u64,
    /// Bytes of a line.
    line: usize,
}

impl Memory {
    fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        let mut header = [0; 100];
        file.read_exact_at(&mut header, 0).with_context(|| path.display().to_string())?;
        let word = |n: usize| u32::from_be_bytes([0, 1, 2, 3].map(|byte| header[n * 4 + byte])) as usize;
        let (version, size, bits, line) = (word(1), (word(4), word(5)), word(11), word(12));
        ensure!(
            version == 7 && size == SIZE && bits == PIXEL * 8 && line >= SIZE.0 * PIXEL,
            "{}: not the frame buffer that was asked for: version {version}, {size:?}, {bits} bits, {line} bytes a line",
            path.display()
        );
        Ok(Self { file, begins: (word(0) + word(19) * COLOUR) as u64, line })
    }

    fn lines(&self, from: usize, count: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; count * self.line];
        self.file.read_exact_at(&mut bytes, self.begins + (from * self.line) as u64).context("the frame buffer")?;
        if self.line > SIZE.0 * PIXEL {
            bytes = bytes.chunks_exact(self.line).flat_map(|line| &line[..SIZE.0 * PIXEL]).copied().collect();
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A dump of one colour, as Xvfb lays it out.
    fn dump(dir: &Path, size: (usize, usize)) -> std::path::PathBuf {
        let mut words = [0_u32; 25];
        for (n, value) in [(0, 160), (1, 7), (4, size.0), (5, size.1), (11, 32), (12, size.0 * PIXEL), (19, 256)] {
            words[n] = value as u32;
        }
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.resize(160 + 256 * COLOUR, 0);
        bytes.extend([1, 2, 3, 0].repeat(size.0 * size.1));
        let path = dir.join("Xvfb_screen0");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn pixels_begin_after_header_and_colours() {
        let dir = tempfile::tempdir().unwrap();
        let memory = Memory::open(&dump(dir.path(), SIZE)).unwrap();
        assert_eq!(memory.lines(SIZE.1 - 1, 1).unwrap(), [1, 2, 3, 0].repeat(SIZE.0));
        assert!(memory.lines(SIZE.1 - 1, 2).is_err());
    }

    #[test]
    fn a_screen_of_another_size_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let error = Memory::open(&dump(dir.path(), (640, 480))).err().expect("refused");
        assert!(error.to_string().contains("(640, 480)"), "{error}");
    }
}
