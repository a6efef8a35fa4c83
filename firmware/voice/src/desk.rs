//! What each message means for the others: from the eye to broker and receivers, from the broker to the eye.
//!
//! Contract: **the voice ferries and never decides.** Tokens pass unopened; media flows from `ShareStarted` to `ShareEnded` and at no other
//! time; every end is told within the second. No waiting here: every function returns at once.

use crate::broker::Broker;
use crate::clock;
use crate::command::{self, InFlight, ReturnAddress};
use crate::eye::{EyeWriter, Greeting};
use crate::fetching::{Fetching, Invitation};
use crate::limit::{Limits, Verdict};
use crate::meter::Meter;
use crate::metrics::Snapshot;
use crate::outlet::Picture;
use crate::rtsp::Sign;
use crate::say::{
    Ended, answer_absent, assure, json, log_of, publish_answer, publish_end, publish_event, publish_latest,
    publish_log, publish_request, publish_started, refuse,
};
use crate::secrets::Secrets;
use crate::shares::{Granted, Shares};
use crate::status::{Status, offline};
use crate::unsigned::Unsigned;
use crate::viewer::{Started, Wishes};
use crate::waiting::{self, Asked, Waiting};
use contract::asking::Inbox;
use contract::body::{EyeState, ShareEvent, ShareLog, Usage};
use contract::claims::{MAX_REQUEST_TOKEN, MAX_TOKEN, TokenKind};
use contract::policy::MAX_POLICY;
use contract::topic::Topics;
use contract::{EndReason, ErrorCode, Jti, SiteId, SubscriberId, ToldReason};
use link::{Destination, Pullers, StreamId, ToEye, ToVoice};
use rumqttc::v5::mqttbytes::v5::Publish;
use std::net::{IpAddr, Ipv4Addr};
use std::task::{Context, Poll};
use std::time::Duration;
use token::Sha256Digest;
use tokio::time::Instant;

/// Everything between link, broker and receivers.
#[derive(Debug)]
pub struct Desk {
    site: SiteId,
    topics: Topics,
    eye: Option<EyeWriter>,
    slate: Vec<u8>,
    in_flight: InFlight,
    shares: Shares,
    /// What goes by RTSP.
    fetching: Fetching,
    status: Status,
    meter: Meter,
    unsigned: Unsigned,
    waiting: Waiting,
    /// The broker was there and is away: the eye is told when it is back.
    broker_lost: bool,
    limits: Limits,
    /// The newest bundle that came: an eye that comes later gets it too.
    policy: Option<Vec<u8>>,
}

impl Desk {
    /// Nothing known yet.
    #[must_use]
    pub fn new(site: SiteId, topics: Topics, shares: Shares, fetching: Fetching) -> Self {
        Self {
            fetching,
            site,
            topics,
            eye: None,
            slate: Vec::new(),
            in_flight: InFlight::default(),
            shares,
            status: Status::default(),
            meter: Meter::default(),
            unsigned: Unsigned::default(),
            waiting: Waiting::default(),
            broker_lost: false,
            limits: Limits::new(Instant::now()),
            policy: None,
        }
    }

    // From the eye.

    /// The eye is there.
    pub fn eye_up(&mut self, greeting: Greeting, eye: EyeWriter) {
        self.slate = greeting.slate;
        self.shares.greeted(greeting.codec);
        self.fetching.hall.set_slate(greeting.codec, &self.slate);
        self.eye = Some(eye);
        self.status.linked(true);
        if let Some(policy) = &self.policy {
            let correlation = self.in_flight.number();
            let _ = tell(self.eye.as_ref(), &ToEye::Policy { correlation }, policy);
        }
    }

    /// The eye is gone: who waits is told, shares end, the slate takes the pictures' place.
    pub fn eye_down(&mut self, broker: &Broker) {
        self.eye = None;
        self.status.linked(false);
        self.unsigned.forget_all();
        self.waiting.eye_lost(Instant::now());
        while let Some(to) = self.in_flight.abandon() {
            answer_absent(broker, to);
        }
        self.fetching.lose_eye();
        let (topics, at_ms) = (&self.topics, clock::utc_ms());
        self.shares.lose_eye(|jti, sub, viewer| {
            let ended =
                Ended { reason: EndReason::Fault, told: ToldReason::Fault, at_ms, usage: viewer.map(|v| v.usage()) };
            publish_end(broker, topics, jti, sub, &ended);
        });
    }

    /// The eye said something.
    pub fn eye_said(&mut self, message: ToVoice, body: &[u8], broker: &Broker) {
        match message {
            ToVoice::Unit { stream, captured_utc_us, captured_monotonic_us, key, rung } => {
                let picture = Picture { unit: body, captured_monotonic_us, captured_utc_us, key };
                self.fetching.hall.picture(stream, &picture, rung);
                let Self { shares, meter, topics, eye, unsigned, .. } = self;
                shares.picture(stream, &picture, rung, meter, |viewer, mut wishes, _| {
                    if let Some(started) = wishes.started.take() {
                        tracing::info!(share = %viewer.jti, "the first picture goes out");
                        publish_log(broker, topics, log_of(&viewer.jti, &viewer.sub, "started", viewer.started_at_ms));
                        let (eye, share) = (eye.as_ref(), viewer.share());
                        describe(eye, unsigned, share, started, |told| publish_started(broker, topics, told));
                    }
                    wish(eye.as_ref(), &viewer.jti, &wishes);
                });
            }
            ToVoice::State => match serde_json::from_slice::<EyeState>(body) {
                Ok(state) => self.status.eye_says(state),
                Err(error) => tracing::error!(%error, "the eye's state cannot be read; is it of this release?"),
            },
            ToVoice::Catalogue => publish_latest(broker, self.topics.catalogue(), body.to_vec()),
            ToVoice::JournalHead => publish_latest(broker, self.topics.journal(), body.to_vec()),
            ToVoice::DescriptionSigned { jti } => {
                let token = (!body.is_empty()).then(|| String::from_utf8_lossy(body).into_owned());
                if let Some(told) = self.unsigned.signed(&jti, token) {
                    publish_started(broker, &self.topics, told);
                }
            }
            ToVoice::Usage => assure(broker, self.topics.usage(), body.to_vec()),
            ToVoice::Answer { correlation } => {
                if let Some(to) = self.in_flight.answered(correlation) {
                    publish_answer(broker, to, body.to_vec());
                }
            }
            ToVoice::Pullers => match serde_json::from_slice::<Pullers>(body) {
                Ok(pullers) => self.fetching.hall.admit(pullers),
                Err(error) => tracing::error!(%error, "who may fetch cannot be read; is the eye of this release?"),
            },
            ToVoice::ShareGranted { jti, sub, filter, exp, way, seal_to, at_ms } => {
                tracing::info!(share = %jti, "granted");
                let Invitation { url, credential } = self.fetching.granted((&jti, &sub), way, seal_to, body);
                let granted = ShareEvent::Granted { exp, filter, url, credential };
                publish_event(broker, &self.topics, (&jti, &sub), &granted, exp);
                publish_log(broker, &self.topics, log_of(&jti, &sub, "granted", at_ms));
                self.shares.grant(jti, sub, exp);
            }
            ToVoice::ShareStarted { jti, stream, delivery: Destination::Pull | Destination::Relay, at_ms, .. } => {
                self.fetched_started(&jti, stream, at_ms, broker);
            }
            ToVoice::ShareStarted { jti, stream, delivery, encrypt_to, at_ms } => {
                match encrypt_to.map(Secrets::draw).transpose() {
                    Ok(secrets) => self.share_started(&jti, stream, delivery, secrets, at_ms),
                    // Never in clear what must not be.
                    Err(error) => {
                        tracing::error!(share = %jti, %error, "the stream cannot be encrypted; nothing is sent");
                    }
                }
            }
            ToVoice::ShareWaiting { jti, sub, until, at_ms } => {
                // First the media, then the words.
                self.shares.pause(&jti);
                self.fetching.waits(&jti);
                tracing::info!(share = %jti, "waits for a viewer");
                self.tell_share((&jti, &sub), &ShareEvent::Waiting { until }, "waiting", at_ms, broker);
            }
            ToVoice::ShareResumed { jti, sub, at_ms } => {
                let fetched = self.fetching.hall.resumes(&jti);
                if self.shares.resume(&jti) || fetched {
                    let _ = tell(self.eye.as_ref(), &ToEye::KeyPicture { jti: jti.clone() }, &[]);
                }
                tracing::info!(share = %jti, "resumed");
                self.tell_share((&jti, &sub), &ShareEvent::Resumed, "resumed", at_ms, broker);
            }
            ToVoice::ShareExtended { jti, sub, exp, at_ms } => {
                self.shares.extend(&jti, exp);
                self.tell_share((&jti, &sub), &ShareEvent::Extended { exp }, "extended", at_ms, broker);
            }
            ToVoice::ShareFiltered { jti, sub, filter, at_ms } => {
                self.tell_share((&jti, &sub), &ShareEvent::Filtered { filter }, "filtered", at_ms, broker);
            }
            ToVoice::RequestTold { jti, sub } => {
                match serde_json::from_slice(body) {
                    Ok(event) => self.waiting.told(&jti, &event),
                    Err(error) => tracing::error!(%error, "what became of a request cannot be read"),
                }
                publish_request(broker, self.topics.share(&sub, &jti), body.to_vec());
            }
            ToVoice::Inbox => {
                match serde_json::from_slice(body) {
                    Ok(inbox) => {
                        let left_behind = self.waiting.inbox(&inbox);
                        self.lapse(left_behind, broker);
                    }
                    Err(error) => tracing::error!(%error, "the eye's inbox cannot be read"),
                }
                publish_latest(broker, self.topics.inbox(), body.to_vec());
            }
            ToVoice::ShareEnded { jti, sub, reason, told, at_ms } => {
                self.unsigned.forget(&jti);
                // First the media (P4), then the words.
                self.fetching.ended(&jti);
                let (viewer, untold) = self.shares.end(&jti);
                if let Some(viewer) = viewer {
                    viewer.close();
                }
                self.status.share_changed();
                if untold {
                    tracing::info!(share = %jti, %reason, "ended");
                    let usage = serde_json::from_slice::<Usage>(body).ok();
                    publish_end(broker, &self.topics, &jti, &sub, &Ended { reason, told, at_ms, usage });
                }
            }
            ToVoice::Hello { .. } => tracing::warn!("the eye greeted twice; ignored"),
        }
    }

    /// Tells those whose requests died with the eye.
    fn lapse(&self, asked: Vec<Asked>, broker: &Broker) {
        for (jti, sub) in asked {
            tracing::info!("a request is over: the eye that kept it is gone");
            publish_request(broker, self.topics.share(&sub, &jti), json(&waiting::LOST));
        }
    }

    /// The first viewer of a share is there: pictures go to whoever sits in it.
    fn fetched_started(&mut self, jti: &Jti, stream: StreamId, at_ms: u64, broker: &Broker) {
        let hall = &self.fetching.hall;
        if !hall.runs(jti, stream) {
            tracing::error!(share = %jti, "the eye started a share to be fetched or relayed that it had not granted; ignored");
            return;
        }
        tracing::info!(share = %jti, "started; its first viewer is there");
        self.meter.begin_if_idle(self.shares.is_idle() && hall.running() == 1);
        self.status.share_changed();
        let Some(sub) = self.shares.sub(jti) else { return };
        // Whoever fetches is told all this by RTSP; this is for those who only look on.
        let sdp = crate::rtsp::describe(self.shares.codec(), &self.slate, IpAddr::V4(Ipv4Addr::UNSPECIFIED), 1)
            .unwrap_or_default();
        self.tell_share(
            (jti, &sub),
            &ShareEvent::Started { sdp, sealed: None, signed: None },
            "started",
            at_ms,
            broker,
        );
    }

    /// What the RTSP sessions have to tell the eye, and of media servers the room.
    pub fn hear_viewers(&mut self, broker: &Broker) {
        for sign in self.fetching.hall.signs() {
            let (jti, wishes) = match sign {
                Sign::Away(jti, sub, server) => {
                    let log = log_of(&jti, &sub, "waiting", clock::utc_ms());
                    publish_log(broker, &self.topics, ShareLog { server: Some(server), ..log });
                    continue;
                }
                Sign::Joined(jti) => (jti, Wishes { joined: true, ..Wishes::default() }),
                Sign::Left(jti) => (jti, Wishes { left: true, ..Wishes::default() }),
                Sign::Lost(jti) => (jti, Wishes { lost: true, ..Wishes::default() }),
                Sign::KeyPicture(jti) => (jti, Wishes { key_picture: true, ..Wishes::default() }),
            };
            wish(self.eye.as_ref(), &jti, &wishes);
        }
    }

    /// Tells subscriber and control room how a running share stands.
    fn tell_share(&self, share: (&Jti, &SubscriberId), event: &ShareEvent, name: &str, at_ms: u64, broker: &Broker) {
        publish_event(broker, &self.topics, share, event, self.shares.exp(share.0));
        publish_log(broker, &self.topics, log_of(share.0, share.1, name, at_ms));
    }

    fn share_started(
        &mut self,
        jti: &Jti,
        stream: StreamId,
        delivery: Destination,
        secrets: Option<Secrets>,
        at_ms: u64,
    ) {
        if self.shares.start(jti, stream, delivery, secrets, at_ms, &mut self.meter) {
            tracing::info!(share = %jti, "started; waiting for its first key picture");
            self.status.share_changed();
            let _ = tell(self.eye.as_ref(), &ToEye::KeyPicture { jti: jti.clone() }, &[]);
        } else {
            tracing::error!(share = %jti, "the eye started a share that it had not granted, or twice, or one too many; ignored");
        }
    }

    // From the broker.

    /// It is lost.
    pub fn broker_lost(&mut self) {
        self.broker_lost = true;
    }
    /// It is there, for the first time or again.
    pub fn broker_up(&mut self) {
        if std::mem::take(&mut self.broker_lost) {
            // An eye that is not there, or does not read, tells anew by itself.
            let _ = tell(self.eye.as_ref(), &ToEye::BrokerBack, &[]);
        }
    }

    /// A message came in at `came`.
    pub fn broker_said(&mut self, publish: &Publish, came: Instant, broker: &Broker) {
        let Ok(topic) = std::str::from_utf8(&publish.topic) else { return };
        let body = &publish.payload[..];
        if topic == self.topics.policy() {
            let to = self.return_address(publish);
            if body.len() > MAX_POLICY {
                refuse(broker, to, ErrorCode::TooLarge, format!("a policy bundle has at most {MAX_POLICY} bytes"));
                return;
            }
            self.policy = Some(body.to_vec());
            self.forward(|correlation| ToEye::Policy { correlation }, body, to, broker);
        } else if topic == self.topics.heartbeat() {
            let correlation = self.in_flight.number();
            if body.len() <= MAX_TOKEN && !publish.retain && !is_expired(publish, came) {
                let _ = tell(self.eye.as_ref(), &ToEye::Command { kind: TokenKind::Heartbeat, correlation }, body);
            }
        } else if let Some(command) = self.topics.parse_command(topic) {
            let to = self.return_address(publish);
            match unfit(publish, came, MAX_TOKEN) {
                Some((code, detail)) => refuse(broker, to, code, detail),
                None => {
                    let kind = command::kind(command);
                    self.forward(|correlation| ToEye::Command { kind, correlation }, body, to, broker);
                }
            }
        } else if let Some(to) = self.return_address(publish) {
            // Who wants no answer may be no command at all.
            let detail = "this version knows no such command; the board's version is in `state`";
            refuse(broker, Some(to), ErrorCode::UnknownCommand, detail.into());
        }
    }

    /// What a subscriber said came in at `came`. Its turn comes after all else.
    pub fn subscriber_said(&mut self, publish: &Publish, came: Instant, broker: &Broker) {
        let Ok(topic) = std::str::from_utf8(&publish.topic) else { return };
        let Some((ask, subscriber)) = self.topics.split_ask(topic) else { return };
        let to = self.return_address(publish);
        let (code, detail) = match (self.limits.admit(ask, subscriber.as_ref(), Instant::now()), &subscriber) {
            (Verdict::Ignore, _) => return self.meter.ask_refused(),
            (Verdict::Refuse, _) => (ErrorCode::Busy, "too many messages; try again in some seconds".into()),
            (Verdict::Pass, None) => {
                (ErrorCode::Malformed, "the topic must end in the subscriber's id, and this is none".into())
            }
            (Verdict::Pass, Some(_)) => match unfit(publish, came, MAX_REQUEST_TOKEN) {
                Some(unfit) => unfit,
                None if self.eye.as_ref().is_some_and(|eye| !eye.has_room_for_ask())
                    || !self.in_flight.has_room_for_ask() =>
                {
                    (ErrorCode::Busy, "the camera has more to do than it can; try again in some seconds".into())
                }
                None => {
                    let kind = command::kind_of_ask(ask);
                    return self.forward(
                        |correlation| ToEye::Command { kind, correlation },
                        &publish.payload,
                        to,
                        broker,
                    );
                }
            },
        };
        self.meter.ask_refused();
        refuse(broker, to, code, detail);
    }

    fn return_address(&self, publish: &Publish) -> Option<ReturnAddress> {
        let properties = publish.properties.as_ref()?;
        let correlation = properties.correlation_data.as_deref();
        ReturnAddress::of(properties.response_topic.as_deref(), correlation, &self.topics, self.site.as_str())
    }

    fn forward(&mut self, message: impl FnOnce(u64) -> ToEye, body: &[u8], to: Option<ReturnAddress>, broker: &Broker) {
        if self.eye.is_none() {
            if let Some(to) = to {
                answer_absent(broker, to);
            }
            return;
        }
        if to.is_some() && !self.in_flight.has_room() {
            let most = command::MOST_IN_FLIGHT;
            refuse(
                broker,
                to,
                ErrorCode::Busy,
                format!("{most} commands already wait for the eye; try again in a moment"),
            );
            return;
        }
        let number = self.in_flight.number();
        if !tell(self.eye.as_ref(), &message(number), body) {
            refuse(broker, to, ErrorCode::Busy, "the eye does not keep up with commands; try again in a moment".into());
        } else if let Some(to) = to {
            self.in_flight.owe(number, to, Instant::now());
        }
    }

    /// Whether a share stands, in whatever phase, as far as the eye told.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.status.has_shares()
    }

    // From receivers and the clock.

    /// Serves the receivers' sockets. Ready when something happened there.
    pub fn poll_receivers(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.shares.poll(cx, &mut self.meter).map(|(jti, wishes)| wish(self.eye.as_ref(), &jti, &wishes))
    }

    /// What a scraper reads.
    #[must_use]
    pub fn metrics(&self) -> Snapshot {
        let (linked, eye) = self.status.eye();
        let mut viewers = self.shares.metrics();
        viewers.extend(self.fetching.hall.metrics());
        Snapshot { eye_linked: linked, eye: eye.map(|eye| eye.counters), viewers, ..self.meter.metrics() }
    }
    /// When [`Desk::tick`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let status = self.status.deadline(Instant::now());
        [
            self.in_flight.deadline(),
            self.shares.deadline(),
            self.unsigned.deadline(),
            self.waiting.deadline(),
            Some(status),
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(status)
    }

    /// Does what is due.
    pub fn tick(&mut self, broker: &Broker) {
        let now = Instant::now();
        let Self { shares, slate, meter, eye, .. } = self;
        shares.tick(slate, meter, |jti| lost(eye.as_ref(), jti));
        while let Some(to) = self.in_flight.overdue(now) {
            answer_absent(broker, to);
        }
        while let Some(told) = self.unsigned.overdue(now) {
            tracing::warn!(share = %told.0.jti, "the eye did not sign the stream's description in time");
            publish_started(broker, &self.topics, told);
        }
        let overdue = self.waiting.overdue(now);
        if !overdue.is_empty() {
            publish_latest(broker, self.topics.inbox(), json(&Inbox::default()));
            self.lapse(overdue, broker);
        }
        self.fetching.hall.count(&mut self.meter);
        self.meter.broker_lost(broker.messages_lost(), broker.asks_dropped());
        if let Some(state) = self.status.say(now, self.meter.read()) {
            publish_latest(broker, self.topics.state(), json(&state));
        }
    }

    /// Waits for the last words to media servers, not long.
    pub async fn closed(&mut self) {
        self.fetching.close().await;
    }
    /// The voice is stopping: shares end with it and that is told, receivers get their goodbye, the board is offline.
    pub fn close(&mut self, broker: &Broker) {
        self.eye_down(broker);
        self.shares.close();
        publish_latest(broker, self.topics.state(), json(&offline()));
    }
}

/// Why a message is not passed on, whatever it says.
fn unfit(publish: &Publish, came: Instant, most_bytes: usize) -> Option<(ErrorCode, String)> {
    if publish.retain {
        let detail = "retained on the broker: a command lives for a minute; publish it without the retain flag";
        return Some((ErrorCode::Expired, detail.into()));
    }
    if publish.payload.len() > most_bytes {
        return Some((ErrorCode::TooLarge, format!("this token may have at most {most_bytes} bytes")));
    }
    is_expired(publish, came).then(|| (ErrorCode::Expired, "its MQTT message expiry is over".into()))
}

/// Whether the expiry that its sender gave it (MQTT 5 §3.3.2.3.3; the broker has subtracted the time with it) is over.
fn is_expired(publish: &Publish, came: Instant) -> bool {
    let seconds = publish.properties.as_ref().and_then(|properties| properties.message_expiry_interval);
    seconds.is_some_and(|seconds| came.elapsed() >= Duration::from_secs(seconds.into()))
}

/// False when there is no eye or it does not read.
fn tell(eye: Option<&EyeWriter>, message: &ToEye, body: &[u8]) -> bool {
    eye.is_some_and(|eye| eye.tell(message, body))
}

fn wish(eye: Option<&EyeWriter>, jti: &Jti, wishes: &Wishes) {
    if wishes.key_picture {
        let _ = tell(eye, &ToEye::KeyPicture { jti: jti.clone() }, &[]);
    }
    if wishes.joined {
        let _ = tell(eye, &ToEye::ViewerJoined { jti: jti.clone() }, &[]);
    }
    if wishes.lost {
        lost(eye, jti);
    }
    if wishes.left {
        tracing::info!(share = %jti, "the receiver said goodbye");
        let _ = tell(eye, &ToEye::ViewerLeft { jti: jti.clone() }, &[]);
    }
}

/// Has the eye sign how a stream is described; without an eye that hears it the subscriber is told at once.
fn describe(
    eye: Option<&EyeWriter>,
    unsigned: &mut Unsigned,
    share: Granted,
    started: Started,
    mut tell_subscriber: impl FnMut((Granted, ShareEvent)),
) {
    let sealed_sha256 = started.sealed.as_deref().map(|sealed| Sha256Digest::of(sealed).0);
    let asked =
        ToEye::Described { jti: share.jti.clone(), sdp_sha256: Sha256Digest::of(&started.sdp).0, sealed_sha256 };
    if !tell(eye, &asked, &[]) {
        tell_subscriber((share, started.event(None)));
    } else if let Some(oldest) = unsigned.add(share, started, Instant::now()) {
        tell_subscriber(oldest);
    }
}

fn lost(eye: Option<&EyeWriter>, jti: &Jti) {
    tracing::info!(share = %jti, "the receiver is no longer heard of");
    let _ = tell(eye, &ToEye::ViewerLost { jti: jti.clone() }, &[]);
}
