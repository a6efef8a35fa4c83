//! An MQTT 5 broker in somebody else's hands: it answers as a broker must, and does with messages what a test tells it to.
//!
//! Keeps everything that was ever said to it, and says anything to anybody. Knows no access lists: there the first wall has fallen. QoS 0 towards
//! everybody, no sessions, no TLS: none of that is what it is for. Reading and writing of packets is rumqttc's.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

use bytes::{Bytes, BytesMut};
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnectReturnCode, Packet, PingResp, PubAck, PubAckReason, Publish, PublishProperties, SubAck,
    SubscribeReasonCode,
};
use rumqttc::v5::mqttbytes::{Error, QoS, matches};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};

/// No wait takes longer; a test that needs it has failed. The lease is 10 s.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// As it should be.
    Pass,
    /// It goes to nobody, and its sender is told that all is well.
    Drop,
    /// As [`Fate::Drop`] for this client, the others get it.
    KeptFrom(String),
    /// It waits until [`EvilBroker::let_go`].
    Hold,
    /// Everybody gets it twice.
    Twice,
    /// It waits, and is said right after the next one of its topic.
    Swap,
}

type Mischief = Box<dyn FnMut(&str) -> Fate + Send>;

struct Client {
    id: String,
    filters: Vec<String>,
    to: mpsc::UnboundedSender<Packet>,
}

struct Inside {
    clients: Vec<Client>,
    retained: BTreeMap<String, Publish>,
    /// All that was ever said, in order.
    heard: Vec<Publish>,
    held: Vec<Publish>,
    swapped: BTreeMap<String, Publish>,
    mischief: Mischief,
}

/// The broker.
#[derive(Clone)]
pub(crate) struct EvilBroker {
    pub(crate) port: u16,
    inside: Arc<Mutex<Inside>>,
    news: Arc<Notify>,
}

fn topic_of(publish: &Publish) -> &str {
    std::str::from_utf8(&publish.topic).unwrap()
}

impl EvilBroker {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let inside = Inside {
            clients: Vec::new(),
            retained: BTreeMap::new(),
            heard: Vec::new(),
            held: Vec::new(),
            swapped: BTreeMap::new(),
            mischief: Box::new(|_| Fate::Pass),
        };
        let broker = Self {
            port: listener.local_addr().unwrap().port(),
            inside: Arc::new(Mutex::new(inside)),
            news: Arc::default(),
        };
        let own = broker.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(own.clone().serve(stream));
            }
        });
        broker
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on messages fare as this says of their topic.
    pub(crate) fn does(&self, mischief: impl FnMut(&str) -> Fate + Send + 'static) {
        self.lock().mischief = Box::new(mischief);
    }

    /// All that was ever said on a topic that `wanted` picks.
    pub(crate) fn heard(&self, wanted: impl Fn(&str) -> bool) -> Vec<Publish> {
        self.lock().heard.iter().filter(|publish| wanted(topic_of(publish))).cloned().collect()
    }

    /// Waits until something that was ever said is what `wanted` looks for.
    pub(crate) async fn until<T>(&self, what: &str, wanted: impl Fn(&str, &Publish) -> Option<T>) -> T {
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                let news = self.news.notified();
                tokio::pin!(news);
                news.as_mut().enable();
                let found = self.lock().heard.iter().find_map(|publish| wanted(topic_of(publish), publish));
                if let Some(found) = found {
                    return found;
                }
                news.await;
            }
        });
        found.await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain for {what}"))
    }

    /// Says something to everybody who listens there, whoever said it before.
    pub(crate) fn say(&self, topic: &str, payload: impl Into<Bytes>) {
        self.lock().deliver(&Publish::new(topic, QoS::AtMostOnce, payload, None));
    }

    /// Puts words into somebody's mouth and reads the answer's `error.code`, or `ok`.
    pub(crate) async fn command(&self, topic: &str, payload: impl Into<Bytes>) -> String {
        let correlation = rand::random::<[u8; 8]>().to_vec();
        let properties = PublishProperties {
            response_topic: Some("campari/v1/s00/answer/evil".into()),
            correlation_data: Some(correlation.clone().into()),
            ..PublishProperties::default()
        };
        self.lock().deliver(&Publish::new(topic, QoS::AtMostOnce, payload, Some(properties)));
        self.until("an answer", |_, publish| {
            let data = publish.properties.as_ref()?.correlation_data.as_ref()?;
            let answer: serde_json::Value = (data[..] == correlation[..]).then(|| json(publish))?;
            let code = answer["error"]["code"].as_str().map(str::to_owned);
            Some(code.unwrap_or_else(|| if answer["ok"] == true { "ok".into() } else { answer.to_string() }))
        })
        .await
    }

    /// Says what it held back, oldest first.
    pub(crate) fn let_go(&self) -> usize {
        let mut inside = self.lock();
        let held = std::mem::take(&mut inside.held);
        held.iter().for_each(|publish| inside.deliver(publish));
        held.len()
    }

    async fn serve(self, mut stream: TcpStream) {
        let (to, mut outgoing) = mpsc::unbounded_channel::<Packet>();
        let (mut read, mut written) = (BytesMut::new(), BytesMut::new());
        loop {
            loop {
                match Packet::read(&mut read, None) {
                    Ok(packet) => self.hear(packet, &to),
                    Err(Error::InsufficientBytes(_)) => break,
                    // A goodbye, or the end of it.
                    Err(_) => return self.forget(&to),
                }
            }
            tokio::select! {
                got = stream.read_buf(&mut read) => if !got.is_ok_and(|bytes| bytes > 0) { return self.forget(&to) },
                packet = outgoing.recv() => {
                    written.clear();
                    packet.unwrap().write(&mut written, None).unwrap();
                    if stream.write_all(&written).await.is_err() {
                        return self.forget(&to);
                    }
                }
            }
        }
    }

    fn forget(&self, to: &mpsc::UnboundedSender<Packet>) {
        self.lock().clients.retain(|client| !client.to.same_channel(to));
    }

    fn hear(&self, packet: Packet, to: &mpsc::UnboundedSender<Packet>) {
        let mut inside = self.lock();
        let tell = |packet| drop(to.send(packet));
        match packet {
            Packet::Connect(connect, ..) => {
                inside.clients.push(Client { id: connect.client_id, filters: Vec::new(), to: to.clone() });
                tell(Packet::ConnAck(ConnAck {
                    session_present: false,
                    code: ConnectReturnCode::Success,
                    properties: None,
                }));
            }
            Packet::Subscribe(subscribe) => {
                let filters: Vec<_> = subscribe.filters.iter().map(|filter| filter.path.clone()).collect();
                let granted = SubscribeReasonCode::Success(QoS::AtMostOnce);
                tell(Packet::SubAck(SubAck {
                    pkid: subscribe.pkid,
                    return_codes: vec![granted; filters.len()],
                    properties: None,
                }));
                let kept = inside.retained.values().filter(|kept| filters.iter().any(|f| matches(topic_of(kept), f)));
                kept.cloned().for_each(|kept| tell(Packet::Publish(kept)));
                if let Some(client) = inside.clients.iter_mut().find(|client| client.to.same_channel(to)) {
                    client.filters.extend(filters);
                }
            }
            Packet::Publish(mut publish) => {
                if publish.qos != QoS::AtMostOnce {
                    tell(Packet::PubAck(PubAck {
                        pkid: publish.pkid,
                        reason: PubAckReason::Success,
                        properties: None,
                    }));
                }
                (publish.qos, publish.pkid) = (QoS::AtMostOnce, 0);
                inside.said(publish);
                drop(inside);
                self.news.notify_waiters();
            }
            Packet::PingReq(_) => tell(Packet::PingResp(PingResp)),
            _ => {}
        }
    }
}

impl Inside {
    fn said(&mut self, publish: Publish) {
        self.heard.push(publish.clone());
        let topic = topic_of(&publish).to_owned();
        match (self.mischief)(&topic) {
            Fate::Drop => return,
            Fate::Hold => return self.held.push(publish),
            Fate::Swap => match self.swapped.remove(&topic) {
                None => return drop(self.swapped.insert(topic, publish)),
                Some(before) => {
                    self.deliver(&publish);
                    self.deliver(&before);
                }
            },
            Fate::Twice => {
                self.deliver(&publish);
                self.deliver(&publish);
            }
            Fate::KeptFrom(unlucky) => self.deliver_but(&publish, Some(&unlucky)),
            Fate::Pass => self.deliver(&publish),
        }
        if publish.retain {
            self.retained.insert(topic, publish);
        }
    }

    fn deliver(&self, publish: &Publish) {
        self.deliver_but(publish, None);
    }

    fn deliver_but(&self, publish: &Publish, unlucky: Option<&str>) {
        let listens = |client: &&Client| client.filters.iter().any(|filter| matches(topic_of(publish), filter));
        for client in self.clients.iter().filter(listens).filter(|client| Some(client.id.as_str()) != unlucky) {
            // Live, not from before: a command that is marked as retained is ignored.
            let live = Publish { retain: false, ..publish.clone() };
            let _gone = client.to.send(Packet::Publish(live));
        }
    }
}

/// A message's JSON.
pub(crate) fn json(publish: &Publish) -> serde_json::Value {
    serde_json::from_slice(&publish.payload).unwrap_or_default()
}
