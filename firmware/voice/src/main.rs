//! `campari-voice`: reads the configuration, starts the log, runs the voice until SIGTERM or SIGINT.

use anyhow::Context as _;
use clap::Parser;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// The board's voice: MQTT and RTP. Holds no pixels, decides nothing; see the eye for both.
#[derive(Parser)]
#[command(name = "campari-voice", version)]
struct Arguments {
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Ours only: the MQTT library's own log names topics, and with them subscribers (P10).
    let filter =
        EnvFilter::try_from_env("CAMPARI_LOG").unwrap_or_else(|_| EnvFilter::new("voice=info,campari_voice=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let config = voice::config::Config::load(&arguments.config).context("configuration")?;
    // One thread: everything waits, nothing computes, and memory stays small.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("stopping");
        };
        voice::run(config, stop).await.context("start")
    })
}
