//! The voice: everything of a board that speaks to the network. It has no pixels.
//!
//! It ferries signed bytes between the MQTT broker and the eye, and sends the eye's masked pictures to the receivers that the eye names. It cannot
//! see a raw frame, start a share, or keep one alive. One task does the work (`run`); two more keep broker and link supplied.
#![forbid(unsafe_code)]

pub mod broker;
pub mod clock;
mod comeback;
pub mod command;
pub mod config;
pub mod desk;
pub mod eye;
pub mod fetching;
pub mod figures;
pub mod hearing;
pub mod limit;
pub mod meter;
pub mod metrics;
pub mod outbox;
pub mod outlet;
pub mod reports;
pub mod rtsp;
mod say;
pub mod secrets;
pub mod shares;
pub mod status;
pub mod tls;
pub mod unsigned;
pub mod viewer;
pub mod waiting;
pub mod wire;

use broker::{Broker, BrokerEvent, BrokerSettings, Listen, Subscription};
use config::Config;
use contract::claims::MAX_REQUEST_TOKEN;
use contract::topic::{AskTopic, CommandTopic, Topics};
use desk::Desk;
use eye::{EyeEvent, EyeLink};
use fetching::Fetching;
use metrics::Snapshot;
use rtsp::{Access, Hall, Relays};
use shares::Shares;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep_until;

/// How long a stopping voice waits for the broker to take its last words.
pub const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// Why the voice cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Towards the broker.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// Towards those who fetch.
    #[error(transparent)]
    Rtsp(#[from] rtsp::DoorError),
    /// Towards media servers.
    #[error(transparent)]
    Relay(#[from] rtsp::AccessError),
}

/// Runs until `stop` completes; comes back when goodbyes are said.
///
/// # Errors
/// [`StartError`] when the certificates, or the RTSP server's address, cannot be used. An absent broker or eye is no error: both are tried for ever.
pub async fn run(config: Config, stop: impl Future<Output = ()>) -> Result<(), StartError> {
    let tls = config.mqtt.tls.as_ref().map(tls::client).transpose()?;
    let topics = Topics::new(config.site.clone(), config.camera.clone());
    let client_id = config.client_id();
    let mut broker = Broker::start(BrokerSettings {
        host: config.mqtt.host,
        port: config.mqtt.port,
        client_id,
        keep_alive: Duration::from_secs(config.mqtt.keep_alive_s.into()),
        tls,
        scatter: Duration::from_secs(config.mqtt.scatter_s.into()),
        topics: subscriptions(&topics),
        will: (topics.state(), serde_json::to_vec(&status::offline()).unwrap_or_default()),
    });
    let mut link = EyeLink::new(config.link);
    let settings = viewer::Settings::new(&config.rtp);
    let server = match &config.rtsp {
        Some(wanted) => {
            let payload = config.rtp.max_payload_bytes;
            Some(rtsp::Server::open(wanted, &config.camera, payload, &settings.cname).await?)
        }
        None => None,
    };
    let hall = server.as_ref().map_or_else(|| Arc::new(Hall::default()), |server| Arc::clone(&server.hall));
    let access = config.relay.iter().map(Access::read).collect::<Result<_, _>>()?;
    let relays = Relays::new(access, Arc::clone(&hall), config.rtp.max_payload_bytes, settings.cname.clone());
    let url = server.as_ref().map(|server| server.url.clone());
    let fetching = Fetching::new(Arc::clone(&hall), url, relays);
    let mut desk = Desk::new(config.site, topics, Shares::new(settings), fetching);
    let mut metrics = config.metrics.as_ref().map(metrics::server::Server::start).transpose()?;
    tokio::pin!(stop);
    loop {
        let deadline = desk.deadline();
        tokio::select! {
            () = &mut stop => break,
            event = link.next() => match event {
                EyeEvent::Up(greeting, writer) => {
                    desk.eye_up(greeting, writer);
                    hear(&mut link, &mut desk, &broker);
                }
                EyeEvent::Readable => hear(&mut link, &mut desk, &broker),
                EyeEvent::Down => desk.eye_down(&broker),
            },
            event = broker.next() => match event {
                BrokerEvent::Message(publish, at) => desk.broker_said(&publish, at, &broker),
                BrokerEvent::Ask(publish, at) => desk.subscriber_said(&publish, at, &broker),
                BrokerEvent::Connected => desk.broker_up(),
                BrokerEvent::Lost => desk.broker_lost(),
            },
            () = std::future::poll_fn(|cx| desk.poll_receivers(cx)) => {}
            reader = reader(&mut metrics) => {
                // It may have gone.
                let snapshot = Snapshot { temperatures: reader.temperatures, ..desk.metrics() };
                let _ = reader.page.send(snapshot.text());
            }
            () = hall.news() => desk.hear_viewers(&broker),
            () = sleep_until(deadline) => {}
        }
        desk.tick(&broker);
        broker.watched(desk.is_watched());
    }
    desk.close(&broker);
    tokio::join!(broker.close(CLOSE_WITHIN), desk.closed());
    Ok(())
}

/// The next who wants the metrics; nobody where they are not served.
async fn reader(metrics: &mut Option<metrics::server::Server>) -> metrics::server::Reader {
    match metrics {
        Some(server) => server.reader().await,
        None => std::future::pending().await,
    }
}

fn hear(link: &mut EyeLink, desk: &mut Desk, broker: &Broker) {
    while let Some((message, body)) = link.message() {
        desk.eye_said(message, body, broker);
    }
}

/// All topics of one level at once, so that a command that this version does not know can be refused; where the broker's list does not allow that,
/// each by its name.
fn subscriptions(topics: &Topics) -> Vec<Subscription> {
    let named = |of: &dyn Fn(CommandTopic) -> String| CommandTopic::ALL.into_iter().map(of).collect();
    let site_wide = [CommandTopic::Preempt, CommandTopic::Release, CommandTopic::Revoke];
    let commands = [
        Subscription {
            filter: topics.any_of_camera(),
            what: Listen::Command,
            instead: named(&|command| topics.command(command)),
        },
        Subscription {
            filter: topics.any_of_all(),
            what: Listen::Command,
            instead: site_wide.into_iter().map(|command| topics.all(command)).collect(),
        },
        Subscription::new(topics.heartbeat(), Listen::Beat),
        Subscription::new(topics.policy(), Listen::Retained),
    ];
    let asks = AskTopic::ALL.into_iter().map(|ask| Subscription::new(topics.asks(ask), Listen::Ask(MAX_REQUEST_TOKEN)));
    commands.into_iter().chain(asks).collect()
}
