//! What comes in from outside: policy, commands of the control room, its heartbeat, and the signs of an end.

use crate::judge::{self, Effect};
use crate::{Authority, Event, Now, PolicyVerdict, Share};
use contract::body::{Mode, Refusal};
use contract::claims::{COMMAND_LIFE_S, Envelope, Grant, Heartbeat, Preempt, Release, Revoke};
use contract::policy::{Policy, Role, TrustedKey};
use contract::{EndReason, ErrorCode, Jti};

impl Authority {
    /// Takes a policy whose two signatures were verified. Shares that it no longer allows end.
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
        self.end_where(|share| {
            let stays = judge::policy_allows(&policy, &config, share.grant()).is_ok() && room_for > 0;
            room_for -= usize::from(stays);
            (!stays).then_some(EndReason::Policy)
        });
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
        self.command(&grant.envelope, Effect::Loosens, false, now, |_| Ok(()))?;
        let refused = |code, detail: &str| Err(Refusal::new(code, detail));
        let Some(policy) = &self.policy else { return Err(no_policy()) };
        if self.mode == Mode::Reserved {
            return refused(ErrorCode::Reserved, "the camera is reserved");
        }
        if self.private {
            return refused(ErrorCode::PrivacySwitch, "the privacy switch at the camera is on, or cannot be read");
        }
        judge::window(&grant, now)?;
        judge::policy_allows(policy, &self.config, &grant)?;
        if self.lease_ends_ms().is_none_or(|ends_ms| now.monotonic_ms >= ends_ms) {
            return refused(ErrorCode::ControlRoomLost, "no heartbeat of the control room within the lease");
        }
        let (replaced, other): (Vec<&Share>, Vec<&Share>) =
            self.shares.iter().partition(|share| share.sub() == &grant.sub && share.collides_with(&grant.delivery));
        if other.iter().any(|share| share.collides_with(&grant.delivery)) {
            return refused(ErrorCode::Busy, "another subscriber's share uses that address and port");
        }
        if other.len() >= usize::from(policy.max_shares).min(self.shares.capacity()) {
            return refused(ErrorCode::Busy, "the camera has as many shares as the policy allows");
        }
        let replaced: Vec<Jti> = replaced.into_iter().map(|share| share.jti().clone()).collect();
        self.end_where(|share| replaced.contains(share.jti()).then_some(EndReason::Replaced));
        let jti = grant.envelope.jti.clone();
        let grant = Box::new(grant);
        if self.shares.push(Share::new(grant.clone(), now)).is_err() {
            return refused(ErrorCode::Busy, "the board has as many shares as it can hold");
        }
        self.used.remember(&jti, grant.exp, now);
        self.tell(Event::Granted { grant });
        self.handle_timeout(now);
        Ok(jti)
    }

    /// Judges a verified revoke; says which shares it ended.
    ///
    /// # Errors
    /// The first reason against it; `NoSuchShare` when the share that it names is not there.
    pub fn handle_revoke(&mut self, revoke: &Revoke, now: Now) -> Result<Vec<Jti>, Refusal> {
        let now = self.handle_timeout(now);
        self.command(&revoke.envelope, Effect::Tightens, true, now, |_| Ok(()))?;
        let named = |share: &Share| revoke.share.as_ref().is_none_or(|jti| share.jti() == jti);
        let ended = self.end_where(|share| named(share).then_some(EndReason::Revoked));
        if ended.is_empty() && revoke.share.is_some() {
            return Err(Refusal::new(ErrorCode::NoSuchShare, "no such share, or it is over"));
        }
        Ok(ended)
    }

    /// Judges a verified preempt: every share ends and nothing is granted until a release (P8).
    ///
    /// # Errors
    /// The first reason against it.
    pub fn handle_preempt(&mut self, preempt: &Preempt, now: Now) -> Result<Vec<Jti>, Refusal> {
        let now = self.handle_timeout(now);
        self.command(&preempt.envelope, Effect::Tightens, true, now, may_preempt)?;
        self.applied_epoch = self.applied_epoch.max(preempt.reserve_epoch);
        self.set_mode(Mode::Reserved);
        Ok(self.end_where(|_| Some(EndReason::Preempted)))
    }

    /// Judges a verified release. Its epoch must be above that of everything carried out here and no lower than the room's, so that a
    /// release that was held back does not undo a later preempt.
    ///
    /// # Errors
    /// The first reason against it; `Replayed` when its epoch is old.
    pub fn handle_release(&mut self, release: &Release, now: Now) -> Result<(), Refusal> {
        let now = self.handle_timeout(now);
        self.command(&release.envelope, Effect::Loosens, true, now, may_preempt)?;
        if release.reserve_epoch <= self.applied_epoch || release.reserve_epoch < self.lease.room_epoch {
            let newest = self.applied_epoch.max(self.lease.room_epoch);
            let detail = format!("epoch {} is old, the newest known here is {newest}", release.reserve_epoch);
            return Err(Refusal::new(ErrorCode::Replayed, detail));
        }
        self.applied_epoch = release.reserve_epoch;
        self.set_mode(Mode::Normal);
        Ok(())
    }

    /// Judges a verified heartbeat: renews the lease, and ends the shares that two in a row did not name.
    ///
    /// # Errors
    /// The first reason against it; the lease is then as it was.
    pub fn handle_heartbeat(&mut self, heartbeat: &Heartbeat, now: Now) -> Result<(), Refusal> {
        let now = self.handle_timeout(now);
        let Some(policy) = &self.policy else { return Err(no_policy()) };
        judge::actor(policy, &self.config, &heartbeat.envelope, Role::Room)?;
        if heartbeat.envelope.aud.camera.is_some() {
            return Err(Refusal::new(ErrorCode::WrongAudience, "a heartbeat's aud must be the whole site"));
        }
        judge::audience(&self.config, &heartbeat.envelope, true)?;
        if self.shares.is_empty() {
            self.lease.begin_anew();
        }
        self.lease.hear(heartbeat, policy, now)?;
        self.end_where(|share| {
            let stands = heartbeat.stands.contains(share.jti());
            share.is_dropped_by(heartbeat.envelope.iat, stands).then_some(EndReason::Revoked)
        });
        Ok(())
    }

    /// The last viewer of a share went away. `false` when there is no such share.
    pub fn handle_viewer_left(&mut self, jti: &Jti, now: Now) -> bool {
        self.handle_timeout(now);
        !self.end_where(|share| (share.jti() == jti).then_some(EndReason::ViewerLeft)).is_empty()
    }

    /// Something broke (camera, masking, encoder, disk, voice) for one share, or for all of them with `None`.
    pub fn handle_fault(&mut self, jti: Option<&Jti>, now: Now) -> Vec<Jti> {
        self.handle_timeout(now);
        self.end_where(|share| jti.is_none_or(|jti| share.jti() == jti).then_some(EndReason::Fault))
    }

    /// How the privacy switch at the camera stands. While it is on every share ends and none is granted, whoever signs; turning it off brings
    /// nothing back. A board has none until this is called. Says which shares it ended.
    pub fn handle_privacy_switch(&mut self, on: bool, now: Now) -> Vec<Jti> {
        self.handle_timeout(now);
        self.private = on;
        self.end_where(|_| on.then_some(EndReason::PrivacySwitch))
    }

    /// What every command of a centralist must pass, cheapest and most telling first. A command that passes counts as used, even
    /// if it is refused for another reason afterwards: whoever sent it was told so, and nobody may try it again in his name.
    fn command(
        &mut self,
        envelope: &Envelope,
        effect: Effect,
        site_wide: bool,
        now: Now,
        right: impl FnOnce(&TrustedKey) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let policy = self.policy.as_ref().ok_or_else(no_policy)?;
        if effect == Effect::Loosens {
            judge::readiness(policy, now)?;
        }
        right(judge::actor(policy, &self.config, envelope, Role::Centralist)?)?;
        judge::audience(&self.config, envelope, site_wide)?;
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

    fn set_mode(&mut self, mode: Mode) {
        self.generation += 1;
        if self.mode != mode {
            self.mode = mode;
            self.tell(Event::ModeChanged(mode));
        }
    }
}

fn may_preempt(key: &TrustedKey) -> Result<(), Refusal> {
    if key.may_preempt {
        return Ok(());
    }
    Err(Refusal::new(ErrorCode::NotAllowed, "the signing key may not preempt or release"))
}

fn no_policy() -> Refusal {
    Refusal::new(ErrorCode::NoPolicy, "the board holds no policy yet")
}
