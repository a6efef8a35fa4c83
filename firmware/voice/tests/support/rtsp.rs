//! An RTSP client that says exactly what a test wants, over TLS or in clear, and the board that it speaks to.

#![allow(dead_code, unreachable_pub)] // each test program uses its part

use crate::support::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use link::{Codec, Puller, Pullers};
use rcgen::{CertificateParams, KeyPair};
use rtp::{Depacketiser, PAYLOAD_TYPE};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use voice::config::{Config, Metrics, Rtsp};
use voice::rtsp::Patience;

pub const PASSWORD: &str = "kK3vB9mQ0xT7yZ5wL1nR8sD4fG6hJ2pC-aE_uIoXbVc";
pub const USER: &str = "traffic-centre";

pub fn pullers() -> Pullers {
    Pullers { plain: true, who: vec![puller(1)] }
}
pub fn puller(sessions: u8) -> Puller {
    Puller { sub: sub(), password: PASSWORD.into(), certificate_sha256: None, sessions }
}

/// Board and surroundings of a test.
pub struct Stage {
    pub dir: TempDir,
    pub broker: Broker,
    pub voice: Voice,
    pub eye: EyeSession,
    pub fake: FakeEye,
    /// RTSP over TLS, and in clear.
    pub tls: SocketAddr,
    pub plain: SocketAddr,
    /// Where its page of metrics is.
    pub metrics: u16,
}

impl Stage {
    pub async fn new() -> Self {
        Self::with(&pullers(), |_| ()).await
    }
    pub async fn with(pullers: &Pullers, change: impl FnOnce(&mut Rtsp)) -> Self {
        Self::made(pullers, Codec::H264, &SLATE, change).await
    }
    pub async fn with_slate(pullers: &Pullers, slate: &[u8]) -> Self {
        Self::made(pullers, Codec::H264, slate, |_| ()).await
    }
    pub async fn made(pullers: &Pullers, codec: Codec, slate: &[u8], change: impl FnOnce(&mut Rtsp)) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let key = KeyPair::generate().expect("made");
        let params = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()]).expect("made");
        let certificate = params.self_signed(&key).expect("made");
        let (cert, key_file) = (dir.path().join("board.pem"), dir.path().join("board.key"));
        std::fs::write(&cert, certificate.pem()).expect("a file");
        std::fs::write(&key_file, key.serialize_pem()).expect("a file");
        let (tls, plain) = (free_port(), free_port());
        let broker = Broker::start(&dir).await;
        let fake = FakeEye::listen(&dir);
        let (tls, plain) = (SocketAddr::new(LANDLORD, tls), SocketAddr::new(LANDLORD, plain));
        let mut rtsp = Rtsp {
            listen: tls,
            listen_plain: Some(plain),
            known_as: "localhost".into(),
            cert,
            key: key_file,
            max_connections: 64,
            max_per_address: 64,
            patience: Patience::default(),
        };
        change(&mut rtsp);
        let page = free_port();
        let thermal = dir.path().join("thermal");
        let metrics = Some(Metrics { listen: SocketAddr::new(LANDLORD, page), tls: None, thermal });
        let voice = Voice::start_with(Config { rtsp: Some(rtsp), metrics, ..config(&dir, broker.port) });
        let mut eye = fake.greet_as(codec, slate).await;
        eye.admit(pullers).await;
        let stage = Self { dir, broker, voice, eye, fake, tls, plain, metrics: page };
        // Until the eye's word about who may come in is there, everybody is told to come back.
        patient("the doors to open", async {
            loop {
                let mut client = stage.client().await;
                if client.ask("DESCRIBE", "/613", &[]).await.status != 503 {
                    return;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
        stage
    }
    pub fn root(&self) -> RootCertStore {
        use rustls::pki_types::pem::PemObject as _;
        let mut roots = RootCertStore::empty();
        let der = CertificateDer::from_pem_file(self.dir.path().join("board.pem")).expect("made");
        roots.add(der).expect("a certificate");
        roots
    }
    pub fn tls_config(&self) -> ClientConfig {
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring")
            .with_root_certificates(self.root())
            .with_no_client_auth()
    }
    /// A client over TLS.
    pub async fn client(&self) -> Client<TlsStream<TcpStream>> {
        self.client_with(self.tls_config()).await
    }
    pub async fn client_with(&self, config: ClientConfig) -> Client<TlsStream<TcpStream>> {
        let stream = loop {
            match TcpStream::connect(self.tls).await {
                Ok(stream) => break stream,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        };
        self.client_over(stream, config).await
    }
    /// A client over TLS over a connection that a test made.
    pub async fn client_over(&self, stream: TcpStream, config: ClientConfig) -> Client<TlsStream<TcpStream>> {
        let name = ServerName::try_from("localhost").expect("a name");
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake");
        Client::new(stream, "rtsps", self.tls)
    }
    /// A client in clear.
    pub async fn plain_client(&self) -> Client<TcpStream> {
        Client::new(TcpStream::connect(self.plain).await.expect("a connection"), "rtsp", self.plain)
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).next()
    }
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        self.head.lines().filter_map(move |line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

#[derive(Debug)]
pub enum Came {
    Answer(Answer),
    Packet(u8, Vec<u8>),
}

pub struct Client<S> {
    pub stream: S,
    pub base: String,
    bytes: Vec<u8>,
    cseq: u32,
    pub authorization: Option<String>,
    pub session: Option<String>,
    depacketiser: Depacketiser,
    /// SSRC, sequence number and timestamp of every RTP packet.
    pub packets: Vec<(u32, u16, u32)>,
}

pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{user}:{password}")))
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub fn new(stream: S, scheme: &str, at: SocketAddr) -> Self {
        Self {
            stream,
            base: format!("{scheme}://localhost:{}", at.port()),
            bytes: Vec::new(),
            cseq: 0,
            authorization: None,
            session: None,
            depacketiser: Depacketiser::new(PAYLOAD_TYPE),
            packets: Vec::new(),
        }
    }
    pub fn knows_password(mut self) -> Self {
        self.authorization = Some(basic(USER, PASSWORD));
        self
    }
    pub fn request(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> String {
        self.cseq += 1;
        let mut text = format!("{method} {}{path} RTSP/1.0\r\nCSeq: {}\r\n", self.base, self.cseq);
        let own = [("Authorization", &self.authorization), ("Session", &self.session)];
        for (name, value) in own.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
            text += &format!("{name}: {value}\r\n");
        }
        headers.iter().for_each(|(name, value)| text += &format!("{name}: {value}\r\n"));
        text + "\r\n"
    }
    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("writable");
        self.stream.flush().await.expect("writable");
    }
    /// Asks, and waits for the answer; packets that come before it are counted.
    pub async fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = self.request(method, path, headers);
        self.send(request.as_bytes()).await;
        let answer = self.answer().await;
        assert_eq!(answer.header("CSeq"), Some(self.cseq.to_string().as_str()), "{}", answer.head);
        answer
    }
    pub async fn answer(&mut self) -> Answer {
        loop {
            if let Came::Answer(answer) = self.next().await.expect("an answer, not the end") {
                return answer;
            }
        }
    }
    /// What comes next; `None` at the end.
    pub async fn next(&mut self) -> Option<Came> {
        patient("a word of the server", async {
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
    fn take(&mut self) -> Option<Came> {
        if self.bytes.first() == Some(&b'$') {
            let length = usize::from(u16::from_be_bytes([*self.bytes.get(2)?, *self.bytes.get(3)?]));
            if self.bytes.len() < 4 + length {
                return None;
            }
            let packet = self.bytes.drain(..4 + length).collect::<Vec<_>>();
            return Some(Came::Packet(packet[1], packet[4..].to_vec()));
        }
        let end = self.bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8(self.bytes[..end].to_vec()).expect("text");
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{head}"));
        let mut answer = Answer { status, head, body: String::new() };
        let length = answer.header("Content-Length").map_or(0, |text| text.parse().expect("a number"));
        if self.bytes.len() < end + 4 + length {
            return None;
        }
        answer.body = String::from_utf8(self.bytes[end + 4..end + 4 + length].to_vec()).expect("text");
        self.bytes.drain(..end + 4 + length);
        Some(Came::Answer(answer))
    }
    /// DESCRIBE, SETUP interleaved, PLAY.
    pub async fn play(&mut self) -> Answer {
        assert_eq!(self.ask("DESCRIBE", "/613", &[]).await.status, 200);
        let answer = self.set_up("RTP/AVP/TCP;unicast;interleaved=0-1").await;
        assert_eq!(answer.status, 200, "{}", answer.head);
        let answer = self.ask("PLAY", "/613/", &[("Range", "npt=0.000-")]).await;
        assert_eq!(answer.status, 200, "{}", answer.head);
        answer
    }
    pub async fn set_up(&mut self, transport: &str) -> Answer {
        let answer = self.ask("SETUP", "/613/video", &[("Transport", transport)]).await;
        if let Some(session) = answer.header("Session") {
            self.session = Some(session.split(';').next().expect("one").to_owned());
        }
        answer
    }
    /// The next picture on channel 0; `None` when the connection ends.
    pub async fn picture(&mut self) -> Option<Vec<u8>> {
        loop {
            let Came::Packet(0, packet) = self.next().await? else { continue };
            let number = |at: usize| u32::from_be_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]]);
            self.packets.push((number(8), u16::from_be_bytes([packet[2], packet[3]]), number(4)));
            let mut seen = None;
            self.depacketiser.push(&packet, |unit| seen = Some(unit.data.to_vec())).expect("good packets");
            if seen.is_some() {
                return seen;
            }
        }
    }
}
