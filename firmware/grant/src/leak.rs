//! Somebody saw something uncovered: everything is `coarse` for everybody, across restarts, until a privacy officer has looked into it (P3).
//!
//! Who may watch may report: a confident miss of the detector is seen by nobody else.

use crate::commands::{ANY_KEY, Demand, no_policy};
use crate::judge::Effect;
use crate::{Authority, Event, Now};
use contract::ErrorCode;
use contract::asking::LeakStanding;
use contract::body::Refusal;
use contract::claims::{ClearLeak, ReportLeak};
use contract::policy::Role;

const REPORT: Demand = Demand {
    roles: &[Role::Centralist, Role::PrivacyOfficer],
    effect: Effect::Tightens,
    site_wide: false,
    right: ANY_KEY,
};
const CLEAR: Demand =
    Demand { roles: &[Role::PrivacyOfficer], effect: Effect::Loosens, site_wide: false, right: ANY_KEY };

/// So many reports are told one by one; after that at most one in [`TELL_EVERY_MS`], so that nobody fills the journal.
const TELL_FIRST: u32 = 16;
const TELL_EVERY_MS: u64 = 60_000;

impl Authority {
    /// Judges a verified report of a leak. A subscriber's needs no challenge, as it does not read `state`; its `iat` counts where the board's clock is
    /// right, so that an old one does not undo a clearing.
    ///
    /// # Errors
    /// The first reason against it.
    pub fn handle_report_leak(&mut self, report: &ReportLeak, now: Now) -> Result<(), Refusal> {
        let now = self.handle_timeout(now);
        let policy = self.policy.as_ref().ok_or_else(no_policy)?;
        let kid = &report.envelope.iss;
        let sub = if policy.keys.iter().any(|key| key.kid == *kid) {
            self.command(&report.envelope, &REPORT, now)?;
            None
        } else {
            let sub = self.asker(&report.envelope)?;
            if now.synchronised {
                self.asked_of_late(&report.envelope, now)?;
            }
            if self.asked.contains(&sub, &report.envelope.jti) {
                return Err(Refusal::new(ErrorCode::Replayed, "this jti was used before"));
            }
            // No room is no reason to leave something uncovered.
            let _remembered = self.asked.remember(&sub, &report.envelope.jti, now);
            Some(sub)
        };
        let reports = self.leak.map_or(0, |leak| leak.reports).saturating_add(1);
        let since = self.leak.map_or(now.utc_s(), |leak| leak.since);
        if self.leak.is_none() {
            self.generation += 1;
        }
        self.leak = Some(LeakStanding { since, reports });
        if reports <= TELL_FIRST || now.monotonic_ms.saturating_sub(self.leak_told_ms) >= TELL_EVERY_MS {
            self.leak_told_ms = now.monotonic_ms;
            let (by, share, act) = (kid.clone(), report.share.clone(), report.act.clone());
            self.tell(Event::LeakReported { by, sub, share, act });
        }
        self.handle_timeout(now);
        Ok(())
    }

    /// Judges a verified `clear-leak`: the granted filters apply again. Loosens, so that everything must be proven, and only a privacy officer may.
    ///
    /// # Errors
    /// The first reason against it.
    pub fn handle_clear_leak(&mut self, clear: &ClearLeak, now: Now) -> Result<(), Refusal> {
        let now = self.handle_timeout(now);
        self.command(&clear.envelope, &CLEAR, now)?;
        if self.leak.take().is_some() {
            self.generation += 1;
            self.tell(Event::LeakCleared { by: clear.envelope.iss.clone(), act: clear.act.clone() });
        }
        self.handle_timeout(now);
        Ok(())
    }

    /// Since when something is reported uncovered, and how often; the count may be lower than it was before a restart.
    #[must_use]
    pub fn leak(&self) -> Option<LeakStanding> {
        self.leak
    }
}
