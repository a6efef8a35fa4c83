//! `campari-eye --config FILE`: see the library for what it is.

use clap::Parser;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// The process that holds raw pixels, decides, masks and encodes. It has no network.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Configuration (TOML).
    #[arg(long)]
    config: PathBuf,
    /// Read the configuration, say what is wrong with it, and end.
    #[arg(long)]
    check: bool,
    /// Run the detector's self-test once, say whether it passed and why not, and end: exit status 0 passed, 1 failed or not possible.
    #[arg(long, conflicts_with = "check")]
    self_test: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("CAMPARI_LOG").unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    let outcome = eye::config::Config::read(&arguments.config)
        .map_err(|error| Box::new(error) as Box<dyn std::error::Error>)
        .and_then(|config| match (arguments.check, arguments.self_test) {
            (true, _) => Ok(()),
            (_, true) => self_test(&config),
            _ => eye::start::run(&config).map_err(Into::into),
        });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// One line on standard output when it passed; an error that says what was missed when not.
fn self_test(config: &eye::config::Config) -> Result<(), Box<dyn std::error::Error>> {
    let tested = eye::start::self_test(config)?;
    let (name, sha256) = &tested.model;
    match tested.standing.miss {
        None => {
            let line = format!(
                "self-test passed: {name}, sha256 {sha256}, {:.0} ms\n",
                tested.standing.took.as_secs_f64() * 1e3
            );
            std::io::stdout().write_all(line.as_bytes())?;
            Ok(())
        }
        Some(miss) => {
            Err(format!("self-test failed: {name}, sha256 {sha256}: {}: {}", miss.picture, miss.cause).into())
        }
    }
}

/// The error and its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}
