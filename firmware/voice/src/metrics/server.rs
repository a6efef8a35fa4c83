//! Serves the one page: HTTP/1.1 (RFC 9112) `GET /metrics`, one answer a connection, in clear on loopback only, elsewhere over TLS to those who have a
//! certificate of the configured authority.
//!
//! Contract: **whoever connects costs bounded memory and time**: [`MOST_AT_ONCE`] connections, [`MOST_HEAD`] bytes, [`WITHIN`]. A port that is taken
//! is tried again: pictures do not wait for metrics.

use super::thermal::{self, Temperature};
use crate::config::Metrics;
use crate::tls;
use rustls::ServerConfig;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// Connections at once; one more waits until one is over.
pub const MOST_AT_ONCE: usize = 4;
/// Most bytes of a request.
pub const MOST_HEAD: usize = 8 * 1024;
/// Longest that a connection lasts.
pub const WITHIN: Duration = Duration::from_secs(5);
/// Between two tries to have the port.
const AGAIN: Duration = Duration::from_secs(5);

/// Who wants the page.
#[derive(Debug)]
pub struct Reader {
    /// How warm the board is, read where a slow sensor holds nobody up.
    pub temperatures: Vec<Temperature>,
    /// Where the page goes.
    pub page: oneshot::Sender<String>,
}

/// A running server; ends with the value.
#[derive(Debug)]
pub struct Server {
    readers: mpsc::Receiver<Reader>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves where `config` says, with TLS to those who have a certificate only.
    ///
    /// # Errors
    /// [`tls::TlsError`] when the certificates cannot be used.
    pub fn start(config: &Metrics) -> Result<Self, tls::TlsError> {
        let tls = config.tls.as_ref().map(|tls| tls::server("[metrics.tls]", tls)).transpose()?;
        let (ask, readers) = mpsc::channel(MOST_AT_ONCE);
        let task = tokio::spawn(serve(config.listen, tls, Ask { ask, thermal: config.thermal.as_path().into() }));
        Ok(Self { readers, task })
    }
    /// The next who wants the page. Cancel-safe.
    pub async fn reader(&mut self) -> Reader {
        match self.readers.recv().await {
            Some(reader) => reader,
            // The task does not end by itself.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Where a page comes from.
#[derive(Clone)]
struct Ask {
    ask: mpsc::Sender<Reader>,
    thermal: Arc<Path>,
}

impl Ask {
    async fn page(&self) -> io::Result<String> {
        let thermal = Arc::clone(&self.thermal);
        let temperatures = tokio::task::spawn_blocking(move || thermal::read(&thermal)).await.unwrap_or_default();
        let (page, made) = oneshot::channel();
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        self.ask.send(Reader { temperatures, page }).await.map_err(|_| gone())?;
        made.await.map_err(|_| gone())
    }
}

async fn serve(listen: SocketAddr, tls: Option<Arc<ServerConfig>>, ask: Ask) {
    let acceptor = tls.map(TlsAcceptor::from);
    let slots = Arc::new(Semaphore::new(MOST_AT_ONCE));
    let listener = bind(listen).await;
    tracing::info!(%listen, "metrics are served");
    loop {
        // Closed never.
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a reader of metrics could not be let in");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (ask, acceptor) = (ask.clone(), acceptor.clone());
        tokio::spawn(async move {
            if let Ok(Err(error)) = timeout(WITHIN, converse(stream, acceptor, &ask)).await {
                tracing::debug!(%error, "a reader of metrics was not served");
            }
            drop(slot);
        });
    }
}

async fn bind(listen: SocketAddr) -> TcpListener {
    let mut complained = false;
    loop {
        match TcpListener::bind(listen).await {
            Ok(listener) => return listener,
            Err(error) if !complained => {
                tracing::error!(%listen, %error, "no metrics: [metrics] listen cannot be had; tried again every 5 s");
                complained = true;
            }
            Err(_) => {}
        }
        sleep(AGAIN).await;
    }
}

async fn converse(stream: TcpStream, acceptor: Option<TlsAcceptor>, ask: &Ask) -> io::Result<()> {
    match acceptor {
        Some(acceptor) => answer(acceptor.accept(stream).await?, ask).await,
        None => answer(stream, ask).await,
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, ask: &Ask) -> io::Result<()> {
    let mut head = Vec::with_capacity(1024);
    let status = loop {
        match request(&head) {
            Some(status) => break status,
            None if head.len() >= MOST_HEAD => break "431 Request Header Fields Too Large",
            None => {}
        }
        let room = (MOST_HEAD - head.len()) as u64;
        if (&mut stream).take(room).read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    };
    let (kind, body) =
        if status == OK { (super::CONTENT_TYPE, ask.page().await?) } else { ("text/plain", format!("{status}\n")) };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nAllow: GET\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

const OK: &str = "200 OK";

/// The status of a request; `None` while it is not whole.
fn request(head: &[u8]) -> Option<&'static str> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut headers);
    Some(match request.parse(head) {
        Ok(httparse::Status::Partial) => return None,
        Err(_) => "400 Bad Request",
        Ok(httparse::Status::Complete(_)) => match (request.method, request.path) {
            (Some("GET"), Some("/metrics")) => OK,
            (Some("GET"), _) => "404 Not Found",
            _ => "405 Method Not Allowed",
        },
    })
}
