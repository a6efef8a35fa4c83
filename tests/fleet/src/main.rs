//! `campari-fleet`: measures a fleet, for one number of boards after the other. `cargo xtask bench fleet` runs it.

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use fleet::figures::line;
use fleet::measure::{self, Measured, Options};
use fleet::plot;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// Simulated boards on one real broker.
#[derive(Parser)]
#[command(name = "campari-fleet", version)]
struct Cli {
    #[command(subcommand)]
    command: What,
}

#[derive(Subcommand)]
enum What {
    /// Measures fleets of these sizes.
    Measure {
        /// How many boards; several numbers, for growth.
        #[arg(long, value_delimiter = ',', default_value = "500,1000,2000,5000")]
        boards: Vec<usize>,
        /// How long grants are given before the broker's restart, seconds.
        #[arg(long, default_value_t = 20)]
        steady_s: u64,
        /// How long the broker is down, seconds.
        #[arg(long, default_value_t = 5)]
        down_s: u64,
        /// Grants a second.
        #[arg(long, default_value_t = 20)]
        grants: u32,
        /// How long a fleet may take to come online, and to come back, seconds.
        #[arg(long, default_value_t = 240)]
        patience_s: u64,
        /// The figures.
        #[arg(long, value_name = "FILE")]
        json: PathBuf,
        /// Growth, drawn (SVG).
        #[arg(long, value_name = "FILE")]
        plot: Option<PathBuf>,
    },
    /// Draws figures that were measured earlier.
    Plot {
        /// The figures, as `measure --json` wrote them.
        figures: PathBuf,
        /// The drawing (SVG).
        svg: PathBuf,
    },
    /// Some of the boards; started by `measure`.
    #[command(hide = true)]
    Boards {
        #[arg(long)]
        plan: PathBuf,
        #[arg(long)]
        from: usize,
        #[arg(long)]
        to: usize,
    },
}

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("CAMPARI_LOG").unwrap_or_else(|_| EnvFilter::new("fleet=error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let done = match Cli::parse().command {
        What::Boards { plan, from, to } => fleet::boards::run(&plan, from..to),
        What::Plot { figures, svg } => draw_again(&figures, &svg),
        What::Measure { boards, steady_s, down_s, grants, patience_s, json, plot } => {
            let options = |boards| -> Result<Options> {
                Ok(Options {
                    program: measure::own_program()?,
                    boards,
                    steady: Duration::from_secs(steady_s),
                    down: Duration::from_secs(down_s),
                    grants_a_second: grants,
                    patience: Duration::from_secs(patience_s),
                })
            };
            measure_all(&boards, options, &json, plot.as_deref())
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

fn draw_again(figures: &Path, svg: &Path) -> Result<()> {
    #[derive(serde::Deserialize)]
    struct Report {
        runs: Vec<Measured>,
    }
    let text = std::fs::read(figures).with_context(|| format!("reading {}", figures.display()))?;
    let report: Report = serde_json::from_slice(&text)
        .with_context(|| format!("{}: not what `measure --json` writes", figures.display()))?;
    let drawn = plot::growth(&report.runs).map_err(anyhow::Error::msg)?;
    std::fs::write(svg, drawn).with_context(|| format!("writing {}", svg.display()))
}

fn measure_all(
    sizes: &[usize],
    options: impl Fn(usize) -> Result<Options>,
    file: &Path,
    picture: Option<&Path>,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut runs: Vec<Measured> = Vec::new();
    let mut failed = Vec::new();
    for &boards in sizes {
        eprintln!("{boards} boards …");
        let run = match runtime.block_on(measure::run(options(boards)?)) {
            Ok(run) => run,
            // What the other sizes showed is not thrown away for it.
            Err(cause) => {
                eprintln!("  not measured: {cause:#}");
                failed.push(json!({"boards": boards, "why": format!("{cause:#}")}));
                continue;
            }
        };
        eprintln!(
            "  online after {:.1} s; {} of {boards} back after the restart{}; load before {:.1}",
            run.first_online_s,
            run.back,
            run.all_back_s.map_or_else(String::new, |s| format!(", after {s:.1} s")),
            run.load_before,
        );
        runs.push(run);
    }
    let growth = json!({
        "boards_mb": line(&plot::points(&runs, |run| Some(run.boards_mb))),
        "broker_mb": line(&plot::points(&runs, |run| Some(run.broker_mb))),
        "all_back_s": line(&plot::points(&runs, |run| run.all_back_s)),
    });
    let report = json!({
        "broker": measure::broker_version(), "processors": measure::processors(), "runs": runs, "failed": failed, "growth": growth,
    });
    let write =
        |path: &Path, text: &[u8]| std::fs::write(path, text).with_context(|| format!("writing {}", path.display()));
    write(file, &serde_json::to_vec_pretty(&report)?)?;
    if let Some(path) = picture {
        write(path, plot::growth(&runs).map_err(anyhow::Error::msg)?.as_bytes())?;
    }
    Ok(())
}
