//! What each message means for the others: from the eye to broker and receivers, from the broker to the eye.
//!
//! Contract: **the voice ferries and never decides.** Tokens pass unopened; media flows from `ShareStarted` to `ShareEnded` and at no other
//! time; every end is told within the second. No waiting here: every function returns at once.

use crate::broker::Broker;
use crate::clock;
use crate::command::{self, InFlight, ReturnAddress};
use crate::eye::{EyeWriter, Greeting};
use crate::meter::Meter;
use crate::outbox::{Kind, Publication};
use crate::outlet::Picture;
use crate::shares::Shares;
use crate::status::{Status, offline};
use crate::viewer::Wishes;
use contract::body::{Answer, EyeState, Refusal, ShareEvent, ShareLog, Usage};
use contract::claims::{MAX_TOKEN, TokenKind};
use contract::policy::MAX_POLICY;
use contract::topic::Topics;
use contract::{EndReason, ErrorCode, Jti, SiteId, SubscriberId, ToldReason};
use link::{Destination, StreamId, ToEye, ToVoice};
use rumqttc::v5::mqttbytes::v5::Publish;
use serde::Serialize;
use std::task::{Context, Poll};
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
    status: Status,
    meter: Meter,
    /// The newest bundle that came: an eye that comes later gets it too.
    policy: Option<Vec<u8>>,
}

impl Desk {
    /// Nothing known yet.
    #[must_use]
    pub fn new(site: SiteId, topics: Topics, shares: Shares) -> Self {
        Self {
            site,
            topics,
            eye: None,
            slate: Vec::new(),
            in_flight: InFlight::default(),
            shares,
            status: Status::default(),
            meter: Meter::default(),
            policy: None,
        }
    }

    // From the eye.

    /// The eye is there.
    pub fn eye_up(&mut self, greeting: Greeting, eye: EyeWriter) {
        self.slate = greeting.slate;
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
        while let Some(to) = self.in_flight.abandon() {
            answer_absent(broker, to);
        }
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
                let Self { shares, meter, topics, eye, .. } = self;
                shares.picture(stream, &picture, rung, meter, |viewer, wishes, _| {
                    if let Some(sdp) = &wishes.started {
                        tracing::info!(share = %viewer.jti, "the first picture goes out");
                        let event = ShareEvent::Started { sdp: sdp.clone(), sealed: None };
                        publish_event(broker, topics, &viewer.jti, &viewer.sub, &event);
                        publish_log(broker, topics, log_of(&viewer.jti, &viewer.sub, "started", viewer.started_at_ms));
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
            ToVoice::Answer { correlation } => {
                if let Some(to) = self.in_flight.answered(correlation) {
                    publish_answer(broker, to, body.to_vec());
                }
            }
            ToVoice::ShareGranted { jti, sub, filter, exp, at_ms } => {
                tracing::info!(share = %jti, "granted");
                publish_event(broker, &self.topics, &jti, &sub, &ShareEvent::Granted { exp, filter });
                publish_log(broker, &self.topics, log_of(&jti, &sub, "granted", at_ms));
                self.shares.grant(jti, sub);
            }
            ToVoice::ShareStarted { jti, encrypt_to: Some(_), .. } => {
                tracing::error!(share = %jti, "this voice cannot encrypt yet, and sends nothing in clear that must not be");
            }
            ToVoice::ShareStarted { jti, stream, delivery, at_ms, encrypt_to: None } => {
                self.share_started(&jti, stream, delivery, at_ms);
            }
            ToVoice::ShareWaiting { jti, sub, until, at_ms } => {
                publish_event(broker, &self.topics, &jti, &sub, &ShareEvent::Waiting { until });
                publish_log(broker, &self.topics, log_of(&jti, &sub, "waiting", at_ms));
            }
            ToVoice::ShareResumed { jti, sub, at_ms } => {
                publish_log(broker, &self.topics, log_of(&jti, &sub, "resumed", at_ms));
            }
            ToVoice::ShareExtended { jti, sub, exp, at_ms } => {
                publish_event(broker, &self.topics, &jti, &sub, &ShareEvent::Extended { exp });
                publish_log(broker, &self.topics, log_of(&jti, &sub, "extended", at_ms));
            }
            ToVoice::ShareFiltered { jti, sub, filter, at_ms } => {
                publish_event(broker, &self.topics, &jti, &sub, &ShareEvent::Filtered { filter });
                publish_log(broker, &self.topics, log_of(&jti, &sub, "filtered", at_ms));
            }
            ToVoice::RequestTold { jti, sub } => assure(broker, self.topics.share(&sub, &jti), body.to_vec()),
            ToVoice::Inbox => publish_latest(broker, self.topics.inbox(), body.to_vec()),
            ToVoice::ShareEnded { jti, sub, reason, told, at_ms } => {
                let (viewer, untold) = self.shares.end(&jti);
                // First the media (P4), then the words.
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

    fn share_started(&mut self, jti: &Jti, stream: StreamId, delivery: Destination, at_ms: u64) {
        if self.shares.start(jti, stream, delivery, at_ms, &mut self.meter) {
            tracing::info!(share = %jti, "started; waiting for its first key picture");
            self.status.share_changed();
            let _ = tell(self.eye.as_ref(), &ToEye::KeyPicture { jti: jti.clone() }, &[]);
        } else {
            tracing::error!(share = %jti, "the eye started a share that it had not granted, or twice, or one too many; ignored");
        }
    }

    // From the broker.

    /// A message came in.
    pub fn broker_said(&mut self, publish: &Publish, broker: &Broker) {
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
            if body.len() <= MAX_TOKEN {
                let _ = tell(self.eye.as_ref(), &ToEye::Command { kind: TokenKind::Heartbeat, correlation }, body);
            }
        } else if let Some(command) = self.topics.parse_command(topic) {
            if publish.retain {
                tracing::warn!("a retained command on the broker is ignored: commands live for a minute");
                return;
            }
            let to = self.return_address(publish);
            if body.len() > MAX_TOKEN {
                refuse(
                    broker,
                    to,
                    ErrorCode::TooLarge,
                    format!("a token has at most {MAX_TOKEN} bytes, this one {}", body.len()),
                );
                return;
            }
            let kind = command::kind(command);
            self.forward(|correlation| ToEye::Command { kind, correlation }, body, to, broker);
        }
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

    // From receivers and the clock.

    /// Serves the receivers' sockets. Ready when something happened there.
    pub fn poll_receivers(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.shares.poll(cx, &mut self.meter).map(|(jti, wishes)| wish(self.eye.as_ref(), &jti, &wishes))
    }

    /// When [`Desk::tick`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let status = self.status.deadline(Instant::now());
        [self.in_flight.deadline(), self.shares.deadline(), Some(status)].into_iter().flatten().min().unwrap_or(status)
    }

    /// Does what is due.
    pub fn tick(&mut self, broker: &Broker) {
        let now = Instant::now();
        self.shares.tick(&self.slate, &mut self.meter);
        while let Some(to) = self.in_flight.overdue(now) {
            answer_absent(broker, to);
        }
        if let Some(state) = self.status.say(now, self.meter.read()) {
            publish_latest(broker, self.topics.state(), json(&state));
        }
    }

    /// The voice is stopping: shares end with it and that is told, receivers get their goodbye, the board is offline.
    pub fn close(&mut self, broker: &Broker) {
        self.eye_down(broker);
        self.shares.close();
        publish_latest(broker, self.topics.state(), json(&offline()));
    }
}

struct Ended {
    reason: EndReason,
    told: ToldReason,
    at_ms: u64,
    usage: Option<Usage>,
}

/// False when there is no eye or it does not read.
fn tell(eye: Option<&EyeWriter>, message: &ToEye, body: &[u8]) -> bool {
    eye.is_some_and(|eye| eye.tell(message, body))
}

fn wish(eye: Option<&EyeWriter>, jti: &Jti, wishes: &Wishes) {
    if wishes.key_picture {
        let _ = tell(eye, &ToEye::KeyPicture { jti: jti.clone() }, &[]);
    }
    if wishes.left {
        tracing::info!(share = %jti, "the receiver said goodbye");
        let _ = tell(eye, &ToEye::ViewerLeft { jti: jti.clone() }, &[]);
    }
}

fn log_of(jti: &Jti, sub: &SubscriberId, event: &str, at_ms: u64) -> ShareLog {
    ShareLog { jti: jti.clone(), sub: sub.clone(), event: event.into(), reason: None, at_ms, usage: None }
}

fn publish_end(broker: &Broker, topics: &Topics, jti: &Jti, sub: &SubscriberId, ended: &Ended) {
    publish_event(broker, topics, jti, sub, &ShareEvent::Ended { reason: ended.told });
    let log = ShareLog { reason: Some(ended.reason), usage: ended.usage, ..log_of(jti, sub, "ended", ended.at_ms) };
    if log.usage.is_some() {
        assure(broker, topics.usage(), json(&log));
    }
    publish_log(broker, topics, log);
}

fn publish_event(broker: &Broker, topics: &Topics, jti: &Jti, sub: &SubscriberId, event: &ShareEvent) {
    assure(broker, topics.share(sub, jti), json(event));
}

#[expect(clippy::needless_pass_by_value, reason = "every caller makes the record for this")]
fn publish_log(broker: &Broker, topics: &Topics, log: ShareLog) {
    assure(broker, topics.share_log(), json(&log));
}

fn assure(broker: &Broker, topic: String, payload: Vec<u8>) {
    broker.publish(Publication { topic, payload, kind: Kind::Assured, correlation: None });
}

fn publish_latest(broker: &Broker, topic: String, payload: Vec<u8>) {
    broker.publish(Publication { topic, payload, kind: Kind::Latest, correlation: None });
}

fn publish_answer(broker: &Broker, to: ReturnAddress, payload: Vec<u8>) {
    broker.publish(Publication { topic: to.topic, payload, kind: Kind::Answer, correlation: Some(to.correlation) });
}

fn answer_absent(broker: &Broker, to: ReturnAddress) {
    let detail =
        "the camera's eye is not running or did not answer in time; whether the command was carried out is in `state`";
    refuse(broker, Some(to), ErrorCode::EyeAbsent, detail.into());
}

fn refuse(broker: &Broker, to: Option<ReturnAddress>, code: ErrorCode, detail: String) {
    if let Some(to) = to {
        publish_answer(broker, to, json(&Answer::refused(Refusal::new(code, detail))));
    }
}

/// Our own types have string keys and finite numbers; where a clock gave a number that JSON lacks, serde writes null.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
