//! What the desk and all RTSP connections have in common, those to media servers too: who may come in, who sits where, what is shown to whom.
//!
//! Contract: **a seat gets pictures only of a share of its own subscriber, between the eye's start and end of it; at all other times the slate.** A relayed
//! share is shown to its media server's seat alone, and a media server's seat its one share. What waits
//! for a seat is bounded, and loses its validity with the share (P4). Level-triggered towards the desk: it asks what is new, nothing piles up.

use super::shown::{Shown, filled};
use crate::clock;
use crate::figures::{Dropped, Figures, Watched};
use crate::meter::{self, Meter};
use crate::metrics;
use crate::outlet::Picture;
use crate::reports::Heard;
use contract::body::ServerFault;
use contract::{Jti, Rung, SubscriberId};
use link::{Puller, Pullers, StreamId};
use rtp::Codec;
use rtp::rtcp::Now;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc, watch};

/// Pictures that wait for one connection; it takes them at once or has no room for them anyway.
const QUEUED: usize = 4;
/// Sendings that wait for the desk to count them.
const MOST_SENT: usize = 256;

/// What a seat is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// No share: the slate.
    Slate,
    /// The pictures of a share, as they come.
    Share,
    /// Nothing more: the session is over.
    Closed,
}

/// The picture for those who have no share, and what it and the others are encoded as.
#[derive(Debug, Clone, Default)]
pub(super) struct Slate {
    pub(super) codec: Codec,
    pub(super) unit: Arc<[u8]>,
}

/// What the desk has to tell the eye.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sign {
    /// A viewer of the share is there.
    Joined(Jti),
    /// The last one said goodbye.
    Left(Jti),
    /// The last one is gone.
    Lost(Jti),
    /// Somebody needs a key picture.
    KeyPicture(Jti),
    /// For the room: the media server of a relayed share is not there.
    Away(Jti, SubscriberId, ServerFault),
}

/// How a seat was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    /// With a goodbye, by somebody who had received something.
    Goodbye,
    /// Otherwise.
    Lost,
}

/// A share that is fetched or relayed.
#[derive(Debug)]
struct Show {
    jti: Jti,
    sub: SubscriberId,
    /// It goes to a media server, and not to whoever fetches.
    relayed: bool,
    /// Its window is open: the eye wants to hear who is there.
    expects: bool,
    running: Option<(StreamId, Arc<AtomicBool>)>,
    /// Which it had, or has.
    stream: Option<StreamId>,
    /// What the eye was told last: whether somebody is there.
    told: bool,
    leaving: Leaving,
    key_wanted: bool,
    /// Why its media server is not there, to be told.
    away: Option<ServerFault>,
}

#[derive(Debug)]
struct Seat {
    id: u64,
    sub: SubscriberId,
    /// Of a media server: the share that it is for.
    share: Option<Jti>,
    address: IpAddr,
    /// Whoever is on the way to it can look at what it is sent.
    in_clear: bool,
    playing: bool,
    awaits_key: bool,
    feed: mpsc::Sender<Arc<Shown>>,
    view: watch::Sender<View>,
    /// Of the share that it is shown, or was last.
    figures: Figures,
    watched: Watched,
    /// Of its session.
    heard: Heard,
}

/// What a connection holds of its seat.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) id: u64,
    pub(super) feed: mpsc::Receiver<Arc<Shown>>,
    pub(super) view: watch::Receiver<View>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The eye has said who may come in.
    ready: bool,
    pullers: Arc<Pullers>,
    slate: Slate,
    shows: Vec<Show>,
    seats: Vec<Seat>,
    last_id: u64,
    pool: Vec<Arc<Shown>>,
    sent: Vec<Sent>,
    dropped: u64,
    connections: Vec<IpAddr>,
}

/// A picture, or several packets of one, that the kernel took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) packets: u32,
    pub(super) bytes: usize,
    /// Of the picture whose last packet was among them.
    pub(super) ends: Option<(u64, Now)>,
}

/// Most connections at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) all: usize,
    pub(super) of_one_address: usize,
}

/// Everybody who fetches; what it does stands at the head of this file.
#[derive(Debug)]
pub struct Hall {
    inner: Mutex<Inner>,
    news: Notify,
    limits: Limits,
}

impl Default for Hall {
    /// Without a server, for media servers alone.
    fn default() -> Self {
        Self::new(Limits { all: 0, of_one_address: 0 })
    }
}

impl Hall {
    pub(super) fn new(limits: Limits) -> Self {
        Self { inner: Mutex::new(Inner::default()), news: Notify::new(), limits }
    }
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // From the desk.

    /// Who may come in from now on. Whose credential or certificate is another now, or gone, is shown out, and so is
    /// who is sent media in clear where that may not be any more.
    pub fn admit(&self, pullers: Pullers) {
        let mut inner = self.lock();
        let before = std::mem::replace(&mut inner.pullers, Arc::new(pullers));
        inner.ready = true;
        let now = Arc::clone(&inner.pullers);
        let proof = |of: &Pullers, sub: &SubscriberId| {
            of.who.iter().find(|who| who.sub == *sub).map(|who| (who.password.clone(), who.certificate_sha256.clone()))
        };
        let known = |seat: &Seat| seat.share.is_some() || proof(&before, &seat.sub) == proof(&now, &seat.sub);
        let stays = |seat: &&Seat| known(seat) && (now.plain || !seat.in_clear);
        inner.seats.iter().filter(|seat| !stays(seat)).for_each(Seat::close);
    }
    /// The picture for those who have no share.
    pub fn set_slate(&self, codec: Codec, slate: &[u8]) {
        let mut inner = self.lock();
        let before = std::mem::replace(&mut inner.slate, Slate { codec, unit: slate.into() });
        // No session can go on with another codec.
        if before.codec != codec {
            inner.seats.iter().for_each(Seat::close);
        }
    }
    /// The credential of one subscriber.
    #[must_use]
    pub fn puller(&self, sub: &SubscriberId) -> Option<Puller> {
        self.lock().pullers.who.iter().find(|who| who.sub == *sub).cloned()
    }
    /// A share that is fetched, or `relayed`, was granted; nothing is shown yet.
    pub fn granted(&self, jti: Jti, sub: SubscriberId, relayed: bool) {
        let mut inner = self.lock();
        inner.end(&jti);
        inner.shows.push(Show {
            jti,
            sub,
            relayed,
            expects: false,
            running: None,
            stream: None,
            told: false,
            leaving: Leaving::Lost,
            key_wanted: false,
            away: None,
        });
    }
    /// The eye waits for somebody to be there; media stops. False when the share is not fetched.
    pub fn waits(&self, jti: &Jti) -> bool {
        let mut inner = self.lock();
        let Some(show) = inner.shows.iter_mut().find(|show| show.jti == *jti) else { return false };
        show.stop();
        (show.expects, show.told) = (true, false);
        inner.look();
        self.news.notify_one();
        true
    }
    /// Media of `stream` flows to the share's seats. False when the share is not known.
    pub fn runs(&self, jti: &Jti, stream: StreamId) -> bool {
        let mut inner = self.lock();
        let Some(show) = inner.shows.iter_mut().find(|show| show.jti == *jti) else { return false };
        show.stop();
        (show.running, show.stream) = (Some((stream, Arc::new(AtomicBool::new(true)))), Some(stream));
        show.key_wanted = true;
        inner.look();
        self.news.notify_one();
        true
    }
    /// A viewer came back: media flows again, of the stream that it was. False when the share is not fetched.
    pub fn resumes(&self, jti: &Jti) -> bool {
        let stream = self.lock().shows.iter().find(|show| show.jti == *jti).and_then(|show| show.stream);
        stream.is_some_and(|stream| self.runs(jti, stream))
    }
    /// How many shares run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.lock().shows.iter().filter(|show| show.running.is_some()).count()
    }
    /// It is over.
    pub fn ended(&self, jti: &Jti) {
        self.lock().end(jti);
    }
    /// The eye is lost, and every share with it.
    pub fn lose_eye(&self) {
        let mut inner = self.lock();
        inner.shows.drain(..).for_each(|mut show| show.stop());
        inner.look();
    }
    /// Every session is over.
    pub fn close(&self) {
        self.lock().seats.iter().for_each(Seat::close);
    }

    /// A picture of `stream`, for whoever sits in a share of it.
    pub fn picture(&self, stream: StreamId, picture: &Picture<'_>, rung: Rung) {
        let mut guard = self.lock();
        let inner = &mut *guard;
        for show in &mut inner.shows {
            let Some((_, valid)) = show.running.as_ref().filter(|(of, _)| *of == stream) else { continue };
            let plain = inner.pullers.plain;
            let sees = |seat: &&mut Seat| seat.playing && seat.is_of(show) && (plain || !seat.in_clear);
            let mut seats = inner.seats.iter_mut().filter(sees).peekable();
            if seats.peek().is_none() {
                continue;
            }
            let shown = filled(&mut inner.pool, picture, valid);
            let mut dropped = 0;
            for seat in seats {
                if seat.awaits_key && !picture.key {
                    continue;
                }
                seat.awaits_key = seat.feed.try_send(Arc::clone(&shown)).is_err();
                if seat.awaits_key {
                    dropped += 1;
                    seat.figures.drop(Dropped::Late, 1);
                } else {
                    seat.watched.picture(picture.unit.len(), picture.captured_monotonic_us, rung);
                }
            }
            inner.dropped += dropped;
            if dropped > 0 {
                show.key_wanted = true;
                self.news.notify_one();
            }
        }
    }

    /// What to tell the eye now.
    pub fn signs(&self) -> Vec<Sign> {
        let mut inner = self.lock();
        let Inner { shows, seats, .. } = &mut *inner;
        let mut signs = Vec::new();
        for show in shows.iter_mut().filter(|show| show.expects) {
            let there = seats.iter().any(|seat| seat.playing && seat.is_of(show));
            match (show.told, there) {
                (false, true) => signs.push(Sign::Joined(show.jti.clone())),
                (true, false) if show.leaving == Leaving::Goodbye => signs.push(Sign::Left(show.jti.clone())),
                (true, false) => signs.push(Sign::Lost(show.jti.clone())),
                (true, true) | (false, false) => {}
            }
            show.told = there;
            let away = show.away.take().filter(|_| !there);
            signs.extend(away.map(|fault| Sign::Away(show.jti.clone(), show.sub.clone(), fault)));
            if std::mem::take(&mut show.key_wanted) && show.running.is_some() {
                signs.push(Sign::KeyPicture(show.jti.clone()));
            }
        }
        signs
    }
    /// Waits until [`Hall::signs`] may have something to say.
    pub async fn news(&self) {
        self.news.notified().await;
    }
    /// Counts what was sent since.
    pub fn count(&self, meter: &mut Meter) {
        let mut inner = self.lock();
        for sent in inner.sent.drain(..) {
            meter.packets_of(u64::from(sent.packets), sent.bytes);
            if let Some((captured_us, now)) = sent.ends {
                let _latency = meter.picture(captured_us, now);
            }
        }
        meter.dropped(Dropped::Late, std::mem::take(&mut inner.dropped));
    }

    /// What a scraper reads of those who are shown a share.
    #[must_use]
    pub fn metrics(&self) -> Vec<metrics::Viewer> {
        let inner = self.lock();
        let mut viewers = Vec::new();
        for show in inner.shows.iter().filter(|show| show.running.is_some()) {
            let seats = inner.seats.iter().filter(|seat| seat.playing && seat.is_of(show));
            viewers.extend(seats.map(|seat| metrics::Viewer {
                labels: metrics::Labels { share: show.jti.to_string(), viewer: seat.id.to_string() },
                is_heard: seat.heard.reports > 0,
                figures: seat.figures,
                usage: seat.watched.usage(),
                heard: seat.heard,
            }));
        }
        viewers
    }

    // From the connections.

    /// Whether one more connection from there may be; to be given back with [`Hall::hang_up`].
    pub(super) fn pick_up(&self, from: IpAddr) -> bool {
        let mut inner = self.lock();
        let of_it = inner.connections.iter().filter(|address| **address == from).count();
        let free = inner.connections.len() < self.limits.all && of_it < self.limits.of_one_address;
        if free {
            inner.connections.push(from);
        }
        free
    }
    pub(super) fn hang_up(&self, from: IpAddr) {
        let mut inner = self.lock();
        if let Some(at) = inner.connections.iter().position(|address| *address == from) {
            inner.connections.swap_remove(at);
        }
    }
    /// Who may come in; `None` until the eye has said so.
    pub(super) fn pullers(&self) -> Option<Arc<Pullers>> {
        let inner = self.lock();
        inner.ready.then(|| Arc::clone(&inner.pullers))
    }
    /// Empty until there is an eye.
    pub(super) fn slate(&self) -> Slate {
        self.lock().slate.clone()
    }
    /// A seat for `puller`. Where it has as many as it may, an older one from the same address gives way: a client that tries again is one client.
    pub(super) fn sit(&self, puller: &Puller, address: IpAddr) -> Option<Place> {
        let mut inner = self.lock();
        let (mut of_it, mut oldest_here) = (0, None);
        for (at, seat) in
            inner.seats.iter().enumerate().filter(|(_, seat)| seat.share.is_none() && seat.sub == puller.sub)
        {
            of_it += 1;
            if seat.address == address && oldest_here.is_none() {
                oldest_here = Some(at);
            }
        }
        if of_it >= usize::from(puller.sessions) {
            let seat = inner.seats.remove(oldest_here?);
            seat.close();
        }
        let place = inner.seat(puller.sub.clone(), None, address);
        self.news.notify_one();
        Some(place)
    }
    /// The seat of the media server at `address`, for this share alone; an older one of the same share gives way. `None` when there is no such share.
    pub(super) fn publish(&self, jti: &Jti, address: IpAddr) -> Option<Place> {
        let mut inner = self.lock();
        let sub = inner.shows.iter().find(|show| show.relayed && show.jti == *jti)?.sub.clone();
        inner.seats.retain(|seat| seat.share.as_ref() != Some(jti));
        let place = inner.seat(sub, Some(jti.clone()), address);
        self.news.notify_one();
        Some(place)
    }
    /// The media server of this share is not there, for the room to know.
    pub(super) fn away(&self, jti: &Jti, fault: ServerFault) {
        let mut inner = self.lock();
        if let Some(show) = inner.shows.iter_mut().find(|show| show.relayed && show.jti == *jti) {
            show.away = Some(fault);
            self.news.notify_one();
        }
    }
    /// How the packets go to the seat. False when it is gone, or when the policy does not let them.
    pub(super) fn sends(&self, id: u64, in_clear: bool) -> bool {
        let mut inner = self.lock();
        let may = inner.pullers.plain || !in_clear;
        let Some(seat) = inner.seats.iter_mut().find(|seat| seat.id == id) else { return false };
        if may {
            seat.in_clear = in_clear;
        }
        may
    }
    /// The seat is to be shown something. False when it is gone.
    pub(super) fn play(&self, id: u64) -> bool {
        let mut inner = self.lock();
        let Inner { shows, seats, .. } = &mut *inner;
        let Some(seat) = seats.iter_mut().find(|seat| seat.id == id) else { return false };
        (seat.playing, seat.awaits_key) = (true, true);
        seat.want_key(shows);
        self.news.notify_one();
        true
    }
    /// The seat lost a picture and can go on with a key picture only.
    pub(super) fn wants_key(&self, id: u64) {
        let mut inner = self.lock();
        inner.dropped += 1;
        let Inner { shows, seats, .. } = &mut *inner;
        let Some(seat) = seats.iter_mut().find(|seat| seat.id == id) else { return };
        seat.awaits_key = true;
        seat.figures.drop(Dropped::Late, 1);
        seat.want_key(shows);
        self.news.notify_one();
    }
    /// The viewer itself asks for a key picture.
    pub(super) fn asks_for_key(&self, id: u64) {
        let mut inner = self.lock();
        let Inner { shows, seats, .. } = &mut *inner;
        let Some(seat) = seats.iter().find(|seat| seat.id == id) else { return };
        seat.want_key(shows);
        self.news.notify_one();
    }
    /// The seat is free again.
    pub(super) fn leave(&self, id: u64, leaving: Leaving) {
        let mut inner = self.lock();
        let Some(at) = inner.seats.iter().position(|seat| seat.id == id) else { return };
        let seat = inner.seats.swap_remove(at);
        if seat.playing {
            inner.shows.iter_mut().filter(|show| seat.is_of(show)).for_each(|show| show.leaving = leaving);
        }
        self.news.notify_one();
    }
    /// What the viewer has reported so far.
    pub(super) fn reported(&self, id: u64, heard: Heard) {
        let mut inner = self.lock();
        if let Some(seat) = inner.seats.iter_mut().find(|seat| seat.id == id) {
            seat.heard = heard;
        }
    }
    /// The kernel took something for the seat, which may be gone.
    pub(super) fn sent(&self, id: u64, sent: Sent) {
        let mut inner = self.lock();
        if let Some(seat) = inner.seats.iter_mut().find(|seat| seat.id == id) {
            seat.figures.packets_of(u64::from(sent.packets), sent.bytes);
            if let Some((captured_us, now)) = sent.ends {
                seat.figures.picture(meter::latency_us(captured_us, now));
            }
        }
        if inner.sent.len() < MOST_SENT {
            inner.sent.push(sent);
        }
    }
}

impl Inner {
    fn seat(&mut self, sub: SubscriberId, share: Option<Jti>, address: IpAddr) -> Place {
        self.last_id += 1;
        let id = self.last_id;
        let (feed, pictures) = mpsc::channel(QUEUED);
        let (view, seen) = watch::channel(View::Slate);
        let (figures, watched, heard) = Default::default();
        let (in_clear, playing, awaits_key) = (true, false, true);
        self.seats.push(Seat {
            id,
            sub,
            share,
            address,
            in_clear,
            playing,
            awaits_key,
            feed,
            view,
            figures,
            watched,
            heard,
        });
        self.look();
        Place { id, feed: pictures, view: seen }
    }
    fn end(&mut self, jti: &Jti) {
        if let Some(at) = self.shows.iter().position(|show| show.jti == *jti) {
            self.shows.swap_remove(at).stop();
            self.look();
        }
    }
    /// Tells every seat what it is shown now.
    fn look(&mut self) {
        for seat in &mut self.seats {
            let runs = self.shows.iter().any(|show| show.running.is_some() && seat.is_of(show));
            let view = if runs { View::Share } else { View::Slate };
            let changed = seat.view.send_if_modified(|seen| {
                let changes = *seen != View::Closed && *seen != view;
                if changes {
                    *seen = view;
                }
                changes
            });
            seat.awaits_key |= changed;
            if changed && view == View::Share {
                (seat.figures, seat.watched) = Default::default();
            }
        }
    }
}

impl Show {
    /// What is on its way is not to be shown any more.
    fn stop(&mut self) {
        if let Some((_, valid)) = self.running.take() {
            valid.store(false, Ordering::Release);
        }
    }
}

impl Seat {
    /// Whether it may be shown this one.
    fn is_of(&self, show: &Show) -> bool {
        match &self.share {
            Some(jti) => *jti == show.jti,
            None => !show.relayed && self.sub == show.sub,
        }
    }
    fn want_key(&self, shows: &mut [Show]) {
        shows.iter_mut().filter(|show| self.is_of(show)).for_each(|show| show.key_wanted = true);
    }
    fn close(&self) {
        let _ = self.view.send_replace(View::Closed);
    }
}

/// This moment, for [`Sent::ends`].
pub(super) fn moment() -> Now {
    clock::now()
}
