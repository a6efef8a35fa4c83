//! What is published and how: how long each kind of word is of use, and what has to arrive.
//!
//! Latest words (state, catalogue, inbox) replace each other, assured ones (ends, log, usage) wait for the broker, the rest expires.

use crate::broker::Broker;
use crate::clock;
use crate::command::ReturnAddress;
use crate::outbox::{Kind, Publication};
use crate::shares::Granted;
use contract::body::{Answer, Refusal, ShareEvent, ShareLog, Usage};
use contract::claims::COMMAND_LIFE_S;
use contract::topic::Topics;
use contract::{EndReason, ErrorCode, Jti, SubscriberId, ToldReason};
use serde::Serialize;
use std::time::Duration;
use tokio::time::Instant;

/// Nobody waits longer for an answer than the command lives.
const ANSWER_LIFE: Duration = Duration::from_secs(COMMAND_LIFE_S);
/// No policy lets a request wait longer.
const REQUEST_LIFE: Duration = Duration::from_secs(3600);
/// How long a share's event is of use, at least and at most, whatever the clock says of its window.
const LEAST_EVENT: Duration = Duration::from_secs(60);
const MOST_EVENT: Duration = Duration::from_secs(24 * 3600);

/// How a share ended.
pub(crate) struct Ended {
    pub(crate) reason: EndReason,
    pub(crate) told: ToldReason,
    pub(crate) at_ms: u64,
    pub(crate) usage: Option<Usage>,
}

pub(crate) fn publish_started(broker: &Broker, topics: &Topics, (share, event): (Granted, ShareEvent)) {
    publish_event(broker, topics, (&share.jti, &share.sub), &event, share.exp);
}

pub(crate) fn log_of(jti: &Jti, sub: &SubscriberId, event: &str, at_ms: u64) -> ShareLog {
    ShareLog { jti: jti.clone(), sub: sub.clone(), event: event.into(), reason: None, at_ms, usage: None, server: None }
}

pub(crate) fn publish_end(broker: &Broker, topics: &Topics, jti: &Jti, sub: &SubscriberId, ended: &Ended) {
    assure(broker, topics.share(sub, jti), json(&ShareEvent::Ended { reason: ended.told }));
    let log = ShareLog { reason: Some(ended.reason), usage: ended.usage, ..log_of(jti, sub, "ended", ended.at_ms) };
    publish_log(broker, topics, log);
}

/// What became of a request: of use as long as any could wait.
pub(crate) fn publish_request(broker: &Broker, topic: String, payload: Vec<u8>) {
    let expires_at = Some(Instant::now() + REQUEST_LIFE);
    broker.publish(Publication { topic, payload, kind: Kind::Event, correlation: None, expires_at });
}

/// An event that says how a running share stands: of use until its window closes.
pub(crate) fn publish_event(
    broker: &Broker,
    topics: &Topics,
    (jti, sub): (&Jti, &SubscriberId),
    event: &ShareEvent,
    exp: u64,
) {
    let left = Duration::from_secs(exp).saturating_sub(Duration::from_millis(clock::utc_ms()));
    let expires_at = Some(Instant::now() + left.clamp(LEAST_EVENT, MOST_EVENT));
    let (topic, payload) = (topics.share(sub, jti), json(event));
    broker.publish(Publication { topic, payload, kind: Kind::Event, correlation: None, expires_at });
}

#[expect(clippy::needless_pass_by_value, reason = "every caller makes the record for this")]
pub(crate) fn publish_log(broker: &Broker, topics: &Topics, log: ShareLog) {
    assure(broker, topics.share_log(), json(&log));
}

pub(crate) fn assure(broker: &Broker, topic: String, payload: Vec<u8>) {
    broker.publish(Publication { topic, payload, kind: Kind::Assured, correlation: None, expires_at: None });
}

pub(crate) fn publish_latest(broker: &Broker, topic: String, payload: Vec<u8>) {
    broker.publish(Publication { topic, payload, kind: Kind::Latest, correlation: None, expires_at: None });
}

pub(crate) fn publish_answer(broker: &Broker, to: ReturnAddress, payload: Vec<u8>) {
    let (correlation, expires_at) = (Some(to.correlation), Some(Instant::now() + ANSWER_LIFE));
    broker.publish(Publication { topic: to.topic, payload, kind: Kind::Answer, correlation, expires_at });
}

pub(crate) fn answer_absent(broker: &Broker, to: ReturnAddress) {
    let detail =
        "the camera's eye is not running or did not answer in time; whether the command was carried out is in `state`";
    refuse(broker, Some(to), ErrorCode::EyeAbsent, detail.into());
}

pub(crate) fn refuse(broker: &Broker, to: Option<ReturnAddress>, code: ErrorCode, detail: String) {
    if let Some(to) = to {
        publish_answer(broker, to, json(&Answer::refused(Refusal::new(code, detail))));
    }
}

/// Our own types have string keys and finite numbers; where a clock gave a number that JSON lacks, serde writes null.
pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
