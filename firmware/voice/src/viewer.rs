//! One receiver of a share: its RTP stream, its sender reports, what it says back, and the slate when the eye is lost.
//!
//! Decides nothing about who may watch; it is made when the eye says that a share started and unmade when it says that it ended.

use crate::clock;
use crate::config;
use crate::figures::Watched;
use crate::hearing::Hearing;
use crate::meter::Meter;
use crate::metrics;
use crate::outlet::{Fate, Outlet, Picture};
use crate::reports::Reports;
use crate::secrets::{Secrets, SecretsError};
use crate::shares::{Granted, MOST_VIEWERS};
use crate::wire::{Multicast, Wire};
use contract::body::{ShareEvent, Usage};
use contract::{Jti, Rung, SubscriberId};
use link::{Destination, StreamId};
use rand::Rng as _;
use rtp::rtcp::{self, Feedback};
use rtp::sdp::{Description, Source};
use rtp::srtp::{Protector, RTP_OVERHEAD, Unprotector};
use rtp::{Codec, NtpTime, Packetiser, Ssrc, Start};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// How long the slate stands in for a lost eye, and how often it is repeated.
pub const SLATE_FOR: Duration = Duration::from_secs(5);
/// Time between two slates.
pub const SLATE_EVERY: Duration = Duration::from_secs(1);
/// Least time between two requests for a key picture.
const KEY_EVERY: Duration = Duration::from_millis(500);
/// Time between two tries to open sockets towards an address that cannot be reached.
const REOPEN_EVERY: Duration = Duration::from_secs(1);
/// Session bandwidth (RFC 3550 §6.2) of a stream that hardly moves, bytes/s: no camera needs less when it does.
const LEAST_BANDWIDTH: f64 = 16_000.0;

/// What has to be done after a viewer was given something.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The first picture is about to go, and this describes the stream.
    pub started: Option<Started>,
    /// The eye should be asked for a key picture.
    pub key_picture: bool,
    /// The receiver said goodbye.
    pub left: bool,
    /// It is no longer heard of.
    pub lost: bool,
    /// It is heard, for the first time or again.
    pub joined: bool,
}

/// How a stream is described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The session description, as anybody may read it.
    pub sdp: String,
    /// The same with the stream's key, sealed, where the stream is encrypted.
    pub sealed: Option<String>,
}

impl Started {
    /// As its subscriber is told, with the board's signature.
    #[must_use]
    pub fn event(self, signed: Option<String>) -> ShareEvent {
        ShareEvent::Started { sdp: self.sdp, sealed: self.sealed, signed }
    }
}

/// Why a stream cannot be described.
#[derive(Debug, thiserror::Error)]
enum DescribeError {
    #[error(transparent)]
    Sdp(#[from] rtp::sdp::SdpError),
    #[error(transparent)]
    Secrets(#[from] SecretsError),
}

/// Where a viewer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No picture sent yet.
    Waiting,
    /// The eye's pictures go out.
    Watching,
    /// The eye is lost: the slate, until then.
    Slate { until: Instant, next: Instant },
}

/// One receiver.
#[derive(Debug)]
pub struct Viewer {
    /// The share.
    pub jti: Jti,
    /// Its subscriber.
    pub sub: SubscriberId,
    /// Which encode it gets.
    pub stream: StreamId,
    /// Where it is.
    pub destination: Destination,
    /// When the share's window closes, Unix seconds, as known when it started.
    pub exp: u64,
    /// When the eye started it, Unix milliseconds.
    pub started_at_ms: u64,
    cname: String,
    multicast: Multicast,
    outlet: Outlet,
    wire: Option<Wire>,
    reopen_at: Instant,
    phase: Phase,
    /// The eye said that the share waits: no media.
    paused: bool,
    hearing: Hearing,
    reports: Reports,
    secrets: Option<Secrets>,
    unprotector: Option<Unprotector>,
    key_asked_at: Option<Instant>,
    report_at: Instant,
    since: Instant,
    watched: Watched,
}

impl Viewer {
    /// A viewer that waits for its first key picture; with `secrets` all of it is SRTP.
    #[must_use]
    pub fn new(
        share: Granted,
        stream: StreamId,
        destination: Destination,
        secrets: Option<Secrets>,
        started_at_ms: u64,
        settings: &Settings,
        codec: Codec,
    ) -> Self {
        let mut random = rand::rng();
        // In the lower half, so that an SRTP receiver that misses the first packets still counts the wraps right (RFC 3711 §3.3.1).
        let sequence = random.random::<u16>() >> 1;
        let start = Start { ssrc: Ssrc(random.random()), sequence, timestamp: random.random() };
        let now = Instant::now();
        let packetiser = Packetiser::new(start, settings.max_payload_bytes).carrying(codec);
        let mut outlet = match &secrets {
            Some(secrets) => Outlet::encrypting(packetiser, Protector::new(secrets.master())),
            None => Outlet::new(packetiser),
        }
        .paced();
        outlet.open();
        let mut viewer = Self {
            jti: share.jti,
            sub: share.sub,
            exp: share.exp,
            stream,
            destination,
            started_at_ms,
            cname: settings.cname.clone(),
            multicast: settings.multicast.clone(),
            outlet,
            wire: None,
            reopen_at: now,
            phase: Phase::Waiting,
            paused: false,
            hearing: Hearing::default(),
            reports: Reports::default(),
            unprotector: secrets.as_ref().map(|secrets| Unprotector::new(secrets.master())),
            secrets,
            key_asked_at: None,
            report_at: now,
            since: now,
            watched: Watched::default(),
        };
        viewer.open_wire(now);
        viewer
    }

    fn open_wire(&mut self, now: Instant) {
        // What is fetched has no receiver here.
        let Destination::Push { address, port } = self.destination else { return };
        let protection = self.secrets.as_ref().map_or(0, |_| RTP_OVERHEAD);
        let packet_bytes = self.outlet.packetiser().packet_bytes() + protection;
        match Wire::open(address, port, packet_bytes, &self.multicast) {
            Ok(wire) => self.wire = Some(wire),
            Err(error) => {
                // The system's words name no address.
                tracing::warn!(share = %self.jti, %error, "no way to the receiver; trying again each second");
                self.reopen_at = now + REOPEN_EVERY;
            }
        }
    }

    /// Gives it a picture of its stream.
    pub fn picture(&mut self, picture: &Picture<'_>, rung: Rung, now: Instant, meter: &mut Meter) -> Wishes {
        let mut wishes = Wishes::default();
        if matches!(self.phase, Phase::Slate { .. }) || self.wire.is_none() || self.paused {
            return wishes;
        }
        if self.phase == Phase::Waiting {
            match self.describe(picture) {
                Some(started) => wishes.started = Some(started),
                None => {
                    wishes.key_picture = self.may_ask_for_key(now);
                    return wishes;
                }
            }
            self.phase = Phase::Watching;
            self.since = now;
        }
        self.watched.picture(picture.unit.len(), picture.captured_monotonic_us, rung);
        wishes.key_picture = self.send(picture, now, meter) != Fate::Sent && self.may_ask_for_key(now);
        if self.outlet.listener_appeared(now) {
            wishes.key_picture |= self.may_ask_for_key(now);
        }
        let refusals = self.outlet.take_refusals();
        wishes.lost = self.hearing.refused(refusals, now);
        wishes
    }

    /// No viewer is there, says the eye: no media until [`Viewer::resume`]. Sender reports go on, so that a receiver that comes back finds us.
    pub fn pause(&mut self) {
        self.paused = true;
        self.outlet.close();
    }
    /// Media flows again: same source, next sequence number, first a key picture.
    pub fn resume(&mut self, now: Instant) {
        self.paused = false;
        self.outlet.open();
        self.watched.pause();
        self.hearing.resume(now);
    }

    fn describe(&self, picture: &Picture<'_>) -> Option<Started> {
        if !picture.key {
            return None;
        }
        let Destination::Push { address, port } = self.destination else { return None };
        let described = Description::of_push(self.outlet.packetiser().codec(), picture.unit, address, port)
            .map_err(DescribeError::from);
        let described = described.and_then(|described| {
            let source = Source { ssrc: self.outlet.packetiser().ssrc(), cname: self.cname.clone() };
            let description = Description { ttl: self.multicast.ttl, source: Some(source), ..described };
            let id = rand::rng().random_range(1..u64::from(u32::MAX));
            match &self.secrets {
                Some(secrets) => {
                    Ok(secrets.describe(description, id).map(|(sdp, sealed)| Started { sdp, sealed: Some(sealed) })?)
                }
                None => Ok(Started { sdp: description.text(id), sealed: None }),
            }
        });
        match described {
            Ok(described) => Some(described),
            Err(error) => {
                tracing::error!(share = %self.jti, %error, "cannot start the stream with this key picture");
                None
            }
        }
    }

    fn send(&mut self, picture: &Picture<'_>, now: Instant, meter: &mut Meter) -> Fate {
        let Some(wire) = &self.wire else { return Fate::AwaitsKey };
        let first = self.outlet.packetiser().packets() == 0;
        let fate = self.outlet.picture(picture, now, wire, meter);
        if first && fate == Fate::Sent {
            // Receivers pair the clocks from the first report on.
            self.report_at = now;
        }
        fate
    }

    /// Whether the eye may be asked now; counts as asking.
    pub fn may_ask_for_key(&mut self, now: Instant) -> bool {
        let free = self.key_asked_at.is_none_or(|at| now.duration_since(at) >= KEY_EVERY);
        if free {
            self.key_asked_at = Some(now);
        }
        free
    }

    /// The eye is lost: the slate takes the picture's place. Whether there is a picture to replace.
    pub fn eye_lost(&mut self, now: Instant) -> bool {
        let watched = self.phase == Phase::Watching && self.wire.is_some() && !self.paused;
        if watched {
            self.phase = Phase::Slate { until: now + SLATE_FOR, next: now };
        }
        watched
    }
    /// Whether the slate stands in; the share itself has then been told as ended.
    #[must_use]
    pub fn is_slate(&self) -> bool {
        matches!(self.phase, Phase::Slate { .. })
    }
    /// The share, as known when it started.
    #[must_use]
    pub fn share(&self) -> Granted {
        Granted { jti: self.jti.clone(), sub: self.sub.clone(), exp: self.exp }
    }
    /// What was sent to it, as far as the voice can tell.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.watched.usage()
    }

    /// What a scraper reads of it.
    #[must_use]
    pub fn metrics(&self, labels: metrics::Labels) -> metrics::Viewer {
        metrics::Viewer {
            labels,
            is_heard: self.hearing.is_heard(),
            figures: *self.outlet.figures(),
            usage: self.watched.usage(),
            heard: *self.reports.heard(),
        }
    }

    /// When [`Viewer::tick`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let report = (self.phase != Phase::Waiting && self.wire.is_some()).then_some(self.report_at);
        let reopen = self.wire.is_none().then_some(self.reopen_at);
        let slate = match self.phase {
            Phase::Slate { until, next } => Some(next.min(until)),
            _ => None,
        };
        let silence = self.hearing.deadline().filter(|_| self.phase == Phase::Watching);
        let burst = self.outlet.burst_at();
        [report, reopen, slate, silence, burst].into_iter().flatten().min()
    }

    /// Whether the receiver has just become too silent to be there.
    pub fn fell_silent(&mut self, now: Instant) -> bool {
        self.phase == Phase::Watching && self.hearing.fell_silent(now)
    }

    /// Does what is due. False when the viewer is done with (its slate has stood long enough).
    pub fn tick(&mut self, now: Instant, slate: &[u8], meter: &mut Meter) -> bool {
        if self.wire.is_none() && now >= self.reopen_at {
            self.open_wire(now);
        }
        if self.outlet.burst_at().is_some_and(|at| at <= now)
            && let Some(wire) = &self.wire
        {
            self.outlet.drain(now, wire, meter);
        }
        if let Phase::Slate { until, next } = self.phase {
            if now >= until {
                return false;
            }
            if now >= next {
                self.phase = Phase::Slate { until, next: next + SLATE_EVERY };
                let moment = clock::now();
                let picture = Picture {
                    unit: slate,
                    captured_monotonic_us: moment.media.0,
                    captured_utc_us: moment.utc_us,
                    key: true,
                };
                self.send(&picture, now, meter);
            }
        }
        if self.phase != Phase::Waiting && now >= self.report_at {
            self.report(now);
        }
        true
    }

    fn report(&mut self, now: Instant) {
        let stream = self.outlet.packetiser();
        let rate = (stream.payload_bytes() as f64 / now.duration_since(self.since).as_secs_f64().max(1.0))
            .max(LEAST_BANDWIDTH);
        let moment = clock::now();
        let report = rtcp::sender_report(stream, moment, &self.cname);
        match (report, &self.wire) {
            (Ok(packet), Some(wire)) => {
                self.report_at = now + rtcp::interval(packet.len(), rate);
                wire.report(self.outlet.control(&packet));
                self.reports.sent(NtpTime::from_utc_us(moment.utc_us), now);
            }
            _ => self.report_at = now + rtcp::LEAST_INTERVAL,
        }
    }

    /// Lets waiting packets out and hears what the receiver says. Ready when something happened.
    pub fn poll(&mut self, cx: &mut Context<'_>, now: Instant, meter: &mut Meter) -> Poll<Wishes> {
        let Some(wire) = &self.wire else { return Poll::Pending };
        let mut wishes = Wishes::default();
        let ours = self.outlet.packetiser().ssrc();
        let (mut asked, mut spoke) = (false, false);
        let (unprotector, reports, share) = (&mut self.unprotector, &mut self.reports, &self.jti);
        let heard = wire.poll_heard(cx, &mut |datagram| {
            let datagram = match unprotector.as_mut().map(|unprotector| unprotector.rtcp(datagram)) {
                // Not from whom the key was told.
                Some(Err(error)) => {
                    if reports.garbage() {
                        tracing::warn!(%share, %error, "a control packet is not used; more are counted");
                    }
                    return;
                }
                Some(Ok(plain)) => plain,
                None => datagram,
            };
            let read = rtcp::read(datagram, ours, |feedback| match feedback {
                Feedback::KeyPicture => {
                    asked = true;
                    reports.key_request();
                }
                Feedback::Goodbye => wishes.left = true,
                Feedback::Reception(reception) => reports.reception(&reception, now),
                Feedback::Collision => {
                    if reports.collision() {
                        tracing::warn!(%share, "the receiver calls itself what the stream is called; the stream keeps its name");
                    }
                }
            });
            match read {
                Ok(()) => spoke = true,
                Err(error) => {
                    if reports.garbage() {
                        tracing::warn!(%share, %error, "a receiver sent something else than RTCP; more is counted");
                    }
                }
            }
        });
        let drained = self.outlet.is_blocked() && wire.poll_writable(cx).is_ready();
        if drained {
            self.outlet.drain(now, &wire.second_try(), meter);
        }
        wishes.key_picture = asked && self.may_ask_for_key(now);
        if self.phase != Phase::Waiting && !self.is_slate() {
            wishes.joined = spoke && !wishes.left && self.hearing.heard(now);
            if let Poll::Ready(refusals @ 1..) = heard {
                self.outlet.refused(now);
                wishes.lost = self.hearing.refused(refusals, now);
            }
        }
        if heard.is_ready() || drained { Poll::Ready(wishes) } else { Poll::Pending }
    }

    /// The end: no RTP packet after this; the goodbye goes out.
    pub fn close(mut self) {
        self.outlet.close();
        let stream = self.outlet.packetiser();
        if let (Some(wire), true) = (&self.wire, stream.packets() > 0)
            && let Ok(packet) = rtcp::goodbye(stream, clock::now(), &self.cname)
        {
            wire.report(self.outlet.control(&packet));
        }
    }
}

/// What all viewers of a process have in common.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Largest payload of one packet, bytes.
    pub max_payload_bytes: usize,
    /// Canonical name, the same in all streams of this process and random, so that it names no machine (RFC 7022 §4.2).
    pub cname: String,
    /// How multicast leaves.
    pub multicast: Multicast,
    /// Most viewers at once.
    pub most_viewers: usize,
}

impl Settings {
    /// With a fresh random name.
    #[must_use]
    pub fn new(rtp: &config::Rtp) -> Self {
        let multicast = Multicast { ttl: rtp.multicast_ttl, interface: rtp.multicast_interface.clone() };
        Self {
            max_payload_bytes: rtp.max_payload_bytes,
            multicast,
            most_viewers: MOST_VIEWERS,
            cname: format!("{:024x}", rand::rng().random::<u128>() >> 32),
        }
    }
}
