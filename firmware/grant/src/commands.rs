//! Policy, the centralists' grant, extend and revoke, and the control room's heartbeat; and what every command must pass.

use crate::judge::{self, Effect};
use crate::{Authority, Event, Now, PolicyVerdict, Share};
use contract::body::{Mode, Refusal};
use contract::claims::{COMMAND_LIFE_S, Envelope, Extend, Grant, Heartbeat, Revoke};
use contract::policy::{Policy, Role, TrustedKey};
use contract::{EndReason, ErrorCode, Jti};

/// What a kind of command demands of its sender.
#[derive(Clone, Copy)]
pub(crate) struct Demand {
    /// Keys with one of these roles.
    pub(crate) roles: &'static [Role],
    /// What it does to the camera's privacy.
    pub(crate) effect: Effect,
    /// Whether it may be for every camera of the site.
    pub(crate) site_wide: bool,
    /// Whether this very key may.
    pub(crate) right: fn(&TrustedKey) -> Result<(), Refusal>,
}

/// Every key with the role.
pub(crate) const ANY_KEY: fn(&TrustedKey) -> Result<(), Refusal> = |_| Ok(());
const GRANT: Demand = Demand { roles: &[Role::Centralist], effect: Effect::Loosens, site_wide: false, right: ANY_KEY };
const EXTEND: Demand = GRANT;
const REVOKE: Demand = Demand { effect: Effect::Tightens, site_wide: true, ..GRANT };

impl Authority {
    /// Takes a policy whose two signatures were verified. Shares that it no longer allows end, and so do those whose credentials it wants encrypted to
    /// another key than before, or published elsewhere: that one may be why the policy changed.
    ///
    /// # Errors
    /// `PolicyRefused` when it is older than any that was ever in force (P6), for another site, or off.
    pub fn handle_policy(&mut self, policy: Policy, now: Now) -> Result<PolicyVerdict, Refusal> {
        self.handle_timeout(now);
        let refused = |detail: String| Err(Refusal::new(ErrorCode::PolicyRefused, detail));
        if policy.site != self.config.site {
            return refused(format!("the policy is for another site than {}", self.config.site));
        }
        if let Err(why) = policy.check() {
            return refused(why.to_string());
        }
        if let Some(held) = self.held_version
            && policy.version < held
        {
            return refused(format!("version {} is older than {held}, which was in force", policy.version));
        }
        if self.policy.as_ref().is_some_and(|in_force| in_force.version == policy.version) {
            return Ok(PolicyVerdict::AlreadyHeld);
        }
        if self.held_version != Some(policy.version) {
            self.held_version = Some(policy.version);
            self.generation += 1;
        }
        let (config, mut room_for) = (self.config.clone(), usize::from(policy.max_shares));
        let held = self.policy.take();
        self.end_where(|share| {
            let allowed = judge::policy_allows(&policy, &config, share.grant(), share.signer()).is_ok();
            let key = |policy: &Policy| judge::encryption_key(policy, share.grant()).ok();
            let published = |policy: &Policy| judge::relay(policy, share.grant()).cloned();
            let same_server = published(&policy) == held.as_ref().and_then(published);
            let stays = allowed && key(&policy) == held.as_ref().and_then(key) && same_server && room_for > 0;
            room_for -= usize::from(stays);
            (!stays).then_some(EndReason::Policy)
        });
        self.requests_under(&policy);
        self.policy = Some(policy);
        self.handle_timeout(now);
        Ok(PolicyVerdict::Taken)
    }

    /// Judges a verified grant; its share stands from now on and starts when its window opens.
    ///
    /// # Errors
    /// The first reason against it, with its [`ErrorCode`].
    pub fn handle_grant(&mut self, grant: Grant, now: Now) -> Result<Jti, Refusal> {
        let now = self.handle_timeout(now);
        self.command(&grant.envelope, &GRANT, now)?;
        let refused = |code, detail: &str| Err(Refusal::new(code, detail));
        let Some(policy) = &self.policy else { return Err(no_policy()) };
        if self.mode == Mode::Reserved {
            return refused(ErrorCode::Reserved, "the camera is reserved");
        }
        if self.private {
            return refused(ErrorCode::PrivacySwitch, "the privacy switch at the camera is on, or cannot be read");
        }
        judge::window(&grant, now)?;
        judge::policy_allows(policy, &self.config, &grant, &grant.envelope.iss)?;
        self.answers_its_request(&grant)?;
        if self.lease_ends_ms().is_none_or(|ends_ms| now.monotonic_ms >= ends_ms) {
            return refused(ErrorCode::ControlRoomLost, "no heartbeat of the control room within the lease");
        }
        let (replaced, other): (Vec<&Share>, Vec<&Share>) =
            self.shares.iter().partition(|share| share.sub() == &grant.sub && share.collides_with(&grant));
        if other.iter().any(|share| share.collides_with(&grant)) {
            return refused(ErrorCode::Busy, "another subscriber's share uses that address and port");
        }
        if self.turns && other.iter().any(|share| share.grant().view != grant.view) {
            return refused(ErrorCode::Busy, "the camera looks at another view for another share");
        }
        if other.len() >= usize::from(policy.max_shares).min(self.shares.capacity()) {
            return refused(ErrorCode::Busy, "the camera has as many shares as the policy allows");
        }
        let replaced: Vec<Jti> = replaced.into_iter().map(|share| share.jti().clone()).collect();
        self.end_where(|share| replaced.contains(share.jti()).then_some(EndReason::Replaced));
        let grant = Box::new(grant);
        let (jti, filter) = (grant.envelope.jti.clone(), self.filter_with(grant.filter));
        let mut share = Share::new(grant.clone(), now);
        share.filter = filter;
        if self.shares.push(share).is_err() {
            return refused(ErrorCode::Busy, "the board has as many shares as it can hold");
        }
        self.used.remember(&jti, grant.exp, now);
        self.tell(Event::Granted { grant: grant.clone(), filter });
        self.answered(&grant);
        self.handle_timeout(now);
        Ok(jti)
    }

    /// Judges a verified extend: the share's window closes later, without a gap. Whoever extends answers for the whole window from then on: policy and
    /// the key's own rights are held against its total length.
    ///
    /// # Errors
    /// The first reason against it; the share is then as it was.
    pub fn handle_extend(&mut self, extend: &Extend, now: Now) -> Result<Jti, Refusal> {
        let now = self.handle_timeout(now);
        self.command(&extend.envelope, &EXTEND, now)?;
        let Some(policy) = &self.policy else { return Err(no_policy()) };
        if self.mode == Mode::Reserved {
            return Err(Refusal::new(ErrorCode::Reserved, "the camera is reserved"));
        }
        let Some(share) = self.shares.iter_mut().find(|share| *share.jti() == extend.share) else {
            return Err(Refusal::new(ErrorCode::NoSuchShare, "no such share, or it is over"));
        };
        if extend.exp <= share.grant().exp {
            let detail = format!("the window closes at {} already; extend only lengthens", share.grant().exp);
            return Err(Refusal::new(ErrorCode::Malformed, detail));
        }
        let by = &extend.envelope.iss;
        judge::policy_allows(policy, &self.config, &share.lengthened(extend.exp), by)?;
        share.extend(extend.exp, by.clone(), now);
        let (jti, sub, exp) = (share.jti().clone(), share.sub().clone(), extend.exp);
        self.used.remember(&jti, exp, now);
        self.tell(Event::Extended { jti: jti.clone(), sub, exp, by: by.clone(), act: extend.act.clone() });
        Ok(jti)
    }

    /// Judges a verified revoke, by any centralist, whoever granted; says which shares it ended. One that a preempt ended does not come back.
    ///
    /// # Errors
    /// The first reason against it; `NoSuchShare` when the share that it names is not there.
    pub fn handle_revoke(&mut self, revoke: &Revoke, now: Now) -> Result<Vec<Jti>, Refusal> {
        let now = self.handle_timeout(now);
        self.command(&revoke.envelope, &REVOKE, now)?;
        let named = |share: &Share| revoke.share.as_ref().is_none_or(|jti| share.jti() == jti);
        let held = self.suspended.len();
        self.suspended.retain(|share| !named(share));
        let taken_back = self.suspended.len() < held;
        let ended = self.end_where(|share| named(share).then_some(EndReason::Revoked));
        if ended.is_empty() && !taken_back && revoke.share.is_some() {
            return Err(Refusal::new(ErrorCode::NoSuchShare, "no such share, or it is over"));
        }
        Ok(ended)
    }

    /// Judges a verified heartbeat: renews the lease, and ends the shares that two in a row did not name.
    ///
    /// # Errors
    /// The first reason against it; the lease is then as it was.
    pub fn handle_heartbeat(&mut self, heartbeat: &Heartbeat, now: Now) -> Result<(), Refusal> {
        let now = self.handle_timeout(now);
        let Some(policy) = &self.policy else { return Err(no_policy()) };
        judge::actor(policy, &self.config, &heartbeat.envelope.iss, &[Role::Room])?;
        if heartbeat.envelope.aud.camera.is_some() {
            return Err(Refusal::new(ErrorCode::WrongAudience, "a heartbeat's aud must be the whole site"));
        }
        judge::audience(&self.config, &heartbeat.envelope, true)?;
        if self.shares.is_empty() && self.suspended.is_empty() {
            self.lease.begin_anew();
        }
        self.lease.hear(heartbeat, policy, now)?;
        let dropped =
            |share: &mut Share| share.is_dropped_by(heartbeat.envelope.iat, heartbeat.stands.contains(share.jti()));
        self.suspended.retain_mut(|share| !dropped(share));
        self.end_where(|share| dropped(share).then_some(EndReason::Revoked));
        Ok(())
    }

    /// What every command of the control room must pass, cheapest and most telling first. A command that passes counts as used, even
    /// if it is refused for another reason afterwards: whoever sent it was told so, and nobody may try it again in his name.
    pub(crate) fn command(&mut self, envelope: &Envelope, demand: &Demand, now: Now) -> Result<(), Refusal> {
        let effect = demand.effect;
        let policy = self.policy.as_ref().ok_or_else(no_policy)?;
        if effect == Effect::Loosens {
            judge::readiness(policy, now)?;
        }
        (demand.right)(judge::actor(policy, &self.config, &envelope.iss, demand.roles)?)?;
        judge::audience(&self.config, envelope, demand.site_wide)?;
        judge::freshness(envelope, effect, &self.challenges, now)?;
        if self.used.contains(&envelope.jti) {
            return Err(Refusal::new(ErrorCode::Replayed, "this jti was used before"));
        }
        if effect == Effect::Loosens && (self.used.is_full() || self.is_untold_backlog_full()) {
            return Err(Refusal::new(ErrorCode::Busy, "too many commands; wait until the older ones have lapsed"));
        }
        let lives_until_s = now.utc_s().saturating_add(COMMAND_LIFE_S + judge::SKEW_S);
        self.used.remember(&envelope.jti, lives_until_s, now);
        self.generation += 1;
        Ok(())
    }
}

pub(crate) fn no_policy() -> Refusal {
    Refusal::new(ErrorCode::NoPolicy, "the board holds no policy yet")
}
