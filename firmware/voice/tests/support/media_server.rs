//! A media server that a test plays, over TLS, and the board that publishes to it.

#![allow(dead_code, unreachable_pub)] // each test program uses its part

use crate::support::*;
use link::{Pullers, Relay, ServerProof};
use rcgen::{CertificateParams, KeyPair};
use rtp::{Depacketiser, PAYLOAD_TYPE};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use voice::config::{Config, RelayAccess};
use voice::rtsp::RelayPatience;

pub const USER: &str = "board-613";
pub const PASSWORD: &str = "kK3vB9mQ0xT7yZ5wL1nR8sD4fG6hJ2pC";

/// A certificate for `localhost`, and its key.
pub struct Identity {
    pub cert_pem: String,
    pub key_pem: String,
    pub der: CertificateDer<'static>,
}

impl Identity {
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("made");
        let params = CertificateParams::new(vec!["localhost".into()]).expect("made");
        let certificate = params.self_signed(&key).expect("made");
        Self { cert_pem: certificate.pem(), key_pem: key.serialize_pem(), der: certificate.der().clone() }
    }
    pub fn sha256(&self) -> String {
        Sha256::digest(&self.der).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// PEM text of a certificate that no server here has.
pub fn other_certificate() -> String {
    Identity::new().cert_pem
}

/// Board and surroundings of a test.
pub struct Stage {
    pub dir: TempDir,
    pub broker: Broker,
    pub voice: Voice,
    pub eye: EyeSession,
    pub fake: FakeEye,
    pub identity: Identity,
    /// Of the media server.
    pub port: u16,
    /// What the eye will say of it.
    pub to: Relay,
}

impl Stage {
    pub async fn new(change: impl FnOnce(&mut Relay)) -> Self {
        Self::with_slate(&SLATE, change).await
    }
    pub async fn with_slate(slate: &[u8], change: impl FnOnce(&mut Relay)) -> Self {
        Self::made(slate, RelayPatience::default(), change).await
    }
    /// As [`Stage::new`], of a voice that waits for its server for so long.
    pub async fn patient(patience: RelayPatience) -> Self {
        Self::made(&SLATE, patience, |_| ()).await
    }
    pub async fn made(slate: &[u8], patience: RelayPatience, change: impl FnOnce(&mut Relay)) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let (identity, port) = (Identity::new(), free_port());
        let server = SocketAddr::new(LANDLORD, port);
        let proof = ServerProof::Certificate { sha256: identity.sha256(), name: "localhost".into() };
        let mut to = Relay { server, url: format!("rtsps://localhost:{port}/almere/613"), proof: Some(proof) };
        change(&mut to);
        if to.proof.is_none() {
            to.url = to.url.replace("rtsps", "rtsp");
        }
        let password_file = dir.path().join("password");
        std::fs::write(&password_file, format!("{PASSWORD}\n")).expect("a file");
        let broker = Broker::start(&dir).await;
        let fake = FakeEye::listen(&dir);
        let relay = vec![RelayAccess { server: to.server, user: USER.into(), password_file, patience }];
        let voice = Voice::start_with(Config { relay, ..config(&dir, broker.port) });
        let mut eye = fake.greet_with(slate).await;
        eye.admit(&Pullers { plain: true, who: Vec::new() }).await;
        Self { dir, broker, voice, eye, fake, identity, port, to }
    }
    /// A share that goes there is granted, and its window opens.
    pub async fn grant(&mut self, share: &str) {
        let to = self.to.clone();
        self.eye.grant_relay(share, &to).await;
    }
    /// Pins this certificate from now on.
    pub fn certify(&mut self, pem: &str) {
        use rustls::pki_types::pem::PemObject as _;
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).expect("made");
        let sha256 = Sha256::digest(&der).iter().map(|byte| format!("{byte:02x}")).collect();
        self.to.proof = Some(ServerProof::Certificate { sha256, name: "localhost".into() });
    }
    /// Pictures, one key picture every 40 ms, until `done`.
    pub async fn pictures_until<T>(&mut self, done: impl Future<Output = T>) -> T {
        let mut frames = tokio::time::interval(Duration::from_millis(40));
        tokio::pin!(done);
        patient("the pictures to arrive", async {
            loop {
                tokio::select! {
                    done = &mut done => return done,
                    _ = frames.tick() => self.eye.picture(0, 1, &KEY).await,
                }
            }
        })
        .await
    }
}

/// Listens, with the stage's certificate.
pub struct Server {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    pem: String,
}

impl Server {
    pub async fn open(stage: &Stage) -> Self {
        use rustls::pki_types::pem::PemObject as _;
        let (pem, key) = (stage.identity.cert_pem.clone(), stage.identity.key_pem.clone());
        let chain = vec![CertificateDer::from_pem_slice(pem.as_bytes()).expect("made")];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("made");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a pair");
        let listener = TcpListener::bind((LANDLORD, stage.port)).await.expect("a free port");
        Self { listener, acceptor: TlsAcceptor::from(Arc::new(config)), pem }
    }
    pub fn certificate_pem(&self) -> String {
        self.pem.clone()
    }
    /// The next call.
    pub async fn accept(&self) -> Call<TlsStream<TcpStream>> {
        let (stream, _) = patient("a call", self.listener.accept()).await.expect("a connection");
        Call::new(patient("the handshake", self.acceptor.accept(stream)).await.expect("a handshake"))
    }
    /// Whether the next caller takes our certificate and says anything.
    pub async fn shakes_hands(&self) -> bool {
        let (stream, _) = patient("a call", self.listener.accept()).await.expect("a connection");
        let Ok(mut stream) = patient("the handshake, or its failure", self.acceptor.accept(stream)).await else {
            return false;
        };
        // In TLS 1.3 the client may refuse after our part is done.
        let mut bytes = [0; 1024];
        matches!(patient("a word", stream.read(&mut bytes)).await, Ok(1..))
    }
}

/// `CSeq` of a request.
pub fn cseq(request: &str) -> &str {
    request.lines().find_map(|line| line.strip_prefix("CSeq: ")).expect("a number")
}

/// One connection of the board's.
pub struct Call<S> {
    pub stream: S,
    bytes: Vec<u8>,
    /// All that came on interleaved channels.
    media: Vec<u8>,
    depacketiser: Depacketiser,
}

enum Came {
    Request(String),
    Packet(u8, Vec<u8>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Call<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, bytes: Vec::new(), media: Vec::new(), depacketiser: Depacketiser::new(PAYLOAD_TYPE) }
    }
    fn take(&mut self) -> Option<Came> {
        if self.bytes.first() == Some(&b'$') {
            let length = usize::from(u16::from_be_bytes([*self.bytes.get(2)?, *self.bytes.get(3)?]));
            let packet = self.bytes.get(..4 + length)?.to_vec();
            self.bytes.drain(..4 + length);
            self.media.extend_from_slice(&packet[4..]);
            return Some(Came::Packet(packet[1], packet[4..].to_vec()));
        }
        let end = self.bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8(self.bytes[..end].to_vec()).expect("text");
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let length = length.map_or(0, |text| text.trim().parse().expect("a number"));
        let body = String::from_utf8(self.bytes.get(end..end + length)?.to_vec()).expect("text");
        self.bytes.drain(..end + length);
        Some(Came::Request(head + &body))
    }
    /// What comes next; `None` at the end.
    async fn next(&mut self) -> Option<Came> {
        patient("a word of the board", async {
            loop {
                if let Some(came) = self.take() {
                    return Some(came);
                }
                let mut bytes = [0; 16 * 1024];
                match self.stream.read(&mut bytes).await {
                    Ok(length @ 1..) => self.bytes.extend_from_slice(&bytes[..length]),
                    Ok(0) | Err(_) => return None,
                }
            }
        })
        .await
    }
    /// The next request, which is of this method; media before it is taken.
    pub async fn hears(&mut self, method: &str) -> String {
        loop {
            match self.next().await {
                Some(Came::Request(text)) => {
                    assert!(text.starts_with(method), "{method} was awaited: {text}");
                    return text;
                }
                Some(Came::Packet(..)) => {}
                None => panic!("the connection ended before {method}"),
            }
        }
    }
    pub async fn says(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.expect("writable");
        self.stream.flush().await.expect("writable");
    }
    /// ANNOUNCE, SETUP, RECORD; with a proof if wanted.
    pub async fn takes_the_stream(&mut self, asks: bool) {
        let mut announced = self.hears("ANNOUNCE").await;
        if asks {
            let again = "WWW-Authenticate: Digest realm=\"m\", nonce=\"n\"";
            self.says(&format!("RTSP/1.0 401 Unauthorized\r\nCSeq: {}\r\n{again}\r\n\r\n", cseq(&announced))).await;
            announced = self.hears("ANNOUNCE").await;
            assert!(announced.contains("Authorization: Digest"), "{announced}");
        }
        assert!(
            announced.contains("m=video 0 RTP/AVP 96") && announced.contains("sprop-parameter-sets="),
            "{announced}"
        );
        self.says(&format!("RTSP/1.0 200 OK\r\nCSeq: {}\r\n\r\n", cseq(&announced))).await;
        let set_up = self.hears("SETUP").await;
        let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record";
        self.says(&format!("RTSP/1.0 200 OK\r\nCSeq: {}\r\nSession: 7\r\n{transport}\r\n\r\n", cseq(&set_up))).await;
        let record = self.hears("RECORD").await;
        self.says(&format!("RTSP/1.0 200 OK\r\nCSeq: {}\r\nSession: 7\r\n\r\n", cseq(&record))).await;
    }
    /// The next RTP packet; signs of life before it are answered.
    pub async fn packet(&mut self) {
        loop {
            match self.next().await.expect("a packet, not the end") {
                Came::Packet(0, _) => return,
                Came::Packet(..) => {}
                Came::Request(text) => self.is_alive(&text).await,
            }
        }
    }
    async fn is_alive(&mut self, asked: &str) {
        assert!(asked.starts_with("OPTIONS"), "{asked}");
        self.says(&format!("RTSP/1.0 200 OK\r\nCSeq: {}\r\n\r\n", cseq(asked))).await;
    }
    /// The next picture, signs of life answered; `None` at the end. What came is not kept.
    pub async fn picture(&mut self) -> Option<Vec<u8>> {
        loop {
            match self.next().await? {
                Came::Packet(0, packet) => {
                    let mut seen = None;
                    self.depacketiser.push(&packet, |unit| seen = Some(unit.data.to_vec())).expect("good packets");
                    self.media.clear();
                    if seen.is_some() {
                        return seen;
                    }
                }
                Came::Packet(..) => {}
                Came::Request(text) => self.is_alive(&text).await,
            }
        }
    }
    /// The last words, answered.
    pub async fn goes(&mut self, method: &str) {
        let last = self.hears(method).await;
        self.says(&format!("RTSP/1.0 200 OK\r\nCSeq: {}\r\n\r\n", cseq(&last))).await;
    }
    pub async fn hears_the_end(&mut self) {
        assert!(self.next().await.is_none(), "something came after the last word");
    }
    /// Whether these bytes were among the media.
    pub fn has_come(&self, bytes: &[u8]) -> bool {
        self.media.windows(bytes.len()).any(|window| window == bytes)
    }
}
