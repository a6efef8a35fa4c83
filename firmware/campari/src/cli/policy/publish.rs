//! `campari policy publish`: a signed bundle to every board of a site, and which of them took it.

use crate::cli::connect::{Connection, TrustArguments, client_id};
use crate::cli::{Done, Output};
use crate::command::{Seen, site_topics, state_filter};
use crate::trust::Trust;
use anyhow::{Context, Result, bail};
use contract::CameraId;
use contract::body::{Presence, State};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// How long the retained states may take to come; nobody says when that was all.
const KNOWN_WITHIN: Duration = Duration::from_millis(700);

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The signed bundle.
    bundle: PathBuf,
    #[command(flatten)]
    trust: TrustArguments,
    #[command(flatten)]
    connection: Connection,
    /// How long boards may take to take it, seconds.
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=600))]
    within: u64,
    /// Print JSON.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// What a board made of the bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    /// It is in force there.
    Took,
    /// The board is there and has another.
    Refused,
    /// It is away; the broker keeps the bundle for it.
    Away,
}

pub(in crate::cli) async fn run(arguments: &Arguments, output: Output) -> Result<Done> {
    let place = arguments.connection.place()?;
    let path = &arguments.bundle;
    let bundle = std::fs::read(path).with_context(|| format!("bundle {}", path.display()))?;
    // What no board would take is not sent; the wrong city's least of all.
    let policy = Trust::new(&bundle, &arguments.trust.roots(&place)?, &place.site)
        .with_context(|| format!("bundle {}", path.display()))?
        .policy()
        .clone();
    let (bus, mut messages) = place.open_as(client_id("policy"), vec![state_filter(&place.site)], None).await?;
    let mut seen = Seen::of(place.site.clone());
    seen.until(&mut messages, KNOWN_WITHIN, |_| false).await;
    let newest = seen.states.iter().filter_map(|(camera, state)| Some((held(state)?, camera))).max();
    if let Some((version, camera)) = newest
        && version > policy.version
    {
        bail!(
            "camera {camera} has policy version {version}, this is {}: a policy never goes back; sign it as version {} or higher",
            policy.version,
            version + 1
        );
    }
    bus.publish(&site_topics(&place.site).policy(), bundle, true)?;
    let all = |seen: &Seen| {
        !seen.states.is_empty() && seen.states.values().all(|state| verdict(state, policy.version) != Verdict::Refused)
    };
    seen.until(&mut messages, Duration::from_secs(arguments.within), all).await;
    bus.close().await;
    let boards: BTreeMap<&CameraId, (Verdict, Option<u64>)> =
        seen.states.iter().map(|(camera, state)| (camera, (verdict(state, policy.version), held(state)))).collect();
    let ok = boards.values().all(|(verdict, _)| *verdict != Verdict::Refused);
    let people = || {
        let count = |wanted| boards.values().filter(|(verdict, _)| *verdict == wanted).count();
        let mut lines = vec![format!(
            "policy version {} of site {}: {} boards took it, {} did not, {} are away and get it when they are back",
            policy.version,
            policy.site,
            count(Verdict::Took),
            count(Verdict::Refused),
            count(Verdict::Away)
        )];
        for (camera, (_, held)) in boards.iter().filter(|(_, (verdict, _))| *verdict == Verdict::Refused) {
            let held = held.map_or_else(|| "none".to_owned(), |version| format!("version {version}"));
            lines
                .push(format!("{camera}  still has {held}: are its roots those that signed? Its voice's log says why"));
        }
        lines.join("\n")
    };
    let list: BTreeMap<_, _> = boards
        .iter()
        .map(|(camera, (verdict, held))| (camera, json!({"verdict": verdict, "policy_version": held})))
        .collect();
    output.result(people, &json!({"ok": ok, "version": policy.version, "site": policy.site, "boards": list}));
    Ok(if ok { Done::Yes } else { Done::No })
}

fn held(state: &State) -> Option<u64> {
    state.eye.as_ref().and_then(|eye| eye.policy_version)
}

fn verdict(state: &State, version: u64) -> Verdict {
    match (state.presence, held(state)) {
        (_, Some(held)) if held == version => Verdict::Took,
        (Presence::Online, _) => Verdict::Refused,
        _ => Verdict::Away,
    }
}
