//! The connection to the MQTT 5 broker: kept alive by one task that reconnects, resubscribes, and says the birth anew each time.
//!
//! Reads no message's meaning. Clean start, so that it subscribes anew on every connection whatever the broker remembers; last will on `state`; Maximum
//! Packet Size (§3.1.2.11.4) advertised and kept; every publication with QoS 1. What is retained or must not be lost is kept in
//! [`crate::outbox`] while there is no connection.
//!
//! What subscribers say comes with QoS 0 and waits in a small queue of its own, which overflows: so a flood of it fills neither the broker's window of
//! unacknowledged messages towards this board nor the queue of commands. (With a clean start QoS 1 would assure no more than the connection does.)

use crate::comeback::Comeback;
use crate::outbox::{Kind, Outbox, Publication};
use contract::claims::MAX_TOKEN;
use rand::Rng as _;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnectProperties, Filter, LastWill, Packet, PubAckReason, Publish, PublishProperties, RetainForwardRule,
    SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions};
use rumqttc::{Outgoing, TlsConfiguration, Transport};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// Largest packet either way, bytes: the policy bundle, with room for topic and properties.
pub const MAX_PACKET: u32 = contract::policy::MAX_POLICY as u32 + 16 * 1024;
/// Bound of rumqttc's own table of unacknowledged messages, which it allocates at once.
const INFLIGHT: u16 = 32;
/// Messages to be published, between the tasks.
const QUEUED: usize = 256;
/// Messages that came, between the tasks: a policy may be as large as a packet, others are cut to what can be of use.
const QUEUED_IN: usize = 32;
/// What subscribers said, between the tasks.
const QUEUED_ASKS: usize = 32;
/// Longest response topic and correlation data that are kept, bytes; see [`crate::command`].
const MAX_PROPERTY: usize = 256;
/// How to reach the broker and what to say on every connection.
#[derive(Debug, Clone)]
pub struct BrokerSettings {
    /// Name or IP literal.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// What the broker knows us by.
    pub client_id: String,
    /// Keep-alive.
    pub keep_alive: Duration,
    /// TLS, or in clear.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Longest wait of a board that nobody watches before it tries again.
    pub scatter: Duration,
    /// Subscribed to on every connection.
    pub topics: Vec<Subscription>,
    /// Topic and body of the last will, retained.
    pub will: (String, Vec<u8>),
}

/// One thing to listen to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Topic filter.
    pub filter: String,
    /// What comes by it.
    pub what: Listen,
    /// Asked for where the broker's access list refuses the filter.
    pub instead: Vec<String>,
}

/// What comes by a subscription, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// Commands, of which no more than a token's length (and one) is kept: QoS 1; nothing that was retained before, and what is published as retained keeps that mark, so that it can be refused.
    Command,
    /// What comes anew every few seconds: QoS 0, else as commands. One goes to every board of a site at once; an acknowledgement of each would be as much work
    /// again for the broker, and a copy that it sends later is of no use.
    Beat,
    /// What somebody retained for us: QoS 1, with what is retained already.
    Retained,
    /// What subscribers say: the filter ends in `/+`, and no more than so many bytes (and one) of a message are kept.
    Ask(usize),
}

impl Subscription {
    /// One without a replacement.
    #[must_use]
    pub fn new(filter: String, what: Listen) -> Self {
        Self { filter, what, instead: Vec::new() }
    }
}

/// What came.
#[derive(Debug)]
pub enum BrokerEvent {
    /// A connection stands.
    Connected,
    /// It is lost; the next one is being tried.
    Lost,
    /// A message, and when it came.
    Message(Box<Publish>, Instant),
    /// What a subscriber said, and when.
    Ask(Box<Publish>, Instant),
}

/// What was given up; read by the voice, written by the task.
#[derive(Debug, Default)]
struct Losses {
    messages: AtomicU64,
    asks: AtomicU64,
}

/// The voice's end of the task.
#[derive(Debug)]
pub struct Broker {
    outgoing: mpsc::Sender<Publication>,
    events: mpsc::Receiver<BrokerEvent>,
    asks: mpsc::Receiver<BrokerEvent>,
    losses: Arc<Losses>,
    watched: Arc<AtomicBool>,
    unqueued: AtomicU64,
    close: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Broker {
    /// Starts connecting; comes back at once.
    #[must_use]
    pub fn start(settings: BrokerSettings) -> Self {
        let (outgoing, to_publish) = mpsc::channel(QUEUED);
        let (tell, events) = mpsc::channel(QUEUED_IN);
        let (tell_ask, asks) = mpsc::channel(QUEUED_ASKS);
        let (close, closing) = oneshot::channel();
        let losses = Arc::new(Losses::default());
        let watched = Arc::new(AtomicBool::new(false));
        let ways = Ways { to_publish, tell, tell_ask, losses: Arc::clone(&losses), watched: Arc::clone(&watched) };
        let task = tokio::spawn(Connection::new(settings, ways).run(closing));
        Self { outgoing, events, asks, losses, watched, unqueued: AtomicU64::new(0), close: Some(close), task }
    }

    /// Whether a share stands: then a lost connection is not waited for.
    pub fn watched(&self, watched: bool) {
        self.watched.store(watched, Ordering::Relaxed);
    }
    /// Hands a message over without waiting.
    pub fn publish(&self, publication: Publication) {
        if self.outgoing.try_send(publication).is_err() {
            self.unqueued.fetch_add(1, Ordering::Relaxed);
            tracing::error!("messages to the broker come faster than they can be queued; one is lost");
        }
    }

    /// The next event; what subscribers say comes after all else. Cancel-safe.
    pub async fn next(&mut self) -> BrokerEvent {
        let event = tokio::select! {
            biased;
            event = self.events.recv() => event,
            ask = self.asks.recv() => ask,
        };
        match event {
            Some(event) => event,
            // The task ends only when told to.
            None => std::future::pending().await,
        }
    }

    /// Messages given up since the start.
    #[must_use]
    pub fn messages_lost(&self) -> u64 {
        self.losses.messages.load(Ordering::Relaxed) + self.unqueued.load(Ordering::Relaxed)
    }
    /// What subscribers said so fast that it was not even looked at.
    #[must_use]
    pub fn asks_dropped(&self) -> u64 {
        self.losses.asks.load(Ordering::Relaxed)
    }

    /// Waits, at most `within`, until the broker has everything, and says goodbye so that it drops the last will.
    pub async fn close(mut self, within: Duration) {
        if let Some(close) = self.close.take() {
            let _ = close.send(());
        }
        // Nobody reads events any more: the task must not wait for that.
        self.events.close();
        self.asks.close();
        if tokio::time::timeout(within, &mut self.task).await.is_err() {
            tracing::warn!("the broker did not take everything in time; it will publish the last will");
            self.task.abort();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The task's ends of the ways to the voice.
struct Ways {
    to_publish: mpsc::Receiver<Publication>,
    tell: mpsc::Sender<BrokerEvent>,
    tell_ask: mpsc::Sender<BrokerEvent>,
    losses: Arc<Losses>,
    watched: Arc<AtomicBool>,
}

struct Connection {
    client: AsyncClient,
    events: EventLoop,
    topics: Vec<Subscription>,
    /// The first SUBACK of a connection is still to come.
    subscribing: bool,
    outbox: Outbox,
    ways: Ways,
    /// Twice the keep-alive: a connection that stands is never silent so long.
    silence_limit: Duration,
    connected: bool,
    comeback: Comeback,
    complained: bool,
    goodbye_said: bool,
}

/// What happened while polling the library.
enum Polled {
    Event(Box<Result<Event, ConnectionError>>),
    Stuck,
}

impl Connection {
    fn new(settings: BrokerSettings, ways: Ways) -> Self {
        let mut options = MqttOptions::new(settings.client_id, settings.host, settings.port);
        options.set_keep_alive(settings.keep_alive);
        options.set_clean_start(true);
        let comeback = Comeback::new(settings.scatter);
        options.set_connection_timeout(comeback.connect_within_s());
        options.set_outgoing_inflight_upper_limit(INFLIGHT);
        let mut properties = ConnectProperties::new();
        properties.max_packet_size = Some(MAX_PACKET);
        options.set_connect_properties(properties);
        let (topic, body) = settings.will;
        options.set_last_will(LastWill::new(topic, body, QoS::AtLeastOnce, true, None));
        let mut network = options.network_options();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        if let Some(tls) = settings.tls {
            options.set_transport(Transport::Tls(TlsConfiguration::Rustls(tls)));
        }
        let (client, events) = AsyncClient::new(options, usize::from(INFLIGHT) * 2);
        Self {
            client,
            events,
            topics: settings.topics,
            subscribing: false,
            outbox: Outbox::default(),
            ways,
            silence_limit: settings.keep_alive * 2,
            connected: false,
            comeback,
            complained: false,
            goodbye_said: false,
        }
    }

    async fn run(mut self, mut closing: oneshot::Receiver<()>) {
        let mut open = true;
        loop {
            let polled = {
                let connecting_s = self.comeback.connect_within_s();
                let Self { events, ways, outbox, client, silence_limit, goodbye_said, .. } = &mut self;
                let to_publish = &mut ways.to_publish;
                // Dropped only when stuck: the library's poll is not cancel-safe.
                let poll = events.poll();
                tokio::pin!(poll);
                // A ping goes out every keep-alive, so silence this long is a write that does not end.
                let stuck = sleep_until(Instant::now() + *silence_limit + Duration::from_secs(connecting_s));
                tokio::pin!(stuck);
                loop {
                    submit(outbox, client);
                    ways.losses.messages.store(outbox.lost(), Ordering::Relaxed);
                    if !open && !outbox.is_connected() {
                        return;
                    }
                    if !open && outbox.is_settled() && !std::mem::replace(goodbye_said, true) {
                        let _ = client.try_disconnect();
                    }
                    tokio::select! {
                        event = &mut poll => break Polled::Event(Box::new(event)),
                        publication = to_publish.recv(), if open => match publication {
                            Some(publication) => outbox.put(publication),
                            None => open = false,
                        },
                        _ = &mut closing, if open => {
                            open = false;
                            while let Ok(publication) = to_publish.try_recv() {
                                outbox.put(publication);
                            }
                        }
                        () = &mut stuck => break Polled::Stuck,
                    }
                }
            };
            match polled {
                Polled::Event(event) => match *event {
                    Ok(Event::Outgoing(Outgoing::Disconnect)) => return,
                    Ok(event) => self.handle(event).await,
                    Err(error) => self.lost(&error.to_string(), &mut closing, &mut open).await,
                },
                Polled::Stuck => {
                    self.events.clean();
                    self.lost("it takes no more data", &mut closing, &mut open).await;
                }
            }
        }
    }

    async fn handle(&mut self, event: Event) {
        match event {
            Event::Incoming(Packet::ConnAck(_)) => {
                self.connected = true;
                self.comeback.connected();
                self.complained = false;
                self.outbox.connected();
                self.subscribing = true;
                self.subscribe(self.topics.iter().map(Subscription::filter).collect());
                tracing::info!("connected to the broker");
                self.say(BrokerEvent::Connected).await;
            }
            Event::Incoming(Packet::Publish(publish)) => self.incoming(publish).await,
            Event::Incoming(Packet::PubAck(ack)) => {
                if !matches!(ack.reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers) {
                    tracing::error!(reason = ?ack.reason, "the broker refuses a message; does its access list name this board?");
                }
                self.outbox.acknowledged(ack.pkid);
            }
            Event::Incoming(Packet::SubAck(ack)) => {
                self.subscribed(&ack.return_codes);
            }
            Event::Outgoing(Outgoing::Publish(packet_id)) => self.outbox.left(packet_id),
            _ => {}
        }
    }

    fn subscribe(&self, filters: Vec<Filter>) {
        if let Err(error) = self.client.try_subscribe_many(filters) {
            tracing::error!(%error, "cannot subscribe");
        }
    }

    fn subscribed(&mut self, codes: &[SubscribeReasonCode]) {
        let is_refused = |code: &SubscribeReasonCode| !matches!(code, SubscribeReasonCode::Success(_));
        let first = std::mem::take(&mut self.subscribing);
        let (mut hopeless, mut instead) = (0, Vec::new());
        for (index, _) in codes.iter().enumerate().filter(|(_, code)| is_refused(code)) {
            match self.topics.get(index).filter(|topic| first && !topic.instead.is_empty()) {
                Some(topic) => instead.extend(topic.instead.iter().map(|filter| topic.what.filter(filter))),
                None => hopeless += 1,
            }
        }
        if hopeless > 0 {
            tracing::error!(
                refused = hopeless,
                "the broker refuses subscriptions; does its access list name this board?"
            );
        }
        if !instead.is_empty() {
            self.subscribe(instead);
        }
    }

    async fn incoming(&mut self, mut publish: Publish) {
        let now = Instant::now();
        let limit = self.topics.iter().find_map(|topic| topic.ask_limit(&publish.topic));
        let Some(limit) = limit else {
            if !self.topics.iter().any(|topic| topic.is_retained(&publish.topic)) {
                slim(&mut publish, MAX_TOKEN);
            }
            self.say(BrokerEvent::Message(Box::new(publish), now)).await;
            return;
        };
        slim(&mut publish, limit);
        // Full: what is dropped is what comes too fast to be answered.
        if self.ways.tell_ask.try_send(BrokerEvent::Ask(Box::new(publish), now)).is_err() {
            self.ways.losses.asks.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn say(&mut self, event: BrokerEvent) {
        // An error means that the voice is closing; what comes in then concerns nobody.
        let _ = self.ways.tell.send(event).await;
    }

    async fn lost(&mut self, why: &str, closing: &mut oneshot::Receiver<()>, open: &mut bool) {
        let was = std::mem::take(&mut self.connected);
        self.outbox.disconnected();
        if was {
            self.say(BrokerEvent::Lost).await;
        }
        // Once per outage: the rest of the tries say nothing new.
        if !std::mem::replace(&mut self.complained, true) {
            tracing::warn!(why, "no connection to the broker of [mqtt]; trying on");
        }
        let watched = self.ways.watched.load(Ordering::Relaxed);
        let until = Instant::now() + self.comeback.pause(watched, rand::rng().random_range(0.0..=1.0));
        self.events.options.set_connection_timeout(self.comeback.connect_within_s());
        // What is to be published meanwhile is kept; a wish to close ends the wait.
        while *open {
            tokio::select! {
                publication = self.ways.to_publish.recv() => match publication {
                    Some(publication) => self.outbox.put(publication),
                    None => *open = false,
                },
                _ = &mut *closing => *open = false,
                () = sleep_until(until) => return,
            }
        }
    }
}

impl Subscription {
    fn filter(&self) -> Filter {
        self.what.filter(&self.filter)
    }
    /// Whether this is a subscription to what somebody retained for us on `topic`.
    fn is_retained(&self, topic: &[u8]) -> bool {
        self.what == Listen::Retained && self.filter.as_bytes() == topic
    }
    /// How much of a message on `topic` is kept, if this is a subscription to what subscribers say and the topic is of it.
    fn ask_limit(&self, topic: &[u8]) -> Option<usize> {
        let Listen::Ask(limit) = self.what else { return None };
        let prefix = self.filter.strip_suffix('+')?;
        topic.starts_with(prefix.as_bytes()).then_some(limit)
    }
}

impl Listen {
    fn filter(self, path: &str) -> Filter {
        let (qos, retained) = match self {
            Listen::Command => (QoS::AtLeastOnce, RetainForwardRule::Never),
            Listen::Retained => (QoS::AtLeastOnce, RetainForwardRule::OnEverySubscribe),
            Listen::Beat | Listen::Ask(_) => (QoS::AtMostOnce, RetainForwardRule::Never),
        };
        let mut filter = Filter::new(path, qos);
        filter.nolocal = true;
        filter.preserve_retain = true;
        filter.retain_forward_rule = retained;
        filter
    }
}

/// Keeps of a message what can be of use: `limit` bytes and one more, which tells that it was too long.
fn slim(publish: &mut Publish, limit: usize) {
    let kept = publish.payload.len().min(limit + 1);
    // A copy: the library's piece of its read buffer is larger.
    publish.payload = publish.payload[..kept].to_vec().into();
    if let Some(properties) = &mut publish.properties {
        properties.user_properties.clear();
        properties.content_type = None;
        let long = properties.response_topic.as_ref().is_some_and(|topic| topic.len() > MAX_PROPERTY)
            || properties.correlation_data.as_ref().is_some_and(|data| data.len() > MAX_PROPERTY);
        if long {
            properties.response_topic = None;
            properties.correlation_data = None;
        }
    }
}

/// Gives the library what the outbox lets go.
fn submit(outbox: &mut Outbox, client: &AsyncClient) {
    let now = Instant::now();
    while let Some(publication) = outbox.hand_out(now) {
        let retain = publication.kind == Kind::Latest;
        let left = publication.expires_at.map(|at| at.saturating_duration_since(now).as_secs() + 1);
        let properties = PublishProperties {
            message_expiry_interval: left.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX)),
            correlation_data: publication.correlation.map(Into::into),
            ..PublishProperties::default()
        };
        let sent = client.try_publish_with_properties(
            publication.topic,
            QoS::AtLeastOnce,
            retain,
            publication.payload,
            properties,
        );
        if sent.is_err() {
            // The queue is larger than what the outbox lets out at once.
            tracing::error!("the MQTT library takes no more messages; one is lost");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_acknowledged_and_heartbeats_are_not_and_neither_comes_from_before_the_connection() {
        let qos = |what: Listen| {
            let filter = what.filter("campari/v1/s/room/heartbeat");
            (filter.qos, filter.retain_forward_rule)
        };
        assert_eq!(qos(Listen::Command), (QoS::AtLeastOnce, RetainForwardRule::Never));
        assert_eq!(qos(Listen::Beat), (QoS::AtMostOnce, RetainForwardRule::Never));
    }
}
