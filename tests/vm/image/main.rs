//! `image-test`: the image that a technician flashes, as far as it can be had without a board: loader, signed kernel, verified root, systemd with the
//! layer's own units, RAUC, firewall, proven time; broker, control room and subscriber outside. Nobody logs in: everything is seen from outside, as in the field.
//! But for the story `killed`, on the development image, where a shell does the killing.
//!
//! Run by `cargo xtask image-test`, which builds what it takes. Each story has a disk of its own and can be asked for alone. Exit status 1 when a step fails;
//! what comes after it in its story is told as not run.

mod disk;
mod machine;
mod outside;
#[path = "../board/report.rs"]
mod report;
mod stick;
mod stories;
mod world;
mod writes;

use anyhow::{Context, Result, bail};
use clap::Parser;
use report::Report;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use stories::Story;
use world::World;

/// Boots the image in a virtual machine and holds it to its promises.
#[derive(Parser)]
pub(crate) struct Options {
    /// The repository.
    #[arg(long)]
    root: PathBuf,
    /// Folder of the Arm programs campari-eye, campari-voice and campari.
    #[arg(long)]
    programs: PathBuf,
    /// The TFLite library for Arm.
    #[arg(long)]
    tflite: PathBuf,
    /// chronyd of this machine.
    #[arg(long)]
    chronyd: PathBuf,
    /// What is fetched once and kept.
    #[arg(long)]
    cache: PathBuf,
    /// Where the image, logs and the received stream go.
    #[arg(long)]
    out: PathBuf,
    /// Make the image and end.
    #[arg(long)]
    image_only: bool,
    /// Only these stories (may be repeated).
    #[arg(long, value_enum)]
    only: Vec<Story>,
    /// Write what was seen here.
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => {
            eprintln!("error: {cause}");
            return ExitCode::FAILURE;
        }
    };
    let mut report = Report::new();
    let done = runtime.block_on(run(&options, &mut report));
    report.end();
    let written = options.json.as_ref().map_or(Ok(()), |file| report.write(file));
    match done.and(written) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}\nlogs: {}", options.out.display());
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options, report: &mut Report) -> Result<()> {
    std::fs::create_dir_all(&options.out).with_context(|| format!("making {}", options.out.display()))?;
    let image = options.out.join("image");
    report.step("the image is made", || world::build(options, world::VERSION, &image, &[]))?;
    if options.image_only {
        return Ok(());
    }
    let mut world = World::open(options, report).await?;
    let mut failed = Vec::new();
    let all = [Story::First, Story::Provision, Story::Update, Story::Bad, Story::Killed, Story::Cuts];
    for story in if options.only.is_empty() { all.to_vec() } else { options.only.clone() } {
        if let Err(error) = tell(story, &mut world).await {
            failed.push(format!("{error:#}"));
        }
        world.clear().await?;
    }
    if failed.is_empty() { Ok(()) } else { bail!("{}", failed.join("; ")) }
}

async fn tell(story: Story, world: &mut World<'_>) -> Result<()> {
    let steps = story.steps();
    for (at, name) in steps.iter().enumerate() {
        let started = Instant::now();
        let done = story.step(world, at).await;
        let detail = done.as_ref().map_or_else(|_| String::new(), Clone::clone);
        if let Err(error) = world.report.told(name, started, done, &detail) {
            steps.iter().skip(at + 1).for_each(|name| world.report.not_run(name));
            return Err(error);
        }
    }
    Ok(())
}
