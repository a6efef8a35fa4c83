//! What can go wrong on a stage.

use crate::command::CommandError;
use crate::keys::KeyError;
use crate::mqtt::BusError;
use crate::receive::ReceiveError;
use crate::room::RoomError;
use crate::trust::TrustError;
use std::path::PathBuf;

/// Why the stage does not play.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// A program that the stage needs is not there.
    #[error("{program} is not installed; run: {remedy}")]
    NotInstalled {
        /// Its name.
        program: &'static str,
        /// What brings it.
        remedy: &'static str,
    },
    /// One of our own programs, or a file that was named, is not there.
    #[error("{what} is not at {}", path.display())]
    Missing {
        /// What was looked for.
        what: &'static str,
        /// Where.
        path: PathBuf,
    },
    /// A folder that holds something else.
    #[error("{} is not empty and not a stage's folder; it would be emptied: choose another", path.display())]
    Foreign {
        /// Which.
        path: PathBuf,
    },
    /// A file or folder.
    #[error("{}: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A configuration that cannot be written as TOML.
    #[error("configuration {}: {cause}", path.display())]
    Config {
        /// Which.
        path: PathBuf,
        /// What the writer said.
        cause: toml::ser::Error,
    },
    /// No free TCP port.
    #[error("no free TCP port on 127.0.0.1: {cause}")]
    Port {
        /// What the system said.
        cause: std::io::Error,
    },
    /// A certificate could not be made.
    #[error("certificates: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A program could not be started.
    #[error("{name} ({}) does not start: {cause}", program.display())]
    NotStarted {
        /// Its name on the stage.
        name: &'static str,
        /// Its file.
        program: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A program ended that should run.
    #[error("{name} ended ({how}); the last lines of {}:\n{last_lines}", log.display())]
    Died {
        /// Its name on the stage.
        name: &'static str,
        /// Exit status.
        how: String,
        /// Its log.
        log: PathBuf,
        /// The end of it.
        last_lines: String,
    },
    /// Something did not happen in time.
    #[error("not within {within_s} s: {what}\n{last_lines}")]
    Late {
        /// What was awaited.
        what: String,
        /// How long.
        within_s: u64,
        /// What the logs or the state say.
        last_lines: String,
    },
    /// The board answered no.
    #[error("the board refuses: {0}")]
    Refused(#[from] contract::body::Refusal),
    /// The connection to the broker.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// A command.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The agent.
    #[error(transparent)]
    Room(#[from] RoomError),
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The policy.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// Signing.
    #[error(transparent)]
    Token(#[from] token::TokenError),
    /// The subscriber's ports.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
}
