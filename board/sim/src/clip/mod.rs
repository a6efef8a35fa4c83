//! A clip as a camera: whatever ffmpeg reads, in real time or as fast as the consumer asks.
//!
//! ffmpeg runs as a child that is started in [`ClipSource::open`], before the eye confines itself; after that the source only reads a pipe. A
//! source that has ended cannot be reopened by a confined process: let it loop instead.

mod ffmpeg;
mod reader;

use board_hal::{CameraError, CameraFormat, CameraSource, Clock, Nv12Pool};
use ffmpeg::Ffmpeg;
use mask::{ColourMatrix, ColourRange, FrameId, RawFrame};
use reader::{Reader, Shared};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How to play a clip.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipOptions {
    /// In real time, newest frame wins, as a camera does. Otherwise every frame once and none before it is asked for.
    pub paced: bool,
    /// Begin again at the end instead of [`CameraError::Gone`].
    pub loop_forever: bool,
    /// Scale to this size (even) instead of the clip's own.
    pub size: Option<(usize, usize)>,
    /// Frames per second instead of the clip's own; frames are repeated or left out.
    pub fps: Option<f32>,
    /// ffmpeg's name of the input format where it cannot be guessed. With `lavfi` the path is a filter graph, such as `testsrc2=rate=25`.
    pub input_format: Option<String>,
    /// Frames that can exist at once, those leased to the consumer included; at least 3.
    pub buffers: usize,
}

impl Default for ClipOptions {
    /// In real time, once, as it is.
    fn default() -> Self {
        Self { paced: true, loop_forever: false, size: None, fps: None, input_format: None, buffers: 6 }
    }
}

impl ClipOptions {
    /// For tests and files: every frame once, as fast as asked.
    #[must_use]
    pub fn unpaced() -> Self {
        Self { paced: false, ..Self::default() }
    }
}

/// A clip, playing.
///
/// Time stamps are the clock's at the moment that a paced frame is due. Of an unpaced clip they are the clip's own time, counted from the
/// moment of opening, whatever the real time.
pub struct ClipSource {
    clip: String,
    format: CameraFormat,
    pool: Nv12Pool,
    shared: Arc<Shared>,
    first_id: u64,
    ffmpeg: Ffmpeg,
    reader: Option<JoinHandle<()>>,
}

impl ClipSource {
    /// Starts ffmpeg on `clip` and waits for its first answer: size and rate.
    ///
    /// # Errors
    /// [`CameraError::Missing`] when there is no such file, or no ffmpeg; [`CameraError::Unsupported`] with ffmpeg's last line when it cannot
    /// read it.
    pub fn open(clip: &Path, options: &ClipOptions, clock: Arc<dyn Clock>) -> Result<Self, CameraError> {
        let (ffmpeg, pictures) = Ffmpeg::start(clip, options)?;
        let name = clip.display().to_string();
        let (width, height) = (pictures.get_width(), pictures.get_height());
        let rate = pictures.get_framerate();
        let (rate, per) = if rate.num == 0 || rate.den == 0 { (25, 1) } else { (rate.num as u64, rate.den as u64) };
        let pool = Nv12Pool::new(width, height, options.buffers.max(3));
        let format = CameraFormat {
            geometry: pool.geometry(),
            range: ColourRange::Limited,
            matrix: ColourMatrix::usual(height),
            fps: rate as f32 / per as f32,
            wire: "clip".to_owned(),
        };
        tracing::info!(clip = name, width, height, fps = format.fps, paced = options.paced, "clip opened");
        let shared = Arc::new(Shared::new(options.buffers.max(3)));
        let reader = Reader {
            pictures,
            pool: pool.clone(),
            shared: Arc::clone(&shared),
            clock,
            paced: options.paced,
            rate,
            per,
            said: ffmpeg.said(),
        };
        let reader = std::thread::Builder::new()
            .name("clip".to_owned())
            .spawn(move || reader.run())
            .map_err(|error| CameraError::Missing { device: name.clone(), cause: format!("no thread: {error}") })?;
        Ok(Self { clip: name, format, pool, shared, first_id: 0, ffmpeg, reader: Some(reader) })
    }
    /// How the cause of [`CameraError::Gone`] begins when a clip is simply over.
    pub const END: &str = "end of the clip";

    /// Goes on counting frames from `first`, as after a camera that was lost.
    #[must_use]
    pub fn number_from(mut self, first: FrameId) -> Self {
        self.first_id = first.0;
        self
    }
}

impl CameraSource for ClipSource {
    fn format(&self) -> &CameraFormat {
        &self.format
    }
    fn next(&mut self, timeout: Duration) -> Result<RawFrame, CameraError> {
        let ready = match self.shared.take(timeout) {
            Ok(Some(ready)) => ready,
            Ok(None) => return Err(CameraError::Timeout(timeout)),
            Err(ending) => {
                let complaint = ending.complaint.or_else(|| self.ffmpeg.failure());
                let cause = complaint.as_deref().unwrap_or(Self::END);
                let cause = format!("{cause} after {} frames", ending.frames);
                return Err(CameraError::Gone { device: self.clip.clone(), cause });
            }
        };
        let id = FrameId(self.first_id + ready.number);
        RawFrame::new(id, ready.captured, self.format.geometry, self.format.range, ready.buffer)
            .map_err(|error| CameraError::BadFrame { device: self.clip.clone(), cause: error.to_string() })
    }
    fn dropped(&self) -> u64 {
        self.shared.dropped()
    }
}

impl Drop for ClipSource {
    fn drop(&mut self) {
        self.shared.close();
        self.pool.close();
        self.ffmpeg.stop();
        if let Some(reader) = self.reader.take() {
            // A panic in the reader has already been printed; the clip is over either way.
            drop(reader.join());
        }
    }
}
