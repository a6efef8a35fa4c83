//! `campari grant`, `extend`, `deny`, `revoke`: what a centralist says about requests and shares.

use super::camera::Which;
use super::centralist::{Centralist, Office, TOLD_WITHIN, tell};
use super::connect::{TrustArguments, pseudonym};
use super::{Done, Output};
use crate::command::{CommandError, Everywhere, GrantOrder};
use anyhow::{Result, bail};
use contract::asking::DenyReason;
use contract::topic::CommandTopic;
use contract::{CameraId, Filter, Jti, SubscriberId, ViewName};
use std::net::SocketAddr;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(super) struct GrantArguments {
    #[command(flatten)]
    centralist: Centralist,
    /// Grant what this request asks for; only its length and filter can be changed.
    #[arg(long, value_name = "JTI", conflicts_with_all = ["subscriber", "view", "push", "purpose", "requester"])]
    request: Option<Jti>,
    /// The camera.
    #[arg(long, required_unless_present = "request")]
    camera: Option<CameraId>,
    /// Who will watch.
    #[arg(long, required_unless_present = "request")]
    subscriber: Option<SubscriberId>,
    /// Which aim of the camera.
    #[arg(long, required_unless_present = "request")]
    view: Option<ViewName>,
    /// Weakest filter that may be shown: pixelate, fill, silhouette, coarse [default: the request's, or fill].
    #[arg(long)]
    filter: Option<Filter>,
    /// For how long [default: as the request asks].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=24 * 60), required_unless_present = "request")]
    minutes: Option<u64>,
    /// Where the picture goes: RTP to this port, RTCP to the next one.
    #[arg(long, value_name = "ADDR:PORT", required_unless_present_any = ["request", "pull", "relay"])]
    push: Option<SocketAddr>,
    /// The subscriber fetches the picture from the camera's RTSP server.
    #[arg(long, conflicts_with = "push")]
    pull: bool,
    /// The board publishes the picture to the media server that the policy names for the subscriber.
    #[arg(long, conflicts_with_all = ["push", "pull"])]
    relay: bool,
    /// What for; the policy lists the purposes.
    #[arg(long, required_unless_present = "request")]
    purpose: Option<String>,
    /// Who asked, as a pseudonym for the journal.
    #[arg(long, value_name = "PSEUDONYM", value_parser = pseudonym)]
    requester: Option<String>,
    #[command(flatten)]
    trust: TrustArguments,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ExtendArguments {
    #[command(flatten)]
    centralist: Centralist,
    /// The camera.
    #[arg(long)]
    camera: CameraId,
    /// The share, as `campari grant` or `campari status` printed it.
    #[arg(long, value_name = "JTI")]
    share: Jti,
    /// How much longer than it would run now.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=24 * 60))]
    minutes: u64,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct DenyArguments {
    #[command(flatten)]
    centralist: Centralist,
    /// Which request, as `campari status` or `campari watch` shows it.
    #[arg(long, value_name = "JTI")]
    request: Jti,
    /// The camera, if not wherever it waits.
    #[arg(long)]
    camera: Option<CameraId>,
    /// Why; the subscriber is told.
    #[arg(long, value_enum, default_value = "not-now")]
    reason: Reason,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Reason {
    /// The camera or the room is needed elsewhere.
    Busy,
    /// Not now; asking later makes sense.
    NotNow,
    /// The purpose does not justify it.
    Purpose,
    /// Something else.
    Other,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(super) struct RevokeArguments {
    #[command(flatten)]
    centralist: Centralist,
    #[command(flatten)]
    which: Which,
    /// The share, as `campari grant` printed it.
    #[arg(long, value_name = "JTI", group = "what", conflicts_with = "all_cameras")]
    share: Option<Jti>,
    /// Every share of the camera, or of all cameras.
    #[arg(long, group = "what")]
    all: bool,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn grant(arguments: GrantArguments, output: Output) -> Result<Done> {
    let mut office = arguments.centralist.open("grant").await?;
    let (camera, order) = match &arguments.request {
        Some(request) => answering(&mut office, request, &arguments).await?,
        None => ordered(&office, &arguments)?,
    };
    let eye = office.eye(&camera).await?;
    let done = format!(
        "granted: {} may watch camera {camera} for {} minutes, filter {} or stronger",
        order.subscriber,
        order.lasts.as_secs().div_ceil(60),
        order.filter
    );
    let desk = office.desk(&camera);
    let outcome = desk.send(CommandTopic::Grant, desk.sign_grant(&eye, order)?).await;
    office.bus.close().await;
    tell(outcome, &done, output)
}

/// A grant that nobody asked for over the broker.
fn ordered(office: &Office, arguments: &GrantArguments) -> Result<(CameraId, GrantOrder)> {
    let (Some(camera), Some(subscriber), Some(view), Some(minutes), Some(delivery), Some(purpose)) = (
        arguments.camera.clone(),
        arguments.subscriber.clone(),
        arguments.view.clone(),
        arguments.minutes,
        super::ask::delivery(arguments.push, arguments.pull, arguments.relay),
        arguments.purpose.clone(),
    ) else {
        bail!(
            "a grant without --request needs --camera, --subscriber, --view, --minutes, --push, --pull or --relay, and --purpose"
        );
    };
    let order = GrantOrder {
        subscriber,
        view,
        filter: arguments.filter.unwrap_or(Filter::Fill),
        fps: None,
        lasts: Duration::from_secs(minutes * 60),
        delivery,
        purpose,
        act: office.act(arguments.requester.clone()),
        cnf: None,
        request: None,
    };
    Ok((camera, order))
}

/// Takes everything from what the subscriber signed; the inbox is only where that was found.
async fn answering(office: &mut Office, request: &Jti, arguments: &GrantArguments) -> Result<(CameraId, GrantOrder)> {
    let (camera, open) = find(office, request, arguments.camera.as_ref()).await?;
    office.until(TOLD_WITHIN / 10, |seen| seen.policy.is_some()).await;
    let trust = arguments.trust.trust(&office.place, office.seen.policy.as_deref())?;
    let order = crate::command::believed(&trust, &camera, &open, office.operator.clone())?;
    let order = GrantOrder {
        filter: arguments.filter.unwrap_or(order.filter),
        lasts: arguments.minutes.map_or(order.lasts, |minutes| Duration::from_secs(minutes * 60)),
        ..order
    };
    Ok((camera, order))
}

async fn find(
    office: &mut Office,
    request: &Jti,
    camera: Option<&CameraId>,
) -> Result<(CameraId, contract::asking::OpenRequest), CommandError> {
    office.until(TOLD_WITHIN / 2, |seen| seen.request(request, camera).is_some()).await;
    match office.seen.request(request, camera) {
        Some((camera, open)) => Ok((camera.clone(), open.clone())),
        None => Err(CommandError::NoSuchRequest { request: request.clone(), camera: camera.cloned() }),
    }
}

pub(super) async fn extend(arguments: ExtendArguments, output: Output) -> Result<Done> {
    let mut office = arguments.centralist.open("extend").await?;
    let camera = &arguments.camera;
    let eye = office.eye(camera).await?;
    let Some(share) = eye.shares.iter().find(|share| share.jti == arguments.share) else {
        bail!("camera {camera} has no share {}: it is over (`campari status` shows those that run)", arguments.share);
    };
    let exp = share.exp.saturating_add(arguments.minutes * 60);
    let left = exp.saturating_sub(eye.now).div_ceil(60);
    let done = format!("extended: share {} of camera {camera} runs {left} minutes from now", arguments.share);
    let desk = office.desk(camera);
    let signed = desk.sign_extend(&eye, arguments.share, exp, office.act(None))?;
    let outcome = desk.send(CommandTopic::Extend, signed).await;
    office.bus.close().await;
    tell(outcome, &done, output)
}

pub(super) async fn deny(arguments: DenyArguments, output: Output) -> Result<Done> {
    let mut office = arguments.centralist.open("deny").await?;
    let (camera, open) = find(&mut office, &arguments.request, arguments.camera.as_ref()).await?;
    let eye = office.eye(&camera).await?;
    let reason = match arguments.reason {
        Reason::Busy => DenyReason::Busy,
        Reason::NotNow => DenyReason::NotNow,
        Reason::Purpose => DenyReason::Purpose,
        Reason::Other => DenyReason::Other,
    };
    let done = format!("denied: {} does not get camera {camera}", open.sub);
    let desk = office.desk(&camera);
    let signed = desk.sign_deny(&eye, arguments.request, reason, office.act(None))?;
    let outcome = desk.send(CommandTopic::Deny, signed).await;
    office.bus.close().await;
    tell(outcome, &done, output)
}

pub(super) async fn revoke(arguments: RevokeArguments, output: Output) -> Result<Done> {
    let mut office = arguments.centralist.open("revoke").await?;
    let Some(camera) = arguments.which.camera() else {
        return super::camera::everywhere(office, Everywhere::Revoke, output).await;
    };
    let eye = office.eye(camera).await?;
    let done = match &arguments.share {
        Some(share) => format!("revoked: share {share} of camera {camera} is over"),
        None => format!("revoked: every share of camera {camera} is over"),
    };
    let desk = office.desk(camera);
    let signed = desk.sign_revoke(Some(&eye), arguments.share, office.act(None))?;
    let outcome = desk.send(CommandTopic::Revoke, signed).await;
    office.bus.close().await;
    tell(outcome, &done, output)
}
