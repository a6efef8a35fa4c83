//! `campari-mask`: pictures and clips through the eye's own detector and mask. Exit status 0 done, 1 a file or more failed, 2 usage.

use anyhow::{Context, bail};
use board_profile::{DEVICE_TREE, Profile};
use board_tflite::TfliteDetector;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use contract::Filter;
use indicatif::{ProgressBar, ProgressStyle};
use maskfile::inputs::Kind;
use maskfile::look::Looker;
use maskfile::play::{Drop, Play};
use maskfile::report::Report;
use maskfile::{FileError, Job, Summary, inputs, run};
use std::fs::File;
use std::io::LineWriter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Masks heads and plates in pictures and clips, exactly as a board does in what it shares.
///
/// Folders are taken whole, each once, without --out itself. Masked files keep their names, below --out; no original is ever written over.
/// JPEG and PNG metadata, sound and clip metadata are left behind. A picture that its EXIF orientation turns is written upright, and the report
/// speaks of the upright picture.
/// Pictures are masked by what is found in them, clips by tracks. A picture in doubt (more objects than can be masked one by one) is covered
/// whole: coarse where --largest-face is given, dark otherwise.
#[derive(Debug, Parser)]
#[command(name = "campari-mask", version)]
struct Arguments {
    /// Pictures (JPEG, PNG), clips (anything ffmpeg decodes) and folders of them.
    #[arg(required = true, value_name = "IN")]
    paths: Vec<PathBuf>,
    /// Folder for the masked files; made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// One JSON line per picture or frame: objects found, areas painted, milliseconds.
    #[arg(long, value_name = "FILE.jsonl")]
    report: PathBuf,
    /// pixelate, fill, silhouette (clips only: it learns the still scene of the first seconds) or coarse (needs --largest-face).
    #[arg(long, default_value = "fill")]
    filter: Filter,
    /// The board whose setting and threads are taken: rk3588, rk3568, rv1126b or desktop, or a file like those in board/profiles
    /// [default: the board that this runs on, else desktop]
    #[arg(long, value_name = "NAME|FILE")]
    profile: Option<String>,
    /// Which of the manifest's models: light, fast or full [default: the profile's]
    #[arg(long)]
    setting: Option<String>,
    /// Threads of the detector [default: the profile's]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: Option<u16>,
    /// Width of the largest face possible, as a share of the picture's width (above 0, at most 1).
    #[arg(long, value_name = "SHARE")]
    largest_face: Option<f32>,
    /// The models' manifest [default: models/manifest.toml of the checkout, or /usr/share/campari/models/manifest.toml]
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Take of clips what a camera of so many frames a second would have delivered; the report keeps the clip's own frame numbers
    #[arg(long, value_name = "N", help_heading = "Measuring")]
    fps: Option<f64>,
    /// Lose frames of clips: this share of all, in runs of RUN [default: 1]
    #[arg(long, value_name = "SEED:SHARE[:RUN]", help_heading = "Measuring")]
    drop: Option<Drop>,
    /// Look at every N-th frame of clips only, as a detector that is late; tracks are predicted meanwhile
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true, help_heading = "Measuring",
        value_parser = clap::value_parser!(u64).range(1..))]
    look_every: u64,
    /// Mask in clips what is found in each frame and nothing else. Leaks more; for measuring what tracks are worth
    #[arg(long, help_heading = "Measuring", conflicts_with = "look_every")]
    no_tracking: bool,
    /// Write what the detector saw in each frame of clips that it looked at, weak candidates too, one JSON line a frame: to play the tracker again
    #[arg(long, value_name = "FILE.jsonl", help_heading = "Measuring")]
    detections: Option<PathBuf>,
}

impl Arguments {
    /// What clap cannot tell by itself.
    fn check(&self) -> Result<(), String> {
        if self.largest_face.is_some_and(|share| !(share > 0.0 && share <= 1.0)) {
            return Err("--largest-face is a share of the picture's width: above 0, at most 1".into());
        }
        if self.fps.is_some_and(|fps| !(fps > 0.0 && fps.is_finite())) {
            return Err("--fps is above 0".into());
        }
        match self.filter {
            Filter::Coarse if self.largest_face.is_none() => {
                Err("coarse needs --largest-face: its cells are 2.25 times as wide as the largest face".into())
            }
            _ => Ok(()),
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Err(text) = arguments.check() {
        Arguments::command().error(ErrorKind::ValueValidation, text).exit();
    }
    match mask(&arguments) {
        Ok(summary) => {
            let Summary { pictures, clips, frames, failed } = summary;
            eprintln!("campari-mask: {pictures} pictures, {clips} clips ({frames} frames) masked, {failed} failed");
            ExitCode::from(u8::from(failed > 0))
        }
        Err(error) => {
            eprintln!("campari-mask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn mask(arguments: &Arguments) -> anyhow::Result<Summary> {
    let found = inputs::find(&arguments.paths, &arguments.out)?;
    if found.inputs.is_empty() && found.unlisted.is_empty() {
        bail!("no picture and no clip in what was given");
    }
    let clips = found.inputs.iter().any(|input| input.kind == Kind::Clip);
    if arguments.filter == Filter::Silhouette && !clips && !found.inputs.is_empty() {
        bail!("{}", FileError::NothingToLearn { file: found.inputs[0].file.clone() });
    }
    let written = [("--report", Some(&arguments.report)), ("--detections", arguments.detections.as_ref())];
    for (flag, file) in written.into_iter().filter_map(|(flag, file)| Some((flag, file?))) {
        let is = file.canonicalize().ok();
        if is.is_some() && found.inputs.iter().any(|input| input.file.canonicalize().ok() == is) {
            bail!("{}: is to be masked; {flag} there would be written over it", file.display());
        }
    }
    let manifest = match &arguments.manifest {
        Some(manifest) => manifest.clone(),
        None => find_manifest()?,
    };
    let profile = match &arguments.profile {
        Some(profile) => Profile::open(profile)?,
        None => Profile::of_this_board(Path::new(DEVICE_TREE))?,
    };
    let setting = arguments.setting.as_deref().unwrap_or(profile.detector.setting.as_str());
    let threads = arguments.threads.unwrap_or(profile.detector.threads.into());
    let detector = TfliteDetector::open(&manifest, setting, usize::from(threads))?;
    eprintln!("campari-mask: profile {profile}: setting {setting}, threads {threads}");
    let (decoding, pad) = (detector.decoding(), detector.pad());
    let mut looker = Looker::new(Box::new(detector), decoding, pad, arguments.filter, arguments.largest_face);
    let file = create(&arguments.report).with_context(|| format!("report {}", arguments.report.display()))?;
    let open = |file: &PathBuf| create(file).with_context(|| format!("detections {}", file.display()));
    let sights = arguments.detections.as_ref().map(open).transpose()?;
    let mut report = Report::new(LineWriter::new(file)).with_sights(sights.map(LineWriter::new));

    // Draws nothing unless standard error is a terminal.
    let bar = ProgressBar::new(found.inputs.len() as u64).with_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg} {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let progress = |done: usize, name: &str, frame: u64| {
        bar.set_position(done as u64);
        bar.set_message(if frame == 0 { name.to_owned() } else { format!("{name}, frame {frame}") });
    };
    let complain = |error: &FileError| bar.suspend(|| eprintln!("campari-mask: {error}"));
    let kept: Vec<PathBuf> = [&arguments.report].into_iter().chain(&arguments.detections).cloned().collect();
    let (fps, drop, look_every, without_tracks) =
        (arguments.fps, arguments.drop, arguments.look_every, arguments.no_tracking);
    let play = Play { fps, drop, look_every, without_tracks };
    let job = Job { found: &found, out: &arguments.out, kept: &kept, play, progress: &progress, complain: &complain };
    let summary = run(&job, &mut looker, &mut report)
        .with_context(|| format!("report {} cannot be written", arguments.report.display()))?;
    bar.finish_and_clear();
    Ok(summary)
}

fn create(report: &Path) -> std::io::Result<File> {
    if let Some(folder) = report.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    File::create(report)
}

/// The checkout's manifest, seen from the working folder or from this program; or the installed one.
fn find_manifest() -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir().unwrap_or_default();
    let program = std::env::current_exe().unwrap_or_default();
    let checkouts = here.ancestors().chain(program.ancestors()).map(|folder| folder.join("models/manifest.toml"));
    checkouts
        .chain([PathBuf::from("/usr/share/campari/models/manifest.toml")])
        .find(|manifest| manifest.is_file())
        .context("no models/manifest.toml from here upward; give --manifest FILE")
}
