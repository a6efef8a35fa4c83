//! Grants, one after the other at a steady rate to boards drawn by lot, and how long each verdict took.

use crate::figures::Verdicts;
use crate::plan::{Keys, PURPOSE, SUBSCRIBER, VIEW, camera, site};
use crate::watch::{self, Desk, Seen};
use campari::clock::unix_s;
use campari::command::{CommandError, Desk as Signer, GrantOrder};
use campari::mqtt::BusError;
use contract::Filter;
use contract::body::EyeState;
use contract::claims::{Actors, Delivery};
use contract::topic::CommandTopic;
use rand::seq::IteratorRandom as _;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch::Receiver;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

/// How long each share lasts: nobody watches.
const LASTS: Duration = Duration::from_secs(20);

pub(crate) struct Traffic {
    pub(crate) desks: Arc<Vec<Desk>>,
    pub(crate) seen: Seen,
    pub(crate) keys: Arc<Keys>,
    pub(crate) a_second: u32,
}

enum Verdict {
    Yes(Duration),
    No(Duration, String),
    None(String),
}

impl Traffic {
    /// Grants to boards that spoke after `since` (Unix seconds), until `enough` says so; then waits for what is under way.
    pub(crate) async fn run(&self, since: u64, mut enough: Receiver<bool>) -> Verdicts {
        let mut tick = tokio::time::interval(Duration::from_secs(1) / self.a_second.max(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut under_way = JoinSet::new();
        let mut verdicts = Verdicts::default();
        loop {
            tokio::select! {
                _ = enough.wait_for(|enough| *enough) => break,
                Some(done) = under_way.join_next() => count(&mut verdicts, done),
                _ = tick.tick() => {
                    let now = unix_s();
                    let drawn = watch::lock(&self.seen)
                        .iter()
                        .enumerate()
                        .filter_map(|(board, eye)| Some((board, eye.as_ref()?)))
                        .filter(|(_, eye)| eye.now > since && watch::is_still_ready(eye, now))
                        .choose(&mut rand::rng())
                        .map(|(board, eye)| (board, eye.clone()));
                    if let Some((board, eye)) = drawn && self.desks[watch::site_of(board)].bus.is_connected() {
                        let (desks, keys) = (Arc::clone(&self.desks), Arc::clone(&self.keys));
                        under_way.spawn(async move { grant(&desks[watch::site_of(board)], &keys, board, &eye).await });
                    }
                }
            }
        }
        while let Some(done) = under_way.join_next().await {
            count(&mut verdicts, done);
        }
        verdicts
    }
}

fn count(verdicts: &mut Verdicts, done: Result<Verdict, tokio::task::JoinError>) {
    match done.unwrap_or_else(|cause| Verdict::None(cause.to_string())) {
        Verdict::Yes(took) => verdicts.granted(took),
        Verdict::No(took, why) => verdicts.refused(took, why),
        Verdict::None(why) => verdicts.missing(why),
    }
}

async fn grant(desk: &Desk, keys: &Keys, board: usize, eye: &EyeState) -> Verdict {
    let signer =
        Signer { bus: &desk.bus, key: &keys.centralist, site: site(watch::site_of(board)), camera: camera(board) };
    let (Ok(subscriber), Ok(view)) = (SUBSCRIBER.parse(), VIEW.parse()) else {
        return Verdict::None("names of this program".into());
    };
    let order = GrantOrder {
        subscriber,
        view,
        filter: Filter::Fill,
        lasts: LASTS,
        delivery: Delivery::Push { address: Ipv4Addr::LOCALHOST.into(), port: 5004 },
        purpose: PURPOSE.into(),
        act: Actors { operator: "op-1".into(), requester: None },
        fps: None,
        cnf: None,
        request: None,
    };
    // From the centralist's hand: signing is part of it.
    let began = Instant::now();
    let outcome = match signer.sign_grant(eye, order) {
        Ok(signed) => signer.send(CommandTopic::Grant, signed).await,
        Err(cause) => Err(cause),
    };
    match outcome {
        Ok(outcome) => match outcome.answer.error {
            None => Verdict::Yes(began.elapsed()),
            Some(refusal) => Verdict::No(began.elapsed(), refusal.code.to_string()),
        },
        Err(cause) => Verdict::None(kind(&cause)),
    }
}

/// What was said instead of a verdict, the same for every board.
fn kind(cause: &CommandError) -> String {
    let bus = match cause {
        CommandError::Bus(cause) => cause,
        other => return other.to_string(),
    };
    match bus {
        BusError::NoAnswer { within_s, .. } => format!("no answer within {within_s} s"),
        BusError::NobodyListens { .. } => "nobody listens".into(),
        BusError::PublishRefused { reason, .. } => format!("refused by the broker: {reason}"),
        BusError::NotSent { cause, .. } => format!("not sent: {cause}"),
        other => other.to_string(),
    }
}
