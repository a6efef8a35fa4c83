//! What subscribers ask for, until a centralist decides. A request opens nothing: it waits, and every one that waits gets exactly one outcome.
//!
//! It carries no challenge, as subscribers do not read `state`; `iat` and the memory of `jti`s keep an old one out. The queue is bounded for each
//! subscriber and for all, and lives in memory only: after a restart whoever asked asks again.

use crate::commands::{ANY_KEY, Demand, no_policy};
use crate::judge::{self, Effect, Terms};
use crate::{Authority, Event, Now};
use contract::asking::{Inbox, LapseReason, OpenRequest, RequestEvent};
use contract::body::{Mode, Refusal};
use contract::claims::{Actors, Deny, Envelope, Grant, Request, Withdraw};
use contract::policy::{Policy, Role};
use contract::{EndReason, ErrorCode, Jti, KeyId, SubscriberId};

const DENY: Demand = Demand { roles: &[Role::Centralist], effect: Effect::Tightens, site_wide: false, right: ANY_KEY };

/// Most requests of one subscriber that wait at once, where the policy has room for more.
pub const MAX_REQUESTS_EACH: usize = 4;

/// The requests that wait, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue(Vec<Waiting>);

#[derive(Debug, Clone)]
struct Waiting {
    open: Box<OpenRequest>,
    /// On the monotonic clock.
    lapses_ms: u64,
}

impl Queue {
    pub(crate) fn next_lapse_ms(&self) -> Option<u64> {
        self.0.iter().map(|waiting| waiting.lapses_ms).min()
    }
    fn get(&self, jti: &Jti) -> Option<&OpenRequest> {
        self.0.iter().find(|waiting| waiting.open.jti == *jti).map(|waiting| &*waiting.open)
    }
    fn take(&mut self, jti: &Jti) -> Option<Box<OpenRequest>> {
        let at = self.0.iter().position(|waiting| waiting.open.jti == *jti)?;
        Some(self.0.remove(at).open)
    }
}

impl Authority {
    /// Judges a verified request: it waits from now on, or it lapses at once because nobody can answer. `token` is what was signed, for the control
    /// room. A newer request of the same subscriber for the same view and delivery takes the older one's place, which counts as withdrawn.
    ///
    /// While the police have the camera, or its privacy switch is on, the answer is the one of a busy room: a subscriber does not learn the difference.
    ///
    /// # Errors
    /// The first reason against it: everything for which a grant of the same would be refused, but for the hours, which are judged when it is granted.
    pub fn handle_request(&mut self, mut request: Request, token: String, now: Now) -> Result<RequestEvent, Refusal> {
        let now = self.handle_timeout(now);
        let policy = self.policy.as_ref().ok_or_else(no_policy)?;
        judge::readiness(policy, now)?;
        let rule = judge::subscriber(policy, &request.envelope.iss)?;
        let (sub, jti) = (rule.id.clone(), request.envelope.jti.clone());
        judge::audience(&self.config, &request.envelope, false)?;
        self.asked_of_late(&request.envelope, now)?;
        let taken = self.asked.contains(&sub, &jti) || self.used.contains(&jti) || self.requests.get(&jti).is_some();
        if taken {
            return Err(Refusal::new(ErrorCode::Replayed, "this jti was used before"));
        }
        if self.is_untold_backlog_full() || !self.asked.remember(&sub, &jti, now) {
            return Err(Refusal::new(ErrorCode::Busy, "too many requests; ask again in ten minutes"));
        }
        let filter = request.filter.or(rule.default_filter).unwrap_or(rule.min_filter);
        request.filter = Some(filter);
        if request.duration_s == 0 {
            return Err(Refusal::new(ErrorCode::Malformed, "duration_s is 0"));
        }
        judge::terms_allowed(policy, &self.config, &Terms::of_request(&request, &sub, filter))?;
        let (patience_s, room) = (policy.patience_s, usize::from(policy.max_requests));
        if let Some(reason) = self.nobody_answers(now) {
            let outcome = RequestEvent::Lapsed { reason };
            self.tell(Event::Decided { jti, sub, outcome: outcome.clone(), by: None });
            return Ok(outcome);
        }
        let same = self.requests.0.iter().map(|waiting| &waiting.open).find(|open| {
            open.sub == sub && open.request.view == request.view && open.request.delivery == request.delivery
        });
        let replaced = same.map(|open| open.jti.clone());
        let each = (room / 2).clamp(1, MAX_REQUESTS_EACH);
        let of_this = self.requests.0.iter().filter(|waiting| waiting.open.sub == sub).count();
        if replaced.is_none() && (of_this >= each || self.requests.0.len() >= room) {
            return Err(Refusal::new(ErrorCode::Busy, "too many requests wait; withdraw one, or ask again later"));
        }
        if let Some(replaced) = replaced {
            self.decide(&replaced, RequestEvent::Withdrawn, None);
        }
        let lapses_ms = now.monotonic_ms.saturating_add(u64::from(patience_s) * 1000);
        let until = now.utc_s_at(lapses_ms);
        let open = OpenRequest { jti, sub: sub.clone(), asked_at: now.utc_s(), until, request: request.clone(), token };
        self.requests.0.push(Waiting { open: Box::new(open), lapses_ms });
        self.tell(Event::Asked { request: Box::new(request), sub, until });
        Ok(RequestEvent::Pending { until })
    }

    /// Judges a verified `withdraw`: a request that waits is taken back; if it was granted already, its share ends. It names what it ends, so that
    /// neither its age nor a second copy matters. Says which share it ended.
    ///
    /// # Errors
    /// The first reason against it; `NoSuchRequest` when it is not this subscriber's, or came to an end.
    pub fn handle_withdraw(&mut self, withdraw: &Withdraw, now: Now) -> Result<Option<Jti>, Refusal> {
        self.handle_timeout(now);
        let sub = self.asker(&withdraw.envelope)?;
        if self.requests.get(&withdraw.request).is_some_and(|open| open.sub == sub) {
            self.decide(&withdraw.request, RequestEvent::Withdrawn, None);
            return Ok(None);
        }
        let answers = |grant: &Grant| grant.request.as_ref() == Some(&withdraw.request) && grant.sub == sub;
        let held = self.suspended.len();
        self.suspended.retain(|share| !answers(share.grant()));
        let given_up = self.suspended.len() < held;
        let ended = self.end_where(|share| answers(share.grant()).then_some(EndReason::Withdrawn));
        if ended.is_empty() && !given_up {
            let detail = "no such request of this subscriber, or it is decided";
            return Err(Refusal::new(ErrorCode::NoSuchRequest, detail));
        }
        Ok(ended.into_iter().next())
    }

    /// Judges a verified `deny`: a centralist says no.
    ///
    /// # Errors
    /// The first reason against it; `NoSuchRequest` when it does not wait.
    pub fn handle_deny(&mut self, deny: &Deny, now: Now) -> Result<(), Refusal> {
        let now = self.handle_timeout(now);
        self.command(&deny.envelope, &DENY, now)?;
        if self.requests.get(&deny.request).is_none() {
            return Err(Refusal::new(ErrorCode::NoSuchRequest, "no such request, or it is decided or lapsed"));
        }
        let by = (deny.envelope.iss.clone(), deny.act.clone());
        self.decide(&deny.request, RequestEvent::Denied { reason: deny.reason }, Some(by));
        Ok(())
    }

    /// The board stops in good order: every share ends, requests do not outlive it, and whoever asked is told.
    pub fn handle_stop(&mut self, now: Now) {
        self.handle_maintenance(now);
        self.drop_requests(|_| true);
    }

    /// For `inbox`: every request that waits, oldest first.
    #[must_use]
    pub fn inbox(&self) -> Inbox {
        Inbox { requests: self.requests.0.iter().map(|waiting| (*waiting.open).clone()).collect() }
    }
    /// How many requests wait.
    #[must_use]
    pub fn requests_waiting(&self) -> usize {
        self.requests.0.len()
    }

    /// Whether `grant` gives what the request that it names asks for: the same subscriber, view, delivery and purpose, the same key if it names one,
    /// and its filter or a stronger one. When and for how long is the centralist's to say.
    pub(crate) fn answers_its_request(&self, grant: &Grant) -> Result<(), Refusal> {
        let Some(jti) = &grant.request else { return Ok(()) };
        let no = |detail: &str| Err(Refusal::new(ErrorCode::NoSuchRequest, detail));
        let Some(open) = self.requests.get(jti) else { return no("no such request, or it is decided or lapsed") };
        let asked = &open.request;
        let same = open.sub == grant.sub
            && asked.view == grant.view
            && asked.delivery == grant.delivery
            && asked.purpose == grant.purpose;
        if !same {
            return no("the request asks for another subscriber, view, delivery or purpose");
        }
        if asked.filter.is_some_and(|wished| grant.filter < wished) {
            return no("the request asks for a stronger filter");
        }
        if asked.cnf.is_some() && asked.cnf != grant.cnf {
            return no("the request names another key (cnf)");
        }
        Ok(())
    }

    /// The request that `grant` answers has its outcome.
    pub(crate) fn answered(&mut self, grant: &Grant) {
        let share = grant.envelope.jti.clone();
        if let Some(jti) = &grant.request {
            let by = (grant.envelope.iss.clone(), grant.act.clone());
            self.decide(jti, RequestEvent::Granted { share }, Some(by));
        }
    }

    /// Requests whose time is up.
    pub(crate) fn lapse_requests(&mut self, now: Now) {
        let absent = self.is_room_absent(now);
        let reason = if absent { LapseReason::RoomAbsent } else { LapseReason::NoAnswer };
        let due = |waiting: &&Waiting| waiting.lapses_ms <= now.monotonic_ms;
        let due: Vec<Jti> = self.requests.0.iter().filter(due).map(|waiting| waiting.open.jti.clone()).collect();
        for jti in due {
            self.decide(&jti, RequestEvent::Lapsed { reason }, None);
        }
    }

    /// A newer policy: what it no longer allows, or has no room for, lapses.
    pub(crate) fn requests_under(&mut self, policy: &Policy) {
        let config = self.config.clone();
        let mut room = usize::from(policy.max_requests);
        self.drop_requests(|open| {
            let OpenRequest { request, sub, .. } = open;
            let filter = request.filter.unwrap_or(contract::Filter::Pixelate);
            let allowed = judge::subscriber(policy, &request.envelope.iss).is_ok()
                && judge::terms_allowed(policy, &config, &Terms::of_request(request, sub, filter)).is_ok();
            let stays = allowed && room > 0;
            room -= usize::from(stays);
            !stays
        });
    }

    fn drop_requests(&mut self, mut goes: impl FnMut(&OpenRequest) -> bool) {
        let gone: Vec<Jti> = {
            let waiting = self.requests.0.iter().map(|waiting| &waiting.open);
            waiting.filter(|open| goes(open)).map(|open| open.jti.clone()).collect()
        };
        for jti in gone {
            self.decide(&jti, RequestEvent::Lapsed { reason: LapseReason::Dropped }, None);
        }
    }

    /// Why nobody would answer a request now; `None` when somebody may.
    fn nobody_answers(&self, now: Now) -> Option<LapseReason> {
        if self.is_room_absent(now) {
            return Some(LapseReason::RoomAbsent);
        }
        (self.mode == Mode::Reserved || self.private || self.lease.busy).then_some(LapseReason::RoomBusy)
    }

    fn is_room_absent(&self, now: Now) -> bool {
        self.lease_ends_ms().is_none_or(|ends_ms| now.monotonic_ms >= ends_ms)
    }

    fn decide(&mut self, jti: &Jti, outcome: RequestEvent, by: Option<(KeyId, Actors)>) {
        if let Some(open) = self.requests.take(jti) {
            self.tell(Event::Decided { jti: open.jti, sub: open.sub, outcome, by });
        }
    }

    /// Whether a subscriber signed it a moment ago, and not before this start: what was asked before is not remembered.
    pub(crate) fn asked_of_late(&self, envelope: &Envelope, now: Now) -> Result<(), Refusal> {
        judge::recent(envelope, now)?;
        let up_s = now.monotonic_ms.saturating_sub(self.since_ms) / 1000;
        if envelope.iat.saturating_add(up_s) < now.utc_s() {
            return Err(Refusal::new(ErrorCode::Expired, "issued before the board started; ask again"));
        }
        Ok(())
    }

    /// The subscriber that signed, for this camera.
    pub(crate) fn asker(&self, envelope: &Envelope) -> Result<SubscriberId, Refusal> {
        let policy = self.policy.as_ref().ok_or_else(no_policy)?;
        let sub = judge::subscriber(policy, &envelope.iss)?.id.clone();
        judge::audience(&self.config, envelope, false)?;
        Ok(sub)
    }
}
