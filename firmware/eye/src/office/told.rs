//! What follows from the authority's decisions: **kept first, journaled second, told to the voice third.**

use super::{Books, Office, STREAM, Untold, json};
use crate::board_key::Digests;
use board_hal::Light;
use contract::asking::RequestEvent;
use contract::claims::{Delivery, Grant};
use contract::policy::RelayRule;
use contract::usage::RecordId;
use contract::{EndReason, Filter, Jti, SubscriberId, ToldReason};
use grant::{Event, Now};
use link::message::{Destination, Relay, ServerProof, ToVoice, Way};

/// Ends kept for the next voice.
const MAX_UNTOLD: usize = 128;

impl Office {
    /// Acts on everything that was decided.
    pub(super) fn settle(&self, desk: &mut Books, now: Now) {
        let (before, mut asked) = (desk.record.head(), false);
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
            asked |= matches!(event, Event::Asked { .. } | Event::Decided { .. });
            self.act(desk, event, now);
        }
        desk.token = None;
        if asked {
            self.tell_inbox(desk);
        }
        if desk.record.head() != before {
            self.tell_head(desk, now);
        }
        self.show_light(desk);
    }

    fn act(&self, desk: &mut Books, event: Event, now: Now) {
        let at_ms = now.utc_ms;
        match event {
            Event::Granted { grant, filter } => {
                let (token, version) = (desk.token.take(), desk.authority.policy().map(|policy| policy.version));
                let written = desk.record.granted(&grant, filter, token, version, now);
                self.granted(desk, &grant, filter, written.is_ok(), now);
            }
            Event::Restored { grant, filter } => {
                let written = desk.record.restored(&grant, filter, now);
                self.granted(desk, &grant, filter, written.is_ok(), now);
            }
            Event::Started { jti, .. } => self.start(desk, &jti, now),
            Event::Waiting { jti, sub, until } => {
                missed(desk.record.waiting(&jti, &sub, now), "a share without a viewer");
                // Of one that is fetched the window may open with this: a camera that turns is sent to its view before anybody is there.
                desk.set_scene();
                if desk.authority.open_shares(now).next().is_none() {
                    self.outbox.drop_pictures();
                }
                self.outbox.tell(&ToVoice::ShareWaiting { jti, sub, until, at_ms }, &[]);
            }
            Event::Resumed { jti, sub } => {
                missed(desk.record.resumed(&jti, &sub, now), "a viewer's return");
                desk.key_wanted = true;
                self.outbox.tell(&ToVoice::ShareResumed { jti, sub, at_ms }, &[]);
            }
            Event::Extended { jti, sub, exp, by, act } => {
                let token = desk.token.take();
                missed(desk.record.extended(&jti, &sub, (by, act), token, now), "an extension");
                self.outbox.tell(&ToVoice::ShareExtended { jti, sub, exp, at_ms }, &[]);
            }
            Event::Filtered { jti, sub, filter } => {
                missed(desk.record.filtered(&jti, &sub, filter, now), "a change of filter");
                self.look_changed(desk);
                self.outbox.tell(&ToVoice::ShareFiltered { jti, sub, filter, at_ms }, &[]);
            }
            Event::Ended { jti, sub, reason, told } => self.ended(desk, jti, sub, (reason, told), now),
            Event::ModeChanged(mode) => missed(desk.record.mode(mode, now), "a change of mode"),
            Event::Asked { request, sub, until } => {
                let token = desk.token.take();
                missed(desk.record.requested(&request, &sub, token, now), "a request");
                let message = ToVoice::RequestTold { jti: request.envelope.jti, sub };
                self.outbox.tell(&message, &json(&RequestEvent::Pending { until }));
            }
            Event::Decided { jti, sub, outcome, by } => {
                missed(desk.record.decided(&jti, &sub, &outcome, by, now), "what became of a request");
                self.tell_or_keep(desk, ToVoice::RequestTold { jti, sub }, json(&outcome));
            }
            Event::ViewLeft => {
                tracing::warn!("the camera does not look where it was sent; nothing of it is shown");
                missed(desk.record.view(true, now), "a view that was left");
                self.look_changed(desk);
            }
            Event::ViewBack => {
                missed(desk.record.view(false, now), "a view that is back");
                desk.key_wanted = true;
            }
            Event::LeakReported { by, sub, share, act } => {
                tracing::warn!("something was reported uncovered; everything is coarse until that is cleared");
                let token = desk.token.take();
                missed(desk.record.leak_reported((by, act), sub, share, token, now), "a report of a leak");
                self.look_changed(desk);
            }
            Event::LeakCleared { by, act } => {
                let token = desk.token.take();
                missed(desk.record.leak_cleared((by, act), token, now), "that a leak was cleared");
            }
        }
    }

    /// What waits for the voice was painted for less than is wanted now.
    fn look_changed(&self, desk: &mut Books) {
        self.outbox.drop_pictures();
        desk.key_wanted = true;
    }

    fn granted(&self, desk: &mut Books, grant: &Grant, filter: Filter, written: bool, now: Now) {
        let jti = grant.envelope.jti.clone();
        desk.tallies.begin(&jti);
        desk.usage.granted(grant, now.utc_ms);
        if !written {
            tracing::error!("no journal, no share");
            desk.authority.handle_fault(Some(&jti), now);
        }
        let (sub, exp, at_ms) = (grant.sub.clone(), grant.exp, now.utc_ms);
        let way = match grant.delivery {
            Delivery::Push { .. } => Way::Push,
            Delivery::Pull => Way::Pull,
            Delivery::Relay => Way::Relay,
        };
        let policy = desk.authority.policy();
        let key = policy.filter(|_| way == Way::Pull).map(|policy| grant::encryption_key(policy, grant));
        let seal_to = key.and_then(Result::ok).flatten();
        let server = policy.and_then(|policy| grant::relay(policy, grant)).map(|rule| self.relay(rule));
        let body = server.map(|server| json(&server)).unwrap_or_default();
        self.outbox.tell(&ToVoice::ShareGranted { jti, sub, filter, exp, way, seal_to, at_ms }, &body);
    }

    /// The media server as the voice has to know it.
    fn relay(&self, rule: &RelayRule) -> Relay {
        let name = rule.server_name.clone().unwrap_or_else(|| rule.address.to_string());
        let proof = match (&rule.authority, &rule.certificate_sha256) {
            (Some(pem), _) => Some(ServerProof::Authority { pem: pem.clone(), name }),
            (None, Some(sha256)) => Some(ServerProof::Certificate { sha256: sha256.clone(), name }),
            (None, None) => None,
        };
        Relay { server: (rule.address, rule.port).into(), url: rule.url(&self.about.camera), proof }
    }

    /// A share's window is open. Its start is on the disk before the voice hears of it.
    fn start(&self, desk: &mut Books, jti: &Jti, now: Now) {
        let Some(share) = desk.authority.share(jti) else { return };
        let delivery = match share.grant().delivery {
            Delivery::Push { address, port } => Destination::Push { address, port },
            Delivery::Pull => Destination::Pull,
            Delivery::Relay => Destination::Relay,
        };
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
        desk.usage.started(jti, now.utc_ms);
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
        let (jti, stream, at_ms) = (jti.clone(), STREAM, now.utc_ms);
        self.outbox.tell(&ToVoice::ShareStarted { jti, stream, delivery, encrypt_to, at_ms }, &[]);
    }

    /// The board's word on how a running share's stream is described. What the voice says of any other share is not signed.
    pub(super) fn sign_description(&self, desk: &mut Books, jti: Jti, digests: Digests, now: Now) {
        let share = desk.authority.share(&jti).filter(|share| share.has_begun());
        let token = match (share, &desk.board_key) {
            (Some(share), Some(key)) if desk.tallies.may_describe(&jti) => {
                key.describe(&jti, share.sub(), digests, now)
            }
            _ => Ok(String::new()),
        };
        let token = token.unwrap_or_else(|error| {
            tracing::error!(%error, "a stream's description is not signed");
            String::new()
        });
        self.outbox.tell(&ToVoice::DescriptionSigned { jti }, token.as_bytes());
    }

    fn ended(&self, desk: &mut Books, jti: Jti, sub: SubscriberId, (reason, told): (EndReason, ToldReason), now: Now) {
        self.look_changed(desk);
        let usage = desk.tallies.end(&jti);
        // Before the journal: a power loss in between leaves a record whose share is then ended, never an end without its record.
        desk.usage.ended(&jti, reason, usage, now.utc_ms);
        missed(desk.record.ended(&jti, &sub, reason, told, &usage, now), "an end");
        let ended = ToVoice::ShareEnded { jti, sub, reason, told, at_ms: now.utc_ms };
        self.tell_or_keep(desk, ended, json(&usage));
        desk.set_scene();
    }

    /// To the voice that is there, or to the next one.
    fn tell_or_keep(&self, desk: &mut Books, message: ToVoice, body: Vec<u8>) {
        if self.outbox.connected() {
            self.outbox.tell(&message, &body);
        } else {
            desk.keep_untold(message, body);
        }
    }

    pub(super) fn tell_inbox(&self, desk: &Books) {
        self.outbox.tell(&ToVoice::Inbox, &json(&desk.authority.inbox()));
    }

    fn save(&self, desk: &mut Books) {
        let generation = desk.authority.generation();
        if generation == desk.saved_generation {
            return;
        }
        match self.store.replace("memory.json", &json(&desk.authority.snapshot())) {
            Ok(()) => {
                desk.saved_generation = generation;
                if std::mem::take(&mut desk.said_unsaved) {
                    tracing::info!("the replay memory is on disk again");
                }
            }
            // A grant that is not remembered could be replayed after a restart; its challenge is then stale, so it is refused all the same.
            Err(error) => {
                // Once: a disk that is full has no room for a log that says so twice a second.
                if !std::mem::replace(&mut desk.said_unsaved, true) {
                    tracing::error!(%error, "the replay memory is not on disk");
                }
            }
        }
    }
}

impl Books {
    /// A share that was open when the eye died: it is over, and whoever cares is told as soon as there is a voice.
    pub(super) fn end_left_open(&mut self, share: super::record::LeftOpen, now: Now) {
        let super::record::LeftOpen { jti, sub, granted_at_ms } = share;
        let reason = EndReason::Fault;
        let part = RecordId { jti: jti.clone(), granted_at_ms };
        let usage = self.usage.cut_short(&part, now.utc_ms).unwrap_or_default();
        missed(self.record.ended(&jti, &sub, reason, reason.told(), &usage, now), "an end");
        let message = ToVoice::ShareEnded { jti, sub, reason, told: reason.told(), at_ms: now.utc_ms };
        self.keep_untold(message, json(&usage));
    }

    /// For the next voice; the oldest give way, the journal has them all.
    fn keep_untold(&mut self, message: ToVoice, body: Vec<u8>) {
        if self.untold.len() >= MAX_UNTOLD {
            self.untold.remove(0);
        }
        self.untold.push(Untold { message, body });
    }
}

/// What already happened cannot be taken back for want of a line in the journal; it is at least said.
fn missed(written: Result<(), super::OfficeError>, what: &'static str) {
    if let Err(error) = written {
        tracing::error!(%error, what, "not in the journal");
    }
}
