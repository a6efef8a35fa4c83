//! One connection to the broker that keeps itself up: it connects again, subscribes again, says its birth again.
//!
//! Commands are published with a response topic and correlation data (MQTT 5.0 §4.10) and awaited. Nothing is queued
//! over a lost connection: a command that is a minute old would be refused anyway, and a heartbeat must be new.

use super::{Broker, BrokerError};
use contract::body::Answer;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    Filter as TopicFilter, LastWill, Packet, PubAckReason, Publish, PublishProperties, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, Event, EventLoop};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// Messages that a slow listener may fall behind before it misses some.
const BACKLOG: usize = 1024;
/// Requests that wait for the connection.
const OUTBOX: usize = 64;
/// Pauses between attempts to connect.
const RETRY: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// What arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where.
    pub topic: String,
    /// What.
    pub payload: Vec<u8>,
    /// Whether the broker kept it from earlier.
    pub retained: bool,
    /// Where its sender waits for an answer.
    pub response_topic: Option<String>,
    /// What the answer must carry.
    pub correlation: Vec<u8>,
}

/// A message that the broker keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retained {
    /// Where.
    pub topic: String,
    /// What.
    pub payload: Vec<u8>,
}

/// Who we are on the bus and what we listen to.
#[derive(Debug, Clone, Default)]
pub struct BusSettings {
    /// MQTT client id; two of the same push each other out.
    pub client_id: String,
    /// Topic filters.
    pub subscribe: Vec<String>,
    /// Where answers come; needed for [`Bus::request`]. Subscribed to along with the rest.
    pub answers: Option<String>,
    /// Published (retained) at every connection.
    pub birth: Option<Retained>,
    /// Published (retained) by the broker when we vanish.
    pub will: Option<Retained>,
}

/// Why a message did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// Address or certificates are unusable.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// No connection in time.
    #[error("no connection to the broker {broker} within {within_s} s: {cause}")]
    NoConnection {
        /// `host:port`.
        broker: String,
        /// How long we tried.
        within_s: u64,
        /// The last failure.
        cause: String,
    },
    /// The broker does not let us listen.
    #[error(
        "the broker {broker} refuses the subscription to {topic} ({reason}): is this certificate's role right for the command?"
    )]
    SubscriptionRefused {
        /// `host:port`.
        broker: String,
        /// Which filter.
        topic: String,
        /// Its code.
        reason: String,
    },
    /// The broker does not let us speak.
    #[error("the broker refuses messages on {topic} ({reason}): is this certificate's role right for the command?")]
    PublishRefused {
        /// Which topic.
        topic: String,
        /// Its code.
        reason: String,
    },
    /// The broker delivered it to nobody.
    #[error("no board listens on {topic}: is the camera's name right, is its voice running?")]
    NobodyListens {
        /// Which topic.
        topic: String,
    },
    /// Silence.
    #[error("no answer on {topic} within {within_s} s: is the board running? (`campari status` shows it)")]
    NoAnswer {
        /// Where the command went.
        topic: String,
        /// How long we waited.
        within_s: u64,
    },
    /// Something else than an answer.
    #[error("the answer on {topic} is not understood: {cause}")]
    BadAnswer {
        /// Where the command went.
        topic: String,
        /// What the parser said.
        cause: serde_json::Error,
    },
    /// The bus was closed, or its outbox is full because there is no connection.
    #[error("{topic} could not be published: {cause}")]
    NotSent {
        /// Where it should have gone.
        topic: String,
        /// Why not.
        cause: String,
    },
}

/// How the connection stands.
#[derive(Debug, Clone)]
enum Standing {
    Connecting { last_failure: String },
    Ready,
    Refused { topic: String, reason: String },
}

struct Waiting {
    topic: String,
    done: Reply,
}

/// Where answers go: to a request of one board, or one after the other of every board.
enum Reply {
    One(oneshot::Sender<Result<Vec<u8>, BusError>>),
    Many(mpsc::UnboundedSender<Result<Vec<u8>, BusError>>),
}

impl Reply {
    /// Whether more may come.
    fn send(self, answer: Result<Vec<u8>, BusError>) -> Option<Self> {
        match self {
            Reply::One(done) => {
                let _gone = done.send(answer);
                None
            }
            Reply::Many(done) => {
                let last = answer.is_err();
                (done.send(answer).is_ok() && !last).then_some(Reply::Many(done))
            }
        }
    }
}

/// Which packet id each publish got, so that the broker's verdict reaches the request that it is about.
#[derive(Default)]
struct Sent {
    /// Handed to the client, oldest first; requests with their correlation data.
    queued: VecDeque<Option<Vec<u8>>>,
    under_way: HashMap<u16, Vec<u8>>,
}

struct Shared {
    settings: BusSettings,
    client: AsyncClient,
    sent: Mutex<Sent>,
    birth: Mutex<Option<Retained>>,
    waiting: Mutex<HashMap<Vec<u8>, Waiting>>,
    messages: broadcast::Sender<Arc<Message>>,
    standing: watch::Sender<Standing>,
}

/// A connection.
pub struct Bus {
    broker: String,
    shared: Arc<Shared>,
    /// For who listens first. It is older than the connection: a machine with much to do may have connected, and been told everything retained,
    /// before whoever opened the bus comes to ask for it.
    first: Mutex<Option<broadcast::Receiver<Arc<Message>>>>,
    pump: JoinHandle<()>,
}

impl Bus {
    /// Starts to connect, and keeps trying in the background.
    ///
    /// # Errors
    /// [`BusError::Broker`] when certificates are unusable. A broker that is absent is no error here; see [`Bus::ready`].
    pub fn open(broker: &Broker, settings: BusSettings) -> Result<Self, BusError> {
        let mut options = broker.options(&settings.client_id)?;
        if let Some(will) = &settings.will {
            options.set_last_will(LastWill::new(
                will.topic.clone(),
                will.payload.clone(),
                QoS::AtLeastOnce,
                true,
                None,
            ));
        }
        let (client, events) = AsyncClient::new(options, OUTBOX);
        let (messages, first) = broadcast::channel(BACKLOG);
        let shared = Arc::new(Shared {
            birth: Mutex::new(settings.birth.clone()),
            settings,
            client,
            sent: Mutex::default(),
            waiting: Mutex::default(),
            messages,
            standing: watch::channel(Standing::Connecting { last_failure: "still trying".into() }).0,
        });
        let pump = tokio::spawn(pump(events, Arc::clone(&shared)));
        Ok(Self { broker: broker.to_string(), shared, first: Mutex::new(Some(first)), pump })
    }

    /// Waits until connected and subscribed.
    ///
    /// # Errors
    /// [`BusError::NoConnection`] after `within`, or [`BusError::SubscriptionRefused`].
    pub async fn ready(&self, within: Duration) -> Result<(), BusError> {
        let mut standing = self.shared.standing.subscribe();
        let settled = standing.wait_for(|s| !matches!(s, Standing::Connecting { .. }));
        let outcome = tokio::time::timeout(within, settled).await.map(|found| found.map(|s| s.clone()));
        match outcome {
            Ok(Ok(Standing::Ready)) => Ok(()),
            Ok(Ok(Standing::Refused { topic, reason })) => {
                Err(BusError::SubscriptionRefused { broker: self.broker.clone(), topic, reason })
            }
            _ => {
                let cause = match &*self.shared.standing.borrow() {
                    Standing::Connecting { last_failure } => last_failure.clone(),
                    _ => "lost again".into(),
                };
                Err(BusError::NoConnection { broker: self.broker.clone(), within_s: within.as_secs(), cause })
            }
        }
    }

    /// Waits until there is no connection; at once when there is none.
    pub async fn lost(&self) {
        let mut standing = self.shared.standing.subscribe();
        // The sender lives as long as we do.
        let _never_closed = standing.wait_for(|standing| !matches!(standing, Standing::Ready)).await.is_ok();
    }

    /// Whether messages go out now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        matches!(&*self.shared.standing.borrow(), Standing::Ready)
    }

    /// Everything that arrives: for who asks first, since the bus was opened (of more than some thousand, the newest); for others, from now on.
    #[must_use]
    pub fn messages(&self) -> broadcast::Receiver<Arc<Message>> {
        let first = lock(&self.first).take();
        first.unwrap_or_else(|| self.shared.messages.subscribe())
    }

    /// What the next connections announce, and this one now.
    ///
    /// # Errors
    /// [`BusError::NotSent`] when there is no connection; the next one will announce it.
    pub fn announce(&self, birth: Retained) -> Result<(), BusError> {
        *lock(&self.shared.birth) = Some(birth.clone());
        self.publish(&birth.topic, birth.payload, true)
    }

    /// The next connections announce nothing.
    pub fn announce_nothing(&self) {
        *lock(&self.shared.birth) = None;
    }

    /// Publishes at least once, without waiting for the broker.
    ///
    /// # Errors
    /// [`BusError::NotSent`] when there is no connection.
    pub fn publish(&self, topic: &str, payload: impl Into<Vec<u8>>, retain: bool) -> Result<(), BusError> {
        let refuse = |cause: String| BusError::NotSent { topic: topic.to_owned(), cause };
        if !self.is_connected() {
            return Err(refuse(format!("no connection to the broker {}", self.broker)));
        }
        self.shared.send(topic, payload.into(), retain, None).map_err(refuse)
    }

    /// Publishes what the broker keeps for `lasts`, and then forgets (MQTT 5.0 §3.3.2.3.3); nothing at all takes back what it kept.
    ///
    /// # Errors
    /// [`BusError::NotSent`] when there is no connection.
    pub fn publish_for(&self, topic: &str, payload: impl Into<Vec<u8>>, lasts: Duration) -> Result<(), BusError> {
        let refuse = |cause: String| BusError::NotSent { topic: topic.to_owned(), cause };
        if !self.is_connected() {
            return Err(refuse(format!("no connection to the broker {}", self.broker)));
        }
        let properties = PublishProperties {
            message_expiry_interval: u32::try_from(lasts.as_millis().div_ceil(1000).max(1)).ok(),
            ..PublishProperties::default()
        };
        self.shared.send(topic, payload.into(), true, Some(properties)).map_err(refuse)
    }

    /// Answers a command: `topic` and `correlation` are the [`Message`]'s.
    ///
    /// # Errors
    /// [`BusError::NotSent`].
    pub fn answer(&self, topic: &str, correlation: Vec<u8>, payload: impl Into<Vec<u8>>) -> Result<(), BusError> {
        let properties =
            PublishProperties { correlation_data: Some(correlation.into()), ..PublishProperties::default() };
        // Nobody waits for what becomes of an answer.
        self.shared
            .send(topic, payload.into(), false, Some(properties))
            .map_err(|cause| BusError::NotSent { topic: topic.to_owned(), cause })
    }

    /// Publishes a command and waits for its answer.
    ///
    /// # Errors
    /// Any [`BusError`] that says why there is none.
    pub async fn request(
        &self,
        topic: &str,
        payload: impl Into<Vec<u8>>,
        within: Duration,
    ) -> Result<Answer, BusError> {
        let (done, answer) = oneshot::channel();
        let forget = self.ask(topic, payload.into(), within, Reply::One(done))?;
        let outcome = tokio::time::timeout(within, answer).await;
        drop(forget);
        match outcome {
            Ok(Ok(found)) => read(topic, &found?),
            Ok(Err(_)) => Err(BusError::NotSent { topic: topic.to_owned(), cause: "the connection was closed".into() }),
            Err(_) => Err(BusError::NoAnswer { topic: topic.to_owned(), within_s: within.as_secs() }),
        }
    }

    /// Publishes a command to every board and takes their answers, until there are `enough` or `within` is over. Answers do not say
    /// whose they are.
    ///
    /// # Errors
    /// Any [`BusError`] but [`BusError::NoAnswer`]: no answers is an empty list.
    pub async fn request_all(
        &self,
        topic: &str,
        payload: impl Into<Vec<u8>>,
        within: Duration,
        enough: usize,
    ) -> Result<Vec<Answer>, BusError> {
        let (done, mut answers) = mpsc::unbounded_channel();
        let forget = self.ask(topic, payload.into(), within, Reply::Many(done))?;
        let mut found = Vec::new();
        let until = tokio::time::Instant::now() + within;
        while found.len() < enough {
            match tokio::time::timeout_at(until, answers.recv()).await {
                Ok(Some(answer)) => found.push(read(topic, &answer?)?),
                Ok(None) | Err(_) => break,
            }
        }
        drop(forget);
        Ok(found)
    }

    fn ask(&self, topic: &str, payload: Vec<u8>, within: Duration, done: Reply) -> Result<Forget<'_>, BusError> {
        let refuse = |cause: &str| BusError::NotSent { topic: topic.to_owned(), cause: cause.to_owned() };
        if !self.is_connected() {
            return Err(refuse(&format!("no connection to the broker {}", self.broker)));
        }
        let Some(answers) = self.shared.settings.answers.clone() else {
            return Err(refuse("this connection has no topic for answers"));
        };
        let correlation = rand::random::<[u8; 16]>().to_vec();
        lock(&self.shared.waiting).insert(correlation.clone(), Waiting { topic: topic.to_owned(), done });
        let forget = Forget { shared: &self.shared, correlation: correlation.clone() };
        let properties = PublishProperties {
            response_topic: Some(answers),
            correlation_data: Some(correlation.into()),
            message_expiry_interval: u32::try_from(within.as_secs()).ok(),
            ..PublishProperties::default()
        };
        self.shared.send(topic, payload, false, Some(properties)).map_err(|cause| refuse(&cause))?;
        Ok(forget)
    }

    /// Says goodbye to the broker, which then does not publish the last will.
    pub async fn close(mut self) {
        if self.shared.client.disconnect().await.is_ok() {
            let _gone = tokio::time::timeout(Duration::from_secs(1), &mut self.pump).await;
        }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

/// Takes a request off the list of those waiting, however the wait ends.
struct Forget<'a> {
    shared: &'a Shared,
    correlation: Vec<u8>,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        lock(&self.shared.waiting).remove(&self.correlation);
    }
}

fn read(topic: &str, answer: &[u8]) -> Result<Answer, BusError> {
    serde_json::from_slice(answer).map_err(|cause| BusError::BadAnswer { topic: topic.to_owned(), cause })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long to wait after so many failures in a row. The `lot` of 0 to 1 takes up to half of it away: those who lost the same broker do not all come
/// back in the same moment, and none later than it would have.
fn pause(failures: usize, lot: f64) -> Duration {
    RETRY[failures.min(RETRY.len() - 1)].mul_f64(1.0 - lot / 2.0)
}

async fn pump(mut events: EventLoop, shared: Arc<Shared>) {
    let mut failures = 0_usize;
    loop {
        match events.poll().await {
            Ok(Event::Incoming(packet)) => {
                if let Packet::ConnAck(_) = packet {
                    failures = 0;
                }
                shared.incoming(packet);
            }
            Ok(Event::Outgoing(rumqttc::Outgoing::Disconnect)) => return,
            Ok(Event::Outgoing(rumqttc::Outgoing::Publish(packet_id))) => shared.left(packet_id),
            Ok(Event::Outgoing(_)) => {}
            Err(rumqttc::v5::ConnectionError::RequestsDone) => return,
            Err(cause) => {
                tracing::debug!(%cause, "broker connection");
                shared.standing.send_replace(Standing::Connecting { last_failure: crate::chain(&cause) });
                *lock(&shared.sent) = Sent::default();
                tokio::time::sleep(pause(failures, rand::random_range(0.0..=1.0))).await;
                failures += 1;
            }
        }
    }
}

impl Shared {
    fn topics(&self) -> impl Iterator<Item = &String> {
        self.settings.subscribe.iter().chain(self.settings.answers.iter())
    }

    /// Hands a message to the client and notes what it was, in the same order.
    fn send(
        &self,
        topic: &str,
        payload: Vec<u8>,
        retain: bool,
        properties: Option<PublishProperties>,
    ) -> Result<(), String> {
        let mut sent = lock(&self.sent);
        let properties = properties.unwrap_or_default();
        let correlation = properties.correlation_data.as_ref().map(|data| data.to_vec());
        self.client
            .try_publish_with_properties(topic, QoS::AtLeastOnce, retain, payload, properties)
            .map_err(|cause| cause.to_string())?;
        sent.queued.push_back(correlation);
        Ok(())
    }

    /// The oldest message that was handed over went to the broker under this packet id.
    fn left(&self, packet_id: u16) {
        let mut sent = lock(&self.sent);
        if let Some(Some(correlation)) = sent.queued.pop_front() {
            sent.under_way.insert(packet_id, correlation);
        }
    }

    fn incoming(&self, packet: Packet) {
        match packet {
            Packet::ConnAck(_) => self.connected(),
            Packet::SubAck(ack) => {
                let mut verdicts = self.topics().zip(&ack.return_codes);
                let refused = verdicts.find(|(_, code)| !matches!(code, SubscribeReasonCode::Success(_)));
                self.standing.send_replace(match refused {
                    None => Standing::Ready,
                    Some((topic, code)) => Standing::Refused { topic: topic.clone(), reason: format!("{code:?}") },
                });
            }
            Packet::PubAck(ack) => self.taken(ack.pkid, ack.reason),
            Packet::Publish(publish) => self.arrived(publish),
            _ => {}
        }
    }

    fn connected(&self) {
        let birth = lock(&self.birth).clone();
        if let Some(birth) = birth
            && let Err(cause) = self.send(&birth.topic, birth.payload, true, None)
        {
            tracing::warn!(%cause, "birth not sent");
        }
        let filters: Vec<_> = self.topics().map(|topic| TopicFilter::new(topic.clone(), QoS::AtLeastOnce)).collect();
        if filters.is_empty() {
            self.standing.send_replace(Standing::Ready);
        } else if let Err(cause) = self.client.try_subscribe_many(filters) {
            tracing::warn!(%cause, "subscriptions not sent");
        }
    }

    /// The broker has a message; what it says of it matters to a request that waits.
    fn taken(&self, packet_id: u16, reason: PubAckReason) {
        let correlation = lock(&self.sent).under_way.remove(&packet_id);
        if reason == PubAckReason::Success {
            return;
        }
        match correlation.and_then(|correlation| lock(&self.waiting).remove(&correlation)) {
            Some(Waiting { topic, done }) => {
                let _no_more = done.send(Err(match reason {
                    PubAckReason::NoMatchingSubscribers => BusError::NobodyListens { topic },
                    other => BusError::PublishRefused { topic, reason: format!("{other:?}") },
                }));
            }
            None if reason == PubAckReason::NoMatchingSubscribers => {}
            None => tracing::warn!(?reason, "the broker refused a message: is this certificate's role right?"),
        }
    }

    fn arrived(&self, publish: Publish) {
        let Ok(topic) = String::from_utf8(publish.topic.to_vec()) else { return };
        let properties = publish.properties.unwrap_or_default();
        let correlation = properties.correlation_data.unwrap_or_default().to_vec();
        if self.settings.answers.as_ref() == Some(&topic) {
            let mut waiting = lock(&self.waiting);
            if let Some(Waiting { topic, done }) = waiting.remove(&correlation)
                && let Some(done) = done.send(Ok(publish.payload.to_vec()))
            {
                waiting.insert(correlation, Waiting { topic, done });
            }
            return;
        }
        let message = Message {
            topic,
            payload: publish.payload.to_vec(),
            retained: publish.retain,
            response_topic: properties.response_topic,
            correlation,
        };
        let _nobody_listens = self.messages.send(Arc::new(message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lost_the_same_broker_comes_back_scattered_and_none_later_than_before() {
        for (failures, longest) in RETRY.into_iter().enumerate().chain([(1000, RETRY[4])]) {
            assert_eq!((pause(failures, 0.0), pause(failures, 1.0)), (longest, longest / 2));
            let drawn: std::collections::BTreeSet<_> =
                (0..100).map(|_| pause(failures, rand::random_range(0.0..=1.0))).collect();
            assert!(drawn.len() > 90, "{failures}: {drawn:?}");
        }
    }
}
