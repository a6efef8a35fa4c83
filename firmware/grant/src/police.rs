//! The police take the camera and give it back (P8). Whoever watched learns that it ended, and perhaps that it goes on; not why.

use crate::commands::{Demand, no_policy};
use crate::judge::{self, Effect};
use crate::{Authority, Event, Now, Share};
use contract::body::{Mode, Refusal};
use contract::claims::{Preempt, Release};
use contract::policy::{Role, TrustedKey};
use contract::{EndReason, ErrorCode, Jti};

const PREEMPT: Demand =
    Demand { roles: &[Role::Centralist], effect: Effect::Tightens, site_wide: true, right: may_preempt };
const RELEASE: Demand = Demand { effect: Effect::Loosens, ..PREEMPT };

impl Authority {
    /// Judges a verified preempt: every share ends and nothing is granted until a release. Where the policy says `restore_after_release`, what ended
    /// is remembered, in memory only.
    ///
    /// # Errors
    /// The first reason against it.
    pub fn handle_preempt(&mut self, preempt: &Preempt, now: Now) -> Result<Vec<Jti>, Refusal> {
        let now = self.handle_timeout(now);
        self.command(&preempt.envelope, &PREEMPT, now)?;
        self.applied_epoch = self.applied_epoch.max(preempt.reserve_epoch);
        self.set_mode(Mode::Reserved);
        if self.policy.as_ref().is_some_and(|policy| policy.restore_after_release) {
            for share in &self.shares {
                // As many as shares can stand: none stand while the camera is reserved.
                let _full = self.suspended.push(share.clone().anew());
            }
        }
        Ok(self.end_where(|_| Some(EndReason::Preempted)))
    }

    /// Judges a verified release. Its epoch must be above that of everything carried out here and no lower than the room's, so that a
    /// release that was held back does not undo a later preempt. Shares that the preempt ended begin anew if the policy wants that and still allows
    /// them, their windows still run, and the heartbeats named them all the while.
    ///
    /// # Errors
    /// The first reason against it; `Replayed` when its epoch is old.
    pub fn handle_release(&mut self, release: &Release, now: Now) -> Result<(), Refusal> {
        let now = self.handle_timeout(now);
        self.command(&release.envelope, &RELEASE, now)?;
        if release.reserve_epoch <= self.applied_epoch || release.reserve_epoch < self.lease.room_epoch {
            let newest = self.applied_epoch.max(self.lease.room_epoch);
            let detail = format!("epoch {} is old, the newest known here is {newest}", release.reserve_epoch);
            return Err(Refusal::new(ErrorCode::Replayed, detail));
        }
        self.applied_epoch = release.reserve_epoch;
        self.set_mode(Mode::Normal);
        self.bring_back()?;
        self.handle_timeout(now);
        Ok(())
    }

    fn bring_back(&mut self) -> Result<(), Refusal> {
        let policy = self.policy.as_ref().ok_or_else(no_policy)?;
        let mut suspended = std::mem::take(&mut self.suspended);
        suspended.retain(|share| {
            policy.restore_after_release
                && !self.private
                && judge::policy_allows(policy, &self.config, share.grant(), share.signer()).is_ok()
        });
        suspended.truncate(usize::from(policy.max_shares));
        for mut share in suspended {
            share.filter = self.filter_with(share.grant().filter);
            self.tell(Event::Restored { grant: Box::new(share.grant().clone()), filter: share.filter });
            let _full = self.shares.push(share);
        }
        Ok(())
    }

    /// Shares that come back when the police give the camera back, if nothing changes until then.
    #[must_use]
    pub fn suspended(&self) -> &[Share] {
        &self.suspended
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
