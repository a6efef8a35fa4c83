//! `campari-glass`: from capture to the screen, for players that nobody here wrote. `cargo xtask bench glass` runs it.

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use glass::figures::Report;
use glass::measure::{self, Setting};
use glass::plot;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// From the camera to the glass.
#[derive(Parser)]
#[command(name = "campari-glass", version)]
struct Cli {
    #[command(subcommand)]
    command: What,
}

#[derive(Subcommand)]
enum What {
    /// Measures every player, one after the other.
    Measure {
        /// Folder of campari-eye, campari-voice and campari.
        #[arg(long)]
        programs: PathBuf,
        /// Folder of the models' manifest.
        #[arg(long)]
        models: PathBuf,
        /// What the camera looks at: 1280x720.
        #[arg(long)]
        scene: PathBuf,
        /// Which of the manifest's models looks.
        #[arg(long, default_value = "light")]
        detector: String,
        /// How long each player is watched, seconds.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// Only players whose title contains this.
        #[arg(long, default_value = "")]
        only: String,
        /// Logs, and a picture of the screen for each player.
        #[arg(long)]
        out: PathBuf,
        /// The figures.
        #[arg(long, value_name = "FILE")]
        json: PathBuf,
        /// Histograms (SVG).
        #[arg(long, value_name = "FILE")]
        plot: PathBuf,
    },
    /// Draws figures that were measured earlier.
    Plot {
        /// The figures, as `measure --json` wrote them.
        figures: PathBuf,
        /// The drawing (SVG).
        svg: PathBuf,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        What::Plot { figures, svg } => draw_again(&figures, &svg),
        What::Measure { programs, models, scene, detector, seconds, only, out, json, plot } => {
            run(&Setting { programs, models, scene, detector, out }, seconds, &only, &json, &plot)
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(setting: &Setting, seconds: u64, only: &str, json: &Path, svg: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let report = runtime.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        // Whatever was started ends with what is dropped here.
        tokio::select! {
            report = measure::run(setting, seconds, only, |title| eprintln!("{title} …")) => report,
            _ = interrupt.recv() => anyhow::bail!("interrupted"),
            _ = terminate.recv() => anyhow::bail!("asked to end"),
        }
    })?;
    write(json, &serde_json::to_vec(&report)?)?;
    draw(&report, svg)
}

fn draw_again(figures: &Path, svg: &Path) -> Result<()> {
    let text = std::fs::read(figures).with_context(|| format!("reading {}", figures.display()))?;
    let report = serde_json::from_slice(&text)
        .with_context(|| format!("{}: not what `measure --json` writes", figures.display()))?;
    draw(&report, svg)
}

fn draw(report: &Report, svg: &Path) -> Result<()> {
    write(svg, plot::histogram(report).map_err(anyhow::Error::msg)?.as_bytes())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}
