//! `cargo xtask demo`: sets up, builds the four programs, and hands over to `campari demo`.
//!
//! The dev profile is optimised (see the workspace's Cargo.toml), so that demo and tests share one build.

use crate::{child, setup, workspace};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The packages whose binaries make up the road.
pub(crate) const ROAD: [&str; 4] = ["eye", "voice", "campari", "maskfile"];

/// What `cargo xtask demo` is asked.
#[derive(Args, Clone, Default)]
pub(crate) struct Options {
    /// Anything ffmpeg reads, in place of the default scene.
    #[arg(long, conflicts_with = "camera")]
    pub(crate) clip: Option<PathBuf>,
    /// A V4L2 camera such as /dev/video0, in place of a clip.
    #[arg(long)]
    pub(crate) camera: Option<PathBuf>,
    /// How long the subscriber watches, seconds.
    #[arg(long)]
    pub(crate) seconds: Option<u32>,
    /// Which of the models looks: light, fast (the default) or full.
    #[arg(long)]
    pub(crate) setting: Option<String>,
    /// No display: for machines that read the JSON.
    #[arg(long)]
    pub(crate) headless: bool,
    /// Write the figures here.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Fetch nothing.
    #[arg(long)]
    pub(crate) offline: bool,
    /// Where contact sheet and clip go.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Further arguments of `campari demo`, such as `-- --filter pixelate`.
    #[arg(last = true)]
    pub(crate) more: Vec<String>,
}

/// Runs the demo to its end.
pub(crate) fn run(options: &Options) -> Result<()> {
    for file in [&options.clip, &options.camera].into_iter().flatten() {
        if !file.exists() {
            bail!("{} does not exist", file.display());
        }
    }
    setup::run(&setup::Options { offline: options.offline, ..setup::Options::default() })?;
    build()?;
    child::run(&mut command(options, &workspace::bin_dir()?)?)
}

/// Builds what the demo runs; cargo's own progress is passed on when there is anything to build.
pub(crate) fn build() -> Result<()> {
    eprintln!("Building eye, voice, campari and campari-mask (the first time takes some minutes) …");
    let mut cargo = workspace::cargo();
    cargo.arg("build");
    for package in ROAD {
        cargo.args(["--package", package]);
    }
    child::run(&mut cargo)
}

/// The `campari demo` call with everything spelled out.
pub(crate) fn command(options: &Options, bin_dir: &Path) -> Result<Command> {
    let here = std::env::current_dir().context("finding the current folder")?;
    let absolute = |path: &PathBuf| here.join(path);
    let mut demo = Command::new(bin_dir.join("campari"));
    demo.arg("demo").arg("--bin-dir").arg(bin_dir);
    demo.arg("--models").arg(workspace::root().join("models"));
    demo.arg("--scene").arg(workspace::scene());
    let out = options.out.as_ref().map_or_else(|| workspace::kept().join("demo"), absolute);
    demo.arg("--out").arg(out);
    for (flag, path) in [("--clip", &options.clip), ("--camera", &options.camera), ("--json", &options.json)] {
        if let Some(path) = path {
            demo.arg(flag).arg(absolute(path));
        }
    }
    if let Some(seconds) = options.seconds {
        demo.arg("--seconds").arg(seconds.to_string());
    }
    if let Some(setting) = &options.setting {
        demo.arg("--setting").arg(setting);
    }
    if options.headless {
        demo.arg("--headless");
    }
    demo.args(&options.more);
    workspace::equip(&mut demo);
    Ok(demo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_says_where_everything_is() {
        let options = Options {
            seconds: Some(7),
            headless: true,
            json: Some("a.json".into()),
            more: vec!["--filter".into(), "pixelate".into()],
            ..Options::default()
        };
        let line = child::line(&command(&options, Path::new("/bins")).unwrap());
        for part in [
            "/bins/campari demo --bin-dir /bins",
            "--models ",
            "scene-v1.mp4",
            "--seconds 7",
            "--headless --filter pixelate",
        ] {
            assert!(line.contains(part), "{part} not in {line}");
        }
        let json = std::env::current_dir().unwrap().join("a.json");
        assert!(line.contains(&format!("--json {}", json.display())), "{line}");
    }

    #[test]
    fn a_clip_that_is_not_there_is_refused_before_anything_is_built() {
        let options = Options { clip: Some("/no/such.mp4".into()), ..Options::default() };
        assert!(run(&options).unwrap_err().to_string().contains("/no/such.mp4 does not exist"));
    }
}
