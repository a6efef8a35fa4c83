//! What the frame road sees of the office, and what follows from the authority's decisions.

use super::{Books, Office, STREAM, ToVoiceEnd, json, now};
use crate::road::{Desk, Order, Picture, Report};
use board_hal::{CameraFormat, Light};
use contract::body::Usage;
use contract::claims::Delivery;
use contract::{EndReason, Filter, Jti};
use grant::{Event, Now};
use link::message::{Destination, ToVoice};
use mask::{Rect, Scene};
use std::sync::atomic::Ordering;

/// Ends kept for the next voice.
const MAX_UNTOLD: usize = 64;

impl Desk for Office {
    fn is_private(&self) -> bool {
        self.private.load(Ordering::Acquire)
    }

    fn order(&self) -> Order {
        let now = now(self.clock.as_ref());
        let mut desk = self.lock();
        let (mut open, mut filter, mut fps_cap) = (false, Filter::Pixelate, None::<u8>);
        for share in desk.authority.open_shares(now) {
            open = true;
            filter = filter.max(share.grant().filter);
            fps_cap = lower(fps_cap, share.grant().fps);
        }
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
        let Some(filter) = desk.authority.open_shares(now).map(|share| share.grant().filter).max() else { return true };
        // Painted before the newest share began: that one may have asked for more.
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

    fn format(&self, format: &CameraFormat, slate: &[u8]) {
        self.set_format(format, slate);
    }

    fn report(&self, report: &Report) {
        self.lock().report = Some(*report);
    }
}

impl Office {
    /// Keeps what must be kept, then acts on what was decided: journal first, voice second.
    pub(super) fn settle(&self, desk: &mut Books, now: Now) {
        let mut journaled = false;
        loop {
            self.save(desk);
            let Some(event) = desk.authority.poll_event() else {
                // What is not journaled is not shown.
                if desk.record.fault().is_some() && !desk.authority.shares().is_empty() {
                    desk.authority.handle_fault(None, now);
                    continue;
                }
                break;
            };
            journaled = true;
            match event {
                Event::Granted { grant } => {
                    desk.tallies.begin(&grant.envelope.jti);
                    let (token, version) = (desk.token.take(), desk.authority.policy().map(|policy| policy.version));
                    if let Err(error) = desk.record.granted(&grant, token, version, now) {
                        tracing::error!(%error, "no journal, no share");
                        desk.authority.handle_fault(Some(&grant.envelope.jti), now);
                    }
                    self.outbox.tell(
                        &ToVoice::ShareGranted {
                            jti: grant.envelope.jti.clone(),
                            sub: grant.sub.clone(),
                            filter: grant.filter,
                            exp: grant.exp,
                            at_ms: now.utc_ms,
                        },
                        &[],
                    );
                }
                Event::Started { jti, .. } => self.start(desk, &jti, now),
                Event::Ended { jti, sub, reason, told } => {
                    self.outbox.drop_pictures();
                    desk.key_wanted = true;
                    let usage = desk.tallies.end(&jti);
                    if let Err(error) = desk.record.ended(&jti, &sub, reason, told, &usage, now) {
                        tracing::error!(%error, "an end is not in the journal");
                    }
                    let ended = ToVoice::ShareEnded { jti, sub, reason, told, at_ms: now.utc_ms };
                    if self.outbox.connected() {
                        self.outbox.tell(&ended, &json(&usage));
                    } else {
                        desk.keep_untold(ended, json(&usage));
                    }
                    desk.set_scene();
                }
                Event::ModeChanged(mode) => {
                    if let Err(error) = desk.record.mode(mode, now) {
                        tracing::error!(%error, "a change of mode is not in the journal");
                    }
                }
            }
        }
        if journaled {
            self.tell_head(desk, now);
        }
        self.show_light(desk);
    }

    /// A share's window is open. Its start is on the disk before the voice hears of it.
    fn start(&self, desk: &mut Books, jti: &Jti, now: Now) {
        let Some(share) = desk.authority.share(jti) else { return };
        let Delivery::Push { address, port } = share.grant().delivery;
        let sub = share.sub().clone();
        // Judged when the grant came and at every change of policy; asked again, so that a key that went missing never means "in clear".
        let key = desk.authority.policy().map(|policy| grant::encryption_key(policy, share.grant()));
        let Some(Ok(encrypt_to)) = key else {
            desk.authority.handle_fault(Some(jti), now);
            return;
        };
        if let Err(error) = desk.record.started(jti, &sub, now) {
            tracing::error!(%error, "no journal, no share");
            desk.authority.handle_fault(Some(jti), now);
            return;
        }
        desk.set_scene();
        if desk.scene.is_none() {
            desk.authority.handle_fault(Some(jti), now);
            return;
        }
        // Lit before anybody can see a picture.
        if !self.light(desk, Light::Sharing) {
            tracing::error!("no light, no share");
            desk.authority.handle_fault(Some(jti), now);
            return;
        }
        desk.key_wanted = true;
        let delivery = Destination::Push { address, port };
        let started =
            ToVoice::ShareStarted { jti: jti.clone(), stream: STREAM, delivery, encrypt_to, at_ms: now.utc_ms };
        self.outbox.tell(&started, &[]);
    }

    fn save(&self, desk: &mut Books) {
        let generation = desk.authority.generation();
        if generation == desk.saved_generation {
            return;
        }
        match self.store.replace("memory.json", &json(&desk.authority.snapshot())) {
            Ok(()) => desk.saved_generation = generation,
            // A grant that is not remembered could be replayed after a restart; its challenge is then stale, so it is refused all the same.
            Err(error) => tracing::error!(%error, "the replay memory is not on disk"),
        }
    }
}

impl Books {
    /// Works out what the open shares' views have in common: every zone of each, and the largest of their largest faces.
    pub(super) fn set_scene(&mut self) {
        self.scene = self.common_scene();
        if let Some(aiming) = &self.aiming {
            let granted = self.authority.shares().first().filter(|_| self.scene.is_some());
            aiming.aim(granted.map(|share| share.grant().view.as_str()));
        }
    }

    fn common_scene(&self) -> Option<Scene> {
        let greeting = self.greeting.as_ref()?;
        let policy = self.authority.policy()?;
        let mut common: Option<Scene> = None;
        let mut views = self.authority.shares().iter().map(|share| &share.grant().view);
        let first = views.next();
        if self.aiming.is_some() && views.any(|view| Some(view) != first) {
            tracing::error!("shares of several views, and a camera that can look at one: nothing is shown");
            return None;
        }
        for share in self.authority.shares() {
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

    /// A share that was open when the eye died: it is over, and whoever cares is told as soon as there is a voice.
    pub(super) fn end_left_open(&mut self, share: super::record::LeftOpen, now: Now) {
        let super::record::LeftOpen { jti, sub } = share;
        let (reason, usage) = (EndReason::Fault, Usage::default());
        if let Err(error) = self.record.ended(&jti, &sub, reason, reason.told(), &usage, now) {
            tracing::error!(%error, "an end is not in the journal");
        }
        let message = ToVoice::ShareEnded { jti, sub, reason, told: reason.told(), at_ms: now.utc_ms };
        self.keep_untold(message, json(&usage));
    }

    /// For the next voice; the oldest give way, the journal has them all.
    fn keep_untold(&mut self, message: ToVoice, usage: Vec<u8>) {
        if self.untold.len() >= MAX_UNTOLD {
            self.untold.remove(0);
        }
        self.untold.push(ToVoiceEnd { message, usage });
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
