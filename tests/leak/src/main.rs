//! `leak`: the program behind `cargo xtask leak`. Exit status: 0 measured, 1 not, 2 usage.

use anyhow::Context;
use clap::{ArgAction, Parser};
use leak::measure::{ClipJob, Job, Program, measure, measure_clips};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures what detector and mask miss on annotated pictures, or on clips with reference tracks.
#[derive(Debug, Parser)]
#[command(name = "leak")]
struct Arguments {
    /// Holds annotations.jsonl and images/, itself or in dev/.
    #[arg(long, value_name = "DIR", required_unless_present = "clips")]
    data: Option<PathBuf>,
    /// Holds clips and, beside them or in the models' eval/clips, their reference tracks.
    #[arg(long, value_name = "DIR", conflicts_with = "data")]
    clips: Option<PathBuf>,
    /// Of clips, only as they are: no other frame rates, no lost frames.
    #[arg(long, requires = "clips")]
    quick: bool,
    /// light, fast, full; may be given several times [default: all of the manifest's].
    #[arg(long)]
    setting: Vec<String>,
    /// How masks look.
    #[arg(long, default_value = "fill", value_parser = ["fill", "pixelate"])]
    filter: String,
    /// Compare the masked pixels with the originals.
    #[arg(long, action = ArgAction::Set, default_value_t = true)]
    masked_check: bool,
    /// For tables, curve and contact sheets. The sheets show people who were not masked: never commit or pass them on.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Also write the figures here.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Holds manifest.toml and eval/.
    #[arg(long, value_name = "DIR")]
    models: PathBuf,
    /// campari-mask, a release build.
    #[arg(long, value_name = "FILE")]
    program: PathBuf,
}

fn main() -> ExitCode {
    let Arguments { data, clips, quick, setting, filter, masked_check, out, json, models, program } =
        Arguments::parse();
    let program = Program { file: program, manifest: models.join("manifest.toml"), filter };
    let told = if let Some(clips) = clips {
        measure_clips(&ClipJob { clips, models, settings: setting, quick, program, out: out.clone(), json })
    } else {
        let (data, out) = (data.unwrap_or_default(), out.clone());
        measure(&Job { data, models, settings: setting, program, check_pixels: masked_check, out, json })
    };
    match told.and_then(|tables| std::io::stdout().write_all(tables.as_bytes()).context("printing the tables")) {
        Ok(()) => {
            eprintln!("written to {}; its worst-*.png show people who were not masked", out.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
