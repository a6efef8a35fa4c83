//! `campari request`, `withdraw`, `leave`, `report-leak`: what a subscriber says, and what it is told.

use super::centralist::{Centralist, tell};
use super::connect::{Connection, Place, client_id, pseudonym};
use super::view::{decryption_key, trust};
use super::{Done, Output, asked_to_stop};
use crate::clock;
use crate::command::{AskOrder, Booth, CommandError, Events, Outcome, Told, subscriber_of};
use crate::keys::NamedKey;
use crate::mqtt::Bus;
use crate::started::{Share, Started};
use anyhow::{Context, Result, bail};
use contract::asking::{DenyReason, LapseReason, RequestEvent};
use contract::body::ShareEvent;
use contract::claims::{Delivery, Leaked};
use contract::topic::CommandTopic;
use contract::{Audience, CameraId, ErrorCode, Filter, Jti, SubscriberId, ViewName};
use serde_json::json;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use token::PublicKey;
use token::jwe::DecryptionKey;

/// How long the first picture may take after the grant.
const SDP_WITHIN: Duration = Duration::from_secs(15);
/// A board says itself when a request lapses; this much after that it is believed gone.
const LAPSE_GRACE_S: u64 = 5;

#[derive(Debug, clap::Args)]
struct Subscriber {
    /// The subscriber's key (JWK); its name is the subscriber's [default: `key` of the settings file].
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The camera.
    #[arg(long)]
    camera: CameraId,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(super) struct RequestArguments {
    #[command(flatten)]
    subscriber: Subscriber,
    /// Which aim of the camera.
    #[arg(long)]
    view: ViewName,
    /// Wished filter: pixelate, fill, silhouette, coarse [default: as the policy says].
    #[arg(long)]
    filter: Option<Filter>,
    /// Pictures a second, at most.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    fps: Option<u8>,
    /// For how long.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=24 * 60))]
    minutes: u64,
    /// Where the picture should go: RTP to this port, RTCP to the next one.
    #[arg(long, value_name = "ADDR:PORT", required_unless_present_any = ["pull", "relay"])]
    push: Option<SocketAddr>,
    /// Fetch the picture from the camera's RTSP server instead; what for and with what is printed when it is granted.
    #[arg(long, conflicts_with_all = ["push", "sdp"])]
    pull: bool,
    /// Have the board publish it to the media server that the policy names for this subscriber; where viewers find it is printed when it is granted.
    #[arg(long, conflicts_with_all = ["push", "sdp", "pull"])]
    relay: bool,
    /// What for; the policy lists the purposes.
    #[arg(long)]
    purpose: String,
    /// The person who asks, as a pseudonym for the journal.
    #[arg(long, value_name = "PSEUDONYM", value_parser = pseudonym)]
    requester: Option<String>,
    /// Encryption key (JWK, from `campari keygen --role subscriber`) to which credentials should be encrypted, and with which the session description is
    /// opened [default: the one beside --key, KEY.encrypt.jwk, if it is there; then only what the policy says is encrypted].
    #[arg(long, value_name = "FILE")]
    encrypt_key: Option<PathBuf>,
    /// The board's public key: takes no description that it did not sign [default: the settings file's board_keys].
    #[arg(long, value_name = "X")]
    board_key: Option<String>,
    /// Write the session description there once it is granted; players take it. It holds the key of an encrypted stream, and only you may read it.
    #[arg(long, value_name = "FILE")]
    sdp: Option<PathBuf>,
    /// Do not wait for the decision.
    #[arg(long, conflicts_with = "sdp")]
    no_wait: bool,
    /// Print JSON, one line per event.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct WithdrawArguments {
    #[command(flatten)]
    subscriber: Subscriber,
    /// The request, as `campari request` printed it.
    #[arg(long, value_name = "JTI")]
    request: Jti,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct LeaveArguments {
    #[command(flatten)]
    subscriber: Subscriber,
    /// The share, as `campari request` printed it.
    #[arg(long, value_name = "JTI")]
    share: Jti,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ReportLeakArguments {
    #[command(flatten)]
    person: Centralist,
    /// The camera.
    #[arg(long)]
    camera: CameraId,
    /// The key is a subscriber's, not one of the control room.
    #[arg(long)]
    as_subscriber: bool,
    /// What was to be seen.
    #[arg(long, value_enum)]
    what: What,
    /// In which share, if in one.
    #[arg(long, value_name = "JTI")]
    share: Option<Jti>,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum What {
    /// A head.
    Head,
    /// A licence plate.
    Plate,
    /// Something else by which somebody can be known.
    Other,
}

/// A subscriber, connected.
struct Seat {
    place: Place,
    key: NamedKey,
    id: SubscriberId,
    site: contract::SiteId,
    camera: CameraId,
    bus: Bus,
    events: Events,
}

impl Seat {
    async fn open(connection: &Connection, key: Option<&Path>, camera: &CameraId, what: &str) -> Result<Self> {
        let place = connection.place()?;
        let key = place.signing_key(key)?;
        let id = subscriber_of(&key).with_context(|| format!("key {} cannot be a subscriber's", key.kid))?;
        let client = client_id(what);
        let answers = Booth::answers(&place.site, &id, &client);
        let listen = vec![Booth::events_filter(&place.site, camera, &id)];
        let (bus, messages) = place.open_as(client, listen, Some(answers)).await?;
        let events = Events::of(messages, &place.site, camera, &id);
        Ok(Self { key, id, site: place.site.clone(), camera: camera.clone(), bus, events, place })
    }

    fn booth(&self) -> Booth<'_> {
        Booth {
            bus: &self.bus,
            key: &self.key,
            subscriber: self.id.clone(),
            site: self.site.clone(),
            camera: self.camera.clone(),
        }
    }
}

impl Subscriber {
    async fn open(&self, what: &str) -> Result<Seat> {
        Seat::open(&self.connection, self.key.as_deref(), &self.camera, what).await
    }
}

pub(super) async fn request(arguments: RequestArguments, output: Output) -> Result<Done> {
    let Some(delivery) = delivery(arguments.push, arguments.pull, arguments.relay) else {
        bail!(
            "where should the picture go? --push ADDR:PORT, --pull to fetch it, or --relay to the policy's media server"
        );
    };
    let cnf = arguments.encrypt_key.as_deref().map(crate::keys::read_encryption_key).transpose()?;
    let mut seat = arguments.subscriber.open("request").await?;
    let wanted = Wanted {
        sdp: arguments.sdp.as_deref(),
        url: arguments.pull || arguments.relay,
        relayed: arguments.relay,
        key: if arguments.sdp.is_some() || arguments.pull { arguments.opening_key(&seat)? } else { None },
        board_key: seat.place.board_key(arguments.board_key.as_deref(), &seat.camera)?,
    };
    let order = AskOrder {
        view: arguments.view,
        filter: arguments.filter,
        fps: arguments.fps,
        lasts: Duration::from_secs(arguments.minutes * 60),
        delivery,
        purpose: arguments.purpose,
        requester: arguments.requester,
        cnf,
    };
    let outcome = seat.booth().ask(order).await?;
    let jti = outcome.jti.clone();
    if !outcome.answer.ok {
        seat.bus.close().await;
        return tell(Ok(outcome), "", output);
    }
    let first = outcome.answer.request.unwrap_or(RequestEvent::Pending { until: 0 });
    say(output, &jti, &first);
    if arguments.no_wait {
        seat.bus.close().await;
        return Ok(if matches!(first, RequestEvent::Lapsed { .. }) { Done::No } else { Done::Yes });
    }
    let done = wait(&mut seat, &jti, first, &wanted, output).await;
    seat.bus.close().await;
    done
}

/// What is to become of a granted request.
struct Wanted<'a> {
    sdp: Option<&'a Path>,
    /// It is fetched or relayed: what counts is where.
    url: bool,
    relayed: bool,
    key: Option<DecryptionKey>,
    board_key: Option<PublicKey>,
}

impl RequestArguments {
    /// The key that opens what is sealed: read before anything is asked, so that one that is of no use is found while nobody watches yet.
    fn opening_key(&self, seat: &Seat) -> Result<Option<DecryptionKey>> {
        if let Some(path) = &self.encrypt_key {
            return decryption_key(path).map(Some);
        }
        let beside = seat.place.key_file(self.subscriber.key.as_deref())?.with_extension("encrypt.jwk");
        if beside.exists() { decryption_key(&beside).map(Some) } else { Ok(None) }
    }
}

/// How the picture is to come; neither where there is none.
pub(super) fn delivery(push: Option<SocketAddr>, pull: bool, relay: bool) -> Option<Delivery> {
    let push = push.map(|to| Delivery::Push { address: to.ip(), port: to.port() });
    push.or(pull.then_some(Delivery::Pull)).or(relay.then_some(Delivery::Relay))
}

/// What a share to be fetched was granted with.
struct Invitation {
    share: Jti,
    url: Option<String>,
    /// Sealed.
    credential: Option<String>,
}

/// Where to fetch, and with what if that can be opened.
fn fetch(invitation: Invitation, relayed: bool, key: Option<&DecryptionKey>, output: Output) -> Result<Done> {
    let Invitation { share, url, credential: sealed } = invitation;
    let Some(url) = url else {
        if relayed {
            bail!("share {share} is to be relayed, but the board did not say where; is it of this release?");
        }
        bail!("share {share} is to be fetched, but the board serves no RTSP ([rtsp] in its voice's configuration)");
    };
    let opened = match (sealed.as_deref(), key) {
        (Some(sealed), Some(key)) => {
            let json = key.open(sealed).context("the credential cannot be opened")?;
            let credential: contract::body::PullCredential =
                serde_json::from_slice(&json).context("the credential is none of this version")?;
            Some(credential)
        }
        _ => None,
    };
    let people = || match &opened {
        _ if relayed => format!("relay    published at {url}, for as long as the share goes on"),
        Some(it) => format!("fetch    {url}  user {}  password {}", it.user, it.password),
        None => format!("fetch    {url}  (--encrypt-key FILE opens the credential)"),
    };
    let event = if relayed { "relay" } else { "fetch" };
    output.result(people, &json!({"ok": true, "event": event, "share": share, "url": url, "credential": opened}));
    Ok(Done::Yes)
}

/// Follows a request to its decision, and a granted one to its session description. Whoever stops waiting takes the request back.
async fn wait(
    seat: &mut Seat,
    request: &Jti,
    first: RequestEvent,
    wanted: &Wanted<'_>,
    output: Output,
) -> Result<Done> {
    let (mut now, mut invited) = (first, None);
    let share = loop {
        match now.clone() {
            RequestEvent::Granted { share } => break share,
            RequestEvent::Denied { .. } | RequestEvent::Lapsed { .. } | RequestEvent::Withdrawn => return Ok(Done::No),
            RequestEvent::Pending { until } => {
                let left_s = until.saturating_sub(clock::unix_s()).max(1) + LAPSE_GRACE_S;
                let told = tokio::select! {
                    told = next_of(&mut seat.events, request, &mut invited, Duration::from_secs(left_s)) => told,
                    () = asked_to_stop() => {
                        output.remark("stopped: the request is taken back");
                        seat.booth().withdraw(request.clone()).await?;
                        return Ok(Done::No);
                    }
                };
                match told {
                    Some(Told::Request(event)) => {
                        // The board tells in its answer and as an event that it waits.
                        if event != now {
                            say(output, request, &event);
                        }
                        now = event;
                    }
                    Some(Told::Share(_)) => now = RequestEvent::Pending { until },
                    None => {
                        bail!("the board says nothing about request {request} any more; it should have lapsed by now")
                    }
                }
            }
        }
    };
    if let Some(invitation) = invited.take().filter(|invitation| wanted.url && invitation.share == share) {
        return fetch(invitation, wanted.relayed, wanted.key.as_ref(), output);
    }
    let deadline = tokio::time::Instant::now() + SDP_WITHIN;
    loop {
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        match next_of(&mut seat.events, &share, &mut invited, left).await {
            Some(Told::Share(ShareEvent::Started { sdp, sealed, signed })) => {
                let told = Started { sdp: &sdp, sealed: sealed.as_deref(), signed: signed.as_deref() };
                return started(seat, &share, &told, wanted, output);
            }
            Some(Told::Share(ShareEvent::Granted { url, credential, .. })) if wanted.url => {
                return fetch(Invitation { share, url, credential }, wanted.relayed, wanted.key.as_ref(), output);
            }
            Some(Told::Share(ShareEvent::Ended { reason })) => {
                let people = || format!("over before it began: {reason}");
                output.result(people, &json!({"ok": false, "event": "ended", "share": share, "reason": reason}));
                return Ok(Done::No);
            }
            Some(_) => {}
            None => {
                bail!("share {share} was granted but no session description came within {} s", SDP_WITHIN.as_secs())
            }
        }
    }
}

/// The next event of `jti`; `None` when there is none for so long.
async fn next_of(events: &mut Events, jti: &Jti, invited: &mut Option<Invitation>, within: Duration) -> Option<Told> {
    let find = async {
        loop {
            let (of, told) = events.next().await?;
            if of == *jti {
                return Some(told);
            }
            // The share that answers the request may be told of before its answer.
            if let Told::Share(ShareEvent::Granted { url, credential, .. }) = told {
                *invited = Some(Invitation { share: of, url, credential });
            }
        }
    };
    tokio::time::timeout(within, find).await.ok().flatten()
}

fn started(seat: &Seat, share: &Jti, told: &Started<'_>, wanted: &Wanted<'_>, output: Output) -> Result<Done> {
    let topic = contract::topic::Topics::new(seat.site.clone(), seat.camera.clone()).share(&seat.id, share);
    let goes_on = || format!("share {share} goes on; `campari leave --share {share}` ends it");
    let aud = Audience::camera(seat.site.clone(), seat.camera.clone());
    let of = Share { aud, sub: seat.id.clone(), jti: share.clone() };
    trust(told, wanted.board_key, &of, output).with_context(goes_on)?;
    if let Some(path) = wanted.sdp {
        let description = told.playable(wanted.key.as_ref()).with_context(goes_on)?;
        crate::started::write(path, &description)
            .with_context(|| format!("session description {}", path.display()))
            .with_context(goes_on)?;
    }
    let encrypted = told.sealed.is_some();
    let people = || match wanted.sdp.map(Path::display) {
        Some(path) if encrypted => format!(
            "started  encrypted; play {path}, which holds its key (`campari view --sdp {path}`, or ffplay -protocol_whitelist file,udp,rtp,srtp,crypto)"
        ),
        Some(path) => format!("started  play {path} (`campari view --sdp {path}`)"),
        None => format!("started  the session description is on {topic}; --sdp FILE writes it"),
    };
    // The description with the key is in the file alone: lines for programs end up in logs.
    let programs = json!({
        "ok": true, "event": "started", "share": share, "topic": topic, "sdp": told.sdp, "encrypted": encrypted,
        "verified": wanted.board_key.is_some(), "file": wanted.sdp,
    });
    output.result(people, &programs);
    Ok(Done::Yes)
}

fn say(output: Output, request: &Jti, event: &RequestEvent) {
    let people = || match event {
        RequestEvent::Pending { until } => {
            let left_s = until.saturating_sub(clock::unix_s());
            format!("pending  request {request} waits for a centralist, at most {left_s} s")
        }
        RequestEvent::Granted { share } => format!("granted  share {share}"),
        RequestEvent::Denied { reason } => format!("denied   {}", denied(*reason)),
        RequestEvent::Lapsed { reason } => format!("lapsed   {}", lapsed(*reason)),
        RequestEvent::Withdrawn => "withdrawn".to_owned(),
    };
    let ok = matches!(event, RequestEvent::Pending { .. } | RequestEvent::Granted { .. });
    let mut programs = serde_json::to_value(event).unwrap_or_default();
    programs["ok"] = ok.into();
    programs["request"] = request.as_str().into();
    output.result(people, &programs);
}

fn denied(reason: DenyReason) -> &'static str {
    match reason {
        DenyReason::Busy => "the camera or the room is needed elsewhere",
        DenyReason::NotNow => "not now; ask again later",
        DenyReason::Purpose => "the purpose does not justify it",
        DenyReason::Other => "call the control room",
    }
}

fn lapsed(reason: LapseReason) -> &'static str {
    match reason {
        LapseReason::NoAnswer => "nobody decided in time; ask again, or call the control room",
        LapseReason::RoomBusy => "everybody in the control room is busy; ask again later",
        LapseReason::RoomAbsent => "the control room is not there; ask again later",
        LapseReason::Dropped => "the board could not keep the request; ask again",
    }
}

pub(super) async fn withdraw(arguments: WithdrawArguments, output: Output) -> Result<Done> {
    let seat = arguments.subscriber.open("withdraw").await?;
    let done = format!("withdrawn: request {}", arguments.request);
    let outcome = seat.booth().withdraw(arguments.request).await;
    seat.bus.close().await;
    tell(outcome, &done, output)
}

pub(super) async fn leave(arguments: LeaveArguments, output: Output) -> Result<Done> {
    let seat = arguments.subscriber.open("leave").await?;
    let share = arguments.share;
    let done = format!("left: share {share} is over");
    let outcome = seat.booth().leave(share.clone()).await;
    seat.bus.close().await;
    match &outcome {
        Ok(said) if said.answer.error.as_ref().is_some_and(|refusal| refusal.code == ErrorCode::NoSuchShare) => {
            // What was wanted: a player that says goodbye (RTCP BYE, TEARDOWN) has ended it before.
            let people =
                || format!("left: no share {share} of yours runs at camera {}; it was over already", seat.camera);
            output.result(people, &json!({"ok": true, "share": share, "already_over": true, "jti": said.jti}));
            Ok(Done::Yes)
        }
        _ => tell(outcome, &done, output),
    }
}

pub(super) async fn report_leak(arguments: ReportLeakArguments, output: Output) -> Result<Done> {
    let what = match arguments.what {
        What::Head => Leaked::Head,
        What::Plate => Leaked::Plate,
        What::Other => Leaked::Other,
    };
    let outcome: Result<Outcome, CommandError> = if arguments.as_subscriber {
        let seat =
            Seat::open(arguments.person.connection(), arguments.person.key(), &arguments.camera, "report").await?;
        let outcome = seat.booth().report_leak(what, arguments.share).await;
        seat.bus.close().await;
        outcome
    } else {
        let mut office = arguments.person.open("report").await?;
        let eye = office.eye(&arguments.camera).await?;
        let desk = office.desk(&arguments.camera);
        let signed = desk.sign_report_leak(&eye, what, arguments.share, office.act(None))?;
        let outcome = desk.send(CommandTopic::ReportLeak, signed).await;
        office.bus.close().await;
        outcome
    };
    let done = format!("reported: camera {} shows coarse pictures until a privacy officer clears it", arguments.camera);
    tell(outcome, &done, output)
}
