//! P11, P12 of the voice over time: one share that is pushed, one that is fetched over RTSPS and one that is published to a media server, all of 4 Mbit/s,
//! while clients come and go and metrics are read. At the end it holds no more memory and no more descriptors than when it was warm, and is no later.
//!
//! The program itself, in a process of its own. The eye and all receivers are this test's; a picture says when it was made, and each receiver how long ago
//! that is when it has all of it, so one clock measures.

#![allow(clippy::print_stdout)] // figures are told

#[path = "support/media_server.rs"]
mod media_server;
#[path = "support/rtsp.rs"]
mod rtsp;
mod support;

use link::{Pullers, Relay, ServerProof, ToEye};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::*;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, interval, sleep_until};
use voice::clock::monotonic_us;

/// Until caches and buffers have their size.
const WARM: Duration = Duration::from_secs(60);
/// What latencies are compared over, at the beginning and at the end.
const WINDOW: Duration = Duration::from_secs(60);
/// What memory may grow by after that, kilobytes.
const GROWTH_KB: u64 = 1_024;
/// By how much the median picture may be later at the end: what would creep for hours has crept further after ten minutes.
const LATER: Duration = Duration::from_millis(100);
const FRAME: Duration = Duration::from_millis(40);
/// 4 Mbit/s at 25 a second.
const PICTURE_BYTES: usize = 20_000;
const KEY_EVERY: u64 = 50;
/// Between two clients that come, look and go.
const VISIT_EVERY: Duration = Duration::from_secs(5);

/// How long ago pictures were made when a receiver had them, with the time of their coming.
type Latencies = Arc<Mutex<Vec<(Instant, u32)>>>;

/// A picture that says when it was made, in digits that are no start code.
fn picture(is_key: bool) -> Vec<u8> {
    let mut unit = if is_key { KEY.to_vec() } else { delta(1).to_vec() };
    unit.resize(PICTURE_BYTES, 0x55);
    unit.extend(format!("{:016x}", monotonic_us()).bytes());
    unit
}
/// Since it was made, microseconds; `None` of the slate.
fn age_us(unit: &[u8]) -> Option<u64> {
    let digits = (unit.len() > PICTURE_BYTES).then(|| std::str::from_utf8(&unit[unit.len() - 16..]).ok())??;
    Some(monotonic_us().saturating_sub(u64::from_str_radix(digits, 16).ok()?))
}
fn note(latencies: &Latencies, unit: &[u8]) {
    if let Some(age) = age_us(unit) {
        latencies.lock().expect("one writer").push((Instant::now(), u32::try_from(age).unwrap_or(u32::MAX)));
    }
}

struct Footprint {
    memory_kb: u64,
    descriptors: usize,
}

fn footprint(pid: u32) -> Footprint {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a figure");
    Footprint {
        memory_kb: memory.trim().trim_end_matches(" kB").parse().expect("a number"),
        descriptors: std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count),
    }
}

/// Median and 99th of a hundred, milliseconds, of what came from `from` on for [`WINDOW`]; how many there were.
fn figures(latencies: &Latencies, from: Instant) -> (f64, f64, usize) {
    let all = latencies.lock().expect("one writer");
    let inside = all.iter().filter(|(at, _)| (from..from + WINDOW).contains(at));
    let mut ages: Vec<u32> = inside.map(|(_, age)| *age).collect();
    ages.sort_unstable();
    assert!(!ages.is_empty(), "nothing came");
    let of = |part: usize| f64::from(ages[(ages.len() * part / 100).min(ages.len() - 1)]) / 1000.0;
    (of(50), of(99), ages.len())
}

/// Where everything is.
struct Scene {
    dir: TempDir,
    identity: media_server::Identity,
    rtsp: SocketAddr,
    metrics: SocketAddr,
    server: SocketAddr,
}

impl Scene {
    fn new() -> Self {
        let at = || SocketAddr::new(LANDLORD, free_port());
        let (dir, identity) = (tempfile::tempdir().expect("a folder"), media_server::Identity::new());
        Self { dir, identity, rtsp: at(), metrics: at(), server: at() }
    }
    fn file(&self, name: &str, text: &str) -> std::path::PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }
    fn start(&self, broker: u16) -> tokio::process::Child {
        let (cert, key) =
            (self.file("cert.pem", &self.identity.cert_pem), self.file("key.pem", &self.identity.key_pem));
        let password = self.file("password", media_server::PASSWORD);
        let text = format!(
            "site = \"{SITE}\"\ncamera = \"{CAMERA}\"\nlink = {:?}\n[mqtt]\nhost = \"127.0.0.1\"\nport = {broker}\n[metrics]\nlisten = \"{}\"\n\
             [rtsp]\nlisten = \"{}\"\nknown_as = \"localhost\"\ncert = {cert:?}\nkey = {key:?}\n\
             [[relay]]\nserver = \"{}\"\nuser = \"{}\"\npassword_file = {password:?}\n",
            socket(&self.dir),
            self.metrics,
            self.rtsp,
            self.server,
            media_server::USER,
        );
        tokio::process::Command::new(env!("CARGO_BIN_EXE_campari-voice"))
            .arg("--config")
            .arg(self.file("voice.toml", &text))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("built by cargo")
    }
    /// A client that fetches, once the server is there.
    async fn client(&self) -> rtsp::Client<tokio_rustls::client::TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.identity.der.clone()).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(self.rtsp).await.expect("it listens");
        let name = ServerName::try_from("localhost").expect("a name");
        let secure = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        rtsp::Client::new(secure.expect("a handshake"), "rtsps", self.rtsp).knows_password()
    }
    /// The media server, which takes one stream and reads it.
    async fn receives(&self, latencies: Latencies) {
        let chain = vec![self.identity.der.clone()];
        let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(self.identity.key_pem.as_bytes()).expect("made");
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a pair");
        let listener = tokio::net::TcpListener::bind(self.server).await.expect("free");
        let (stream, _) = listener.accept().await.expect("a call");
        let stream = tokio_rustls::TlsAcceptor::from(Arc::new(config)).accept(stream).await.expect("a handshake");
        let mut call = media_server::Call::new(stream);
        call.takes_the_stream(true).await;
        loop {
            note(&latencies, &call.picture().await.expect("the relay goes on"));
        }
    }
    /// A viewer that stays.
    async fn fetches(&self, latencies: Latencies) {
        let mut client = self.client().await;
        client.play().await;
        let mut spoken = Instant::now();
        loop {
            note(&latencies, &client.picture().await.expect("the session goes on"));
            client.packets.clear();
            if spoken.elapsed() > Duration::from_secs(5) {
                assert_eq!(client.ask("GET_PARAMETER", "/613/", &[]).await.status, 200);
                spoken = Instant::now();
            }
        }
    }
    /// Clients that come, see a picture and go, some without a word; and whoever reads metrics.
    async fn visits(&self) {
        let (mut often, mut number) = (interval(VISIT_EVERY), 0_u64);
        loop {
            often.tick().await;
            number += 1;
            let mut client = self.client().await;
            client.play().await;
            client.picture().await.expect("a picture");
            if number.is_multiple_of(2) {
                assert_eq!(client.ask("TEARDOWN", "/613/", &[]).await.status, 200);
            }
            let mut page = String::new();
            let mut reader = TcpStream::connect(self.metrics).await.expect("it listens");
            reader.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("writable");
            patient("the page", reader.read_to_string(&mut page)).await.expect("text");
            assert!(page.contains("campari_share_rtp_packets_total{share=\"fetched\""), "{page}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "nightly: runs for CAMPARI_SOAK_SECONDS, ten minutes unless told otherwise"]
async fn p12_a_voice_that_pushes_serves_and_relays_for_long_grows_in_nothing() {
    let lasts =
        Duration::from_secs(std::env::var("CAMPARI_SOAK_SECONDS").map_or(600, |text| text.parse().expect("seconds")));
    let lasts = lasts.max(2 * WINDOW);
    let scene = Arc::new(Scene::new());
    let broker = Broker::start(&scene.dir).await;
    let fake = FakeEye::listen(&scene.dir);
    let mut child = scene.start(broker.port);
    let pid = child.id().expect("it runs");
    let mut eye = fake.greet().await;
    eye.admit(&Pullers { plain: false, who: vec![rtsp::puller(8)] }).await;
    let [pushed, fetched, relayed] = [(); 3].map(|()| Latencies::default());
    let mut tasks = tokio::task::JoinSet::new();

    let mut receiver = Receiver::bind().await;
    eye.grant("pushed").await;
    eye.start("pushed", 0, receiver.port).await;
    let all = Arc::clone(&pushed);
    tasks.spawn(async move {
        loop {
            note(&all, &receiver.picture().await.unit);
        }
    });
    let (own, all) = (Arc::clone(&scene), Arc::clone(&relayed));
    tasks.spawn(async move { own.receives(all).await });
    let proof = ServerProof::Certificate { sha256: scene.identity.sha256(), name: "localhost".into() };
    let url = format!("rtsps://localhost:{}/almere/613", scene.server.port());
    eye.grant_relay("relayed", &Relay { server: scene.server, url, proof: Some(proof) }).await;
    eye.hears_joined("relayed").await;
    eye.start_relay("relayed").await;
    let (own, all) = (Arc::clone(&scene), Arc::clone(&fetched));
    tasks.spawn(async move { own.fetches(all).await });
    eye.grant_pull("fetched").await;
    eye.hears_joined("fetched").await;
    eye.start_pull("fetched").await;
    let own = Arc::clone(&scene);
    tasks.spawn(async move { own.visits().await });

    let began = Instant::now();
    let (warm, end) = (began + WARM, began + WARM + lasts);
    let (mut frames, mut number, mut before, mut key) = (interval(FRAME), 0_u64, None, true);
    loop {
        tokio::select! {
            ended = tasks.join_next() => panic!("a receiver is gone: {ended:?}"),
            ended = child.wait() => panic!("the voice is gone: {ended:?}"),
            () = sleep_until(end) => break,
            (said, _) = eye.hear() => key |= matches!(said, ToEye::KeyPicture { .. }),
            _ = frames.tick() => {
                let is_key = std::mem::take(&mut key) || number.is_multiple_of(KEY_EVERY);
                eye.picture_as(0, number + 1, &picture(is_key), is_key).await;
                number += 1;
                if before.is_none() && Instant::now() >= warm {
                    before = Some(footprint(pid));
                }
            }
        }
    }
    let (before, after) = (before.expect("warm"), footprint(pid));
    println!(
        "voice: {} kB, then {} kB after {} s; {} descriptors, then {}",
        before.memory_kb,
        after.memory_kb,
        lasts.as_secs(),
        before.descriptors,
        after.descriptors
    );
    let mut later = Vec::new();
    for (name, latencies) in [("pushed", &pushed), ("fetched", &fetched), ("relayed", &relayed)] {
        let (first, last) = (figures(latencies, warm), figures(latencies, end - WINDOW));
        println!(
            "{name}: made to received whole, first minute p50 {:.1} ms, p99 {:.1} ms of {}; last minute p50 {:.1} ms, p99 {:.1} ms of {}",
            first.0, first.1, first.2, last.0, last.1, last.2
        );
        later.push((name, last.0 - first.0));
    }
    assert!(after.memory_kb <= before.memory_kb + GROWTH_KB, "it grows");
    // A visitor may be there at either moment.
    assert!(after.descriptors <= before.descriptors + 2, "it leaks descriptors");
    for (name, ms) in later {
        assert!(ms <= LATER.as_secs_f64() * 1000.0, "{name} is later by {ms:.0} ms");
    }
}
