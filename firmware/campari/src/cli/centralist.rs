//! What the control room's commands share: who acts, where, and how an outcome is told.

use super::connect::{Connection, Place, pseudonym};
use super::{Done, Output};
use crate::command::{CommandError, Desk, Outcome, Seen, remedy};
use crate::keys::NamedKey;
use crate::mqtt::{Bus, Message};
use anyhow::Result;
use contract::claims::Actors;
use contract::{CameraId, ErrorCode, SiteId};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;

/// How long the retained states of a site may take.
pub(super) const TOLD_WITHIN: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
pub(super) struct Centralist {
    /// Whose key signs (JWK) [default: `key` of the settings file].
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Who acts, as a pseudonym for the journal [default: `operator` of the settings file, or the key's name].
    #[arg(long, value_name = "PSEUDONYM", value_parser = pseudonym)]
    operator: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// A centralist at work: connected, with everything that the broker tells.
pub(super) struct Office {
    pub(super) place: Place,
    pub(super) key: NamedKey,
    pub(super) operator: String,
    pub(super) bus: Bus,
    pub(super) messages: broadcast::Receiver<Arc<Message>>,
    pub(super) seen: Seen,
}

impl Centralist {
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn key(&self) -> Option<&Path> {
        self.key.as_deref()
    }

    /// Reads the key first: a wrong one needs no broker.
    pub(super) async fn open(&self, what: &str) -> Result<Office> {
        self.open_to(what, Seen::everything).await
    }

    /// As [`Centralist::open`], listening to something else.
    pub(super) async fn open_to(&self, what: &str, topics: impl Fn(&SiteId) -> Vec<String>) -> Result<Office> {
        let place = self.connection.place()?;
        let key = place.signing_key(self.key.as_deref())?;
        let operator = place.operator(self.operator.as_deref(), &key)?;
        let (bus, messages) = place.open(what, topics(&place.site)).await?;
        let seen = Seen::of(place.site.clone());
        Ok(Office { place, key, operator, bus, messages, seen })
    }
}

impl Office {
    /// Waits for what the broker tells; answers whether it came.
    pub(super) async fn until(&mut self, within: Duration, enough: impl Fn(&Seen) -> bool) -> bool {
        self.seen.until(&mut self.messages, within, enough).await
    }

    pub(super) async fn eye(&mut self, camera: &CameraId) -> Result<contract::body::EyeState> {
        self.until(TOLD_WITHIN, |seen| seen.states.contains_key(camera)).await;
        Ok(self.seen.eye(camera)?)
    }

    pub(super) fn desk(&self, camera: &CameraId) -> Desk<'_> {
        Desk { bus: &self.bus, key: &self.key, site: self.place.site.clone(), camera: camera.clone() }
    }

    pub(super) fn act(&self, requester: Option<String>) -> Actors {
        Actors { operator: self.operator.clone(), requester }
    }
}

/// Tells what the board said; a refusal with what to do about it.
pub(super) fn tell(outcome: Result<Outcome, CommandError>, done: &str, output: Output) -> Result<Done> {
    let outcome = outcome?;
    let took_ms = outcome.sent_at.elapsed().as_millis();
    let answer = &outcome.answer;
    let share = answer.share.as_ref();
    let people = || match &answer.error {
        None => format!("{done}{}", share.map(|jti| format!("\nshare    {jti}")).unwrap_or_default()),
        Some(refusal) => refused(refusal.code, &refusal.detail),
    };
    let programs = json!({"ok": answer.ok, "error": answer.error, "share": share, "request": answer.request,
        "jti": outcome.jti, "took_ms": took_ms, "remedy": answer.error.as_ref().map(|refusal| remedy(refusal.code))});
    output.result(people, &programs);
    Ok(if answer.ok { Done::Yes } else { Done::No })
}

fn refused(code: ErrorCode, detail: &str) -> String {
    format!("refused: {code}: {detail}\n         {}", remedy(code))
}
