//! Which `jti`s were used, so that nothing counts twice (P5). Two memories, each with its own bound, so that nobody who may only ask can fill the one
//! that the commands need. When the commands' is full, commands that open something are refused.

use crate::Now;
use contract::{Jti, SubscriberId};
use std::collections::BTreeMap;

/// Most `jti`s remembered at once.
pub const MAX_USED: usize = 1024;

/// Most `jti`s of one subscriber remembered at once; it may not ask for more meanwhile.
pub const MAX_ASKED_EACH: usize = 64;
/// Most `jti`s of all subscribers together.
pub const MAX_ASKED: usize = 4096;

/// What a subscriber signed is remembered for so long: well beyond what its `iat` may be off. A copy that comes later, after the wall clock was set
/// back, opens nothing either: a request waits for a centralist.
const KEEP_ASKED_MS: u64 = 600_000;

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

/// What subscribers have signed. Not kept across restarts: nothing of theirs opens anything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// Each with the monotonic time until which it is remembered.
    by_subscriber: BTreeMap<SubscriberId, Vec<(Jti, u64)>>,
    total: usize,
}

impl Asked {
    pub(crate) fn contains(&self, sub: &SubscriberId, jti: &Jti) -> bool {
        self.by_subscriber.get(sub).is_some_and(|asked| asked.iter().any(|(known, _)| known == jti))
    }
    /// Whether this subscriber must wait before it asks again.
    pub(crate) fn is_full_for(&self, sub: &SubscriberId) -> bool {
        self.total >= MAX_ASKED || self.by_subscriber.get(sub).is_some_and(|asked| asked.len() >= MAX_ASKED_EACH)
    }
    /// Remembers one; `false` when there is no room.
    pub(crate) fn remember(&mut self, sub: &SubscriberId, jti: &Jti, now: Now) -> bool {
        if self.is_full_for(sub) {
            return false;
        }
        let until_ms = now.monotonic_ms.saturating_add(KEEP_ASKED_MS);
        self.by_subscriber.entry(sub.clone()).or_default().push((jti.clone(), until_ms));
        self.total += 1;
        true
    }
    pub(crate) fn forget(&mut self, now: Now) {
        self.by_subscriber.retain(|_, asked| {
            asked.retain(|(_, until_ms)| *until_ms > now.monotonic_ms);
            !asked.is_empty()
        });
        self.total = self.by_subscriber.values().map(Vec::len).sum();
    }
    pub(crate) fn len(&self) -> usize {
        self.total
    }
}
