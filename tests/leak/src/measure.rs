//! The road: pictures through `campari-mask` once a setting, every picture scored, figures made, everything written.
//!
//! In the folder for results: `leak.md`, `leak.json`, `core85-by-width.svg`, and a setting `SETTING/report.jsonl`, `SETTING/masked/`,
//! `worst-misses-SETTING.png`, `worst-false-SETTING.png`.

mod clips;
mod mask;
mod pictures;
mod sheets;

pub use clips::{ClipJob, WAYS, Way, measure_clips};
pub use mask::Program;

use crate::input::{Annotated, Class, Dataset, Extras, Heads, MaskReport, Model, TrainedOn, models};
use crate::report::{Basis, Look, Outcome, curve, json, tables};
use crate::score::{PictureScore, Pixels, score};
use crate::stats::{Scored, rows};
use anyhow::{Context, Result, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs;
use std::path::{Path, PathBuf};

/// What to measure, and with what.
#[derive(Debug)]
pub struct Job {
    /// Holds `annotations.jsonl` and `images/`, itself or in `dev/`.
    pub data: PathBuf,
    /// Holds `manifest.toml`, the models, and `eval/` with our lists.
    pub models: PathBuf,
    /// Which settings; all of the manifest's when none is named.
    pub settings: Vec<String>,
    /// `campari-mask`.
    pub program: Program,
    /// Whether the masked pixels are compared with the originals.
    pub check_pixels: bool,
    /// The folder for results.
    pub out: PathBuf,
    /// Another place for the JSON.
    pub json: Option<PathBuf>,
}

/// One setting under way.
struct Setting {
    model: Model,
    report: MaskReport,
    masked: PathBuf,
    scores: Vec<PictureScore>,
}

/// Measures, writes all results, and returns the tables for a terminal.
///
/// # Errors
/// What is missing or wrong in the data, and what `campari-mask` said.
pub fn measure(job: &Job) -> Result<String> {
    let data = Dataset::open(&job.data)?;
    let extras = Extras::read(&job.models.join("eval/extra-annotations.jsonl"))?;
    let heads = Heads::read(&job.models.join("eval/head-attributes.jsonl"))?;
    let trained = TrainedOn::read(&job.models.join("eval/trained-on.txt"))?;
    let chosen = models(&job.models.join("manifest.toml"), &job.settings)?;
    fs::create_dir_all(&job.out).with_context(|| format!("making {}", job.out.display()))?;
    let mut settings = Vec::new();
    for model in chosen {
        settings.push(run(job, &data, model)?);
    }
    let load = load();
    let lumas = score_all(job, &data, &extras, &mut settings)?;
    for setting in &settings {
        sheets::write(&job.out, &data, &extras, setting)?;
    }
    let basis = Basis {
        data: data.folder.clone(),
        pictures: data.pictures.len(),
        extra_boxes: data.pictures.iter().map(|picture| extras.of(&picture.image).len()).sum(),
        trained_on: data.pictures.iter().filter(|picture| trained.contains(&picture.image)).count(),
        filter: job.program.filter.clone(),
        pixels_checked: job.check_pixels,
        load,
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
    };
    let outcome = |setting: Setting| {
        let pictures = data.pictures.iter().zip(&lumas).zip(setting.scores);
        let scored = |((picture, luma), score): ((&Annotated, &f64), PictureScore)| Scored {
            source: picture.source.clone(),
            luma: *luma,
            trained_on: trained.contains(&picture.image),
            heads: heads.of(&picture.image, score.boxes.iter().filter(|one| one.class == Class::Face).count()),
            score,
        };
        Outcome { model: setting.model, rows: rows(&pictures.map(scored).collect::<Vec<_>>()) }
    };
    let outcomes: Vec<Outcome> = settings.into_iter().map(outcome).collect();
    write(job, &basis, &outcomes)?;
    Ok(tables(&basis, &outcomes, Look::Terminal))
}

/// Masks all pictures with one setting.
fn run(job: &Job, data: &Dataset, model: Model) -> Result<Setting> {
    eprintln!("campari-mask --setting {} on {} pictures …", model.setting, data.pictures.len());
    let folder = job.out.join(&model.setting);
    let report = job.program.mask(&data.folder.join("images"), &model.setting, &folder)?;
    let report = MaskReport::read(&report)?;
    // The folder may hold more than is annotated.
    let annotated = |image: &str| data.pictures.iter().any(|picture| picture.name() == image);
    for (image, cause) in report.failed.iter().filter(|(image, _)| annotated(image)) {
        eprintln!("not masked, its boxes count as missed: {image}: {cause}");
    }
    Ok(Setting { model, report, masked: folder.join("masked"), scores: Vec::new() })
}

/// Scores every picture for every setting; returns each picture's mean luma. Originals are read once.
fn score_all(job: &Job, data: &Dataset, extras: &Extras, settings: &mut [Setting]) -> Result<Vec<f64>> {
    let bar = ProgressBar::new(data.pictures.len() as u64).with_message("scoring").with_style(
        ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let mut lumas = Vec::new();
    for picture in &data.pictures {
        let before = pictures::luma(&data.folder.join(&picture.image), picture)?;
        lumas.push(before.mean());
        for setting in &mut *settings {
            let masked = setting.report.of(picture.name());
            let after = match masked {
                Some(_) if job.check_pixels => Some(pictures::luma(&setting.masked.join(picture.name()), picture)?),
                _ => None,
            };
            let pixels = after.as_ref().map(|after| Pixels { before: &before, after });
            setting.scores.push(score(picture, extras.of(&picture.image), masked, pixels));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(lumas)
}

/// The load average over five minutes (proc_loadavg(5)).
fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().nth(1)?.parse().ok()
}

fn write(job: &Job, basis: &Basis, outcomes: &[Outcome]) -> Result<()> {
    let told = serde_json::to_string_pretty(&json(basis, outcomes)).context("writing JSON")? + "\n";
    let drawn = curve(outcomes).map_err(|cause| anyhow!("drawing the curve: {cause}"))?;
    let title = format!("# Leaks\n\n`{}`, {} pictures.\n\n", basis.data.display(), basis.pictures);
    put(&job.out.join("leak.md"), &(title + &tables(basis, outcomes, Look::Markdown)))?;
    put(&job.out.join("core85-by-width.svg"), &drawn)?;
    put(&job.out.join("leak.json"), &told)?;
    job.json.as_ref().map_or(Ok(()), |file| put(file, &told))
}

fn put(file: &Path, text: &str) -> Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    fs::write(file, text).with_context(|| format!("writing {}", file.display()))
}
