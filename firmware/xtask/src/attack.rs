//! `cargo xtask attack`: builds `campari-mask` as it is shipped, sets up the attacks of `models/attack`, and hands over to them.
//!
//! The one attack that is no Python, on the encoded stream, is a test of `board/openh264`; it is run here and told beside the others.

use crate::{child, setup, venv, workspace};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The test of two faces under the same mask.
const STREAM: [&str; 4] = ["--package", "board-openh264", "--test", "p2_the_stream_tells_nothing_of_what_is_filled"];

/// What `cargo xtask attack` is asked.
#[derive(Args, Clone, Default)]
pub(crate) struct Options {
    /// Fewer people, plates and clips: within ten minutes on two cores.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Write the figures here too.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Pictures of real people too: one folder a person, four pictures or more in each. Without it, drawn faces only.
    #[arg(long, value_name = "DIR")]
    pub(crate) faces: Option<PathBuf>,
    /// Annotated pictures too (a folder with annotations.jsonl and images/, itself or in dev/ below): each head against other crops of
    /// the same photograph.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Where tables, plots and the sheet go (default .campari/attack).
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Only these parts: faces, plates, frames, with commas between.
    #[arg(long)]
    pub(crate) only: Option<String>,
    /// Fetch nothing.
    #[arg(long)]
    pub(crate) offline: bool,
}

/// Attacks to the end. Fails when a bar is missed or an attack does not even work on blur.
pub(crate) fn run(options: &Options) -> Result<()> {
    for folder in options.faces.iter().chain(&options.data) {
        if !folder.is_dir() {
            bail!("{} is not a folder", folder.display());
        }
    }
    setup::run(&setup::Options { offline: options.offline, attack: true, ..setup::Options::default() })?;
    let attacks = workspace::root().join("models/attack");
    let requirements = std::fs::read_to_string(attacks.join("requirements.txt")).context("reading requirements.txt")?;
    let environment = workspace::kept().join("attack/venv");
    venv::make(&environment, &requirements)?;
    let python = environment.join("bin/python");
    let deface = venv::deface().context("deface, on which the attacks must bite, could not be had")?;

    eprintln!("Building campari-mask (release; the first time takes some minutes) …");
    child::run(workspace::cargo().args(["build", "--release", "--package", "maskfile"]))?;
    child::run(Command::new(&python).args(["-m", "unittest", "--quiet", "test_attack"]).current_dir(&attacks))
        .context("the attacks themselves are broken")?;
    let same = child::run(workspace::cargo().args(["test", "--quiet"]).args(STREAM)).is_ok();
    let program = workspace::release_dir()?.join("campari-mask");
    let mut attack = command(options, &python, &program, &deface, same)?;
    child::run(workspace::equip(&mut attack)).context("a bar is missed, or an attack could not run; see above")
}

/// The call of the attacks with everything spelled out.
fn command(options: &Options, python: &Path, program: &Path, deface: &Path, same: bool) -> Result<Command> {
    let here = std::env::current_dir().context("finding the current folder")?;
    let out = options.out.as_ref().map_or_else(|| workspace::kept().join("attack"), |out| here.join(out));
    let models = workspace::root().join("models");
    let mut attack = Command::new(python);
    attack.arg(models.join("attack/run.py")).arg("--program").arg(program);
    attack.arg("--manifest").arg(models.join("manifest.toml")).arg("--deface").arg(deface).arg("--out").arg(out);
    attack.args(["--encoder-test", if same { "passed" } else { "failed" }]);
    for (flag, path) in [("--json", &options.json), ("--faces", &options.faces), ("--data", &options.data)] {
        if let Some(path) = path {
            attack.arg(flag).arg(here.join(path));
        }
    }
    if let Some(only) = &options.only {
        attack.args(["--only", only]);
    }
    if options.quick {
        attack.arg("--quick");
    }
    // Two workers of one thread each: what libraries start beyond that only gets in their way.
    for threads in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"] {
        attack.env(threads, "1");
    }
    Ok(attack)
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

    fn line(words: &[&str], same: bool) -> String {
        let options = Cli::parse_from([&["attack"], words].concat()).options;
        let [python, program, deface] = ["/v/python", "/release/campari-mask", "/d/deface"].map(Path::new);
        child::line(&command(&options, python, program, deface, same).unwrap())
    }

    #[test]
    fn the_call_says_where_everything_is() {
        let told = line(&["--quick", "--faces", "/people", "--json", "/a.json"], true);
        for part in [
            "/v/python ",
            "/models/attack/run.py --program /release/campari-mask --manifest ",
            "/models/manifest.toml --deface /d/deface --out ",
            "/.campari/attack --encoder-test passed --json /a.json --faces /people --quick",
        ] {
            assert!(told.contains(part), "{part} not in {told}");
        }
    }

    #[test]
    fn a_stream_that_tells_something_is_passed_on() {
        assert!(line(&[], false).contains("--encoder-test failed"));
    }

    #[test]
    fn people_who_are_not_there_are_refused_before_anything_is_built() {
        let options = Options { faces: Some("/no/such".into()), ..Options::default() };
        assert!(run(&options).unwrap_err().to_string().contains("/no/such is not a folder"));
    }
}
