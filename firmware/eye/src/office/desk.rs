//! What the frame road sees of the office: what is wanted now, and the one door by which a picture leaves.

use super::{Books, Office, STREAM, now};
use crate::road::{Desk, Order, Picture, Report};
use board_hal::{CameraFormat, Codec};
use contract::Filter;
use grant::{Now, Share};
use link::message::ToVoice;
use mask::{Rect, Scene};
use std::sync::atomic::Ordering;

impl Desk for Office {
    fn is_private(&self) -> bool {
        self.private.load(Ordering::Acquire)
    }

    fn order(&self) -> Order {
        let now = now(self.clock.as_ref());
        let mut desk = self.lock();
        let (mut open, mut fps_cap) = (false, None::<u8>);
        for share in desk.authority.open_shares(now) {
            open = true;
            fps_cap = lower(fps_cap, share.grant().fps);
        }
        let filter = desk.authority.filter().unwrap_or(Filter::Coarse);
        fps_cap = lower(fps_cap, self.about.rate(filter));
        let key_wanted = open && std::mem::take(&mut desk.key_wanted);
        match &desk.scene {
            Some(scene) if open && self.outbox.connected() => {
                Order { open, filter, scene: scene.clone(), fps_cap, key_wanted }
            }
            _ => Order { open: false, filter, scene: Scene::unknown(), fps_cap, key_wanted: false },
        }
    }

    fn deliver(&self, picture: &Picture<'_>) -> bool {
        let now = now(self.clock.as_ref());
        let mut guard = self.lock();
        let desk = &mut *guard;
        if desk.authority.open_shares(now).next().is_none() {
            return true;
        }
        let Some(filter) = desk.authority.filter() else { return true };
        // The camera was turned away while this one was encoded: it may show what nobody granted.
        if picture.painted.is_some() && desk.is_away() {
            return true;
        }
        // Painted before the newest share began, or before a leak was reported: more may be wanted by now.
        if picture.painted.is_some_and(|painted| painted.filter < filter || Some(&painted.scene) != desk.scene.as_ref())
        {
            return true;
        }
        let message = ToVoice::Unit {
            stream: STREAM,
            captured_utc_us: picture.captured.utc_us,
            captured_monotonic_us: picture.captured.monotonic_us,
            key: picture.key,
            rung: picture.rung,
        };
        // Still under the lock: an end that comes a moment later finds the picture in the outbox and takes it out.
        let key_next = self.outbox.picture(&message, picture.data, picture.key);
        if key_next {
            return true;
        }
        // Only what was really handed over is billed.
        for share in desk.authority.open_shares(now) {
            desk.tallies.picture(share.jti(), picture.data.len(), picture.rung, picture.captured.monotonic_us);
        }
        let at_us = self.clock.monotonic_us();
        desk.tallies.pace(at_us, at_us.saturating_sub(picture.captured.monotonic_us));
        false
    }

    fn format(&self, format: &CameraFormat, codec: Codec, slate: &[u8]) {
        self.set_format(format, codec, slate);
    }

    fn report(&self, report: &Report) {
        self.lock().report = Some(*report);
    }
}

impl Books {
    /// Works out what the open shares' views have in common: every zone of each, and the largest of their largest faces.
    pub(super) fn set_scene(&mut self) {
        self.scene = self.common_scene();
        if let Some(aiming) = &self.aiming {
            let granted = self.authority.shares().iter().find(|share| share.has_begun() && self.scene.is_some());
            aiming.aim(granted.map(|share| share.grant().view.as_str()));
        }
    }

    /// Whether the camera that turns looks where it was sent is the authority's to know before anything else is judged.
    pub(super) fn look_at_aim(&mut self, now: Now) {
        if let Some(aiming) = &self.aiming {
            self.authority.handle_aim(aiming.is_aimed(), now);
        }
    }

    /// Whether it is away at this very moment, whatever the authority has heard.
    fn is_away(&self) -> bool {
        self.authority.is_away() || self.aiming.as_ref().is_some_and(|aiming| !aiming.is_aimed())
    }

    fn common_scene(&self) -> Option<Scene> {
        let greeting = self.greeting.as_ref()?;
        let policy = self.authority.policy()?;
        let mut common: Option<Scene> = None;
        let begun = || self.authority.shares().iter().filter(|share| Share::has_begun(share));
        let mut views = begun().map(|share| &share.grant().view);
        let first = views.next();
        if self.aiming.is_some() && views.any(|view| Some(view) != first) {
            tracing::error!("shares of several views, and a camera that can look at one: nothing is shown");
            return None;
        }
        for share in begun() {
            let view = policy.views.iter().find(|view| {
                view.name == share.grant().view && Some(&view.camera) == share.grant().envelope.aud.camera.as_ref()
            })?;
            let scene = match Scene::new(greeting.width as usize, greeting.height as usize, view) {
                Ok(scene) => scene,
                Err(error) => {
                    tracing::error!(%error, "the view cannot be shown");
                    return None;
                }
            };
            common = Some(match common {
                None => scene,
                Some(other) => join(other, &scene)?,
            });
        }
        common
    }
}

/// The lower of two caps, of which either may be missing.
fn lower(a: Option<u8>, b: Option<u8>) -> Option<u8> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Both views' zones and the larger face; `None` when they are too many to paint.
fn join(mut a: Scene, b: &Scene) -> Option<Scene> {
    for zone in &b.zones {
        let zone: Rect = *zone;
        a.zones.push(zone).ok()?;
    }
    a.largest_face_px = match (a.largest_face_px, b.largest_face_px) {
        (Some(a), Some(b)) => Some(a.max(b)),
        _ => None,
    };
    Some(a)
}
