//! A subscriber: binds the RTP and RTCP ports, puts pictures together, measures, reports back (RFC 3550), asks for key pictures (RFC 4585), saves what can be
//! decoded.
//!
//! Does not decode. Every datagram that reaches the ports is counted, whatever it is, so that "nothing came" means nothing.

mod feedback;
mod ledger;
mod reorder;
mod save;
mod socket;

pub use ledger::{Ledger, Reception};
pub use save::{Saved, SavedStream};
pub use socket::Ports;

use crate::clock;
use feedback::Speaker;
use ledger::Arrival;
use reorder::Reorder;
use rtp::srtp::{MasterKey, Unprotector};
use rtp::{Codec, DepacketiseError, Depacketiser};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Largest UDP payload.
const DATAGRAM: usize = 65_535;
/// Between two receiver reports (RFC 3550 §6.2: at least 5 s, less for the first).
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// Between two requests for a key picture.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// Why nothing can be received.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// A port that is taken, or an address that is not ours.
    #[error("UDP {address}: {cause}; is another receiver running?")]
    Bind {
        /// Which.
        address: std::net::SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
    /// No even port with its odd neighbour free.
    #[error("no two neighbouring UDP ports are free on {0}")]
    NoPair(std::net::IpAddr),
    /// A file that cannot be written.
    #[error("{}: {cause}", path.display())]
    File {
        /// Which.
        path: std::path::PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
}

/// What is received, as the session description says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// RTP payload type.
    pub payload_type: u8,
    /// What the pictures are encoded as.
    pub codec: Codec,
}

impl Format {
    /// What a board sends that was not told otherwise.
    pub const USUAL: Self = Self { payload_type: rtp::PAYLOAD_TYPE, codec: Codec::H264 };

    fn depacketiser(self) -> Depacketiser {
        Depacketiser::new(self.payload_type).carrying(self.codec)
    }
}

/// A running receiver. Dropping it frees the ports and says nothing to the sender.
pub struct Receiver {
    ports: Ports,
    ledger: Arc<Ledger>,
    goodbye: watch::Sender<bool>,
    task: JoinHandle<Option<SavedStream>>,
}

impl Receiver {
    /// Listens on `ports` for `format`, SRTP with `key` if given; what can be decoded goes to `save` (Annex B), if given.
    ///
    /// # Errors
    /// [`ReceiveError::File`] when `save` cannot be written.
    pub fn start(
        ports: Ports,
        format: Format,
        key: Option<&MasterKey>,
        save: Option<&Path>,
    ) -> Result<Self, ReceiveError> {
        let saved = save.map(Saved::create).transpose()?;
        let ledger = Arc::new(Ledger::default());
        let (goodbye, leaving) = watch::channel(false);
        let (rtp, rtcp) = ports.sockets();
        let listener = Listener {
            depacketiser: format.depacketiser(),
            reorder: Reorder::default(),
            has_key: false,
            key_asked_at: None,
            format,
            unprotector: key.map(Unprotector::new),
            ledger: Arc::clone(&ledger),
            saved,
            speaker: Speaker::new(rtcp, key),
            rtp,
            leaving,
        };
        let task = tokio::spawn(listener.run());
        Ok(Self { ports, ledger, goodbye, task })
    }

    /// Where the sender must send to.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }
    /// What came so far.
    #[must_use]
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }
    /// Says BYE to the sender if one was heard, ends, and tells what was saved.
    pub async fn leave(mut self) -> Option<SavedStream> {
        self.goodbye.send_replace(true);
        (&mut self.task).await.ok().flatten()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

struct Listener {
    depacketiser: Depacketiser,
    reorder: Reorder,
    /// Decoding could begin, and nothing was lost since.
    has_key: bool,
    key_asked_at: Option<Instant>,
    format: Format,
    unprotector: Option<Unprotector>,
    ledger: Arc<Ledger>,
    saved: Option<Saved>,
    speaker: Speaker,
    rtp: Arc<UdpSocket>,
    leaving: watch::Receiver<bool>,
}

impl Listener {
    async fn run(mut self) -> Option<SavedStream> {
        let mut media = vec![0; DATAGRAM];
        let mut control = vec![0; DATAGRAM];
        let rtcp = self.speaker.socket();
        let mut leaving = self.leaving.clone();
        let mut reports = tokio::time::interval(REPORT_EVERY);
        loop {
            tokio::select! {
                got = self.rtp.recv_from(&mut media) => if let Ok((length, from)) = got {
                    self.media(&mut media[..length]);
                    self.ask_for_key(from);
                },
                () = until(self.reorder.deadline()) => {
                    let mut reorder = std::mem::take(&mut self.reorder);
                    reorder.tick(Instant::now(), |datagram| self.packet(datagram));
                    self.reorder = reorder;
                }
                got = rtcp.recv_from(&mut control) => if let Ok((length, from)) = got {
                    self.control(&mut control[..length], from);
                },
                _ = reports.tick() => self.speaker.report(&self.depacketiser, &self.ledger.snapshot()).await,
                _ = async { leaving.wait_for(|leaving| *leaving).await.is_ok() } => {
                    self.speaker.goodbye().await;
                    return self.saved.map(Saved::finish);
                }
            }
        }
    }

    fn media(&mut self, datagram: &mut [u8]) {
        let at = Instant::now();
        self.ledger.datagram(datagram.len(), at);
        let datagram: &[u8] = match self.unprotector.as_mut().map(|unprotector| unprotector.rtp(datagram)) {
            Some(Err(cause)) => return tracing::debug!(%cause, "packet not used"),
            Some(Ok(plain)) => plain,
            None => datagram,
        };
        // Taken out, since what comes out of it goes through all of us.
        let mut reorder = std::mem::take(&mut self.reorder);
        reorder.push(datagram, at, |datagram| self.packet(datagram));
        self.reorder = reorder;
    }

    /// Asks the sender for a key picture while there is none to begin with, or one is missing something; `from` is where its media came from.
    fn ask_for_key(&mut self, from: SocketAddr) {
        let Some(source) = self.depacketiser.source().filter(|_| !self.has_key) else { return };
        let now = Instant::now();
        if self.key_asked_at.is_some_and(|at| now.duration_since(at) < ASK_EVERY) {
            return;
        }
        self.key_asked_at = Some(now);
        self.speaker.ask_for_key(source, from);
    }

    /// A packet in its place.
    fn packet(&mut self, datagram: &[u8]) {
        let (at, utc_us) = (Instant::now(), clock::unix_us());
        let Self { depacketiser, ledger, saved, has_key, format, .. } = self;
        let mut is_new = false;
        let outcome = loop {
            let outcome = depacketiser.push(datagram, |unit| {
                *has_key = unit.key || (*has_key && !unit.after_loss);
                ledger.unit(&unit, Arrival { at, utc_us });
                if let Some(saved) = saved {
                    saved.unit(&unit);
                }
            });
            if is_new || !matches!(outcome, Err(DepacketiseError::OtherSource { .. })) {
                break outcome;
            }
            // A new share is a new source; what the old one left unfinished is lost with it.
            ledger.new_source(depacketiser.received());
            (*depacketiser, *has_key, is_new) = (format.depacketiser(), false, true);
        };
        match outcome {
            Ok(()) => ledger.packet(datagram, at, depacketiser.received()),
            Err(cause) => {
                tracing::debug!(%cause, "packet not used");
                ledger.refused(depacketiser.received());
            }
        }
    }

    fn control(&mut self, datagram: &mut [u8], from: std::net::SocketAddr) {
        let at = Instant::now();
        self.ledger.control(at);
        let datagram: &[u8] = match self.unprotector.as_mut().map(|unprotector| unprotector.rtcp(datagram)) {
            Some(Err(cause)) => return tracing::debug!(%cause, "control packet not used"),
            Some(Ok(plain)) => plain,
            None => datagram,
        };
        let Some(source) = self.depacketiser.source() else { return };
        self.speaker.heard(from, datagram, source);
        let read = rtp::rtcp::read(datagram, source, |said| {
            if said == rtp::rtcp::Feedback::Goodbye {
                self.ledger.goodbye(at);
            }
        });
        if let Err(cause) = read {
            tracing::debug!(%cause, "control packet not understood");
        }
    }
}
