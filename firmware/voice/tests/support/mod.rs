//! A board's surroundings for tests of the voice: a real Mosquitto, a scripted eye, a receiver, a control room's MQTT client. All on loopback.
//!
//! Every wait is for an event and bounded by [`PATIENCE`]; nothing here sleeps.
#![allow(dead_code, unreachable_pub)] // each test program uses its part, and is a crate of its own

use contract::{CameraId, EndReason, Filter, Jti, Rung, SiteId, SubscriberId, ToldReason};
use link::message::LINK_VERSION;
use link::{Codec, Decoder, Destination, MAX_BODY, StreamId, ToEye, ToVoice, codec};
use rtp::{Depacketiser, PAYLOAD_TYPE};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, Publish, PublishProperties};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UdpSocket, UnixListener, UnixStream};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use voice::config::{Config, Mqtt};

/// No wait takes longer; a test that needs it has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);
pub const SITE: &str = "demo";
pub const CAMERA: &str = "613";
/// SPS, PPS, IDR slice: enough for a session description.
pub const KEY: [u8; 24] =
    [0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x8c, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80, 0, 0, 0, 1, 0x65, 0x88, 0x84];
pub const SLATE: [u8; 24] =
    [0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x11, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x11, 0, 0, 0, 1, 0x65, 0x11, 0x11];
pub const LANDLORD: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub async fn patient<T>(what: &str, wait: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, wait).await {
        Ok(found) => found,
        Err(_) => panic!("waited {PATIENCE:?} in vain for {what}"),
    }
}

pub fn jti(text: &str) -> Jti {
    Jti::new(text).expect("an identifier")
}
pub fn sub() -> SubscriberId {
    SubscriberId::new("traffic-centre").expect("an identifier")
}
pub fn topic(level: &str) -> String {
    format!("campari/v1/{SITE}/{CAMERA}/{level}")
}

/// A Mosquitto of our own.
pub struct Broker {
    pub port: u16,
    child: Child,
    config: PathBuf,
}

impl Broker {
    pub async fn start(dir: &TempDir) -> Self {
        Self::start_at(dir, free_port()).await
    }
    pub async fn start_at(dir: &TempDir, port: u16) -> Self {
        Self::start_with(dir, port, &format!("listener {port} 127.0.0.1\nallow_anonymous true\n")).await
    }
    /// With a configuration of its own, which listens on `port` among others.
    pub async fn start_with(dir: &TempDir, port: u16, text: &str) -> Self {
        let config = dir.path().join("mosquitto.conf");
        std::fs::write(&config, format!("{text}persistence false\n")).expect("a file");
        let child = run_mosquitto(&config).await;
        Self { port, child, config }
    }
    /// Kills it without a goodbye.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("it ran");
    }
    pub async fn restart(&mut self) {
        self.child = run_mosquitto(&self.config).await;
    }
}

async fn run_mosquitto(config: &PathBuf) -> Child {
    let program = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"];
    let program = program.iter().find(|path| std::path::Path::new(path).exists());
    let program = program.expect("mosquitto is not installed: apt-get install mosquitto");
    let mut child = Command::new(program)
        .arg("-c")
        .arg(config)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("mosquitto starts");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    patient("mosquitto to run", async {
        while let Some(line) = lines.next_line().await.expect("text") {
            if line.ends_with("running") {
                return;
            }
        }
        panic!("mosquitto ended at once");
    })
    .await;
    // Somebody must read on, or it blocks.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    child
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind((LANDLORD, 0)).and_then(|s| s.local_addr()).expect("a free port").port()
}

/// The voice, in this process.
pub struct Voice {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Voice {
    pub fn start(dir: &TempDir, port: u16) -> Self {
        Self::start_with(config(dir, port))
    }
    pub fn start_with(config: Config) -> Self {
        // Shown with a test that fails.
        let _ = tracing_subscriber::fmt().with_test_writer().with_env_filter("voice=debug").try_init();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            voice::run(config, async {
                let _ = stopped.await;
            })
            .await
            .expect("no TLS, no error");
        });
        Self { stop: Some(stop), task }
    }
    pub async fn stop(mut self) {
        let _ = self.stop.take().expect("once").send(());
        patient("the voice to stop", &mut self.task).await.expect("no panic");
    }
    pub fn is_running(&self) -> bool {
        !self.task.is_finished()
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn config(dir: &TempDir, port: u16) -> Config {
    Config {
        site: SiteId::new(SITE).expect("an identifier"),
        camera: CameraId::new(CAMERA).expect("an identifier"),
        link: socket(dir),
        mqtt: Mqtt { host: LANDLORD.to_string(), port, client_id: None, keep_alive_s: 5, scatter_s: 2, tls: None },
        rtp: voice::config::Rtp::default(),
        metrics: None,
        rtsp: None,
    }
}
pub fn socket(dir: &TempDir) -> PathBuf {
    dir.path().join("link.sock")
}

/// The eye's end of the link, scripted.
pub struct FakeEye {
    listener: UnixListener,
}

pub struct EyeSession {
    pub stream: UnixStream,
    decoder: Decoder,
}

impl FakeEye {
    pub fn listen(dir: &TempDir) -> Self {
        let path = socket(dir);
        let _ = std::fs::remove_file(&path);
        Self { listener: UnixListener::bind(path).expect("a socket") }
    }
    /// The next voice that connects, not yet greeted.
    pub async fn accept(&self) -> EyeSession {
        let (stream, _) = patient("the voice to connect", self.listener.accept()).await.expect("a connection");
        let mut session = EyeSession { stream, decoder: Decoder::new(MAX_BODY) };
        let (hello, _) = session.hear().await;
        assert_eq!(hello, ToEye::Hello { version: LINK_VERSION });
        session
    }
    /// Accepts, greets, and says how it is.
    pub async fn greet(&self) -> EyeSession {
        self.greet_with(&SLATE).await
    }
    pub async fn greet_with(&self, slate: &[u8]) -> EyeSession {
        let mut session = self.accept().await;
        session.say(hello(Codec::H264), slate).await;
        session.say(ToVoice::State, &state("c1")).await;
        session
    }
}

/// The eye's greeting.
pub fn hello(codec: Codec) -> ToVoice {
    ToVoice::Hello { version: LINK_VERSION, width: 640, height: 360, fps: 25.0, codec }
}

impl EyeSession {
    pub async fn say(&mut self, message: ToVoice, body: &[u8]) {
        let mut frame = Vec::new();
        codec::encode(&message, body, &mut frame).expect("fits");
        self.stream.write_all(&frame).await.expect("the voice reads");
    }
    pub async fn hear(&mut self) -> (ToEye, Vec<u8>) {
        patient("a message from the voice", async {
            loop {
                if let Some((message, body)) = self.decoder.next::<ToEye>().expect("a link") {
                    return (message, body.to_vec());
                }
                let room = self.decoder.room(64 * 1024);
                let bytes = self.stream.read(room).await.expect("readable");
                assert!(bytes > 0, "the voice closed the link");
                self.decoder.filled(bytes);
            }
        })
        .await
    }
    /// The next message that `wanted` picks.
    pub async fn hear_until<T>(&mut self, wanted: impl Fn(&ToEye, &[u8]) -> Option<T>) -> T {
        loop {
            let (message, body) = self.hear().await;
            if let Some(found) = wanted(&message, &body) {
                return found;
            }
        }
    }
    pub async fn grant(&mut self, share: &str) {
        let message = ToVoice::ShareGranted {
            jti: jti(share),
            sub: sub(),
            filter: Filter::Fill,
            exp: 2_000_000_000,
            pull: false,
            seal_to: None,
            at_ms: 1000,
        };
        self.say(message, &[]).await;
    }
    /// Who may fetch: the one subscriber, with this password.
    pub async fn admit(&mut self, pullers: &link::Pullers) {
        self.say(ToVoice::Pullers, &serde_json::to_vec(pullers).expect("made")).await;
    }
    /// A share to be fetched is granted, and its window opens.
    pub async fn grant_pull(&mut self, share: &str) {
        let (jti, exp) = (jti(share), 2_000_000_000);
        let filter = Filter::Fill;
        let granted =
            ToVoice::ShareGranted { jti: jti.clone(), sub: sub(), filter, exp, pull: true, seal_to: None, at_ms: 1000 };
        self.say(granted, &[]).await;
        self.wait_for_viewer(share).await;
    }
    pub async fn wait_for_viewer(&mut self, share: &str) {
        let until = 2_000_000_000;
        self.say(ToVoice::ShareWaiting { jti: jti(share), sub: sub(), until, at_ms: 1100 }, &[]).await;
    }
    /// Its first viewer is there.
    pub async fn start_pull(&mut self, share: &str) {
        let (stream, delivery, encrypt_to) = (StreamId(0), Destination::Pull, None);
        self.say(ToVoice::ShareStarted { jti: jti(share), stream, delivery, encrypt_to, at_ms: 2000 }, &[]).await;
    }
    pub async fn hears_joined(&mut self, share: &str) {
        self.hear_until(|said, _| (*said == ToEye::ViewerJoined { jti: jti(share) }).then_some(())).await;
    }
    pub async fn start(&mut self, share: &str, stream: u8, port: u16) {
        let delivery = Destination::Push { address: LANDLORD, port };
        let stream = StreamId(stream);
        let encrypt_to = None;
        self.say(ToVoice::ShareStarted { jti: jti(share), stream, delivery, encrypt_to, at_ms: 2000 }, &[]).await;
    }
    pub async fn end(&mut self, share: &str, reason: EndReason) {
        let message = ToVoice::ShareEnded { jti: jti(share), sub: sub(), reason, told: reason.told(), at_ms: 3000 };
        self.say(message, br#"{"pictures":7,"bytes":99,"seconds_clear":1.5,"seconds_cautious":0,"seconds_covered":0,"seconds_dark":0}"#)
            .await;
    }
    pub async fn picture(&mut self, stream: u8, captured_utc_us: u64, unit: &[u8]) {
        self.picture_as(stream, captured_utc_us, unit, rtp::annexb::is_key(unit)).await;
    }
    /// A picture of any codec.
    pub async fn picture_as(&mut self, stream: u8, captured_utc_us: u64, unit: &[u8], key: bool) {
        let captured_monotonic_us = voice::clock::monotonic_us();
        let message =
            ToVoice::Unit { stream: StreamId(stream), captured_utc_us, captured_monotonic_us, key, rung: Rung::Clear };
        self.say(message, unit).await;
    }
}

pub fn told(reason: EndReason) -> ToldReason {
    reason.told()
}

/// A picture that decoding cannot start at.
pub fn delta(number: u8) -> [u8; 8] {
    [0, 0, 0, 1, 0x41, 0x9a, number, 0x80]
}

pub fn state(challenge: &str) -> Vec<u8> {
    format!(
        r#"{{"mode":"normal","shares":[],"ladder":"clear","fps":25.0,"capture_to_link_p99_ms":12.0,"challenge":"{challenge}","now":1,
        "clock_synchronised":true,"firmware":"0","model":"m","model_sha256":"0","counters":{{"frames_captured":0,"frames_dropped":0,
        "pictures_sent":0,"objects_masked":0,"shapes_painted":0,"seconds_clear":0,"seconds_cautious":0,"seconds_covered":0,"seconds_dark":0}}}}"#
    )
    .into_bytes()
}

/// A receiver's pair of ports.
pub struct Receiver {
    pub rtp: UdpSocket,
    pub rtcp: Arc<UdpSocket>,
    pub port: u16,
    depacketiser: Depacketiser,
}

/// A picture that arrived.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub unit: Vec<u8>,
    pub captured_utc_us: u64,
}

impl Receiver {
    pub async fn bind() -> Self {
        for _ in 0..100 {
            let rtp = UdpSocket::bind((LANDLORD, 0)).await.expect("a port");
            let port = rtp.local_addr().expect("bound").port();
            if port % 2 == 0
                && let Ok(rtcp) = UdpSocket::bind((LANDLORD, port + 1)).await
            {
                return Self { rtp, rtcp: Arc::new(rtcp), port, depacketiser: Depacketiser::new(PAYLOAD_TYPE) };
            }
        }
        panic!("no pair of ports");
    }
    pub async fn picture(&mut self) -> Seen {
        patient("a picture", async {
            loop {
                let mut packet = [0; 2000];
                let (length, _) = self.rtp.recv_from(&mut packet).await.expect("readable");
                let mut seen = None;
                self.depacketiser
                    .push(&packet[..length], |unit| {
                        let captured_utc_us = unit.captured.expect("every picture carries its capture time").utc_us();
                        seen = Some(Seen { unit: unit.data.to_vec(), captured_utc_us });
                    })
                    .expect("good packets");
                if let Some(seen) = seen {
                    return seen;
                }
            }
        })
        .await
    }
    /// Whether a packet lies there unread.
    pub fn has_packet(&self) -> bool {
        match self.rtp.try_recv(&mut [0; 2000]) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
                false
            }
        }
    }
    pub async fn report(&self) -> (Vec<u8>, std::net::SocketAddr) {
        let mut packet = vec![0; 2000];
        let (length, from) = patient("an RTCP packet", self.rtcp.recv_from(&mut packet)).await.expect("readable");
        packet.truncate(length);
        (packet, from)
    }
    /// Waits for the goodbye.
    pub async fn goodbye(&self) {
        patient("the goodbye", goodbye(Arc::clone(&self.rtcp))).await;
    }
}

/// Reads RTCP until a BYE comes.
pub async fn goodbye(rtcp: Arc<UdpSocket>) {
    let mut packet = [0; 2000];
    loop {
        let (length, _) = rtcp.recv_from(&mut packet).await.expect("readable");
        let mut packets = rtcp_types::Compound::parse(&packet[..length]).expect("RTCP");
        if packets.any(|packet| matches!(packet, Ok(rtcp_types::Packet::Bye(_)))) {
            return;
        }
    }
}

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

/// A client that publishes on one topic as fast as it is told to, in a thread of its own.
pub struct Flood {
    stop: Arc<std::sync::atomic::AtomicBool>,
    thread: std::thread::JoinHandle<u64>,
}

impl Flood {
    /// MQTT by hand: CONNECT, then PUBLISH with QoS 0, which no library's queue slows down.
    pub fn start(port: u16, topic: String, per_s: u64, within: Duration) -> Self {
        use std::io::{Read as _, Write as _};
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut stream = std::net::TcpStream::connect((LANDLORD, port)).expect("the broker is there");
            let connect = [0x10, 18, 0, 4, b'M', b'Q', b'T', b'T', 5, 2, 0, 60, 0, 0, 5, b'f', b'l', b'o', b'o', b'd'];
            stream.write_all(&connect).expect("a connection");
            stream.read_exact(&mut [0; 4]).expect("CONNACK");
            let payload = [b'x'; 500];
            let length = 2 + topic.len() + 1 + payload.len();
            let mut publish = vec![0x30, (length % 128) as u8 | 0x80, (length / 128) as u8, 0, topic.len() as u8];
            publish.extend_from_slice(topic.as_bytes());
            publish.push(0);
            publish.extend_from_slice(&payload);
            let (began, mut sent) = (std::time::Instant::now(), 0);
            while began.elapsed() < within && !stopped.load(std::sync::atomic::Ordering::Relaxed) {
                let due = (began.elapsed().as_secs_f64() * per_s as f64) as u64;
                while sent < due {
                    if stream.write_all(&publish).is_err() {
                        return sent;
                    }
                    sent += 1;
                }
                std::thread::yield_now();
            }
            sent
        });
        Self { stop, thread }
    }
    pub async fn stop(self) -> u64 {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        tokio::task::spawn_blocking(move || self.thread.join().expect("no panic")).await.expect("no panic")
    }
}
