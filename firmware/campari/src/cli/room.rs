//! `campari room`: the heartbeat agent as a program.

use super::connect::{Connection, client_id};
use super::{Done, Output, asked_to_stop};
use crate::keys::NamedKey;
use crate::room::{Room, RoomSettings};
use crate::trust::{Root, Trust};
use anyhow::Result;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The room's key (JWK); the policy must know it with the role `room`.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The signed policy bundle: whose grants count.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// A public key of the policy office; give two.
    #[arg(long = "root", value_name = "KID=X", required = true)]
    roots: Vec<Root>,
    /// Where the agent remembers counter and running shares [default: beside the key, KEY.state.json].
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Tell subscribers that every centralist is busy.
    #[arg(long)]
    busy: bool,
    #[command(flatten)]
    connection: Connection,
    /// Print a JSON line per heartbeat.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn run(arguments: Arguments, output: Output) -> Result<Done> {
    let place = arguments.connection.place()?;
    let key = NamedKey::read(&arguments.key)?;
    let trust = Trust::read(&arguments.policy, &arguments.roots, &place.site)?;
    let memory = arguments.state.unwrap_or_else(|| arguments.key.with_extension("state.json"));
    output.remark(&format!(
        "heartbeat for site {}, key {}, policy version {}",
        place.site,
        key.kid,
        trust.policy().version
    ));
    let room = Room::start(RoomSettings {
        broker: place.broker,
        client_id: client_id("room"),
        site: place.site,
        key,
        trust,
        memory: Some(memory),
        busy: arguments.busy,
    })?;
    let mut pulse = room.pulse();
    let mut told = None;
    let follow = async {
        while pulse.changed().await.is_ok() {
            let now = pulse.borrow().clone();
            // People want the changes, programs every beat.
            let news = Some((now.stands, now.connected, now.leads, now.busy));
            if arguments.json || told != news {
                told = news;
                let connected = if now.connected { "connected" } else { "NOT CONNECTED: shares end within the lease" };
                let seat = if now.leads { "leads" } else { "follows another agent" };
                let busy = if now.busy { ", everybody is busy" } else { "" };
                let people = || format!("{seat}, {} shares stand, {connected}{busy}", now.stands);
                let programs = serde_json::json!({"beats": now.beats, "stands": now.stands, "connected": now.connected,
                    "leads": now.leads, "busy": now.busy});
                output.result(people, &programs);
            }
        }
    };
    tokio::select! {
        () = follow => anyhow::bail!("the agent ended by itself; see the log above"),
        () = asked_to_stop() => {}
    }
    room.stop().await;
    output.remark("room closed; running shares end within the lease");
    Ok(Done::Yes)
}
