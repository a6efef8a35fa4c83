//! `campari preempt`, `release`, `clear-leak`: what is said about a whole camera, or about all.

use super::centralist::{Centralist, Office, tell};
use super::{Done, Output};
use crate::clock;
use crate::command::{Desk, Everywhere, SiteReport, everywhere as send_everywhere, next_epoch};
use anyhow::Result;
use contract::CameraId;
use contract::body::EyeState;
use contract::topic::CommandTopic;
use serde_json::json;
use std::time::Duration;

/// The agent's claim is retained; what the broker has comes at once. The police wait for nothing else.
const EPOCH_WITHIN: Duration = Duration::from_millis(300);

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(super) struct Which {
    /// The camera.
    #[arg(long, group = "which")]
    camera: Option<CameraId>,
    /// Every camera of the site.
    #[arg(long, group = "which")]
    all_cameras: bool,
}

impl Which {
    /// The camera; `None` is all of them.
    pub(super) fn camera(&self) -> Option<&CameraId> {
        self.camera.as_ref().filter(|_| !self.all_cameras)
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct ReserveArguments {
    #[command(flatten)]
    centralist: Centralist,
    #[command(flatten)]
    which: Which,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ClearLeakArguments {
    #[command(flatten)]
    centralist: Centralist,
    /// The camera.
    #[arg(long)]
    camera: CameraId,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// `preempt` and `release`.
pub(super) async fn reserve(arguments: ReserveArguments, what: Everywhere, output: Output) -> Result<Done> {
    let name = if what == Everywhere::Preempt { "preempt" } else { "release" };
    let mut office = arguments.centralist.open(name).await?;
    let Some(camera) = arguments.which.camera() else {
        return everywhere(office, what, output).await;
    };
    let epoch = epoch(&mut office).await;
    let eye = office.eye(camera).await?;
    let (desk, act) = (office.desk(camera), office.act(None));
    let (topic, signed, done) = if what == Everywhere::Preempt {
        let done =
            format!("preempted: camera {camera} is the police's; every share is over, none is granted until release");
        (CommandTopic::Preempt, desk.sign_preempt(Some(&eye), epoch, act)?, done)
    } else {
        let done = format!("released: camera {camera} can be shared again");
        (CommandTopic::Release, desk.sign_release(Some(&eye), epoch, act)?, done)
    };
    let outcome = desk.send(topic, signed).await;
    office.bus.close().await;
    tell(outcome, &done, output)
}

async fn epoch(office: &mut Office) -> u64 {
    office.until(EPOCH_WITHIN, |seen| seen.epoch.is_some()).await;
    next_epoch(office.seen.epoch, clock::unix_ms())
}

/// One command to all, and what each camera made of it.
pub(super) async fn everywhere(mut office: Office, what: Everywhere, output: Output) -> Result<Done> {
    let epoch = epoch(&mut office).await;
    let act = office.act(None);
    let Office { place, key, bus, mut messages, seen, .. } = office;
    let Ok(any) = CameraId::new("any") else { unreachable!("a constant") };
    let desk = Desk { bus: &bus, key: &key, site: place.site, camera: any };
    let sign = |desk: &Desk<'_>, eye: Option<&EyeState>| match what {
        Everywhere::Preempt => desk.sign_preempt(eye, epoch, act.clone()),
        Everywhere::Release => desk.sign_release(eye, epoch, act.clone()),
        Everywhere::Revoke => desk.sign_revoke(eye, None, act.clone()),
    };
    let (_, token) = sign(&desk, None)?;
    let report = send_everywhere(&desk, what, token, seen, &mut messages, |desk, eye| sign(desk, Some(eye))).await;
    bus.close().await;
    let report = report?;
    output.result(|| told(what, &report), &json!({"ok": report.is_done(), "cameras": report.cameras}));
    Ok(if report.is_done() { Done::Yes } else { Done::No })
}

fn told(what: Everywhere, report: &SiteReport) -> String {
    let word = match what {
        Everywhere::Preempt => "preempted",
        Everywhere::Release => "released",
        Everywhere::Revoke => "every share revoked",
    };
    if report.cameras.is_empty() {
        return "no camera of this site was ever connected to this broker".into();
    }
    let width = report.cameras.keys().map(|camera| camera.as_str().len()).max().unwrap_or(0);
    let lines = report
        .cameras
        .iter()
        .map(|(camera, failure)| format!("{:<width$}  {}", camera.as_str(), failure.as_deref().unwrap_or(word)));
    lines.collect::<Vec<_>>().join("\n")
}

pub(super) async fn clear_leak(arguments: ClearLeakArguments, output: Output) -> Result<Done> {
    let mut office = arguments.centralist.open("clear-leak").await?;
    let camera = &arguments.camera;
    let eye = office.eye(camera).await?;
    let desk = office.desk(camera);
    let outcome = desk.send(CommandTopic::ClearLeak, desk.sign_clear_leak(&eye, office.act(None))?).await;
    office.bus.close().await;
    tell(outcome, &format!("cleared: camera {camera} shows the granted filters again"), output)
}
