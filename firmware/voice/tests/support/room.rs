//! The control room's end of the broker.

use super::{LANDLORD, patient, sub, topic};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, Publish, PublishProperties};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

fn json(body: &[u8]) -> serde_json::Value {
    serde_json::from_slice(body).expect("JSON")
}

/// A control room and subscriber in one: hears everything of the site, says what it is told to.
pub struct Room {
    client: AsyncClient,
    heard: mpsc::UnboundedReceiver<Publish>,
    task: JoinHandle<()>,
    /// All that was heard, and whether a test has taken it.
    past: Vec<(Publish, bool)>,
}

impl Room {
    /// Connected and subscribed when it returns.
    pub async fn join(port: u16) -> Self {
        let mut options = MqttOptions::new(format!("room-{port}"), LANDLORD.to_string(), port);
        options.set_max_packet_size(Some(4 * 1024 * 1024));
        options.set_outgoing_inflight_upper_limit(64);
        let (client, mut events) = AsyncClient::new(options, 64);
        let (tell, heard) = mpsc::unbounded_channel();
        let (subscribed, wait) = oneshot::channel();
        let mut subscribed = Some(subscribed);
        client.subscribe("campari/v1/#", QoS::AtLeastOnce).await.expect("queued");
        let task = tokio::spawn(async move {
            // A lost broker is tried again by the next poll; the subscription is the session's and must be renewed by hand.
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        let _ = tell.send(publish);
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => {
                        if let Some(subscribed) = subscribed.take() {
                            let _ = subscribed.send(());
                        }
                    }
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
        });
        patient("the subscription", wait).await.expect("the broker is there");
        Self { client, heard, task, past: Vec::new() }
    }

    pub async fn publish(&self, topic: &str, payload: impl Into<Vec<u8>>, retain: bool) {
        self.client.publish(topic, QoS::AtLeastOnce, retain, payload.into()).await.expect("queued");
    }

    /// Sends a command with Response Topic and Correlation Data.
    pub async fn ask(&self, topic: &str, payload: impl Into<Vec<u8>>, answers: &str, correlation: &str) {
        let properties = PublishProperties {
            response_topic: Some(answers.into()),
            correlation_data: Some(correlation.to_owned().into()),
            ..PublishProperties::default()
        };
        let sent = self.client.publish_with_properties(topic, QoS::AtLeastOnce, false, payload.into(), properties);
        sent.await.expect("queued");
    }

    /// As [`Room::ask`], retained or with an expiry in seconds.
    pub async fn ask_with(
        &self,
        topic: &str,
        payload: Vec<u8>,
        answers: &str,
        correlation: &str,
        retain: bool,
        expiry: Option<u32>,
    ) {
        let properties = PublishProperties {
            response_topic: Some(answers.into()),
            correlation_data: Some(correlation.to_owned().into()),
            message_expiry_interval: expiry,
            ..PublishProperties::default()
        };
        let sent = self.client.publish_with_properties(topic, QoS::AtLeastOnce, retain, payload, properties);
        sent.await.expect("queued");
    }

    /// The first message not yet taken that `wanted` picks, of those heard or still to come. Takes it, and the older ones of its topic.
    async fn take<T>(&mut self, wanted: impl Fn(&Publish) -> Option<T>) -> T {
        let mut at = 0;
        patient("a message on the broker", async {
            loop {
                while at < self.past.len() {
                    let (publish, taken) = &self.past[at];
                    if !taken && let Some(found) = wanted(publish) {
                        let topic = publish.topic.clone();
                        let same = self.past[..=at].iter_mut().filter(|(publish, _)| publish.topic == topic);
                        same.for_each(|(_, taken)| *taken = true);
                        return found;
                    }
                    at += 1;
                }
                self.past.push((self.heard.recv().await.expect("the broker is there"), false));
            }
        })
        .await
    }
    /// As [`Room::take`], by topic and body.
    pub async fn hear<T>(&mut self, wanted: impl Fn(&str, &[u8]) -> Option<T>) -> T {
        self.take(|publish| wanted(&String::from_utf8_lossy(&publish.topic), &publish.payload)).await
    }
    /// The next message on `topic`, as JSON.
    pub async fn hear_on(&mut self, topic: &str) -> serde_json::Value {
        self.hear(|heard, body| (heard == topic).then(|| json(body))).await
    }
    /// The next entry of the share log with this event.
    pub async fn log(&mut self, event: &str) -> serde_json::Value {
        let on = topic("share-log");
        self.hear(|heard, body| (heard == on).then(|| json(body)).filter(|entry| entry["event"] == event)).await
    }
    /// The next word to the subscriber about a share, with this event.
    pub async fn event(&mut self, share: &str, event: &str) -> serde_json::Value {
        let on = topic(&format!("share/{}/{share}", sub()));
        self.hear(|heard, body| (heard == on).then(|| json(body)).filter(|entry| entry["event"] == event)).await
    }
    /// The answer with this correlation data, as JSON.
    pub async fn answer(&mut self, answers: &str, correlation: &str) -> serde_json::Value {
        self.take(|publish| {
            let found = publish.properties.as_ref().and_then(|properties| properties.correlation_data.as_deref());
            let ours = publish.topic == answers.as_bytes() && found == Some(correlation.as_bytes());
            ours.then(|| json(&publish.payload))
        })
        .await
    }
    /// Waits for a `state` that `wanted` picks.
    pub async fn state(&mut self, wanted: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        let on = topic("state");
        self.hear(|heard, body| (heard == on).then(|| json(body)).filter(&wanted)).await
    }
    /// Waits for a `state` with this presence.
    pub async fn presence(&mut self, presence: &str) -> serde_json::Value {
        self.state(|state| state["presence"] == presence).await
    }
    /// What was heard so far on `topic`.
    pub fn heard_on(&self, topic: &str) -> Vec<serde_json::Value> {
        let on = self.past.iter().filter(|(publish, _)| publish.topic == topic.as_bytes());
        on.map(|(publish, _)| json(&publish.payload)).collect()
    }
    /// The same, whatever it is.
    pub fn bytes_on(&self, topic: &str) -> Vec<Vec<u8>> {
        let on = self.past.iter().filter(|(publish, _)| publish.topic == topic.as_bytes());
        on.map(|(publish, _)| publish.payload.to_vec()).collect()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.task.abort();
    }
}
