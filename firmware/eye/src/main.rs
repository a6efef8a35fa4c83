//! `campari-eye --config FILE`: see the library for what it is.

use clap::Parser;
use eye::doctor::Asked;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// The process that holds raw pixels, decides, masks and encodes. It has no network.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Configuration (TOML).
    #[arg(long, required_unless_present = "doctor")]
    config: Option<PathBuf>,
    /// Read the configuration, say what is wrong with it, and end.
    #[arg(long)]
    check: bool,
    /// Run the detector's self-test once, say whether it passed and why not, and end: exit status 0 passed, 1 failed or not possible.
    #[arg(long, conflicts_with = "check")]
    self_test: bool,
    /// Hold the board against its profile, say what does not fit as JSON, and end: exit status 0 nothing failed, 1 something did, 2 it could not be
    /// checked. `campari doctor` prints it for people.
    #[arg(long, conflicts_with_all = ["check", "self_test"])]
    doctor: bool,
    /// With --doctor: measure what a frame costs, too.
    #[arg(long, requires = "doctor")]
    bench: bool,
    /// With --doctor and without --config: the profile, by name or file [default: the board's own].
    #[arg(long, requires = "doctor", conflicts_with = "config")]
    profile: Option<String>,
    /// With --doctor and without --config: the models.
    #[arg(
        long,
        requires = "doctor",
        conflicts_with = "config",
        default_value = "/usr/share/campari/models/manifest.toml"
    )]
    manifest: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("CAMPARI_LOG").unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    if arguments.doctor {
        return doctor(arguments);
    }
    let outcome = eye::config::Config::read(&arguments.config.unwrap_or_default())
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

/// The report on standard output.
fn doctor(arguments: Arguments) -> ExitCode {
    let asked = match arguments.config {
        Some(file) => eye::config::Config::read(&file)
            .map_err(|error| chain(&error))
            .and_then(|config| Asked::of_config(config).map_err(|error| chain(&error))),
        None => Asked::of_profile(arguments.profile.as_deref(), arguments.manifest).map_err(|error| chain(&error)),
    };
    let told = asked.and_then(|asked| {
        let report = eye::doctor::examine(&asked, arguments.bench);
        let text = serde_json::to_string(&report).map_err(|error| error.to_string())?;
        writeln!(std::io::stdout(), "{text}").map_err(|error| error.to_string())?;
        Ok(report.is_sound())
    });
    match told {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(cause) => {
            tracing::error!("{cause}");
            ExitCode::from(2)
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
