//! The connection to the MQTT 5 broker: kept alive by one task that reconnects, resubscribes, and says the birth anew each time.
//!
//! Reads no message's meaning. Clean start, last will on `state`, Maximum Packet Size (§3.1.2.11.4) advertised and kept, every
//! publication with QoS 1. What is retained or must not be lost is kept in [`crate::outbox`] while there is no connection.

use crate::outbox::{Kind, Outbox, Publication};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnectProperties, Filter, LastWill, Packet, PubAckReason, Publish, PublishProperties, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions};
use rumqttc::{Outgoing, TlsConfiguration, Transport};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// Largest packet either way, bytes: the policy bundle, with room for topic and properties.
pub const MAX_PACKET: u32 = contract::policy::MAX_POLICY as u32 + 16 * 1024;
/// Waits between tries to connect.
const RETRY: [Duration; 5] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
];
/// Bound of rumqttc's own table of unacknowledged messages, which it allocates at once.
const INFLIGHT: u16 = 32;
/// Messages between the tasks, each way.
const QUEUED: usize = 256;
const CONNECT_WITHIN_S: u64 = 5;

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
    /// Subscribed to on every connection, exact topics.
    pub topics: Vec<String>,
    /// Topic and body of the last will, retained.
    pub will: (String, Vec<u8>),
}

/// What came.
#[derive(Debug)]
pub enum BrokerEvent {
    /// A connection stands.
    Connected,
    /// It is lost; the next one is being tried.
    Lost,
    /// A message.
    Message(Box<Publish>),
}

/// The voice's end of the task.
#[derive(Debug)]
pub struct Broker {
    outgoing: mpsc::Sender<Publication>,
    events: mpsc::Receiver<BrokerEvent>,
    close: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Broker {
    /// Starts connecting; comes back at once.
    #[must_use]
    pub fn start(settings: BrokerSettings) -> Self {
        let (outgoing, to_publish) = mpsc::channel(QUEUED);
        let (tell, events) = mpsc::channel(QUEUED);
        let (close, closing) = oneshot::channel();
        let task = tokio::spawn(Connection::new(settings, to_publish, tell).run(closing));
        Self { outgoing, events, close: Some(close), task }
    }

    /// Hands a message over without waiting.
    pub fn publish(&self, publication: Publication) {
        if self.outgoing.try_send(publication).is_err() {
            tracing::error!("messages to the broker come faster than they can be queued; one is lost");
        }
    }

    /// The next event. Cancel-safe.
    pub async fn next(&mut self) -> BrokerEvent {
        match self.events.recv().await {
            Some(event) => event,
            // The task ends only when told to.
            None => std::future::pending().await,
        }
    }

    /// Waits, at most `within`, until the broker has everything, and says goodbye so that it drops the last will.
    pub async fn close(mut self, within: Duration) {
        if let Some(close) = self.close.take() {
            let _ = close.send(());
        }
        // Nobody reads events any more: the task must not wait for that.
        self.events.close();
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

struct Connection {
    client: AsyncClient,
    events: EventLoop,
    topics: Vec<String>,
    outbox: Outbox,
    to_publish: mpsc::Receiver<Publication>,
    tell: mpsc::Sender<BrokerEvent>,
    silence_limit: Duration,
    connected: bool,
    failures: usize,
    complained: bool,
    goodbye_said: bool,
}

/// What happened while polling the library.
enum Polled {
    Event(Box<Result<Event, ConnectionError>>),
    Stuck,
}

impl Connection {
    fn new(settings: BrokerSettings, to_publish: mpsc::Receiver<Publication>, tell: mpsc::Sender<BrokerEvent>) -> Self {
        let mut options = MqttOptions::new(settings.client_id, settings.host, settings.port);
        options.set_keep_alive(settings.keep_alive);
        options.set_clean_start(true);
        options.set_connection_timeout(CONNECT_WITHIN_S);
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
            outbox: Outbox::default(),
            to_publish,
            tell,
            silence_limit: settings.keep_alive * 2 + Duration::from_secs(CONNECT_WITHIN_S),
            connected: false,
            failures: 0,
            complained: false,
            goodbye_said: false,
        }
    }

    async fn run(mut self, mut closing: oneshot::Receiver<()>) {
        let mut open = true;
        loop {
            let polled = {
                let Self { events, to_publish, outbox, client, silence_limit, goodbye_said, .. } = &mut self;
                // Dropped only when stuck: the library's poll is not cancel-safe.
                let poll = events.poll();
                tokio::pin!(poll);
                // A ping goes out every keep-alive, so silence this long is a write that does not end.
                let stuck = sleep_until(Instant::now() + *silence_limit);
                tokio::pin!(stuck);
                loop {
                    submit(outbox, client);
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
                self.failures = 0;
                self.complained = false;
                self.outbox.connected();
                let filters = self.topics.iter().map(|topic| Filter::new(topic.as_str(), QoS::AtLeastOnce));
                if let Err(error) = self.client.try_subscribe_many(filters) {
                    tracing::error!(%error, "cannot subscribe");
                }
                tracing::info!("connected to the broker");
                self.say(BrokerEvent::Connected).await;
            }
            Event::Incoming(Packet::Publish(publish)) => self.say(BrokerEvent::Message(Box::new(publish))).await,
            Event::Incoming(Packet::PubAck(ack)) => {
                if !matches!(ack.reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers) {
                    tracing::error!(reason = ?ack.reason, "the broker refuses a message; does its access list name this board?");
                }
                self.outbox.acknowledged(ack.pkid);
            }
            Event::Incoming(Packet::SubAck(ack)) => {
                let refused =
                    ack.return_codes.iter().filter(|code| !matches!(code, SubscribeReasonCode::Success(_))).count();
                if refused > 0 {
                    tracing::error!(refused, "the broker refuses subscriptions; does its access list name this board?");
                }
            }
            Event::Outgoing(Outgoing::Publish(packet_id)) => self.outbox.left(packet_id),
            _ => {}
        }
    }

    async fn say(&mut self, event: BrokerEvent) {
        // An error means that the voice is closing; what comes in then concerns nobody.
        let _ = self.tell.send(event).await;
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
        let until = Instant::now() + RETRY[self.failures.min(RETRY.len() - 1)];
        self.failures += 1;
        // What is to be published meanwhile is kept; a wish to close ends the wait.
        while *open {
            tokio::select! {
                publication = self.to_publish.recv() => match publication {
                    Some(publication) => self.outbox.put(publication),
                    None => *open = false,
                },
                _ = &mut *closing => *open = false,
                () = sleep_until(until) => return,
            }
        }
    }
}

/// Gives the library what the outbox lets go.
fn submit(outbox: &mut Outbox, client: &AsyncClient) {
    while let Some(publication) = outbox.hand_out() {
        let retain = publication.kind == Kind::Latest;
        let properties = PublishProperties {
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
