//! `campari provision`: a stick that makes a board a camera. On the technician's machine `prepare` and `sign`; the board calls `board` by itself.

use super::{Done, Output};
use crate::mqtt::Broker;
use crate::provision::{self, Board, Camera, Step, Wanted};
use crate::trust::Root;
use anyhow::{Result, anyhow};
use contract::{CameraId, SiteId};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Write on a stick what a board is to be: camera, broker, time, policy. Then put it into the board, for ten seconds.
    Prepare(Box<PrepareArguments>),
    /// Answer the board's request on the stick with the boards' authority. Then put it into the board again.
    Sign(SignArguments),
    /// What the board does with a stick: makes its key and asks, or takes its identity in.
    Board(BoardArguments),
}

impl Command {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            Command::Prepare(arguments) => arguments.json,
            Command::Sign(arguments) => arguments.json,
            Command::Board(arguments) => arguments.json,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct PrepareArguments {
    /// Where the stick is mounted.
    #[arg(long, value_name = "DIR")]
    stick: PathBuf,
    /// The site.
    #[arg(long)]
    site: SiteId,
    /// The camera's id.
    #[arg(long)]
    camera: CameraId,
    /// What people call the camera.
    #[arg(long)]
    name: String,
    /// Where it hangs, for people.
    #[arg(long, default_value = "")]
    place: String,
    /// The broker, as HOST:PORT; the image's firewall lets the board speak to port 8883 only.
    #[arg(long)]
    broker: Broker,
    /// Authority that signed the broker's certificate (PEM).
    #[arg(long, value_name = "FILE")]
    broker_ca: PathBuf,
    /// The signed policy bundle.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// A public key of the policy office, KID=X; two are needed.
    #[arg(long, value_name = "KID=X", required = true)]
    root: Vec<Root>,
    /// A time server that speaks NTS; better two.
    #[arg(long, value_name = "HOST", required = true)]
    time_server: Vec<String>,
    /// Authority of the time servers, where it is not a public one (PEM).
    #[arg(long, value_name = "FILE")]
    time_ca: Option<PathBuf>,
    /// Tables of eye.toml that are to be other than the image's, such as [source] or [pins] (TOML).
    #[arg(long, value_name = "FILE")]
    eye: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct SignArguments {
    /// Where the stick is mounted.
    #[arg(long, value_name = "DIR")]
    stick: PathBuf,
    /// The boards' authority: the one whose certificates the broker takes from boards (PEM).
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// Its private key (PEM, mode 0600).
    #[arg(long, value_name = "FILE")]
    ca_key: PathBuf,
    /// For how many days.
    #[arg(long, value_name = "DAYS", default_value_t = 825, value_parser = clap::value_parser!(u64).range(1..=3650))]
    days: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct BoardArguments {
    /// Where the stick is mounted.
    #[arg(long, value_name = "DIR")]
    stick: PathBuf,
    /// Where the board keeps its identity.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/campari/etc")]
    identity: PathBuf,
    /// Folder of the image's own configuration, and what programs call the identity's.
    #[arg(long, value_name = "DIR", default_value = "/etc/campari")]
    image: PathBuf,
    /// The voice's user, who alone may read the key.
    #[arg(long, value_name = "UID")]
    voice_uid: Option<u32>,
    /// The eye's program, which is asked whether it takes the configuration.
    #[arg(long, value_name = "FILE", default_value = "/usr/bin/campari-eye")]
    eye: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: Command, output: Output) -> Result<Done> {
    match command {
        Command::Prepare(arguments) => prepare(*arguments, output),
        Command::Sign(arguments) => {
            let lasts = Duration::from_secs(arguments.days * 24 * 3600);
            let camera = provision::sign(&arguments.stick, &arguments.ca, &arguments.ca_key, lasts)?;
            let say =
                || format!("signed for camera {camera}, {} days; put the stick into the board again", arguments.days);
            output.result(say, &json!({"ok": true, "camera": camera, "days": arguments.days}));
            Ok(Done::Yes)
        }
        Command::Board(arguments) => {
            let board = Board {
                identity: arguments.identity,
                known_as: arguments.image.clone(),
                image: arguments.image,
                voice_uid: arguments.voice_uid,
                eye: Some(arguments.eye),
            };
            let step = provision::board(&arguments.stick, &board)?;
            output.result(|| told(&step), &step);
            Ok(Done::Yes)
        }
    }
}

fn prepare(arguments: PrepareArguments, output: Output) -> Result<Done> {
    if !arguments.stick.is_dir() {
        return Err(anyhow!("{} is no folder; is the stick mounted?", arguments.stick.display()));
    }
    let wanted = Wanted {
        camera: Camera { site: arguments.site, camera: arguments.camera, name: arguments.name, place: arguments.place },
        broker: arguments.broker,
        broker_ca: arguments.broker_ca,
        policy: arguments.policy,
        roots: arguments.root,
        time_servers: arguments.time_server,
        time_ca: arguments.time_ca,
        eye: arguments.eye,
    };
    provision::prepare(&arguments.stick, &wanted)?;
    let camera = &wanted.camera.camera;
    let say = || {
        format!("the stick is ready for camera {camera}; put it into the board, it asks for its certificate by itself")
    };
    output.result(say, &json!({"ok": true, "camera": camera}));
    Ok(Done::Yes)
}

fn told(step: &Step) -> String {
    match step {
        Step::NoOrder => "no identity on this stick".into(),
        Step::Asked { camera } => {
            format!(
                "camera {camera}: the request for a certificate is on the stick; `campari provision sign`, then put it in again"
            )
        }
        Step::Provisioned { camera } => format!("this board is camera {camera} now"),
        Step::Already { camera } => format!("this board is camera {camera} already; nothing was changed"),
    }
}
