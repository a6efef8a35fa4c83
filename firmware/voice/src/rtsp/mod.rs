//! RTSP. The server: subscribers fetch the picture from here, with one URL for each camera and one credential for each subscriber. And [`Relays`]:
//! publishing to media servers.
//!
//! ```text
//!  client ─► TLS (door) ─► connection (conversation, session, way out) ─► hall ◄─► desk ◄─► eye
//! ```
//!
//! Contract: **a credential opens the slate, a share opens the picture, and the end of the share closes it, all in one session.** Who may come in and
//! whether media flows is the eye's to say. Credentials go over TLS only; on the port in clear, where there is one, only digests are taken.

mod connection;
mod door;
mod hall;
mod out;
mod relay;
mod session;
mod shown;
mod signature;
mod stream;
mod udp;

pub use door::DoorError;
pub use hall::{Hall, Sign};
pub use relay::{Access, AccessError, Patience as RelayPatience, Relays};
pub use stream::describe;

use crate::config::Rtsp;
use connection::Client;
use contract::CameraId;
use hall::Limits;
use socket2::{SockRef, TcpKeepalive};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// A peer that acknowledges nothing for this long is gone (RFC 5482).
const UNACKNOWLEDGED: Duration = Duration::from_secs(15);
/// Bytes that the kernel holds for one client: what it holds nobody can take back.
const SEND_BUFFER_BYTES: usize = 128 * 1024;
/// Wait after an accept that failed for want of descriptors.
const BREATH: Duration = Duration::from_millis(200);

/// How long the server waits for its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// From connecting to the end of the TLS handshake.
    pub shake: Duration,
    /// From connecting, or the handshake's end, to the first proof of who it is.
    pub prove: Duration,
    /// From a request's first byte to its last.
    pub say: Duration,
    /// Of a conversation without media: between two requests.
    pub idle: Duration,
    /// For a client that takes nothing of what waits for it.
    pub stuck: Duration,
    /// For the next word, RTCP or a request, of one that gets media and has reported by RTCP, or gets it over UDP (P9).
    pub silent: Duration,
    /// The same of one that gets it over TCP and never reported: RFC 2326 §12.37's session timeout, where that is not stated.
    pub mute: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            shake: Duration::from_secs(5),
            prove: Duration::from_secs(20),
            say: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            stuck: Duration::from_secs(15),
            silent: Duration::from_secs(15),
            mute: Duration::from_secs(60),
        }
    }
}

/// The server. Its connections end with it.
#[derive(Debug)]
pub struct Server {
    /// What the desk shares with the connections.
    pub hall: Arc<Hall>,
    /// What subscribers are told.
    pub url: String,
    doors: Vec<JoinHandle<()>>,
}

impl Server {
    /// Listens where `config` says.
    ///
    /// # Errors
    /// [`DoorError`] when certificate or address cannot be used.
    pub async fn open(
        config: &Rtsp,
        camera: &CameraId,
        max_payload_bytes: usize,
        cname: &str,
    ) -> Result<Self, DoorError> {
        let acceptor = TlsAcceptor::from(door::server(config)?);
        let limits = Limits { all: config.max_connections, of_one_address: config.max_per_address };
        let hall = Arc::new(Hall::new(limits));
        let house = House {
            hall: Arc::clone(&hall),
            camera: camera.to_string(),
            cname: cname.to_owned(),
            max_payload_bytes,
            patience: config.patience,
            full: Arc::default(),
        };
        let bind = |key: &'static str, at: SocketAddr| async move {
            TcpListener::bind(at).await.map_err(|cause| DoorError::Listen { key, at, cause })
        };
        let listener = bind("listen", config.listen).await?;
        let mut doors = vec![tokio::spawn(house.clone().attend(listener, Some(acceptor)))];
        if let Some(plain) = config.listen_plain {
            let listener = bind("listen_plain", plain).await?;
            doors.push(tokio::spawn(house.attend(listener, None)));
        }
        let url = format!("rtsps://{}:{}/{camera}", config.known_as, config.listen.port());
        Ok(Self { hall, url, doors })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.hall.close();
        self.doors.iter().for_each(JoinHandle::abort);
    }
}

/// What every connection is given.
#[derive(Debug, Clone)]
struct House {
    hall: Arc<Hall>,
    camera: String,
    cname: String,
    max_payload_bytes: usize,
    patience: Patience,
    full: Arc<std::sync::atomic::AtomicBool>,
}

impl House {
    async fn attend(self, listener: TcpListener, acceptor: Option<TlsAcceptor>) {
        use std::sync::atomic::Ordering;
        loop {
            let (stream, peer) = match listener.accept().await {
                Ok(came) => came,
                Err(error) => {
                    // Of the connection, or for want of descriptors: either passes.
                    tracing::warn!(%error, "an RTSP client could not be let in");
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            };
            let at = peer.ip().to_canonical();
            if !self.hall.pick_up(at) {
                if !self.full.swap(true, Ordering::AcqRel) {
                    tracing::warn!(
                        "too many RTSP connections, of all or of one address; the newest are closed, said once until there is room"
                    );
                }
                continue;
            }
            self.full.store(false, Ordering::Release);
            let (house, acceptor) = (self.clone(), acceptor.clone());
            tokio::spawn(async move {
                house.receive(stream, acceptor).await;
                house.hall.hang_up(at);
            });
        }
    }

    async fn receive(&self, stream: TcpStream, acceptor: Option<TlsAcceptor>) {
        let (Ok(peer), Ok(own)) = (stream.peer_addr(), stream.local_addr()) else { return };
        if let Err(error) = settle(&stream) {
            tracing::debug!(%error, "an RTSP client's socket takes no settings");
        }
        let client = |secure, certificate| Client {
            hall: Arc::clone(&self.hall),
            peer: peer.ip(),
            own: own.ip(),
            secure,
            certificate,
            camera: self.camera.clone(),
            cname: self.cname.clone(),
            max_payload_bytes: self.max_payload_bytes,
            patience: self.patience,
        };
        let Some(acceptor) = acceptor else {
            let mut stream = stream;
            if connection::serve(&mut stream, client(false, None)).await {
                reset(&stream);
            }
            return;
        };
        let mut stream = match timeout(self.patience.shake, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(%error, "an RTSP client's TLS handshake failed"),
            Err(_) => return,
        };
        let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let certificate = certificate.map(|der| signature::fingerprint(der));
        if connection::serve(&mut stream, client(true, certificate)).await {
            reset(stream.get_ref().0);
        }
    }
}

/// Answers and packets at once; dead peers noticed; little in the kernel.
fn settle(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    let often =
        TcpKeepalive::new().with_time(Duration::from_secs(5)).with_interval(Duration::from_secs(3)).with_retries(3);
    socket.set_tcp_keepalive(&often)
}

/// What the kernel still holds is not to be sent.
fn reset(stream: &TcpStream) {
    if let Err(error) = SockRef::from(stream).set_linger(Some(Duration::ZERO)) {
        tracing::debug!(%error, "an RTSP client's socket is not reset");
    }
}
