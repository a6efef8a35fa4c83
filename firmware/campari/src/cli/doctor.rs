//! `campari doctor`: is this board as its profile says, and what to do where it is not.
//!
//! What needs a driver or a model is asked of `campari-eye --doctor`, which this program may not contain; the rest is looked at here. Exit status 0
//! nothing failed, 1 something did, 2 it could not be checked.

use super::Done;
use super::output::{self, Output};
use anyhow::{Context, Result, bail};
use contract::doctor::{Check, Outcome, Report, Stage};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The eye's configuration; it names the profile.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["profile", "manifest"])]
    config: Option<PathBuf>,
    /// The profile, by name or file [default: the one that the device tree names].
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The models' manifest.toml, where there is no configuration [default: the installed one].
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Measure what a frame costs, beside what the profile expects.
    #[arg(long)]
    bench: bool,
    /// Folder with campari-eye and campari-voice [default: where this program is].
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Prints what was found.
pub(super) async fn run(arguments: &Arguments, output: Output) -> Result<Done> {
    Ok(match examine(arguments).await {
        Ok(report) => {
            output.result(|| told(&report, output::colours()), &report);
            if report.is_sound() { Done::Yes } else { Done::No }
        }
        Err(error) => {
            output.failed(&error);
            Done::Unknown
        }
    })
}

async fn examine(arguments: &Arguments) -> Result<Report> {
    let programs = match &arguments.bin_dir {
        Some(folder) => folder.clone(),
        None => {
            let own = std::env::current_exe().context("where is this program?")?;
            own.parent().map(PathBuf::from).unwrap_or_default()
        }
    };
    let mut report = ask_the_eye(&programs.join("campari-eye"), arguments).await?;
    report.checks.push(voice(&programs));
    Ok(report)
}

/// Runs the eye's own doctor and reads what it says.
async fn ask_the_eye(eye: &Path, arguments: &Arguments) -> Result<Report> {
    let mut args: Vec<OsString> = vec!["--doctor".into()];
    for (flag, value) in [("--config", &arguments.config), ("--manifest", &arguments.manifest)] {
        args.extend(value.iter().flat_map(|value| [flag.into(), value.into()]));
    }
    args.extend(arguments.profile.iter().flat_map(|name| ["--profile".into(), name.into()]));
    args.extend(arguments.bench.then(|| "--bench".into()));
    let ran = tokio::process::Command::new(eye)
        .args(args)
        .env("CAMPARI_LOG", "error")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("{} cannot be run; is it installed? --bin-dir says where", eye.display()))?;
    if let Ok(report) = serde_json::from_slice(&ran.stdout) {
        return Ok(report);
    }
    let said = String::from_utf8_lossy(&ran.stderr);
    match said.lines().last() {
        // Without the time and the level of the eye's log.
        Some(line) => bail!(
            "{}",
            line.split_once("ERROR").map_or(line, |(_, text)| text.trim_start()).trim_start_matches("campari_eye: ")
        ),
        None => bail!("{} said nothing and ended with {}", eye.display(), ran.status),
    }
}

/// The other program of the board.
fn voice(programs: &Path) -> Check {
    let voice = programs.join("campari-voice");
    match std::fs::metadata(&voice) {
        Ok(_) => Check::pass("campari-voice", voice.display().to_string()),
        Err(cause) => {
            Check::fail("campari-voice", format!("{}: {cause}", voice.display()), "install it beside campari-eye")
        }
    }
}

/// A line for each check, the remedy under it, and a table of the stages.
fn told(report: &Report, colours: bool) -> String {
    let width = report.checks.iter().map(|check| check.line.chars().count()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for check in &report.checks {
        let (mark, code) = match check.outcome {
            Outcome::Pass => ("pass", "32"),
            Outcome::Note => ("note", "33"),
            Outcome::Fail => ("FAIL", "1;31"),
        };
        let mark = if colours { format!("\x1b[{code}m{mark}\x1b[0m") } else { mark.to_owned() };
        lines.push(format!("{mark}  {:<width$}  {}", check.line, check.found));
        lines.extend(check.remedy.iter().map(|remedy| format!("{:6}{:<width$}  → {remedy}", "", "")));
    }
    if !report.stages.is_empty() {
        lines.push(String::new());
        lines.extend(table(&report.stages));
    }
    let count = |outcome| report.checks.iter().filter(|check| check.outcome == outcome).count();
    let (failed, notes) = (count(Outcome::Fail), count(Outcome::Note));
    let verdict = match failed {
        0 => format!("{}: sound, {notes} to note", report.profile),
        _ => format!("{}: {failed} of {} failed, {notes} to note", report.profile, report.checks.len()),
    };
    lines.push(format!("\n{verdict}"));
    lines.join("\n")
}

/// Expected beside measured, milliseconds.
fn table(stages: &[Stage]) -> Vec<String> {
    let cell = |ms: Option<f32>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.2}"));
    let row = |a: &str, b: &str, c: &str, d: &str| format!("{a:<8}  {b:>11}  {c:>8}  {d:>8}");
    let mut lines = vec![row("ms", "expected", "p50", "p99")];
    lines.extend(stages.iter().map(|s| row(&s.stage, &cell(s.expected_ms), &cell(s.p50_ms), &cell(s.p99_ms))));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_its_line_and_every_remedy_its_own() {
        let stage =
            |stage: &str, p50_ms| Stage { stage: stage.into(), expected_ms: Some(26.0), p50_ms, p99_ms: p50_ms };
        let report = Report {
            profile: "desktop".into(),
            checks: vec![
                Check::pass("encoder.kind", "openh264"),
                Check::fail("clock", "not synchronised", "start a time service"),
            ],
            stages: vec![stage("infer", Some(25.04)), stage("capture", None)],
        };
        let text = told(&report, false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "pass  encoder.kind  openh264",
                "FAIL  clock         not synchronised",
                "                    → start a time service",
                "",
                "ms           expected       p50       p99",
                "infer           26.00     25.04     25.04",
                "capture         26.00         -         -",
                "",
                "desktop: 1 of 2 failed, 0 to note",
            ]
        );
        assert!(told(&report, true).contains("\x1b[1;31mFAIL\x1b[0m"));
    }
}
