//! `campari demo`.

use super::output::{self, Lines};
use super::{Done, asked_to_stop};
use crate::demo::{DemoSettings, Report, Timeline};
use crate::stage::Scene;
use anyhow::{Context, Result, bail};
use contract::Filter;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Folder with campari-eye and campari-voice [default: where this program is].
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// Folder with the models' manifest.toml.
    #[arg(long, value_name = "DIR", default_value = "models")]
    models: PathBuf,
    /// The scene to look at, a clip.
    #[arg(long, value_name = "FILE")]
    scene: Option<PathBuf>,
    /// Another clip instead: anything that ffmpeg reads.
    #[arg(long, value_name = "FILE", conflicts_with = "camera")]
    clip: Option<PathBuf>,
    /// A camera instead: a V4L2 device.
    #[arg(long, value_name = "DEV")]
    camera: Option<PathBuf>,
    /// Where the results go.
    #[arg(long, value_name = "DIR", default_value = ".campari/demo")]
    out: PathBuf,
    /// How long the subscriber watches.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3000))]
    seconds: u64,
    /// Filter asked for: pixelate, fill, silhouette, coarse.
    #[arg(long, default_value = "fill")]
    filter: Filter,
    /// Which of the manifest's models looks: light, fast or full.
    #[arg(long, default_value = "fast")]
    setting: String,
    /// Widest face possible in the scene, as a share of the picture's width; decides how coarse `covered` is.
    #[arg(long, value_name = "SHARE", default_value_t = 0.12)]
    largest_face: f32,
    /// Play nothing: leave broker, eye, voice and control room up for your own commands until Ctrl-C, with a settings file a person in OUT/people.
    #[arg(long, conflicts_with_all = ["json", "seconds", "filter"])]
    hold: bool,
    /// Plain lines, nothing that redraws itself.
    #[arg(long)]
    headless: bool,
    /// Write the figures there too, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(super) async fn run(arguments: Arguments) -> Result<Done> {
    let programs = match arguments.bin_dir {
        Some(dir) => dir,
        None => {
            let own = std::env::current_exe().context("where is this program?")?;
            own.parent().map(PathBuf::from).unwrap_or_default()
        }
    };
    let scene = match (arguments.camera, arguments.clip.or(arguments.scene)) {
        (Some(device), _) => Scene::Camera(device),
        (None, Some(file)) => Scene::Clip(file),
        (None, None) => bail!("what should the eye look at? Give --scene, --clip or --camera"),
    };
    let settings = DemoSettings {
        programs,
        models: arguments.models,
        scene,
        out: arguments.out.clone(),
        watch: Duration::from_secs(arguments.seconds),
        filter: arguments.filter,
        detector: arguments.setting,
        largest_face: arguments.largest_face,
    };
    let live = output::is_terminal() && !arguments.headless;
    let mut timeline = Timeline::new(Box::new(Lines), output::colours(), live);
    if arguments.hold {
        crate::demo::hold(&settings, &mut timeline, asked_to_stop()).await?;
        timeline.settle();
        return Ok(Done::Yes);
    }
    let report = tokio::select! {
        report = crate::demo::run(&settings, &mut timeline) => report?,
        () = asked_to_stop() => {
            timeline.settle();
            bail!("stopped; the programs of the stage end too, their logs are in {}", arguments.out.join("logs").display());
        }
    };
    timeline.settle();
    write(&report, &arguments.out.join("demo.json"))?;
    if let Some(path) = &arguments.json {
        write(&report, path)?;
    }
    Ok(if report.broken.is_empty() { Done::Yes } else { Done::No })
}

fn write(report: &Report, path: &std::path::Path) -> Result<()> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    std::fs::write(path, text).with_context(|| format!("figures {}", path.display()))
}
