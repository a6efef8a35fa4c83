//! `campari room`: the heartbeat agent as a program; `campari room busy` and `free` tell it that everybody is busy.

use super::connect::{Connection, Place, TrustArguments, client_id, pseudonym};
use super::{Done, Output, asked_to_stop};
use crate::clock;
use crate::collect::{CollectSettings, Collection, collect};
use crate::command::{Seen, site_topics};
use crate::room::{Room, RoomSettings};
use crate::trust::Trust;
use anyhow::{Context, Result, bail};
use contract::body::{RoomBusy, RoomPresence};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// How long the policy may take to come from the broker.
const POLICY_WITHIN: Duration = Duration::from_secs(3);
/// How long the agent may take to say that it heard.
const HEARD_WITHIN: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    say: Option<Say>,
    #[command(flatten)]
    agent: AgentArguments,
}

#[derive(Debug, clap::Subcommand)]
enum Say {
    /// Every centralist is busy: who asks from now on is told so at once.
    Busy(SayArguments),
    /// Requests wait for a centralist again.
    Free(SayArguments),
}

#[derive(Debug, clap::Args)]
struct SayArguments {
    /// Who says so, a pseudonym [default: `operator` of the settings file].
    #[arg(long, value_name = "PSEUDONYM", value_parser = pseudonym)]
    operator: Option<String>,
    #[command(flatten)]
    connection: Connection,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct AgentArguments {
    /// The room's key (JWK); the policy must know it with the role `room` [default: `key` of the settings file].
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArguments,
    /// Where the agent remembers counter, reserve epoch and running shares [default: beside the key, KEY.state.json]. Each agent needs its own.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Begin with everybody busy, unless `campari room busy` or `free` was said.
    #[arg(long)]
    busy: bool,
    /// Collect usage records into this file, too, as `campari usage collect` does. One agent of a site does that.
    #[arg(long, value_name = "FILE")]
    usage: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
    /// Print a JSON line per heartbeat.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn wants_json(&self) -> bool {
        match &self.say {
            Some(Say::Busy(say) | Say::Free(say)) => say.json,
            None => self.agent.json,
        }
    }
}

pub(super) async fn run(arguments: Arguments, output: Output) -> Result<Done> {
    match arguments.say {
        Some(Say::Busy(say)) => tell_busy(&say, true, output).await,
        Some(Say::Free(say)) => tell_busy(&say, false, output).await,
        None => agent(arguments.agent, output).await,
    }
}

async fn agent(arguments: AgentArguments, output: Output) -> Result<Done> {
    let place = arguments.connection.place()?;
    let key = place.signing_key(arguments.key.as_deref())?;
    let trust = trust(&arguments.trust, &place).await?;
    let beside = place.key_file(arguments.key.as_deref())?.with_extension("state.json");
    let memory = arguments.state.unwrap_or(beside);
    output.remark(&format!(
        "heartbeat for site {}, key {}, policy version {}",
        place.site,
        key.kid,
        trust.policy().version
    ));
    let collection = arguments.usage.as_deref().map(Collection::open).transpose()?;
    let usage = CollectSettings {
        broker: place.broker.clone(),
        client_id: client_id("usage"),
        site: place.site.clone(),
        key: key.clone(),
    };
    let collecting = async {
        match collection {
            Some(collection) => collect(usage, collection, |_, _| {}).await,
            None => std::future::pending().await,
        }
    };
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
                let programs = json!({"beats": now.beats, "stands": now.stands, "connected": now.connected,
                    "leads": now.leads, "busy": now.busy});
                output.result(people, &programs);
            }
        }
    };
    tokio::select! {
        ended = collecting => ended.context("usage records")?,
        () = follow => bail!("the agent ended by itself; see the log above"),
        () = asked_to_stop() => {}
    }
    room.stop().await;
    output.remark("this agent stopped; without another one running shares end within the lease");
    Ok(Done::Yes)
}

/// The policy of the file, or of the broker where no file is named.
async fn trust(arguments: &TrustArguments, place: &Place) -> Result<Trust> {
    if arguments.names_a_file(place) {
        return arguments.trust(place, None);
    }
    let topics = vec![site_topics(&place.site).policy()];
    let (bus, mut messages) = place.open_as(client_id("room-policy"), topics, None).await?;
    let mut seen = Seen::of(place.site.clone());
    seen.until(&mut messages, POLICY_WITHIN, |seen| seen.policy.is_some()).await;
    bus.close().await;
    arguments.trust(place, seen.policy.as_deref())
}

/// Says it, and waits until the agent that leads says it too.
async fn tell_busy(say: &SayArguments, busy: bool, output: Output) -> Result<Done> {
    let place = say.connection.place()?;
    let by = place.operator_or(say.operator.as_deref(), "control-room")?;
    let topics = site_topics(&place.site);
    let (bus, mut messages) = place.open_as(client_id("busy"), vec![topics.presence()], None).await?;
    let told = RoomBusy { busy, by, at: clock::unix_s() };
    bus.publish(&topics.busy(), serde_json::to_vec(&told)?, true)?;
    let heard = async {
        while let Ok(message) = messages.recv().await {
            if serde_json::from_slice::<RoomPresence>(&message.payload)
                .is_ok_and(|room| room.online && room.busy == busy)
            {
                return true;
            }
        }
        false
    };
    let heard = tokio::time::timeout(HEARD_WITHIN, heard).await.unwrap_or(false);
    bus.close().await;
    let people = || match (heard, busy) {
        (true, true) => "busy: who asks from now on is told so at once",
        (true, false) => "free: requests wait for a centralist",
        (false, _) => "kept on the broker, but no agent said it: is `campari room` running?",
    };
    output.result(|| people().to_owned(), &json!({"ok": heard, "busy": busy}));
    Ok(if heard { Done::Yes } else { Done::No })
}
