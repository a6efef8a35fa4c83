//! The shares that the eye told us of: their subscribers, their viewers, and which ends have been told.
//!
//! Starts and ends nothing by itself: the eye does (P1, P4). The one exception is a lost eye, which ends all (P9).

use crate::meter::Meter;
use crate::metrics;
use crate::outlet::Picture;
use crate::secrets::Secrets;
use crate::viewer::{Settings, Viewer, Wishes};
use contract::{Jti, Rung, SubscriberId};
use link::{Destination, StreamId};
use rtp::Codec;
use std::collections::VecDeque;
use std::task::{Context, Poll};
use tokio::time::Instant;

/// Most granted shares remembered; a policy allows 8 at once.
const MOST_GRANTED: usize = 64;
/// Most viewers at once, unless told otherwise.
pub const MOST_VIEWERS: usize = 16;

/// What the eye said of a share when it granted it.
#[derive(Debug, Clone)]
pub struct Granted {
    /// The share.
    pub jti: Jti,
    /// Its subscriber.
    pub sub: SubscriberId,
    /// Window closes, Unix seconds.
    pub exp: u64,
}

/// The table.
#[derive(Debug)]
pub struct Shares {
    granted: VecDeque<Granted>,
    viewers: Vec<Viewer>,
    /// Ends that the voice told because the eye was lost; the eye's own word about them adds nothing.
    told: VecDeque<Jti>,
    settings: Settings,
    codec: Codec,
}

impl Shares {
    /// An empty one.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { granted: VecDeque::new(), viewers: Vec::new(), told: VecDeque::new(), settings, codec: Codec::default() }
    }

    /// An eye is there whose pictures are encoded as `codec`. Slates of an eye that encoded otherwise are over: no receiver could go on.
    pub fn greeted(&mut self, codec: Codec) {
        if std::mem::replace(&mut self.codec, codec) != codec {
            self.viewers.drain(..).for_each(Viewer::close);
        }
    }

    /// What the eye encodes as.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }
    /// Remembers whose share `jti` is, and that its window closes at `exp` (Unix seconds).
    pub fn grant(&mut self, jti: Jti, sub: SubscriberId, exp: u64) {
        self.told.retain(|known| *known != jti);
        self.granted.retain(|known| known.jti != jti);
        if self.granted.len() >= MOST_GRANTED {
            self.granted.pop_front();
        }
        self.granted.push_back(Granted { jti, sub, exp });
    }
    /// The window closes at `exp` now.
    pub fn extend(&mut self, jti: &Jti, exp: u64) {
        self.granted.iter_mut().filter(|known| known.jti == *jti).for_each(|known| known.exp = exp);
    }
    /// When the window closes, Unix seconds; 0 for a share that is not known.
    #[must_use]
    pub fn exp(&self, jti: &Jti) -> u64 {
        self.granted.iter().find(|known| known.jti == *jti).map_or(0, |known| known.exp)
    }
    /// Whose it is.
    #[must_use]
    pub fn sub(&self, jti: &Jti) -> Option<SubscriberId> {
        self.granted.iter().find(|known| known.jti == *jti).map(|known| known.sub.clone())
    }
    /// Whether nothing is pushed.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.viewers.iter().all(Viewer::is_slate)
    }
    /// The share's media stops, and the share goes on.
    pub fn pause(&mut self, jti: &Jti) {
        self.viewers.iter_mut().filter(|viewer| viewer.jti == *jti).for_each(Viewer::pause);
    }
    /// The share's media flows again. False when there is none.
    #[must_use]
    pub fn resume(&mut self, jti: &Jti) -> bool {
        let now = Instant::now();
        let viewer = self.viewers.iter_mut().find(|viewer| viewer.jti == *jti && !viewer.is_slate());
        viewer.map(|viewer| viewer.resume(now)).is_some()
    }

    /// Makes a viewer. False when the share was never granted, is running already, or there are too many.
    #[must_use]
    pub fn start(
        &mut self,
        jti: &Jti,
        stream: StreamId,
        destination: Destination,
        secrets: Option<Secrets>,
        at_ms: u64,
        meter: &mut Meter,
    ) -> bool {
        let Some(share) = self.granted.iter().find(|known| known.jti == *jti).cloned() else { return false };
        if self.viewers.len() >= self.settings.most_viewers || self.viewers.iter().any(|viewer| viewer.jti == *jti) {
            return false;
        }
        // A slate of an older share towards the same receiver gives way.
        while let Some(old) =
            self.viewers.iter().position(|viewer| viewer.is_slate() && viewer.destination == destination)
        {
            self.viewers.swap_remove(old).close();
        }
        if self.viewers.iter().all(Viewer::is_slate) {
            meter.begin();
        }
        self.viewers.push(Viewer::new(share, stream, destination, secrets, at_ms, &self.settings, self.codec));
        true
    }

    /// Gives a picture to every viewer of its stream; what each wishes goes to `wish`.
    pub fn picture(
        &mut self,
        stream: StreamId,
        picture: &Picture<'_>,
        rung: Rung,
        meter: &mut Meter,
        mut wish: impl FnMut(&Viewer, Wishes, &mut Meter),
    ) {
        let now = Instant::now();
        for viewer in self.viewers.iter_mut().filter(|viewer| viewer.stream == stream) {
            let wishes = viewer.picture(picture, rung, now, meter);
            if wishes != Wishes::default() {
                wish(viewer, wishes, meter);
            }
        }
    }

    /// The eye ended a share: its viewer, to be closed, and whether the end is still to be told.
    #[must_use]
    pub fn end(&mut self, jti: &Jti) -> (Option<Viewer>, bool) {
        self.granted.retain(|known| known.jti != *jti);
        let told = self.told.iter().any(|known| known == jti);
        let viewer =
            self.viewers.iter().position(|viewer| viewer.jti == *jti && !told).map(|at| self.viewers.swap_remove(at));
        (viewer, !told)
    }

    /// The eye is lost: every share ends with it. Each goes to `tell` with its viewer, if it has one; viewers that had a picture get
    /// the slate for a while, the others are closed.
    pub fn lose_eye(&mut self, mut tell: impl FnMut(&Jti, &SubscriberId, Option<&Viewer>)) {
        let now = Instant::now();
        for Granted { jti, sub, .. } in std::mem::take(&mut self.granted) {
            tell(&jti, &sub, self.viewers.iter().find(|viewer| viewer.jti == jti));
            if self.told.len() >= MOST_GRANTED {
                self.told.pop_front();
            }
            self.told.push_back(jti);
        }
        let (keep, close): (Vec<_>, Vec<_>) = std::mem::take(&mut self.viewers)
            .into_iter()
            .map(|mut viewer| (viewer.is_slate() || viewer.eye_lost(now), viewer))
            .partition(|(keep, _)| *keep);
        self.viewers = keep.into_iter().map(|(_, viewer)| viewer).collect();
        close.into_iter().for_each(|(_, viewer)| viewer.close());
    }

    /// What a scraper reads of each viewer.
    #[must_use]
    pub fn metrics(&self) -> Vec<metrics::Viewer> {
        let number = |at: usize| self.viewers[..at].iter().filter(|other| other.jti == self.viewers[at].jti).count();
        let labels = |at: usize, viewer: &Viewer| metrics::Labels {
            share: viewer.jti.to_string(),
            viewer: number(at).to_string(),
        };
        self.viewers.iter().enumerate().map(|(at, viewer)| viewer.metrics(labels(at, viewer))).collect()
    }
    /// When [`Shares::tick`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.viewers.iter().filter_map(Viewer::deadline).min()
    }

    /// Does what is due; shares whose receiver is no longer heard of go to `lost`.
    pub fn tick(&mut self, slate: &[u8], meter: &mut Meter, mut lost: impl FnMut(&Jti)) {
        let now = Instant::now();
        self.viewers.iter_mut().for_each(|viewer| {
            if viewer.fell_silent(now) {
                lost(&viewer.jti);
            }
        });
        let mut index = 0;
        while index < self.viewers.len() {
            if self.viewers[index].tick(now, slate, meter) {
                index += 1;
            } else {
                self.viewers.swap_remove(index).close();
            }
        }
    }

    /// Serves the sockets; ready with the wishes of one viewer when something happened.
    pub fn poll(&mut self, cx: &mut Context<'_>, meter: &mut Meter) -> Poll<(Jti, Wishes)> {
        let now = Instant::now();
        for viewer in &mut self.viewers {
            if let Poll::Ready(wishes) = viewer.poll(cx, now, meter) {
                return Poll::Ready((viewer.jti.clone(), wishes));
            }
        }
        Poll::Pending
    }

    /// Says goodbye to all.
    pub fn close(&mut self) {
        self.viewers.drain(..).for_each(Viewer::close);
    }
}
