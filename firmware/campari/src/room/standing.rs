//! Which shares stand, as the control room itself knows it. Pure: no I/O, no clock.
//!
//! **A share stands only because this agent saw a grant that a trusted centralist signed**, never because the broker says so. What
//! the broker says (`share-log`, `state`) can only confirm a grant or end it: a forged message takes away, it never gives.

use contract::body::{EyeState, ShareLog};
use contract::claims::{Grant, Revoke};
use contract::{CameraId, Jti};
use std::collections::BTreeMap;

/// A grant that no board confirms within this time was refused, or never arrived.
pub const CONFIRM_WITHIN_S: u64 = 15;
/// Most shares in one heartbeat: its token must stay under `claims::MAX_TOKEN`.
pub const MAX_STANDING: usize = 400;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Share {
    camera: CameraId,
    exp: u64,
    seen_at: u64,
    confirmed: bool,
}

/// The list.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    shares: BTreeMap<Jti, Share>,
    /// Ended ones, with the end of their window: a replayed grant does not bring them back.
    gone: BTreeMap<Jti, u64>,
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
        self.shares.insert(jti.clone(), Share { camera, exp: grant.exp, seen_at: now, confirmed: false });
        Noted::New
    }

    /// A verified revoke was seen; answers what it ended.
    pub fn revoked(&mut self, revoke: &Revoke) -> Vec<Jti> {
        let hit = |jti: &Jti, share: &Share| {
            revoke.envelope.aud.camera.as_ref().is_none_or(|camera| *camera == share.camera)
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
        let Some(share) = self.shares.get_mut(&log.jti).filter(|share| share.camera == *camera) else { return false };
        if log.event == "ended" {
            self.end(&log.jti);
            return true;
        }
        !std::mem::replace(&mut share.confirmed, true)
    }

    /// A board's state: confirms the shares that it lists.
    pub fn listed(&mut self, camera: &CameraId, state: &EyeState) {
        for summary in &state.shares {
            if let Some(share) = self.shares.get_mut(&summary.jti).filter(|share| share.camera == *camera) {
                share.confirmed = true;
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
    fn stands(&self, now: u64) -> bool {
        self.exp > now && (self.confirmed || now < self.seen_at.saturating_add(CONFIRM_WITHIN_S))
    }
}

#[cfg(test)]
mod tests;
