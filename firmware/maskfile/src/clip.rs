//! A clip through ffmpeg, the eye's road and ffmpeg again. Pictures only: sound and metadata are left behind.

use crate::FileError;
use crate::place::Part;
use board_hal::{CameraError, CameraFormat, CameraSource};
use board_sim::{ClipOptions, ClipSource, SystemClock};
use mask::MaskedFrame;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How long ffmpeg may take for one frame before the clip counts as stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// Opens a clip; every frame comes once, as fast as it is asked for.
///
/// # Errors
/// [`FileError::Unreadable`].
pub fn open(file: &Path) -> Result<ClipSource, FileError> {
    // Absolute, so that a name that begins with a dash is no option.
    let path = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    ClipSource::open(&path, &ClipOptions::unpaced(), Arc::new(SystemClock::new()))
        .map_err(|error| FileError::Unreadable { file: file.to_owned(), cause: error.to_string() })
}

/// The next frame, or `None` at the end.
///
/// # Errors
/// Why the clip ended before its end.
pub fn next(source: &mut ClipSource) -> Result<Option<mask::RawFrame>, String> {
    match source.next(PATIENCE) {
        Ok(frame) => Ok(Some(frame)),
        Err(CameraError::Gone { cause, .. }) if cause.starts_with(ClipSource::END) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// A clip being written: ffmpeg with libx264. It is written under another name and gets its own when it is whole.
pub struct Writer {
    child: Child,
    pictures: Option<ChildStdin>,
    said: Option<JoinHandle<String>>,
    part: Part,
}

impl Writer {
    /// Begins `target` for frames of `format`.
    ///
    /// # Errors
    /// [`FileError::Unwritable`] when ffmpeg cannot be started.
    pub fn begin(target: &Path, format: &CameraFormat) -> Result<Self, FileError> {
        let unwritable = |cause: String| FileError::Unwritable { file: target.to_owned(), cause };
        let part = Part::of(&std::path::absolute(target).map_err(|error| unwritable(error.to_string()))?);
        let mut child = command(part.file(), format).spawn().map_err(|error| {
            unwritable(format!("ffmpeg cannot be started: {error}; is it installed and on the PATH?"))
        })?;
        let pictures = child.stdin.take();
        let stderr = child.stderr.take();
        let said = std::thread::spawn(move || {
            let lines = stderr.into_iter().flat_map(|stderr| BufReader::new(stderr).lines().map_while(Result::ok));
            lines.filter(|line| !line.trim().is_empty()).last().unwrap_or_default()
        });
        Ok(Self { child, pictures, said: Some(said), part })
    }

    /// Adds one frame.
    ///
    /// # Errors
    /// [`FileError::Unwritable`] with ffmpeg's last line.
    pub fn write(&mut self, masked: &MaskedFrame) -> Result<(), FileError> {
        let geometry = masked.info().geometry;
        let planes = masked.planes();
        let Some(pipe) = self.pictures.as_mut() else { return Err(self.failed("the clip is closed")) };
        let luma = planes.luma.chunks(geometry.luma_stride).take(geometry.height);
        let chroma = planes.chroma.chunks(geometry.chroma_stride).take(geometry.height / 2);
        let written = luma.chain(chroma).try_for_each(|line| pipe.write_all(&line[..geometry.width]));
        written.map_err(|error| self.failed(&error.to_string()))
    }

    /// Ends the clip and gives it its name.
    ///
    /// # Errors
    /// [`FileError::Unwritable`] with ffmpeg's last line.
    pub fn finish(mut self) -> Result<(), FileError> {
        drop(self.pictures.take());
        match self.child.wait() {
            Ok(status) if status.success() => {}
            Ok(status) => return Err(self.failed(&status.to_string())),
            Err(error) => return Err(self.failed(&error.to_string())),
        }
        self.part.finish()
    }

    fn failed(&mut self, otherwise: &str) -> FileError {
        drop(self.pictures.take());
        // Ends it if it has not; what it said is complete then.
        drop(self.child.kill());
        let said = self.said.take().and_then(|said| said.join().ok()).filter(|line| !line.is_empty());
        FileError::Unwritable {
            file: self.part.target().to_owned(),
            cause: said.unwrap_or_else(|| otherwise.to_owned()),
        }
    }
}

impl Drop for Writer {
    /// Before the part is removed, so that nothing writes it any more. After [`Writer::finish`] there is nothing left to end.
    fn drop(&mut self) {
        drop(self.pictures.take());
        drop(self.child.kill());
        drop(self.child.wait());
        if let Some(said) = self.said.take() {
            drop(said.join());
        }
    }
}

fn command(part: &Path, format: &CameraFormat) -> Command {
    let geometry = format.geometry;
    let colours = if geometry.height >= 720 { "bt709" } else { "smpte170m" };
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "nv12"]);
    command.args(["-s", &format!("{}x{}", geometry.width, geometry.height), "-r", &format.fps.to_string()]);
    command
        .args(["-i", "pipe:0", "-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p"]);
    command.args(["-color_range", "tv", "-colorspace", colours, "-color_primaries", colours, "-color_trc", colours]);
    command.arg(part);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}
