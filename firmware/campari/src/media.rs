//! What the subscriber received, made visible: decoded, as a clip, as a contact sheet. ffmpeg and ffprobe do it, as child processes.

use crate::receive::SavedStream;
use crate::stage::{StageError, installed};
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Output, Stdio};

/// Pictures on a contact sheet, across and down.
const SHEET: (u32, u32) = (4, 3);
/// Width of one, pixels.
const TILE_PX: u32 = 480;
/// Lines of ffmpeg that an error shows.
const LINES: usize = 5;

/// What a decoder made of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Pictures that came out.
    pub pictures: u64,
    /// What it complained of; empty is good.
    pub errors: Vec<String>,
}

/// A run of ffmpeg that gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// It is not there.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// It could not be run.
    #[error("{program}: {cause}")]
    Run {
        /// Which.
        program: &'static str,
        /// What the system said.
        cause: std::io::Error,
    },
    /// It failed.
    #[error("{program} could not make {}: {said}", path.display())]
    Failed {
        /// Which.
        program: &'static str,
        /// What it should have made or read.
        path: std::path::PathBuf,
        /// Its last lines.
        said: String,
    },
}

/// Says at the start what would be missed at the end.
///
/// # Errors
/// [`StageError::NotInstalled`].
pub fn look() -> Result<(), StageError> {
    for program in ["ffmpeg", "ffprobe"] {
        if !installed(program) {
            return Err(StageError::NotInstalled { program, remedy: "apt-get install ffmpeg" });
        }
    }
    Ok(())
}

async fn run<'a>(program: &'static str, args: impl IntoIterator<Item = &'a OsStr>) -> Result<Output, MediaError> {
    tokio::process::Command::new(program)
        .args(["-hide_banner", "-v", "error"])
        .args(args)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|cause| MediaError::Run { program, cause })
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stderr).lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
}

fn made(program: &'static str, path: &Path, output: &Output) -> Result<(), MediaError> {
    if output.status.success() && path.metadata().is_ok_and(|file| file.len() > 0) {
        return Ok(());
    }
    let said = lines(output);
    let said = said[said.len().saturating_sub(LINES)..].join("; ");
    Err(MediaError::Failed { program, path: path.to_owned(), said })
}

/// Decodes a whole H.264 byte stream and counts.
///
/// # Errors
/// [`MediaError`] when ffprobe cannot be run; a broken stream is no error but counted.
pub async fn decode(stream: &Path) -> Result<Decoded, MediaError> {
    let fixed = "-f h264 -count_frames -select_streams v:0 -show_entries stream=nb_read_frames -of csv=p=0";
    let output = run("ffprobe", fixed.split(' ').map(OsStr::new).chain([stream.as_os_str()])).await?;
    let pictures = String::from_utf8_lossy(&output.stdout).trim().trim_end_matches(',').parse().unwrap_or(0);
    Ok(Decoded { pictures, errors: lines(&output) })
}

/// Puts a stream into a container by its name (`.mp4`, `.mkv`), without encoding it again, at the frame rate of its RTP timestamps.
///
/// # Errors
/// [`MediaError`].
pub async fn clip(stream: &SavedStream, to: &Path) -> Result<(), MediaError> {
    let fps = format!("{:.4}", stream.fps().unwrap_or(25.0));
    let args = ["-y", "-fflags", "+genpts", "-framerate", &fps, "-f", demuxer(&stream.path), "-i"].map(OsStr::new);
    let rest = ["-c", "copy"].map(OsStr::new);
    let args = args.into_iter().chain([stream.path.as_os_str()]).chain(rest).chain([to.as_os_str()]);
    let output = run("ffmpeg", args).await?;
    made("ffmpeg", to, &output)
}

/// ffmpeg's name of what a byte stream's file name says that it is.
fn demuxer(stream: &Path) -> &'static str {
    let h265 = |extension: &OsStr| extension.eq_ignore_ascii_case("h265") || extension.eq_ignore_ascii_case("265");
    if stream.extension().is_some_and(h265) { "hevc" } else { "h264" }
}

/// Twelve pictures over the whole clip, each with its time, as one PNG.
///
/// # Errors
/// [`MediaError`].
pub async fn contact_sheet(clip: &Path, seconds: f64, to: &Path) -> Result<(), MediaError> {
    let (across, down) = SHEET;
    // A little less than a twelfth, so that the last tile is not lost to rounding.
    let step_s = (seconds / f64::from(across * down) * 0.999).max(0.001);
    let pick = format!("select='isnan(prev_selected_t)+gte(t-prev_selected_t,{step_s:.4})',scale={TILE_PX}:-2");
    let time = ",drawtext=text='%{pts\\:hms}':x=w-tw-8:y=h-th-8:fontsize=20:fontcolor=white:box=1:boxcolor=black@0.7:boxborderw=4";
    let tile = format!(",tile={across}x{down}:padding=4:margin=4:color=0x202020");
    // A system without any font draws no time; the pictures carry the board's clock anyway.
    for filter in [format!("{pick}{time}{tile}"), format!("{pick}{tile}")] {
        let args = [OsStr::new("-y"), OsStr::new("-i"), clip.as_os_str(), OsStr::new("-vf"), OsStr::new(&filter)];
        let rest = ["-fps_mode", "vfr", "-frames:v", "1", "-update", "1"].map(OsStr::new);
        let output = run("ffmpeg", args.into_iter().chain(rest).chain([to.as_os_str()])).await?;
        match made("ffmpeg", to, &output) {
            Err(cause) if filter.contains("drawtext") => tracing::debug!(%cause, "without times"),
            done => return done,
        }
    }
    unreachable!("the second filter returns")
}
