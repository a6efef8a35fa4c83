//! One share's way to its media server: dial, prove, announce, record, and again with back-off when it breaks, until the share is over.
//!
//! Bounded: time to connect and to be taken, time for an answer, what waits to be written and for how long. Whatever the server does, the end of the share
//! ends the connection within [`FINISH_WITHIN`], and what it has not taken by then does not go out (P4).

use super::super::connection::{FINISH_WITHIN, hand_over};
use super::super::hall::{Hall, Leaving, View};
use super::super::out::Out;
use super::super::session::{Event, Said, Session, of_session};
use super::super::stream::{Stream, describe};
use super::super::{reset, settle};
use super::Patience;
use super::trust::{self, TrustError};
use contract::Jti;
use contract::body::ServerFault;
use link::Relay;
use rand::Rng as _;
use rtsp::{Credential, Heard, Publication, PublishError, ReadError, Reader, Step, Way};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_rustls::TlsConnector;

/// From dialling to the word that it is recorded.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);
/// Waits between tries, before chance adds or takes a quarter.
const BACK_OFF_S: [f64; 6] = [0.5, 1.0, 2.0, 5.0, 15.0, 30.0];
/// A connection that held for so long was none of those that fail.
const HELD: Duration = Duration::from_secs(10);
/// For a server that takes nothing of what waits for it.
const STUCK: Duration = Duration::from_secs(10);

/// What the errand is told; that it is over, by the sender's being gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Wait,
    Go,
}

/// What one errand is given.
#[derive(Debug)]
pub(super) struct Errand {
    pub(super) jti: Jti,
    pub(super) to: Relay,
    pub(super) credential: Option<Credential>,
    pub(super) hall: Arc<Hall>,
    pub(super) max_payload_bytes: usize,
    pub(super) cname: String,
    pub(super) patience: Patience,
}

/// Why the server is not, or no longer, recording.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{0}")]
    Connect(std::io::Error),
    #[error("{0}")]
    Shake(std::io::Error),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Trust(#[from] TrustError),
    #[error("{0}")]
    Publish(#[from] PublishError),
    #[error("{0}")]
    Read(#[from] ReadError),
    #[error("the server did not take the stream within {} s", TAKEN_WITHIN.as_secs())]
    Late,
    #[error("there is no picture yet to describe the stream by")]
    NoSlate,
    #[error("the policy lets no media go in clear")]
    InClear,
    #[error("the server closed the connection")]
    Closed,
    #[error("the server does not answer")]
    Silent,
    #[error("the server takes nothing")]
    Stuck,
    #[error("the stream is another now")]
    Changed,
}

impl Fault {
    /// In the room's words; `None` where the server is not to blame.
    fn told(&self) -> Option<ServerFault> {
        Some(match self {
            Self::Connect(_) | Self::Late => ServerFault::Unreachable,
            Self::Shake(_) | Self::Trust(_) => ServerFault::Untrusted,
            Self::Publish(_) | Self::Read(_) => ServerFault::Refused,
            Self::Silent | Self::Stuck => ServerFault::Silent,
            Self::Io(_) | Self::Closed => ServerFault::Closed,
            Self::NoSlate | Self::InClear | Self::Changed => return None,
        })
    }
}

/// Why a connection is left.
enum Left {
    /// The share is over, or the voice.
    Over,
    Broken(Fault),
}

impl Errand {
    /// Until the share is over.
    pub(super) async fn run(self, mut word: watch::Receiver<Word>) {
        if word.wait_for(|word| *word == Word::Go).await.is_err() {
            return;
        }
        let (mut failures, mut complained, mut told) = (0, String::new(), Vec::new());
        loop {
            let begun = Instant::now();
            let fault = match self.once(&mut word).await {
                Left::Over => return,
                Left::Broken(fault) => fault,
            };
            let held = begun.elapsed() >= HELD && !matches!(fault, Fault::Late);
            failures = if held { 0 } else { failures + 1 };
            if held {
                told.clear();
            }
            if let Some(words) = fault.told().filter(|words| !told.contains(words)) {
                told.push(words);
                self.hall.away(&self.jti, words);
            }
            if complained != fault.to_string() {
                // Once for each cause; the address is the policy's.
                complained = fault.to_string();
                tracing::warn!(share = %self.jti, %fault, "not with its media server; trying on");
            }
            let wait_s = BACK_OFF_S[failures.min(BACK_OFF_S.len() - 1)] * rand::rng().random_range(0.75..1.25);
            tokio::select! {
                biased;
                () = over(&mut word) => return,
                () = tokio::time::sleep(Duration::from_secs_f64(wait_s)) => {}
            }
        }
    }

    async fn once(&self, word: &mut watch::Receiver<Word>) -> Left {
        let connect = async {
            let connecting = timeout(TAKEN_WITHIN, TcpStream::connect(self.to.server));
            let stream = connecting.await.map_err(|_| Fault::Late)?.map_err(Fault::Connect)?;
            settle(&stream).map_err(Fault::Connect)?;
            Ok::<_, Fault>(stream)
        };
        let mut stream = tokio::select! {
            biased;
            () = over(word) => return Left::Over,
            connected = connect => match connected {
                Ok(stream) => stream,
                Err(fault) => return Left::Broken(fault),
            },
        };
        let (left, cut) = match &self.to.proof {
            None => {
                let (left, cut) = self.publish(&mut stream, word).await;
                (left, cut.then_some(stream))
            }
            Some(proof) => {
                let (config, name) = match trust::client(proof) {
                    Ok(known) => known,
                    Err(error) => return Left::Broken(error.into()),
                };
                let shake = timeout(TAKEN_WITHIN, TlsConnector::from(config).connect(name, stream));
                let mut secure = tokio::select! {
                    biased;
                    () = over(word) => return Left::Over,
                    shaken = shake => match shaken {
                        Ok(Ok(secure)) => secure,
                        Ok(Err(error)) => return Left::Broken(Fault::Shake(error)),
                        Err(_) => return Left::Broken(Fault::Late),
                    },
                };
                let (left, cut) = self.publish(&mut secure, word).await;
                (left, cut.then(|| secure.into_inner().0))
            }
        };
        if let Some(stream) = cut {
            reset(&stream);
        }
        left
    }

    /// Publishes until it ends. Whether the connection has to be reset rather than closed.
    async fn publish<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        word: &mut watch::Receiver<Word>,
    ) -> (Left, bool) {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let (mut talk, mut bytes) = match self.talk() {
            Ok(talk) => (talk, vec![0; 4096]),
            Err(fault) => return (Left::Broken(fault), false),
        };
        let taken = async {
            let first = talk.publication.begin();
            writer.write_all(&first).await?;
            writer.flush().await?;
            talk.until_taken(&mut reader, &mut writer, &mut bytes).await
        };
        let taken = tokio::select! {
            biased;
            // Nothing of the picture is there yet, and what is announced goes with the connection.
            () = over(word) => return (Left::Over, true),
            taken = timeout(TAKEN_WITHIN, taken) => taken.unwrap_or(Err(Fault::Late)),
        };
        let way = match taken {
            Ok(way) => way,
            Err(fault) => return (Left::Broken(fault), false),
        };
        if let Err(fault) = self.sit(&mut talk, way).await {
            return (Left::Broken(fault), false);
        }
        tracing::info!(share = %self.jti, "its media server is there");
        let left = loop {
            let (deadline, flushing) = (talk.deadline(), talk.flushing);
            let Talk { out, session, .. } = &mut talk;
            let event = tokio::select! {
                biased;
                () = over(word) => break Left::Over,
                event = of_session(session.as_mut()) => event,
                read = reader.read(&mut bytes) => match read {
                    Ok(length @ 1..) => Event::Read(length),
                    Ok(0) | Err(_) => Event::Gone,
                },
                event = hand_over(&mut writer, out.pending(), flushing) => event,
                () = sleep_until(deadline) => Event::Nothing,
            };
            if let Err(fault) = talk.handle(event, &bytes, &self.hall, Instant::now()) {
                break Left::Broken(fault);
            }
        };
        let stuck = matches!(left, Left::Broken(Fault::Stuck));
        let by = Instant::now() + FINISH_WITHIN;
        talk.end(&self.hall);
        if !matches!(left, Left::Over | Left::Broken(Fault::Changed)) {
            return (left, stuck);
        }
        let last = async {
            writer.write_all(talk.out.pending()).await?;
            writer.flush().await
        };
        if !matches!(timeout_at(by, last).await, Ok(Ok(()))) {
            return (left, true);
        }
        // Its answer, or its going, if that is soon; then the connection closes.
        let answered = async {
            while let Ok(length @ 1..) = reader.read(&mut bytes).await {
                if talk.has_answered(&bytes[..length]) {
                    break;
                }
            }
            writer.shutdown().await
        };
        let _ = timeout_at(by, answered).await;
        (left, false)
    }

    fn talk(&self) -> Result<Talk, Fault> {
        let slate = self.hall.slate();
        if slate.unit.is_empty() {
            return Err(Fault::NoSlate);
        }
        let mut random = rand::rng();
        let id = random.random_range(1..u64::from(u32::MAX));
        let sdp = describe(slate.codec, &slate.unit, self.to.server.ip(), id).map_err(|_| Fault::NoSlate)?;
        let (secure, chance) = (self.to.proof.is_some(), format!("{:032x}", random.random::<u128>()));
        let publication = Publication::new(&self.to.url, sdp, self.credential.clone(), secure, chance)?;
        let now = Instant::now();
        Ok(Talk {
            publication,
            reader: Reader::new(),
            out: Out::default(),
            flushing: false,
            session: None,
            stream: Some(Stream::new(slate.codec, self.max_payload_bytes, self.cname.clone())),
            asked_at: now,
            finish_by: None,
            patience: self.patience,
        })
    }

    /// It is recorded: its seat in the hall tells the eye.
    async fn sit(&self, talk: &mut Talk, way: Way) -> Result<(), Fault> {
        let at = self.to.server.ip();
        let Some((place, stream)) = self.hall.publish(&self.jti, at).zip(talk.stream.take()) else {
            // The word that it is over is on its way.
            return Err(Fault::Changed);
        };
        let now = Instant::now();
        let mut session = Session::new(place, stream, now);
        session.set_way(way, at, at).await?;
        let id = session.id();
        if !self.hall.sends(id, self.to.proof.is_none()) {
            self.hall.leave(id, Leaving::Lost);
            return Err(Fault::InClear);
        }
        if !self.hall.play(id) {
            return Err(Fault::Changed);
        }
        session.play(now);
        (talk.session, talk.asked_at) = (Some(session), now);
        Ok(())
    }
}

/// A conversation with a media server, and what goes to it.
struct Talk {
    publication: Publication,
    reader: Reader,
    out: Out,
    /// What was written is not all with the kernel.
    flushing: bool,
    /// Its media, before it is recorded.
    stream: Option<Stream>,
    session: Option<Session>,
    /// When the question on its way was asked, or the last was.
    asked_at: Instant,
    /// The share waits: what of it is begun has to be gone by then.
    finish_by: Option<Instant>,
    patience: Patience,
}

impl Talk {
    async fn until_taken(
        &mut self,
        reader: &mut (impl AsyncRead + Unpin),
        writer: &mut (impl AsyncWrite + Unpin),
        bytes: &mut [u8],
    ) -> Result<Way, Fault> {
        loop {
            let length = reader.read(bytes).await?;
            if length == 0 {
                return Err(Fault::Closed);
            }
            self.reader.push(&bytes[..length]);
            while let Some(heard) = self.reader.next()? {
                let say = match heard {
                    Heard::Answer(answer) => match self.publication.hear(&answer)? {
                        Step::Recording { rtp, rtcp } => return Ok(Way::Interleaved { rtp, rtcp }),
                        Step::Say(say) => say,
                        Step::Nothing => continue,
                    },
                    Heard::Request(question) => rtsp::decline(&question),
                    Heard::Data(_) => continue,
                };
                writer.write_all(&say).await?;
                writer.flush().await?;
            }
        }
    }

    fn deadline(&self) -> Instant {
        let Patience { alive_every, alive_within } = self.patience;
        let alive = self.asked_at + if self.publication.waits() { alive_within } else { alive_every };
        let takes = self.out.since().map(|since| since + STUCK);
        let report = self.session.as_ref().and_then(Session::report_at);
        [takes, report, self.finish_by].into_iter().flatten().fold(alive, Instant::min)
    }

    fn handle(&mut self, event: Event, bytes: &[u8], hall: &Hall, now: Instant) -> Result<(), Fault> {
        match event {
            Event::Gone => return Err(Fault::Closed),
            Event::View(View::Closed) => return Err(Fault::Changed),
            Event::Read(length) => self.read(&bytes[..length], hall, now)?,
            Event::Wrote(length) => {
                self.flushing = true;
                if let Some(sent) = self.out.took(length, now) {
                    hall.sent(self.session.as_ref().map_or(0, Session::id), sent);
                }
            }
            Event::Flushed => (self.flushing, self.finish_by) = (false, None),
            Event::Picture(shown) => {
                if let Some(session) = &mut self.session {
                    session.picture(&shown, &mut self.out, hall, now);
                }
            }
            Event::View(view) => {
                if let Some(session) = &mut self.session {
                    session.look(view, now);
                }
                let begun = self.out.forget_media();
                if view == View::Slate && (begun || self.flushing) {
                    self.finish_by = Some(now + FINISH_WITHIN);
                }
            }
            Event::Nothing | Event::Rtcp(_) => {}
        }
        self.tick(hall, now)
    }

    fn tick(&mut self, hall: &Hall, now: Instant) -> Result<(), Fault> {
        let stuck = self.out.since().is_some_and(|since| since + STUCK <= now);
        if stuck || self.finish_by.is_some_and(|at| at <= now) {
            return Err(Fault::Stuck);
        }
        if self.publication.waits() {
            if self.asked_at + self.patience.alive_within <= now {
                return Err(Fault::Silent);
            }
        } else if self.asked_at + self.patience.alive_every <= now {
            self.ask(now);
        }
        if let Some(session) = self.session.as_mut().filter(|session| session.report_at().is_some_and(|at| at <= now)) {
            // The slate is the server's viewers' to do without.
            session.tick(&[], &mut self.out, hall, now);
        }
        Ok(())
    }

    fn ask(&mut self, now: Instant) {
        let question = self.publication.keep_alive();
        self.out.answer(&question, now);
        self.asked_at = now;
    }

    fn read(&mut self, bytes: &[u8], hall: &Hall, now: Instant) -> Result<(), Fault> {
        self.reader.push(bytes);
        while let Some(heard) = self.reader.next()? {
            match heard {
                Heard::Answer(answer) => {
                    if let Step::Say(again) = self.publication.hear(&answer)? {
                        self.out.answer(&again, now);
                        self.asked_at = now;
                    }
                }
                Heard::Request(question) => self.out.answer(&rtsp::decline(&question), now),
                Heard::Data(data) => {
                    if let Some(session) = &mut self.session
                        && session.heard_data(data, hall, now) == Some(Said::KeyPicture)
                    {
                        hall.asks_for_key(session.id());
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes back what has not begun to go, gives the seat up, and leaves the last words to be written.
    fn end(&mut self, hall: &Hall) {
        let now = Instant::now();
        self.out.forget_media();
        if let Some(session) = self.session.take() {
            session.goodbye(&mut self.out, now);
            hall.leave(session.id(), Leaving::Lost);
            session.log();
        }
        let last = self.publication.tear_down();
        self.out.answer(&last, now);
    }

    fn has_answered(&mut self, bytes: &[u8]) -> bool {
        self.reader.push(bytes);
        loop {
            match self.reader.next() {
                Ok(Some(Heard::Answer(answer))) => {
                    let _ = self.publication.hear(&answer);
                    if !self.publication.waits() {
                        return true;
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => return false,
                Err(_) => return true,
            }
        }
    }
}

/// Completes when there is nobody any more whose errand this is.
async fn over(word: &mut watch::Receiver<Word>) {
    while word.changed().await.is_ok() {}
}
