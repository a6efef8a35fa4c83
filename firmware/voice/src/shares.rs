//! The shares that the eye told us of: their subscribers, their viewers, and which ends have been told.
//!
//! Starts and ends nothing by itself: the eye does (P1, P4). The one exception is a lost eye, which ends all (P9).

use crate::meter::Meter;
use crate::outlet::Picture;
use crate::viewer::{Settings, Viewer, Wishes};
use contract::{Jti, Rung, SubscriberId};
use link::{Destination, StreamId};
use std::collections::VecDeque;
use std::task::{Context, Poll};
use tokio::time::Instant;

/// Most granted shares remembered; a policy allows 8 at once.
const MOST_GRANTED: usize = 64;
/// Most viewers at once.
const MOST_VIEWERS: usize = 16;

/// The table.
#[derive(Debug)]
pub struct Shares {
    granted: VecDeque<(Jti, SubscriberId)>,
    viewers: Vec<Viewer>,
    /// Ends that the voice told because the eye was lost; the eye's own word about them adds nothing.
    told: VecDeque<Jti>,
    settings: Settings,
}

impl Shares {
    /// An empty one.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { granted: VecDeque::new(), viewers: Vec::new(), told: VecDeque::new(), settings }
    }

    /// Remembers whose share `jti` is.
    pub fn grant(&mut self, jti: Jti, sub: SubscriberId) {
        self.told.retain(|known| *known != jti);
        self.granted.retain(|(known, _)| *known != jti);
        if self.granted.len() >= MOST_GRANTED {
            self.granted.pop_front();
        }
        self.granted.push_back((jti, sub));
    }

    /// Makes a viewer. False when the share was never granted, is running already, or there are too many.
    #[must_use]
    pub fn start(
        &mut self,
        jti: &Jti,
        stream: StreamId,
        destination: Destination,
        at_ms: u64,
        meter: &mut Meter,
    ) -> bool {
        let Some(share) = self.granted.iter().find(|(known, _)| known == jti).cloned() else { return false };
        if self.viewers.len() >= MOST_VIEWERS || self.viewers.iter().any(|viewer| viewer.jti == *jti) {
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
        self.viewers.push(Viewer::new(share, stream, destination, at_ms, &self.settings));
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
        self.granted.retain(|(known, _)| known != jti);
        let told = self.told.iter().any(|known| known == jti);
        let viewer =
            self.viewers.iter().position(|viewer| viewer.jti == *jti && !told).map(|at| self.viewers.swap_remove(at));
        (viewer, !told)
    }

    /// The eye is lost: every share ends with it. Each goes to `tell` with its viewer, if it has one; viewers that had a picture get
    /// the slate for a while, the others are closed.
    pub fn lose_eye(&mut self, mut tell: impl FnMut(&Jti, &SubscriberId, Option<&Viewer>)) {
        let now = Instant::now();
        for (jti, sub) in std::mem::take(&mut self.granted) {
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

    /// When [`Shares::tick`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.viewers.iter().filter_map(Viewer::deadline).min()
    }

    /// Does what is due.
    pub fn tick(&mut self, slate: &[u8], meter: &mut Meter) {
        let now = Instant::now();
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
