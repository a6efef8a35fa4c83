//! One client's connection: its conversation, its session, its way out. One task each; nothing that it does holds up another.
//!
//! Bounded: head and body of requests, time for a request, time to prove who it is, what waits to be written and for how long. Dead peers are noticed by TCP
//! itself (keep-alive and user timeout on the socket), by their silence, and by their taking nothing.

use super::Patience;
use super::hall::{Hall, Leaving, View};
use super::out::Out;
use super::session::{Event, Session, of_session};
use super::shown::Shown;
use super::stream::{Stream, describe};
use link::Pullers;
use rand::Rng as _;
use rtsp::{Ask, Conversation, Heard, Key, Reader, Request, Settings, StatusCode, Way, Whom};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, sleep_until};

/// A client is asked to speak within this, seconds.
const SPEAK_WITHIN_S: u32 = 12;
/// What is begun when a share ends has to be gone by then, or the connection is cut (P4).
pub(super) const FINISH_WITHIN: Duration = Duration::from_millis(400);
/// With more answers than this waiting no more questions are read.
const MOST_ANSWERS_BYTES: usize = 16 * 1024;
/// How long the last words may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// What a connection is made of, beside its bytes.
pub(super) struct Client {
    pub(super) hall: Arc<Hall>,
    /// Where it comes from, and where it came to.
    pub(super) peer: IpAddr,
    pub(super) own: IpAddr,
    pub(super) secure: bool,
    /// sha256 of its certificate, hex.
    pub(super) certificate: Option<String>,
    pub(super) camera: String,
    pub(super) cname: String,
    pub(super) max_payload_bytes: usize,
    pub(super) patience: Patience,
}

/// Why it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// The client went, or was shown out.
    Done,
    /// What it has not taken must not reach it any more.
    Cut,
}

/// Serves until it is over. Whether the connection has to be reset rather than closed.
pub(super) async fn serve<S: AsyncRead + AsyncWrite>(stream: S, client: Client) -> bool {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut connection = Connection::new(client);
    let mut bytes = vec![0; 4096];
    let mut over = None;
    while over.is_none() {
        let (deadline, reads) = (connection.deadline(), connection.out.answers() < MOST_ANSWERS_BYTES);
        let Connection { out, session, flushing, .. } = &mut connection;
        let event = tokio::select! {
            biased;
            event = of_session(session.as_mut()) => event,
            read = reader.read(&mut bytes), if reads => match read {
                Ok(length @ 1..) => Event::Read(length),
                Ok(0) | Err(_) => Event::Gone,
            },
            event = hand_over(&mut writer, out.pending(), *flushing) => event,
            () = sleep_until(deadline) => Event::Nothing,
        };
        let now = Instant::now();
        over = connection.handle(event, &bytes, now).await.or_else(|| connection.tick(now));
    }
    connection.leave();
    if over == Some(Over::Done) {
        let last = async {
            writer.write_all(connection.out.pending()).await?;
            writer.shutdown().await
        };
        // Who does not take it misses nothing.
        let _ = tokio::time::timeout(CLOSE_WITHIN, last).await;
    }
    over == Some(Over::Cut)
}

/// Hands the connection the next bytes, or what it holds of them to the kernel.
pub(super) async fn hand_over(writer: &mut (impl AsyncWrite + Unpin), pending: &[u8], flushing: bool) -> Event {
    if !pending.is_empty() {
        return match writer.write(pending).await {
            Ok(length @ 1..) => Event::Wrote(length),
            Ok(0) | Err(_) => Event::Gone,
        };
    }
    if !flushing {
        return std::future::pending().await;
    }
    if writer.flush().await.is_ok() { Event::Flushed } else { Event::Gone }
}

struct Connection {
    client: Client,
    conversation: Conversation,
    reader: Reader,
    out: Out,
    /// What was written is not all with the kernel.
    flushing: bool,
    session: Option<Session>,
    since: Instant,
    /// When a request that is not whole yet began.
    partial_since: Option<Instant>,
    last_request: Instant,
    /// A share ended: what of it is begun has to be gone by then.
    finish_by: Option<Instant>,
}

impl Connection {
    fn new(client: Client) -> Self {
        let chance = || format!("{:032x}", rand::rng().random::<u128>());
        let settings = Settings {
            camera: client.camera.clone(),
            nonce: chance(),
            session: chance(),
            secure: client.secure,
            timeout_s: SPEAK_WITHIN_S,
        };
        let now = Instant::now();
        Self {
            client,
            conversation: Conversation::new(settings),
            reader: Reader::new(),
            out: Out::default(),
            flushing: false,
            session: None,
            since: now,
            partial_since: None,
            last_request: now,
            finish_by: None,
        }
    }

    fn deadline(&self) -> Instant {
        let Patience { prove, say, idle, stuck, .. } = self.client.patience;
        let unproven = self.conversation.user().is_none().then(|| self.since + prove);
        let partial = self.partial_since.map(|since| since + say);
        let playing = self.session.as_ref().filter(|session| session.playing);
        let alone = playing.is_none().then(|| self.last_request + idle);
        let takes = self.out.since().map(|since| since + stuck);
        let media = playing.map(|session| session.deadline(&self.client.patience));
        let all = [unproven, partial, alone, takes, media, self.finish_by];
        all.into_iter().flatten().min().unwrap_or(self.last_request + idle)
    }

    async fn handle(&mut self, event: Event, bytes: &[u8], now: Instant) -> Option<Over> {
        match event {
            Event::Nothing => {}
            Event::Gone => return Some(Over::Done),
            Event::Read(length) => return self.read(&bytes[..length], now).await,
            Event::Wrote(length) => {
                self.flushing = true;
                if let Some(sent) = self.out.took(length, now) {
                    self.client.hall.sent(self.session.as_ref().map_or(0, Session::id), sent);
                }
            }
            Event::Flushed => (self.flushing, self.finish_by) = (false, None),
            Event::Picture(shown) => self.picture(&shown, now),
            Event::View(view) => return self.look(view, now),
            Event::Rtcp(length) => {
                if let Some(session) = &mut self.session {
                    let said = session.heard_udp(length, &self.client.hall, now);
                    return self.told(said);
                }
            }
        }
        None
    }

    /// Does what is due.
    fn tick(&mut self, now: Instant) -> Option<Over> {
        if self.deadline() > now {
            return None;
        }
        let patience = self.client.patience;
        let stuck = self.out.since().is_some_and(|since| since + patience.stuck <= now);
        if self.finish_by.is_some_and(|at| at <= now) || stuck {
            return Some(Over::Cut);
        }
        let unproven = self.conversation.user().is_none() && self.since + patience.prove <= now;
        let slow = self.partial_since.is_some_and(|since| since + patience.say <= now);
        let idle = !self.conversation.is_playing() && self.last_request + patience.idle <= now;
        if unproven || slow || idle {
            return Some(Over::Done);
        }
        let slate = self.client.hall.slate();
        match self.session.as_mut().filter(|session| session.playing) {
            // What waits for it must not reach it later, when the share may be over.
            Some(session) if session.silent_at(&patience) <= now => Some(Over::Cut),
            Some(session) => {
                session.tick(&slate.unit, &mut self.out, &self.client.hall, now);
                None
            }
            None => None,
        }
    }

    async fn read(&mut self, bytes: &[u8], now: Instant) -> Option<Over> {
        self.reader.push(bytes);
        loop {
            match self.reader.next() {
                Ok(None) => {
                    let since = self.partial_since.unwrap_or(now);
                    self.partial_since = (!self.reader.is_empty()).then_some(since);
                    return None;
                }
                Ok(Some(heard)) => {
                    self.partial_since = None;
                    let over = match heard {
                        Heard::Request(request) => self.request(&request, now).await,
                        Heard::Data(data) => {
                            let (session, hall) = (self.session.as_mut(), &self.client.hall);
                            let said = session.and_then(|session| session.heard_data(data, hall, now));
                            self.told(said)
                        }
                        // To a question that nobody asked.
                        Heard::Answer(_) => None,
                    };
                    if over.is_some() {
                        return over;
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "an RTSP client is not understood");
                    let answer = Conversation::not_understood(error == rtsp::ReadError::TooLarge);
                    self.out.answer(&answer.bytes(), now);
                    return Some(Over::Done);
                }
            }
        }
    }

    async fn request(&mut self, request: &Request<Vec<u8>>, now: Instant) -> Option<Over> {
        self.last_request = now;
        let pullers = self.client.hall.pullers();
        let ready = pullers.is_some();
        let pullers = pullers.unwrap_or_default();
        let keys: Vec<Key<'_>> =
            pullers.who.iter().map(|who| Key { user: who.sub.as_str(), password: &who.password }).collect();
        let certificate = self.client.certificate.as_ref();
        let certified = certificate
            .and_then(|held| pullers.who.iter().position(|who| who.certificate_sha256.as_ref() == Some(held)));
        let whom = Whom { ready, keys: &keys, certified, plain: pullers.plain };
        let (answer, over) = match self.conversation.hear(request, &whom) {
            Ask::Say(answer) => (answer, None),
            Ask::Close(answer) => (answer, Some(Over::Done)),
            Ask::Describe { .. } => (self.conversation.described(self.description()), None),
            Ask::SetUp { user, way } => {
                let prepared = self.set_up(&pullers, user, way).await;
                (self.conversation.set_up(way, prepared), None)
            }
            Ask::Play => match self.play(request, now) {
                Some(answer) => (answer, None),
                None => return Some(Over::Done),
            },
            Ask::TearDown(answer) => {
                self.end_session(true);
                (answer, None)
            }
        };
        if let Some(session) = &mut self.session {
            session.spoke(now);
        }
        self.out.answer(&answer.bytes(), now);
        // After its answer, so that no packet comes before it.
        if let Some(session) = self.session.as_mut().filter(|session| session.playing) {
            session.tick(&self.client.hall.slate().unit, &mut self.out, &self.client.hall, now);
        }
        over
    }

    fn description(&self) -> Option<String> {
        let slate = self.client.hall.slate();
        if slate.unit.is_empty() {
            return None;
        }
        let id = rand::rng().random_range(1..u64::from(u32::MAX));
        describe(slate.codec, &slate.unit, self.client.own, id)
            .inspect_err(
                |error| tracing::error!(%error, "the slate cannot be described, and RTSP clients not be served"),
            )
            .ok()
    }

    async fn set_up(
        &mut self,
        pullers: &Pullers,
        user: usize,
        way: Way,
    ) -> Result<(u32, Option<(u16, u16)>), StatusCode> {
        let (own, peer) = (self.client.own, self.client.peer);
        if self.session.is_none() {
            let puller = pullers.who.get(user).ok_or(StatusCode::InternalServerError)?;
            // One at a time, says the policy.
            let place = self.client.hall.sit(puller, peer.to_canonical()).ok_or(StatusCode::NotEnoughBandwidth)?;
            let (codec, cname) = (self.client.hall.slate().codec, self.client.cname.clone());
            let stream = Stream::new(codec, self.client.max_payload_bytes, cname);
            self.session = Some(Session::new(place, stream, Instant::now()));
        }
        let Some(session) = &mut self.session else { return Err(StatusCode::InternalServerError) };
        let in_clear = !self.client.secure || matches!(way, Way::Udp { .. });
        if !self.client.hall.sends(session.id(), in_clear) {
            return Err(StatusCode::Forbidden);
        }
        let ports = session.set_way(way, own, peer).await.map_err(|error| {
            tracing::warn!(%error, "no way to an RTSP client by UDP");
            StatusCode::DestinationUnreachable
        })?;
        Ok((session.ssrc(), ports))
    }

    fn play(&mut self, request: &Request<Vec<u8>>, now: Instant) -> Option<rtsp::Answer> {
        let session = self.session.as_mut()?;
        if !self.client.hall.play(session.id()) {
            return None;
        }
        session.play(now);
        let (sequence, timestamp) = session.next();
        Some(self.conversation.playing(request, sequence, timestamp))
    }

    fn picture(&mut self, shown: &Shown, now: Instant) {
        let Some(session) = &mut self.session else { return };
        session.picture(shown, &mut self.out, &self.client.hall, now);
    }

    /// Another view begins: what of the one before is not begun does not go out any more.
    fn look(&mut self, view: View, now: Instant) -> Option<Over> {
        if view == View::Closed {
            return Some(Over::Done);
        }
        if let Some(session) = &mut self.session {
            session.look(view, now);
        }
        let begun = self.out.forget_media();
        if view == View::Slate && (begun || self.flushing) {
            self.finish_by = Some(now + FINISH_WITHIN);
        }
        None
    }

    /// What the viewer said by RTCP.
    fn told(&mut self, said: Option<super::session::Said>) -> Option<Over> {
        use super::session::Said;
        match said? {
            Said::KeyPicture => {
                if let Some(session) = &self.session {
                    self.client.hall.asks_for_key(session.id());
                }
                None
            }
            Said::Goodbye => {
                self.end_session(true);
                Some(Over::Done)
            }
        }
    }

    fn end_session(&mut self, goodbye: bool) {
        let Some(session) = self.session.take() else { return };
        self.out.forget_media();
        session.goodbye(&mut self.out, Instant::now());
        // One that never received anything tries another way, and comes back.
        let leaving = if goodbye && session.has_received() { Leaving::Goodbye } else { Leaving::Lost };
        self.client.hall.leave(session.id(), leaving);
        session.log();
    }

    fn leave(&mut self) {
        self.end_session(false);
    }
}
