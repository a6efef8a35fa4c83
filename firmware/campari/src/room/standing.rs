//! Which shares stand, as the control room itself knows it. Pure: no I/O, no clock.
//!
//! **A share stands only because this agent saw a grant that a trusted centralist signed, or because the agent that leads signed that it
//! stands**, never because the broker says so. What the broker says (`share-log`, `state`) can only confirm a grant or end it: a forged
//! message takes away, it never gives.

use contract::body::{EyeState, ShareLog};
use contract::claims::{Extend, Grant, Revoke};
use contract::{CameraId, EndReason, Jti};
use std::collections::BTreeMap;

/// A grant that no board confirms within this time was refused, or never arrived.
pub const CONFIRM_WITHIN_S: u64 = 15;
/// Most shares in one heartbeat: its token must stay under `claims::MAX_TOKEN`.
pub const MAX_STANDING: usize = 400;

/// How long a share that only another agent names is believed to run, unless a board says sooner, seconds.
const ADOPTED_FOR_S: u64 = 24 * 3600;
/// A leader's heartbeat counts against a share only when it was issued this much after we saw its grant, seconds.
const KNOWS_AFTER_S: u64 = 3;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Share {
    /// Unknown for one that only another agent named, until its board does.
    camera: Option<CameraId>,
    exp: u64,
    seen_at: u64,
    confirmed: bool,
    /// The leader's heartbeats in a row that did not name it.
    missed: u8,
}

/// The list.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    shares: BTreeMap<Jti, Share>,
    /// Ended ones, with the end of their window: a replayed grant does not bring them back.
    gone: BTreeMap<Jti, u64>,
    /// Whether a share that a preempt ended may come back at the release (policy `restore_after_release`), and is therefore still named.
    pub restores: bool,
}

/// What became of a grant that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// It stands now.
    New,
    /// It is known already, or over.
    Known,
    /// No room; it will end with the next heartbeats.
    Full,
}

impl Standing {
    /// A verified grant was seen at `now` (Unix seconds).
    pub fn granted(&mut self, grant: &Grant, now: u64) -> Noted {
        self.forget(now);
        let jti = &grant.envelope.jti;
        let Some(camera) = grant.envelope.aud.camera.clone() else { return Noted::Known };
        if grant.exp <= now || self.gone.contains_key(jti) || self.shares.contains_key(jti) {
            return Noted::Known;
        }
        if self.shares.len() >= MAX_STANDING {
            self.shares.retain(|_, share| share.stands(now));
        }
        if self.shares.len() >= MAX_STANDING {
            return Noted::Full;
        }
        self.shares.insert(
            jti.clone(),
            Share { camera: Some(camera), exp: grant.exp, seen_at: now, confirmed: false, missed: 0 },
        );
        Noted::New
    }

    /// A verified revoke was seen; answers what it ended.
    pub fn revoked(&mut self, revoke: &Revoke) -> Vec<Jti> {
        let hit = |jti: &Jti, share: &Share| {
            let camera = revoke.envelope.aud.camera.as_ref();
            // "All of this camera" ends no share of which we do not know the camera; its board will say that it ended.
            share.is_of(camera)
                && (revoke.share.is_some() || camera.is_none() || share.camera.is_some())
                && revoke.share.as_ref().is_none_or(|wanted| wanted == jti)
        };
        let ended: Vec<_> =
            self.shares.iter().filter(|(jti, share)| hit(jti, share)).map(|(jti, _)| jti.clone()).collect();
        for jti in &ended {
            self.end(jti);
        }
        ended
    }

    /// A board's log line: confirms or ends. Answers whether something changed.
    pub fn logged(&mut self, camera: &CameraId, log: &ShareLog) -> bool {
        let Some(share) = self.shares.get_mut(&log.jti).filter(|share| share.is_of(Some(camera))) else { return false };
        if log.event != "ended" {
            share.camera = Some(camera.clone());
            return !std::mem::replace(&mut share.confirmed, true);
        }
        if self.restores && log.reason == Some(EndReason::Preempted) {
            return false;
        }
        self.end(&log.jti);
        true
    }

    /// A verified extension was seen. The board may refuse it; a share that is named longer than it runs does no harm. Answers whether it
    /// lengthened one.
    pub fn extended(&mut self, extend: &Extend) -> bool {
        let camera = extend.envelope.aud.camera.as_ref();
        match self.shares.get_mut(&extend.share).filter(|share| camera.is_some() && share.is_of(camera)) {
            Some(share) if share.exp < extend.exp => {
                share.exp = extend.exp;
                true
            }
            _ => false,
        }
    }

    /// The verified heartbeat of the agent that leads, issued at `issued_s`, names these shares: what we never saw stands too, and what we
    /// have and it does not (twice) is over, since boards end it. Answers whether the list changed.
    pub fn led(&mut self, named: &[Jti], issued_s: u64, now: u64) -> bool {
        let mut changed = false;
        for jti in named {
            if let Some(share) = self.shares.get_mut(jti) {
                share.missed = 0;
            } else if !self.gone.contains_key(jti) && self.shares.len() < MAX_STANDING {
                let exp = now.saturating_add(ADOPTED_FOR_S);
                let share = Share { camera: None, exp, seen_at: now, confirmed: true, missed: 0 };
                self.shares.insert(jti.clone(), share);
                changed = true;
            }
        }
        let mut over = Vec::new();
        for (jti, share) in &mut self.shares {
            if issued_s > share.seen_at.saturating_add(KNOWS_AFTER_S) && !named.contains(jti) {
                share.missed = share.missed.saturating_add(1);
                if share.missed >= 2 {
                    over.push(jti.clone());
                }
            }
        }
        for jti in &over {
            self.end(jti);
        }
        changed || !over.is_empty()
    }

    /// A board's state: confirms the shares that it lists.
    pub fn listed(&mut self, camera: &CameraId, state: &EyeState) {
        for summary in &state.shares {
            if let Some(share) = self.shares.get_mut(&summary.jti).filter(|share| share.is_of(Some(camera))) {
                share.confirmed = true;
                if share.camera.is_none() {
                    // Its board knows until when; from now on only a signed extension lengthens it.
                    (share.camera, share.exp) = (Some(camera.clone()), share.exp.min(summary.exp));
                }
            }
        }
    }

    /// What the next heartbeat names.
    #[must_use]
    pub fn stands(&self, now: u64) -> Vec<Jti> {
        self.shares.iter().filter(|(_, share)| share.stands(now)).map(|(jti, _)| jti.clone()).collect()
    }

    /// The ended shares whose window still runs, with its end.
    pub fn gone(&self) -> impl Iterator<Item = (&Jti, u64)> {
        self.gone.iter().map(|(jti, exp)| (jti, *exp))
    }

    /// Whether `jti` is on the list, confirmed or not.
    #[must_use]
    pub fn knows(&self, jti: &Jti) -> bool {
        self.shares.contains_key(jti)
    }

    /// Takes back what an earlier run knew to be over.
    pub fn over(&mut self, jti: Jti, exp: u64) {
        self.shares.remove(&jti);
        self.gone.insert(jti, exp);
    }

    fn end(&mut self, jti: &Jti) {
        if let Some(share) = self.shares.remove(jti) {
            self.gone.insert(jti.clone(), share.exp);
        }
    }

    /// Drops what has run out. Answers whether something did.
    pub fn forget(&mut self, now: u64) -> bool {
        let before = self.shares.len() + self.gone.len();
        self.shares.retain(|_, share| share.exp > now);
        self.gone.retain(|_, exp| *exp > now);
        self.shares.len() + self.gone.len() != before
    }
}

impl Share {
    /// Whether it is, or may be, a share of `camera`; `None` is every camera.
    fn is_of(&self, camera: Option<&CameraId>) -> bool {
        match (&self.camera, camera) {
            (Some(own), Some(camera)) => own == camera,
            _ => true,
        }
    }

    fn stands(&self, now: u64) -> bool {
        self.exp > now && (self.confirmed || now < self.seen_at.saturating_add(CONFIRM_WITHIN_S))
    }
}

#[cfg(test)]
mod tests;
