//! `campari-eye --config FILE`: see the library for what it is.

use clap::Parser;
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
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("CAMPARI_LOG").unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    let outcome = eye::config::Config::read(&arguments.config)
        .map_err(|error| Box::new(error) as Box<dyn std::error::Error>)
        .and_then(|config| if arguments.check { Ok(()) } else { eye::start::run(&config).map_err(Into::into) });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", chain(error.as_ref()));
            ExitCode::FAILURE
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
