//! Which `jti`s were used, so that no command counts twice (P5). Bounded: when full, commands that open something are refused.

use crate::Now;
use contract::Jti;
use std::collections::BTreeMap;

/// Most `jti`s remembered at once.
pub const MAX_USED: usize = 1024;

/// A `jti` is remembered at least this long by the monotonic clock, however the wall clock steps: longer than any challenge lives.
const KEEP_MS: u64 = 2 * 3600 * 1000;

#[derive(Debug, Clone, Copy)]
struct Until {
    utc_s: u64,
    monotonic_ms: u64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Used(BTreeMap<Jti, Until>);

impl Used {
    pub(crate) fn contains(&self, jti: &Jti) -> bool {
        self.0.contains_key(jti)
    }
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= MAX_USED
    }
    /// Remembers `jti` until `utc_s` has passed, or longer if it is. When full, the one whose time is up first gives way (commands
    /// that open something are refused before that: see [`Used::is_full`]).
    pub(crate) fn remember(&mut self, jti: &Jti, utc_s: u64, now: Now) {
        let monotonic_ms = now.monotonic_ms.saturating_add(KEEP_MS);
        if let Some(known) = self.0.get_mut(jti) {
            *known = Until { utc_s: known.utc_s.max(utc_s), monotonic_ms };
            return;
        }
        if self.is_full()
            && let Some(oldest) = self.0.iter().min_by_key(|(_, until)| until.utc_s).map(|(jti, _)| jti.clone())
        {
            self.0.remove(&oldest);
        }
        self.0.insert(jti.clone(), Until { utc_s, monotonic_ms });
    }
    pub(crate) fn forget(&mut self, now: Now) {
        self.0.retain(|_, until| until.utc_s >= now.utc_s() || until.monotonic_ms > now.monotonic_ms);
    }
    pub(crate) fn export(&self) -> Vec<(Jti, u64)> {
        self.0.iter().map(|(jti, until)| (jti.clone(), until.utc_s)).collect()
    }
    /// What was used before this boot. The old challenges are dead, so the wall clock alone decides how long they are kept.
    pub(crate) fn import(used: Vec<(Jti, u64)>) -> Self {
        let until = |utc_s| Until { utc_s, monotonic_ms: 0 };
        Self(used.into_iter().take(MAX_USED).map(|(jti, utc_s)| (jti, until(utc_s))).collect())
    }
}
