//! The commands. Exit status 0 done, 1 refused or failed, 2 usage.

mod ask;
mod camera;
mod centralist;
mod connect;
mod demo;
mod doctor;
mod journal;
mod keygen;
mod names;
mod output;
mod policy;
mod provision;
mod room;
mod share;
mod status;
mod tell;
mod usage;
mod view;
mod watch;

use crate::command::Everywhere;
use anyhow::Result;
use clap::{Parser, Subcommand};
use output::Output;
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Camera access with privacy: keys, policy, heartbeat, grants, and a subscriber's eye on what arrives.
#[derive(Debug, Parser)]
#[command(name = "campari", version, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The whole road on this machine: broker, eye, voice, control room, subscriber.
    Demo(Box<demo::Arguments>),
    /// Make a key for a centralist, the room, the policy office, a subscriber, a privacy officer or a board.
    Keygen(keygen::Arguments),
    /// The control room's agent: signed heartbeat and presence, until it is stopped.
    Room(Box<room::Arguments>),
    /// Ask to watch a camera, and wait for a centralist's decision.
    Request(Box<ask::RequestArguments>),
    /// Take a request back, or give up the share that it became.
    Withdraw(Box<ask::WithdrawArguments>),
    /// Say that you no longer watch; the share is over.
    Leave(Box<ask::LeaveArguments>),
    /// Say that you saw somebody uncovered; the camera shows coarse pictures until a privacy officer clears it.
    ReportLeak(Box<ask::ReportLeakArguments>),
    /// Let a subscriber watch a camera, as it asked or as you say.
    Grant(Box<share::GrantArguments>),
    /// Let a share run longer.
    Extend(Box<share::ExtendArguments>),
    /// Say no to a request.
    Deny(Box<share::DenyArguments>),
    /// End a share, every share of a camera, or every share of the site.
    Revoke(Box<share::RevokeArguments>),
    /// The police take a camera, or all: every share ends, and nothing is granted until release.
    Preempt(Box<camera::ReserveArguments>),
    /// The police give a camera back, or all.
    Release(Box<camera::ReserveArguments>),
    /// A privacy officer has looked into the reports: the granted filters apply again.
    ClearLeak(Box<camera::ClearLeakArguments>),
    /// Every camera of the site, as its board last said.
    Status(status::Arguments),
    /// Every camera and one inbox of requests on the screen; take, grant, extend, deny, revoke, preempt at a key press.
    Watch(Box<watch::Arguments>),
    /// Receive a stream: time to the first picture, latency, loss; can save.
    View(view::Arguments),
    /// Is this board as its profile says; what to do where it is not.
    Doctor(doctor::Arguments),
    /// Make a fresh board a camera, by way of a stick.
    #[command(subcommand)]
    Provision(provision::Command),
    /// What a city allows: write it, sign it, look at it.
    #[command(subcommand)]
    Policy(policy::Command),
    /// What a board's journal proves, and what is in it.
    #[command(subcommand)]
    Journal(journal::Command),
    /// Who is behind the pseudonyms, kept outside every journal.
    #[command(subcommand)]
    Names(names::Command),
    /// What was watched, and the bill for it.
    #[command(subcommand)]
    Usage(usage::Command),
}

/// Whether a command did what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Yes,
    /// Refused, or a promise was broken; what and why is printed.
    No,
    /// It could not be told; why is printed.
    Unknown,
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let quiet = match &arguments.command {
        Command::Room(_) => "info",
        // The screen is full already.
        Command::Watch(watch) if !watch.json => "off",
        _ => "warn",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(format!("{quiet},rumqttc=error")));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => {
            Output::new(false).failed(&anyhow::anyhow!("no async runtime: {cause}"));
            return ExitCode::FAILURE;
        }
    };
    let json = arguments.command.wants_json();
    match runtime.block_on(arguments.command.run()) {
        Ok(Done::Yes) => ExitCode::SUCCESS,
        Ok(Done::No) => ExitCode::FAILURE,
        Ok(Done::Unknown) => ExitCode::from(2),
        Err(error) => {
            Output::new(json).failed(&error);
            ExitCode::FAILURE
        }
    }
}

impl Command {
    fn wants_json(&self) -> bool {
        match self {
            Command::Demo(_) => false,
            Command::Keygen(arguments) => arguments.json,
            Command::Room(arguments) => arguments.wants_json(),
            Command::Request(arguments) => arguments.json,
            Command::Withdraw(arguments) => arguments.json,
            Command::Leave(arguments) => arguments.json,
            Command::ReportLeak(arguments) => arguments.json,
            Command::Grant(arguments) => arguments.json,
            Command::Extend(arguments) => arguments.json,
            Command::Deny(arguments) => arguments.json,
            Command::Revoke(arguments) => arguments.json,
            Command::Preempt(arguments) | Command::Release(arguments) => arguments.json,
            Command::ClearLeak(arguments) => arguments.json,
            Command::Status(arguments) => arguments.json,
            Command::Watch(arguments) => arguments.json,
            Command::View(arguments) => arguments.json,
            Command::Doctor(arguments) => arguments.json,
            Command::Provision(command) => command.wants_json(),
            Command::Policy(command) => command.wants_json(),
            Command::Journal(command) => command.wants_json(),
            Command::Names(command) => command.wants_json(),
            Command::Usage(command) => command.wants_json(),
        }
    }

    async fn run(self) -> Result<Done> {
        let output = Output::new(self.wants_json());
        match self {
            Command::Demo(arguments) => demo::run(*arguments).await,
            Command::Keygen(arguments) => keygen::run(&arguments, output),
            Command::Room(arguments) => room::run(*arguments, output).await,
            Command::Grant(arguments) => share::grant(*arguments, output).await,
            Command::Request(arguments) => ask::request(*arguments, output).await,
            Command::Withdraw(arguments) => ask::withdraw(*arguments, output).await,
            Command::Leave(arguments) => ask::leave(*arguments, output).await,
            Command::ReportLeak(arguments) => ask::report_leak(*arguments, output).await,
            Command::Extend(arguments) => share::extend(*arguments, output).await,
            Command::Deny(arguments) => share::deny(*arguments, output).await,
            Command::Revoke(arguments) => share::revoke(*arguments, output).await,
            Command::Preempt(arguments) => camera::reserve(*arguments, Everywhere::Preempt, output).await,
            Command::Release(arguments) => camera::reserve(*arguments, Everywhere::Release, output).await,
            Command::ClearLeak(arguments) => camera::clear_leak(*arguments, output).await,
            Command::Status(arguments) => status::run(arguments, output).await,
            Command::Watch(arguments) => watch::run(*arguments, output).await,
            Command::View(arguments) => view::run(arguments, output).await,
            Command::Doctor(arguments) => doctor::run(&arguments, output).await,
            Command::Provision(command) => provision::run(command, output),
            Command::Policy(command) => policy::run(&command, output).await,
            Command::Journal(command) => journal::run(&command, output),
            Command::Names(command) => names::run(command, output),
            Command::Usage(command) => usage::run(command, output).await,
        }
    }
}

/// Ends at Ctrl-C or SIGTERM.
async fn asked_to_stop() {
    let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
        return tokio::signal::ctrl_c().await.unwrap_or_default();
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_but_the_demo_takes_json() {
        for command in Arguments::command().get_subcommands().filter(|command| command.get_name() != "demo") {
            let leaves: Vec<_> =
                if command.has_subcommands() { command.get_subcommands().collect() } else { vec![command] };
            for leaf in leaves {
                assert!(leaf.get_arguments().any(|argument| argument.get_id() == "json"), "{}", leaf.get_name());
            }
        }
    }
}
