//! All files, one after the other; one that fails does not stop the rest.

use crate::FileError;
use crate::clip;
use crate::inputs::{Found, Input, Kind};
use crate::look::Looker;
use crate::picture;
use crate::place::Places;
use crate::play::Play;
use crate::report::{Failure, Report, Sight};
use board_hal::CameraSource;
use contract::Filter;
use detect::{TrackSettings, Tracker};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What to do.
pub struct Job<'a> {
    /// The files.
    pub found: &'a Found,
    /// The folder for the masked ones.
    pub out: &'a Path,
    /// Files that no masked one may replace, besides the inputs: the report.
    pub kept: &'a [PathBuf],
    /// How clips are played.
    pub play: Play,
    /// Told after each picture and frame: how many files are done, which one is at work, and at which frame.
    pub progress: &'a dyn Fn(usize, &str, u64),
    /// Told of each file that failed.
    pub complain: &'a dyn Fn(&FileError),
}

/// What was done.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Pictures masked.
    pub pictures: u64,
    /// Clips masked.
    pub clips: u64,
    /// Frames of clips masked.
    pub frames: u64,
    /// Files that failed.
    pub failed: u64,
}

/// Masks all files of `job` and reports on each.
///
/// # Errors
/// When the report cannot be written; a file that fails is counted, not an error.
pub fn run<W: Write>(job: &Job<'_>, looker: &mut Looker, report: &mut Report<W>) -> std::io::Result<Summary> {
    let mut summary = Summary::default();
    let mut places = Places::new(job.out, &job.found.inputs, job.kept);
    for (label, error) in &job.found.unlisted {
        fail(job, label, error, report, &mut summary)?;
    }
    for (done, input) in job.found.inputs.iter().enumerate() {
        let label = input.label();
        (job.progress)(done, &label, 0);
        let target = match places.reserve(input) {
            Ok(target) => target,
            Err(error) => {
                fail(job, &label, &error, report, &mut summary)?;
                continue;
            }
        };
        let outcome = match input.kind {
            Kind::Picture => mask_picture(input, &target, &label, done, looker, report).map(|()| summary.pictures += 1),
            Kind::Clip => {
                let mut frames = 0;
                let progress = |frame| (job.progress)(done, &label, frame);
                let outcome = mask_clip(input, &target, &label, job.play, &progress, &mut frames, looker, report);
                summary.frames += frames;
                outcome.map(|()| summary.clips += 1)
            }
        };
        match outcome {
            Ok(()) => {}
            Err(Stop::File(error)) => fail(job, &label, &error, report, &mut summary)?,
            Err(Stop::Report(error)) => return Err(error),
        }
    }
    report.finish()?;
    Ok(summary)
}

/// Why a file is not done: its own fault, or the report's.
enum Stop {
    File(FileError),
    Report(std::io::Error),
}

impl From<FileError> for Stop {
    fn from(error: FileError) -> Self {
        Stop::File(error)
    }
}

fn fail<W: Write>(
    job: &Job<'_>,
    label: &str,
    error: &FileError,
    report: &mut Report<W>,
    summary: &mut Summary,
) -> std::io::Result<()> {
    summary.failed += 1;
    (job.complain)(error);
    report.write(&Failure { image: label, error: &error.to_string() })
}

fn mask_picture<W: Write>(
    input: &Input,
    target: &Path,
    label: &str,
    number: usize,
    looker: &mut Looker,
    report: &mut Report<W>,
) -> Result<(), Stop> {
    if looker.filter() == Filter::Silhouette {
        return Err(Stop::File(FileError::NothingToLearn { file: input.file.clone() }));
    }
    let picture::Opened { frame, width, height } = picture::open(&input.file, number as u64)?;
    let looked =
        looker.look(frame, None).map_err(|cause| Stop::File(FileError::Masking { file: input.file.clone(), cause }))?;
    picture::write(&looked.masked, width, height, target)?;
    report.write(&looked.line(label, 0, width, height)).map_err(Stop::Report)
}

#[allow(clippy::too_many_arguments)] // one road, from a file to a file
fn mask_clip<W: Write>(
    input: &Input,
    target: &Path,
    label: &str,
    play: Play,
    progress: &dyn Fn(u64),
    frames: &mut u64,
    looker: &mut Looker,
    report: &mut Report<W>,
) -> Result<(), Stop> {
    let mut source = clip::open(&input.file)?;
    let mut format = source.format().clone();
    let mut comes = play.frames(f64::from(format.fps));
    format.fps = play.rate(format.fps);
    let mut writer = clip::Writer::begin(target, &format)?;
    let mut number = 0;
    let mut tracker = Tracker::new(TrackSettings::default());
    looker.begin_clip();
    let ended = loop {
        let frame = match clip::next(&mut source) {
            Ok(Some(frame)) => frame,
            Ok(None) => break None,
            Err(cause) => break Some(cause),
        };
        number += 1;
        if !comes.next().unwrap_or(true) {
            continue;
        }
        let (geometry, captured_us) = (frame.info().geometry, frame.info().captured.monotonic_us);
        let looks = play.without_tracks || play.looks(*frames);
        let looked = match play {
            Play { without_tracks: true, .. } => looker.look(frame, None),
            _ if looks => looker.look(frame, Some(&mut tracker)),
            _ => looker.predict(frame, &mut tracker),
        };
        let looked = looked.map_err(|cause| Stop::File(FileError::Masking { file: input.file.clone(), cause }))?;
        writer.write(&looked.masked)?;
        let line = looked.line(label, number - 1, geometry.width, geometry.height);
        report.write(&line).map_err(Stop::Report)?;
        if looks {
            let size = (geometry.width, geometry.height);
            report.sight(|| Sight::new(label, number - 1, size, captured_us, looker.seen())).map_err(Stop::Report)?;
        }
        *frames += 1;
        progress(*frames);
    };
    if *frames == 0 {
        let cause = ended.unwrap_or_else(|| "no frame in it".to_owned());
        return Err(Stop::File(FileError::Unreadable { file: input.file.clone(), cause }));
    }
    writer.finish()?;
    match ended {
        None => Ok(()),
        Some(cause) => Err(Stop::File(FileError::EndedEarly { file: input.file.clone(), frames: *frames, cause })),
    }
}
