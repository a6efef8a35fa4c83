//! `campari grant` and `campari revoke`.

use super::connect::Connection;
use super::{Done, Output};
use crate::command::{CommandError, Desk, GrantOrder, Outcome, state_filter};
use crate::keys::NamedKey;
use anyhow::Result;
use contract::claims::{Actors, Delivery};
use contract::topic::CommandTopic;
use contract::{CameraId, Filter, Jti, SubscriberId, ViewName};
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, clap::Args)]
struct Centralist {
    /// The centralist's key (JWK).
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The camera.
    #[arg(long)]
    camera: CameraId,
    /// Who acts, as a pseudonym for the journal [default: the key's name].
    #[arg(long, value_name = "PSEUDONYM")]
    operator: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(super) struct GrantArguments {
    #[command(flatten)]
    centralist: Centralist,
    /// Who will watch.
    #[arg(long)]
    subscriber: SubscriberId,
    /// Which aim of the camera.
    #[arg(long)]
    view: ViewName,
    /// Weakest filter that may be shown: pixelate, fill, silhouette, coarse.
    #[arg(long, default_value = "fill")]
    filter: Filter,
    /// For how long.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=24 * 60))]
    minutes: u64,
    /// Where the picture goes: RTP to this port, RTCP to the next one.
    #[arg(long, value_name = "ADDR:PORT")]
    push: SocketAddr,
    /// What for; the policy lists the purposes.
    #[arg(long)]
    purpose: String,
    /// Who asked, as a pseudonym for the journal.
    #[arg(long, value_name = "PSEUDONYM")]
    requester: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(super) struct RevokeArguments {
    #[command(flatten)]
    centralist: Centralist,
    /// The share, as `campari grant` printed it.
    #[arg(long, value_name = "JTI", group = "which")]
    share: Option<Jti>,
    /// Every share of the camera.
    #[arg(long, group = "which")]
    all: bool,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Centralist {
    fn actors(&self, key: &NamedKey, requester: Option<String>) -> Actors {
        Actors { operator: self.operator.clone().unwrap_or_else(|| key.kid.to_string()), requester }
    }
}

pub(super) async fn grant(arguments: GrantArguments, output: Output) -> Result<Done> {
    let centralist = &arguments.centralist;
    let place = centralist.connection.place()?;
    let key = NamedKey::read(&centralist.key)?;
    let (bus, mut messages) = place.open("grant", vec![state_filter(&place.site)]).await?;
    let desk = Desk { bus: &bus, key: &key, site: place.site, camera: centralist.camera.clone() };
    let eye = desk.state(&mut messages).await?;
    let order = GrantOrder {
        subscriber: arguments.subscriber.clone(),
        view: arguments.view,
        filter: arguments.filter,
        lasts: Duration::from_secs(arguments.minutes * 60),
        delivery: Delivery::Push { address: arguments.push.ip(), port: arguments.push.port() },
        purpose: arguments.purpose,
        act: centralist.actors(&key, arguments.requester),
    };
    let outcome = desk.send(CommandTopic::Grant, desk.sign_grant(&eye, order)?).await;
    bus.close().await;
    let done = format!(
        "granted: {} may watch camera {} for {} minutes, filter {} or stronger",
        arguments.subscriber, centralist.camera, arguments.minutes, arguments.filter
    );
    tell(outcome, &done, output)
}

pub(super) async fn revoke(arguments: RevokeArguments, output: Output) -> Result<Done> {
    let centralist = &arguments.centralist;
    let place = centralist.connection.place()?;
    let key = NamedKey::read(&centralist.key)?;
    let (bus, mut messages) = place.open("revoke", vec![state_filter(&place.site)]).await?;
    let desk = Desk { bus: &bus, key: &key, site: place.site, camera: centralist.camera.clone() };
    let eye = desk.state(&mut messages).await?;
    let done = match &arguments.share {
        Some(share) => format!("revoked: share {share} of camera {} is over", centralist.camera),
        None => format!("revoked: every share of camera {} is over", centralist.camera),
    };
    let signed = desk.sign_revoke(&eye, arguments.share, centralist.actors(&key, None))?;
    let outcome = desk.send(CommandTopic::Revoke, signed).await;
    bus.close().await;
    tell(outcome, &done, output)
}

fn tell(outcome: Result<Outcome, CommandError>, done: &str, output: Output) -> Result<Done> {
    let outcome = outcome?;
    let took_ms = outcome.sent_at.elapsed().as_millis();
    let answer = &outcome.answer;
    let share = answer.share.as_ref();
    let people = || match &answer.error {
        None => format!("{done}{}", share.map(|jti| format!("\nshare    {jti}")).unwrap_or_default()),
        Some(refusal) => format!("refused: {refusal}"),
    };
    let programs =
        json!({"ok": answer.ok, "error": answer.error, "share": share, "jti": outcome.jti, "took_ms": took_ms});
    output.result(people, &programs);
    Ok(if answer.ok { Done::Yes } else { Done::No })
}
