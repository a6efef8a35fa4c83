//! One session of a connection: its seat in the hall, its stream, and how the packets go.

use super::Patience;
use super::hall::{Hall, Place, Sent, View, moment};
use super::out::Out;
use super::shown::Shown;
use super::stream::Stream;
use super::udp::Udp;
use crate::outlet::MAX_WAIT;
use crate::reports::Reports;
use rtp::rtcp::{self, Feedback};
use rtsp::{Data, Way};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Time between two slates.
const SLATE_EVERY: Duration = Duration::from_secs(1);
/// Time between the first ones: clients look at some twenty pictures before they show one, and would look for as many seconds.
const FIRST_SLATES_EVERY: Duration = Duration::from_millis(40);
/// How many are the first.
const FIRST_SLATES: u32 = 25;

/// What happened to a connection.
pub(super) enum Event {
    Nothing,
    /// The peer is.
    Gone,
    Read(usize),
    Wrote(usize),
    Flushed,
    Picture(Arc<Shown>),
    View(View),
    /// So many bytes of RTCP lie in the session's buffer.
    Rtcp(usize),
}

/// What a viewer says by RTCP that has to be acted upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    KeyPicture,
    Goodbye,
}

#[derive(Debug)]
pub(super) struct Session {
    place: Place,
    way: Way,
    udp: Option<Udp>,
    stream: Stream,
    pub(super) playing: bool,
    view: View,
    slate_at: Instant,
    /// So many were sent since PLAY.
    slates: u32,
    awaits_key: bool,
    heard_at: Instant,
    heard_rtcp: bool,
    reports: Reports,
    rtcp: Box<[u8; 1500]>,
    since: Instant,
    pictures: u64,
    bytes: u64,
}

/// Waits for something to happen to the session; for ever where there is none.
pub(super) async fn of_session(session: Option<&mut Session>) -> Event {
    let Some(Session { place, udp, rtcp, .. }) = session else { return std::future::pending().await };
    let heard = async {
        match udp {
            Some(udp) => udp.rtcp.recv(&mut rtcp[..]).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        changed = place.view.changed() => match changed {
            Ok(()) => Event::View(*place.view.borrow_and_update()),
            Err(_) => Event::View(View::Closed),
        },
        shown = place.feed.recv() => shown.map_or(Event::View(View::Closed), Event::Picture),
        // Refusals say that nobody listens there now; silence decides.
        length = heard => length.map_or(Event::Nothing, Event::Rtcp),
    }
}

impl Session {
    pub(super) fn new(mut place: Place, stream: Stream, now: Instant) -> Self {
        let view = *place.view.borrow_and_update();
        Self {
            place,
            way: Way::Interleaved { rtp: 0, rtcp: 1 },
            udp: None,
            stream,
            playing: false,
            view,
            slate_at: now,
            slates: 0,
            awaits_key: true,
            heard_at: now,
            heard_rtcp: false,
            reports: Reports::default(),
            rtcp: Box::new([0; 1500]),
            since: now,
            pictures: 0,
            bytes: 0,
        }
    }
    pub(super) fn id(&self) -> u64 {
        self.place.id
    }
    pub(super) fn ssrc(&self) -> u32 {
        self.stream.ssrc().0
    }
    /// Sequence number and RTP timestamp from which it goes on.
    pub(super) fn next(&self) -> (u16, u32) {
        self.stream.next()
    }
    /// The packets go this way from now on; the ports here where it is UDP.
    pub(super) async fn set_way(&mut self, way: Way, own: IpAddr, peer: IpAddr) -> io::Result<Option<(u16, u16)>> {
        self.udp = match way {
            Way::Interleaved { .. } => None,
            Way::Udp { rtp, rtcp } => Some(Udp::open(own, peer, (rtp, rtcp)).await?),
        };
        (self.way, self.playing, self.awaits_key) = (way, false, true);
        Ok(self.udp.as_ref().map(|udp| udp.ports))
    }
    pub(super) fn play(&mut self, now: Instant) {
        (self.playing, self.awaits_key, self.slate_at, self.slates) = (true, true, now, 0);
    }
    /// It said something by RTSP.
    pub(super) fn spoke(&mut self, now: Instant) {
        self.heard_at = now;
    }
    /// Whether it has shown that it gets what is sent.
    pub(super) fn has_received(&self) -> bool {
        self.heard_rtcp || (self.udp.is_none() && self.stream.packets() > 0)
    }
    /// When its silence will have lasted too long (P9). Over TCP a client need not send RTCP, and some speak less often than they are asked to: only who has
    /// reported is judged as one who reports.
    pub(super) fn silent_at(&self, patience: &Patience) -> Instant {
        let reports = self.udp.is_some() || self.heard_rtcp;
        self.heard_at + if reports { patience.silent } else { patience.mute }
    }
    /// When the next sender report is due, once anything was sent.
    pub(super) fn report_at(&self) -> Option<Instant> {
        (self.stream.packets() > 0).then_some(self.stream.report_at)
    }
    /// When [`Session::tick`] has something to do, or silence has lasted too long.
    pub(super) fn deadline(&self, patience: &Patience) -> Instant {
        let slate = (self.view == View::Slate).then_some(self.slate_at);
        [slate, self.report_at()].into_iter().flatten().fold(self.silent_at(patience), Instant::min)
    }

    pub(super) fn look(&mut self, view: View, now: Instant) {
        (self.view, self.slate_at, self.awaits_key) = (view, now, true);
    }

    /// The slate and the report, when they are due.
    pub(super) fn tick(&mut self, slate: &[u8], out: &mut Out, hall: &Hall, now: Instant) {
        if self.view == View::Slate && now >= self.slate_at && !slate.is_empty() {
            self.slate_at = now + if self.slates < FIRST_SLATES { FIRST_SLATES_EVERY } else { SLATE_EVERY };
            self.slates = self.slates.saturating_add(1);
            // What a slow client has not taken is old.
            if out.since().is_some_and(|since| now.duration_since(since) > MAX_WAIT) {
                out.forget_media();
            }
            let (id, way, udp) = (self.place.id, self.way, &self.udp);
            self.stream.slate(slate, |packet| {
                send(id, way, udp.as_ref(), out, hall, packet, None, now);
            });
        }
        if self.stream.packets() > 0
            && now >= self.stream.report_at
            && let Some((report, stated)) = self.stream.report(now)
        {
            self.control(&report, out, now);
            self.reports.sent(stated, now);
        }
    }

    pub(super) fn picture(&mut self, shown: &Shown, out: &mut Out, hall: &Hall, now: Instant) {
        if !self.playing || !shown.is_valid() {
            return;
        }
        if out.since().is_some_and(|since| now.duration_since(since) > MAX_WAIT) {
            out.forget_media();
            self.awaits_key = true;
            if !shown.key {
                hall.wants_key(self.id());
            }
        }
        if self.awaits_key && !shown.key {
            return;
        }
        let (id, way, udp, mut whole) = (self.place.id, self.way, &self.udp, true);
        self.stream.picture(shown, |packet, ends| {
            whole = whole && send(id, way, udp.as_ref(), out, hall, packet, ends, now);
        });
        self.awaits_key = !whole;
        if whole {
            self.pictures += 1;
            self.bytes += shown.unit.len() as u64;
        } else {
            hall.wants_key(self.id());
        }
    }

    fn control(&self, packet: &[u8], out: &mut Out, now: Instant) {
        match (&self.udp, self.way) {
            (Some(udp), _) => udp.report(packet),
            (None, Way::Interleaved { rtcp, .. }) => drop(out.packet(rtcp, packet, None, now)),
            (None, Way::Udp { .. }) => {}
        }
    }
    /// The stream ends.
    pub(super) fn goodbye(&self, out: &mut Out, now: Instant) {
        if let Some(packet) = self.stream.goodbye() {
            self.control(&packet, out, now);
        }
    }

    pub(super) fn heard_udp(&mut self, length: usize, hall: &Hall, now: Instant) -> Option<Said> {
        let said = read(&self.rtcp[..length], self.stream.ssrc(), &mut self.reports, now);
        self.heard(said, hall, now)
    }
    pub(super) fn heard_data(&mut self, data: Data<Vec<u8>>, hall: &Hall, now: Instant) -> Option<Said> {
        let Way::Interleaved { rtcp, .. } = self.way else { return None };
        if data.channel_id() != rtcp {
            return None;
        }
        let said = read(&data.into_body(), self.stream.ssrc(), &mut self.reports, now);
        self.heard(said, hall, now)
    }
    /// `Err` is no RTCP, and no sign of life.
    fn heard(&mut self, said: Result<Option<Said>, rtcp::RtcpError>, hall: &Hall, now: Instant) -> Option<Said> {
        let first = said.is_err() && self.reports.garbage();
        hall.reported(self.place.id, *self.reports.heard());
        match said {
            Ok(said) => {
                (self.heard_at, self.heard_rtcp) = (now, true);
                said
            }
            Err(error) => {
                if first {
                    tracing::warn!(%error, "an RTSP client sent something else than RTCP; more is counted");
                }
                None
            }
        }
    }

    /// What one viewer got, without saying who it was.
    pub(super) fn log(&self) {
        let (seconds, pictures, bytes) = (self.since.elapsed().as_secs(), self.pictures, self.bytes);
        tracing::info!(seconds, pictures, bytes, "an RTSP session is over");
    }
}

#[expect(clippy::too_many_arguments, reason = "two of its callers hold the session in parts")]
fn send(
    id: u64,
    way: Way,
    udp: Option<&Udp>,
    out: &mut Out,
    hall: &Hall,
    packet: &[u8],
    ends: Option<u64>,
    now: Instant,
) -> bool {
    match (udp, way) {
        (Some(udp), _) => {
            let gone = udp.send(packet);
            if gone {
                hall.sent(id, Sent { packets: 1, bytes: packet.len(), ends: ends.map(|at_us| (at_us, moment())) });
            }
            gone
        }
        (None, Way::Interleaved { rtp, .. }) => out.packet(rtp, packet, ends, now),
        (None, Way::Udp { .. }) => false,
    }
}

fn read(
    datagram: &[u8],
    ours: rtp::Ssrc,
    reports: &mut Reports,
    now: Instant,
) -> Result<Option<Said>, rtcp::RtcpError> {
    let mut said = None;
    rtcp::read(datagram, ours, |feedback| match feedback {
        Feedback::Goodbye => said = Some(Said::Goodbye),
        Feedback::KeyPicture => {
            reports.key_request();
            said = said.or(Some(Said::KeyPicture));
        }
        Feedback::Reception(reception) => reports.reception(&reception, now),
        // SETUP promised our name (RFC 2326 §12.39), and nobody but this client hears both.
        Feedback::Collision => {
            if reports.collision() {
                tracing::warn!("an RTSP client calls itself what its stream is called; the stream keeps its name");
            }
        }
    })?;
    Ok(said)
}
