//! ffmpeg as a child that writes YUV4MPEG2 to a pipe, and the last line it complained with.

use super::ClipOptions;
use board_hal::CameraError;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// The pictures in the pipe. A small buffer serves the headers, which are read byte by byte; pictures bypass it.
pub(super) type Pictures = y4m::Decoder<BufReader<ChildStdout>>;

/// The child; killed on drop.
pub(super) struct Ffmpeg {
    child: Child,
    said: LastLine,
    listener: Option<JoinHandle<()>>,
}

/// The last line on the child's standard error.
#[derive(Clone, Default)]
pub(super) struct LastLine(Arc<Mutex<String>>);

impl LastLine {
    /// The line, or `otherwise` when it has been silent.
    pub(super) fn or(&self, otherwise: &str) -> String {
        let line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if line.is_empty() { otherwise.to_owned() } else { line.clone() }
    }
    fn listen(&self, stderr: ChildStderr) {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if !line.trim().is_empty() {
                *self.0.lock().unwrap_or_else(PoisonError::into_inner) = line.trim().to_owned();
            }
        }
    }
}

impl Ffmpeg {
    /// Starts it and reads the header of its answer.
    pub(super) fn start(clip: &Path, options: &ClipOptions) -> Result<(Self, Pictures), CameraError> {
        let device = clip.display().to_string();
        let missing = |cause: String| CameraError::Missing { device: device.clone(), cause };
        if options.input_format.is_none() {
            let about = std::fs::metadata(clip).map_err(|error| missing(error.to_string()))?;
            if about.is_dir() {
                return Err(missing("a folder, not a clip".to_owned()));
            }
        }
        let mut child = command(clip, options)
            .spawn()
            .map_err(|error| missing(format!("ffmpeg cannot be started: {error}; is it installed and on the PATH?")))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (stdout, stderr) = stdout.zip(stderr).expect("both are piped");
        let said = LastLine::default();
        let listener = std::thread::spawn({
            let said = said.clone();
            move || said.listen(stderr)
        });
        let mut ffmpeg = Self { child, said, listener: Some(listener) };
        match y4m::decode(BufReader::new(stdout)) {
            Ok(pictures) => Ok((ffmpeg, pictures)),
            Err(error) => {
                ffmpeg.stop();
                let offers = format!("nothing that ffmpeg reads ({})", ffmpeg.said.or(&error.to_string()));
                Err(CameraError::Unsupported { device, offers, reads: "any clip that ffmpeg decodes" })
            }
        }
    }
    /// What it complains about; complete once it has ended.
    pub(super) fn said(&self) -> LastLine {
        self.said.clone()
    }
    /// Kills it, waits for its end and hears it out.
    pub(super) fn stop(&mut self) {
        // Both fail only when it has already ended, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
        if let Some(listener) = self.listener.take() {
            drop(listener.join());
        }
    }
}

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        self.stop();
    }
}

fn command(clip: &Path, options: &ClipOptions) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-loglevel", "error"]);
    if options.loop_forever {
        command.args(["-stream_loop", "-1"]);
    }
    if let Some(format) = &options.input_format {
        command.args(["-f", format]);
    }
    command.arg("-i").arg(clip).args(["-map", "0:v:0"]);
    let size = match options.size {
        Some((width, height)) => format!("scale={width}:{height}:out_range=tv"),
        None => "crop=trunc(iw/2)*2:trunc(ih/2)*2,scale=out_range=tv".to_owned(),
    };
    command.args(["-vf", &format!("{size},format=yuv420p")]);
    if let Some(fps) = options.fps {
        command.args(["-r", &fps.to_string()]);
    }
    // Paced, and at a rate asked for: the clip's own time stamps resampled to an even rate. Otherwise each of its frames exactly once.
    let even = options.paced || options.fps.is_some();
    command.args(["-fps_mode", if even { "cfr" } else { "passthrough" }]);
    command.args(["-f", "yuv4mpegpipe", "pipe:1"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}
