//! Clips through `campari-mask`, at several frame rates, with and without tracks; scored against reference tracks.
//!
//! In the folder for results: `clips.md`, `clips.json`, `bare-by-way.svg`, `worst-frames-SETTING.png`, and reports and masked clips below `SETTING/`.
//! Without tracks every frame stands alone, so the one run as the clip is serves all frame rates.

use super::{Program, put};
use crate::input::{Clip, ClipReport, Frame, clips, models};
use crate::report::{ClipBasis, Look, Played, Tile, by_way, sheet, track_json, track_tables};
use crate::score::{Bare, ClipScore, score_clip};
use crate::stats::track_rows;
use anyhow::{Context, Result, anyhow, ensure};
use image::RgbImage;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How many of the worst frames are shown.
const WORST: usize = 20;

/// A way of playing the clips: its name in the tables, and what `campari-mask` is told.
pub type Way = (&'static str, &'static [&'static str]);
/// As they are, then slower cameras, lost frames, a late detector.
pub const WAYS: [Way; 7] = [
    ("as it is", &[]),
    ("12 fps", &["--fps", "12"]),
    ("5 fps", &["--fps", "5"]),
    ("1 fps", &["--fps", "1"]),
    ("10 % lost", &["--drop", "1:0.1"]),
    ("20 % lost in fives", &["--drop", "1:0.2:5"]),
    ("detector sees every third", &["--look-every", "3"]),
];

/// What to measure, and with what.
#[derive(Debug)]
pub struct ClipJob {
    /// Holds clips, and references beside them.
    pub clips: PathBuf,
    /// Holds `manifest.toml`, and references of ours in `eval/clips/`.
    pub models: PathBuf,
    /// Which settings; all of the manifest's when none is named.
    pub settings: Vec<String>,
    /// Only the clips as they are.
    pub quick: bool,
    /// `campari-mask`.
    pub program: Program,
    /// The folder for results.
    pub out: PathBuf,
    /// Another place for the JSON.
    pub json: Option<PathBuf>,
}

/// Measures, writes all results, and returns the tables for a terminal.
///
/// # Errors
/// What is missing or wrong in clips and references, and what `campari-mask` said.
pub fn measure_clips(job: &ClipJob) -> Result<String> {
    fs::create_dir_all(&job.out).with_context(|| format!("making {}", job.out.display()))?;
    let clips = clips(&job.clips, &job.models.join("eval/clips"))?;
    let mut played = Vec::new();
    for model in models(&job.models.join("manifest.toml"), &job.settings)? {
        let setting = model.setting.as_str();
        let alone = run(job, &clips, setting, "no tracks", &["--no-tracking"])?;
        for (at, (how, options)) in WAYS.into_iter().enumerate().take(if job.quick { 1 } else { WAYS.len() }) {
            let tracked = run(job, &clips, setting, how, options)?;
            let scores: Vec<ClipScore> = clips.iter().map(|clip| score_clip(clip, tracked.of(&clip.name))).collect();
            let without: Vec<ClipScore> = clips
                .iter()
                .map(|clip| score_clip(clip, &of_same_frames(alone.of(&clip.name), tracked.of(&clip.name))))
                .collect();
            for (tracking, scores) in [(false, &without), (true, &scores)] {
                let of_kinds: Vec<(&str, &ClipScore)> =
                    clips.iter().map(|clip| clip.kind.as_str()).zip(scores).collect();
                let (setting, how) = (setting.to_owned(), how.to_owned());
                played.push(Played { setting, how, tracking, rows: track_rows(&of_kinds) });
            }
            if at == 0 {
                worst_frames(job, &clips, setting, &tracked, &scores)?;
            }
        }
    }
    let mut kinds = BTreeMap::new();
    clips.iter().for_each(|clip| *kinds.entry(clip.kind.clone()).or_insert(0) += 1);
    let basis = ClipBasis { kinds: kinds.into_iter().collect(), filter: job.program.filter.clone() };
    let told = serde_json::to_string_pretty(&track_json(&basis, &played)).context("writing JSON")? + "\n";
    put(&job.out.join("clips.md"), &format!("# Leaks in clips\n\n{}", track_tables(&basis, &played, Look::Markdown)))?;
    put(&job.out.join("clips.json"), &told)?;
    let drawn = by_way(&played).map_err(|error| anyhow!("drawing the plot: {error}"))?;
    put(&job.out.join("bare-by-way.svg"), &drawn)?;
    job.json.as_ref().map_or(Ok(()), |file| put(file, &told))?;
    Ok(track_tables(&basis, &played, Look::Terminal))
}

/// Frames of a run without tracks that another run showed too.
fn of_same_frames(alone: &[Frame], shown: &[Frame]) -> Vec<Frame> {
    let shown: HashSet<u64> = shown.iter().map(|frame| frame.frame).collect();
    alone.iter().filter(|frame| shown.contains(&frame.frame)).cloned().collect()
}

fn run(job: &ClipJob, clips: &[Clip], setting: &str, how: &str, options: &[&str]) -> Result<ClipReport> {
    eprintln!("campari-mask --setting {setting} on {} clips, {how} …", clips.len());
    let folder = job.out.join(setting).join(how.replace(' ', "-").replace('%', "percent"));
    let files: Vec<&Path> = clips.iter().map(|clip| clip.file.as_path()).collect();
    let report = ClipReport::read(&job.program.mask_files(&files, setting, &folder, options)?)?;
    ensure!(report.failed.is_empty(), "clips that were not masked: {:?}", report.failed);
    Ok(report)
}

/// Writes `worst-frames-SETTING.png`: the barest boxes, of equals the widest, at most one of a track until every track has had its turn.
fn worst_frames(job: &ClipJob, clips: &[Clip], setting: &str, report: &ClipReport, scores: &[ClipScore]) -> Result<()> {
    let mut all: Vec<(usize, usize, Bare)> = Vec::new();
    for (clip, score) in scores.iter().enumerate() {
        let mut of_track: BTreeMap<u32, Vec<Bare>> = BTreeMap::new();
        score.bare.iter().for_each(|bare| of_track.entry(bare.track).or_default().push(*bare));
        for mut bares in of_track.into_values() {
            bares.sort_by(|a, b| a.core.total_cmp(&b.core));
            all.extend(bares.into_iter().enumerate().map(|(turn, bare)| (turn, clip, bare)));
        }
    }
    all.sort_by(|a, b| {
        a.0.cmp(&b.0).then(a.2.core.total_cmp(&b.2.core)).then(b.2.width_at_640.total_cmp(&a.2.width_at_640))
    });
    let mut tiles = Vec::new();
    for (_, clip, bare) in all.into_iter().take(WORST) {
        let clip = &clips[clip];
        let frames = report.of(&clip.name);
        let Some(frame) = frames.iter().find(|frame| frame.frame == bare.frame) else { continue };
        let masks: Vec<_> = frame.masked.mask.iter().map(|shape| shape.rect).collect();
        let truth: Vec<_> = clip.boxes.get(&bare.frame).into_iter().flatten().map(|one| one.rect).collect();
        let words = [
            format!("{} {}, core {:.0} %, {:.0} px", bare.class, bare.track, 100.0 * bare.core, bare.width_at_640),
            format!("{} {}", clip.name.trim_end_matches(".mp4"), bare.frame),
        ];
        tiles.push(Tile::cut(&picture(&clip.file, frame)?, bare.rect, &truth, &masks, words));
    }
    let title = format!("{} barest boxes, tracks kept, setting {setting}", tiles.len());
    let file = job.out.join(format!("worst-frames-{setting}.png"));
    sheet(&[(title, tiles)]).save(&file).with_context(|| format!("writing {}", file.display()))
}

/// One frame of a clip, through ffmpeg.
fn picture(clip: &Path, frame: &Frame) -> Result<RgbImage> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-loglevel", "error", "-i"]).arg(clip);
    ffmpeg.args(["-vf", &format!("select=eq(n\\,{})", frame.frame), "-frames:v", "1"]);
    ffmpeg.args(["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]);
    let told = ffmpeg.stdin(Stdio::null()).output().context("starting ffmpeg")?;
    RgbImage::from_raw(frame.width as u32, frame.height as u32, told.stdout)
        .with_context(|| format!("{}: frame {} cannot be shown", clip.display(), frame.frame))
}
