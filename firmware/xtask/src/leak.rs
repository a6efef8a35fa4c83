//! `cargo xtask leak`: builds `campari-mask` as it is shipped and the measuring program, and hands over to the latter.
//!
//! `campari-mask` is built in the release profile: its times are told. What is measured and how is in `tests/leak`.

use crate::{child, setup, workspace};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `cargo xtask leak` is asked.
#[derive(Args, Clone, Default)]
pub(crate) struct Options {
    /// Annotated pictures: a folder with annotations.jsonl and images/, itself or in dev/ below.
    #[arg(long, value_name = "DIR", required_unless_present = "clips")]
    pub(crate) data: Option<PathBuf>,
    /// Clips: a folder with NAME.mp4 and, beside them or in models/eval/clips, reference tracks NAME.jsonl. models/eval/clips.py makes more.
    #[arg(long, value_name = "DIR", conflicts_with = "data")]
    pub(crate) clips: Option<PathBuf>,
    /// Of clips, only as they are: no other frame rates, no lost frames.
    #[arg(long, requires = "clips")]
    pub(crate) quick: bool,
    /// light, fast or full; may be given several times. Without it, every setting of models/manifest.toml.
    #[arg(long, value_name = "SETTING")]
    pub(crate) setting: Vec<String>,
    /// Write the figures here too.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Where tables, curve, masked pictures and contact sheets go (default .campari/leak). The sheets worst-*.png show real
    /// people and plates that were not masked: keep them there, never commit them or pass them on.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// How masks look: fill or pixelate.
    #[arg(long, default_value = "fill")]
    pub(crate) filter: String,
    /// Compare the masked pixels with the originals, so that a mask that still shows what it masks is a leak; `=false` believes
    /// the report.
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true")]
    pub(crate) masked_check: bool,
    /// Fetch nothing.
    #[arg(long)]
    pub(crate) offline: bool,
}

/// Measures to the end.
pub(crate) fn run(options: &Options) -> Result<()> {
    if let Some(data) = options.data.as_ref().filter(|data| !data.is_dir()) {
        bail!("{} is not a folder; --data wants one with annotations.jsonl and images/", data.display());
    }
    if let Some(clips) = options.clips.as_ref().filter(|clips| !clips.is_dir()) {
        bail!("{} is not a folder; --clips wants one with clips and reference tracks", clips.display());
    }
    setup::run(&setup::Options { offline: options.offline, ..setup::Options::default() })?;
    eprintln!("Building campari-mask (release) and the measuring program (the first time takes some minutes) …");
    child::run(workspace::cargo().args(["build", "--release", "--package", "maskfile"]))?;
    child::run(workspace::cargo().args(["build", "--package", "leak"]))?;
    child::run(&mut command(options, &workspace::bin_dir()?, &workspace::release_dir()?)?)
}

/// The call of the measuring program with everything spelled out.
fn command(options: &Options, bin_dir: &Path, release_dir: &Path) -> Result<Command> {
    let here = std::env::current_dir().context("finding the current folder")?;
    let out = options.out.as_ref().map_or_else(|| workspace::kept().join("leak"), |out| here.join(out));
    let mut leak = Command::new(bin_dir.join("leak"));
    for (name, folder) in [("--data", &options.data), ("--clips", &options.clips)] {
        if let Some(folder) = folder {
            leak.arg(name).arg(here.join(folder));
        }
    }
    leak.arg("--out").arg(out).args(options.quick.then_some("--quick"));
    leak.arg("--models").arg(workspace::root().join("models")).arg("--program").arg(release_dir.join("campari-mask"));
    leak.args(["--filter", &options.filter, "--masked-check", &options.masked_check.to_string()]);
    for setting in &options.setting {
        leak.args(["--setting", setting]);
    }
    if let Some(json) = &options.json {
        leak.arg("--json").arg(here.join(json));
    }
    workspace::equip(&mut leak);
    Ok(leak)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    fn line(words: &[&str]) -> String {
        let options = Cli::parse_from([&["leak"], words].concat()).options;
        child::line(&command(&options, Path::new("/debug"), Path::new("/release")).unwrap())
    }

    #[test]
    fn the_call_says_where_everything_is() {
        let told = line(&["--data", "/data", "--setting", "light", "--setting", "full", "--json", "/a.json"]);
        for part in [
            "/debug/leak --data /data --out ",
            "/.campari/leak --models ",
            "--program /release/campari-mask",
            "--filter fill --masked-check true --setting light --setting full --json /a.json",
        ] {
            assert!(told.contains(part), "{part} not in {told}");
        }
    }

    #[test]
    fn clips_are_measured_instead_of_pictures() {
        let told = line(&["--clips", "/clips", "--quick"]);
        assert!(told.contains("/debug/leak --clips /clips --out ") && told.contains("--quick"), "{told}");
        assert!(
            Cli::try_parse_from(["leak"]).is_err()
                && Cli::try_parse_from(["leak", "--data", "a", "--clips", "b"]).is_err()
        );
    }

    #[test]
    fn pixels_are_checked_unless_it_is_turned_off() {
        assert!(line(&["--data", "/data", "--masked-check"]).contains("--masked-check true"));
        assert!(line(&["--data", "/data", "--masked-check=false"]).contains("--masked-check false"));
    }

    #[test]
    fn data_that_is_not_there_is_refused_before_anything_is_built() {
        let options = Options { data: Some("/no/such".into()), ..Options::default() };
        assert!(run(&options).unwrap_err().to_string().contains("/no/such is not a folder"));
    }
}
