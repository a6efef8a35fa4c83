//! ffmpeg as a child that writes YUV4MPEG2 to a pipe, and what it complained of.

use super::ClipOptions;
use board_hal::CameraError;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long what it says is waited for once its pictures have ended.
const HEAR_OUT: Duration = Duration::from_secs(2);

/// The pictures in the pipe. A small buffer serves the headers, which are read byte by byte; pictures bypass it.
pub(super) type Pictures = y4m::Decoder<BufReader<ChildStdout>>;

/// The child; killed on drop.
pub(super) struct Ffmpeg {
    child: Child,
    said: Said,
    listener: Option<JoinHandle<()>>,
}

/// What the child says on its standard error.
#[derive(Clone, Default)]
pub(super) struct Said(Arc<(Mutex<Lines>, Condvar)>);

#[derive(Default)]
struct Lines {
    first: Option<String>,
    last: Option<String>,
    over: bool,
}

impl Said {
    /// Its last line, if it said anything. To be asked when its pictures have ended: its last words may still be on their way, and without them a clip
    /// that broke off looks like one that is over.
    pub(super) fn last(&self) -> Option<String> {
        self.heard_out(|lines| lines.last.clone())
    }
    /// Its first line: the cause, where those after it are advice and consequences.
    fn first(&self) -> Option<String> {
        self.heard_out(|lines| lines.first.clone())
    }
    fn heard_out<T>(&self, take: impl FnOnce(&Lines) -> T) -> T {
        let (lines, ended) = &*self.0;
        let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        let (lines, _) =
            ended.wait_timeout_while(lines, HEAR_OUT, |lines| !lines.over).unwrap_or_else(PoisonError::into_inner);
        take(&lines)
    }
    fn listen(&self, stderr: ChildStderr) {
        let (lines, ended) = &*self.0;
        let locked = || lines.lock().unwrap_or_else(PoisonError::into_inner);
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let line = line.trim();
            if !line.is_empty() {
                let mut lines = locked();
                lines.first.get_or_insert_with(|| line.to_owned());
                lines.last = Some(line.to_owned());
            }
        }
        locked().over = true;
        ended.notify_all();
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
        let said = Said::default();
        let listener = std::thread::spawn({
            let said = said.clone();
            move || said.listen(stderr)
        });
        let mut ffmpeg = Self { child, said, listener: Some(listener) };
        match y4m::decode(BufReader::new(stdout)) {
            Ok(pictures) => Ok((ffmpeg, pictures)),
            Err(error) => {
                ffmpeg.stop();
                let offers = match ffmpeg.said.first() {
                    Some(line) if line.contains("matches no streams") => "no video stream".to_owned(),
                    Some(line) => format!("nothing that ffmpeg reads ({line})"),
                    None => format!("nothing that ffmpeg reads ({error})"),
                };
                Err(CameraError::Unsupported { device, offers, reads: "any clip that ffmpeg decodes" })
            }
        }
    }
    /// What it complains about.
    pub(super) fn said(&self) -> Said {
        self.said.clone()
    }
    /// How it ended when that was not well: a signal, or a status. To be asked when its pictures have ended; waits for it.
    pub(super) fn failure(&mut self) -> Option<String> {
        match self.child.wait() {
            Ok(status) if status.success() => None,
            Ok(status) => Some(format!("ffmpeg ended with {status}")),
            Err(error) => Some(format!("ffmpeg cannot be waited for: {error}")),
        }
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
