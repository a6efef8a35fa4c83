//! What the journal says of requests, of shares on their way, and of leaks. Starts and ends are in `record.rs`.

use super::{OfficeError, Record};
use contract::asking::RequestEvent;
use contract::claims::{Actors, Grant, Request};
use contract::{Filter, Jti, KeyId, SubscriberId};
use grant::Now;
use journal::{Entry, What};

/// Between two entries about viewers that come and go: the voice, which is not believed, could tell of a thousand in a second.
const VIEWERS_EVERY_MS: u64 = 10_000;

/// Who acted: the key that signed, and for whom if that is said.
type By = (KeyId, Option<Actors>);

impl Record {
    pub(super) fn restored(&mut self, grant: &Grant, filter: Filter, now: Now) -> Result<(), OfficeError> {
        let mut entry = self.entry(What::Restored, now).of_grant(grant);
        entry.filter_effective = Some(filter);
        self.write(&entry, now)
    }

    pub(super) fn waiting(&mut self, jti: &Jti, sub: &SubscriberId, now: Now) -> Result<(), OfficeError> {
        if self.viewers_ms.is_some_and(|at_ms| now.monotonic_ms.saturating_sub(at_ms) < VIEWERS_EVERY_MS) {
            return Ok(());
        }
        (self.viewers_ms, self.gone) = (Some(now.monotonic_ms), Some(jti.clone()));
        self.write(&self.of_share(What::Waiting, jti, sub, now), now)
    }

    /// Written where the going was, and only there.
    pub(super) fn resumed(&mut self, jti: &Jti, sub: &SubscriberId, now: Now) -> Result<(), OfficeError> {
        if self.gone.take_if(|gone| gone == jti).is_none() {
            return Ok(());
        }
        self.write(&self.of_share(What::Resumed, jti, sub, now), now)
    }

    pub(super) fn extended(
        &mut self,
        jti: &Jti,
        sub: &SubscriberId,
        (by, act): (KeyId, Actors),
        token: Option<String>,
        now: Now,
    ) -> Result<(), OfficeError> {
        let mut entry = signed(self.of_share(What::Extended, jti, sub, now), (by, Some(act)));
        entry.token = token;
        self.write(&entry, now)
    }

    pub(super) fn filtered(
        &mut self,
        jti: &Jti,
        sub: &SubscriberId,
        filter: Filter,
        now: Now,
    ) -> Result<(), OfficeError> {
        let mut entry = self.of_share(What::Filtered, jti, sub, now);
        entry.filter_effective = Some(filter);
        self.write(&entry, now)
    }

    pub(super) fn requested(
        &mut self,
        request: &Request,
        sub: &SubscriberId,
        token: Option<String>,
        now: Now,
    ) -> Result<(), OfficeError> {
        let mut entry = self.entry(What::Requested, now).of_request(request, sub);
        entry.token = token;
        self.write(&entry, now)
    }

    /// What became of a request. That it was granted is in the entry of its share.
    pub(super) fn decided(
        &mut self,
        jti: &Jti,
        sub: &SubscriberId,
        outcome: &RequestEvent,
        by: Option<(KeyId, Actors)>,
        now: Now,
    ) -> Result<(), OfficeError> {
        let what = match outcome {
            RequestEvent::Pending { .. } | RequestEvent::Granted { .. } => return Ok(()),
            RequestEvent::Denied { .. } => What::RequestDenied,
            RequestEvent::Lapsed { .. } => What::RequestLapsed,
            RequestEvent::Withdrawn => What::RequestWithdrawn,
        };
        let mut entry = self.entry(what, now);
        (entry.request, entry.recipient) = (Some(jti.clone()), Some(sub.clone()));
        let entry = match by {
            Some((key, act)) => signed(entry, (key, Some(act))),
            None => entry,
        };
        self.write(&entry, now)
    }

    pub(super) fn view(&mut self, left: bool, now: Now) -> Result<(), OfficeError> {
        let entry = self.entry(if left { What::ViewLeft } else { What::ViewBack }, now);
        self.write(&entry, now)
    }

    pub(super) fn leak_reported(
        &mut self,
        by: By,
        sub: Option<SubscriberId>,
        share: Option<Jti>,
        token: Option<String>,
        now: Now,
    ) -> Result<(), OfficeError> {
        let mut entry = signed(self.entry(What::LeakReported, now), by);
        (entry.recipient, entry.share, entry.token) = (sub, share, token);
        self.write(&entry, now)
    }

    pub(super) fn leak_cleared(
        &mut self,
        (by, act): (KeyId, Actors),
        token: Option<String>,
        now: Now,
    ) -> Result<(), OfficeError> {
        let mut entry = signed(self.entry(What::LeakCleared, now), (by, Some(act)));
        entry.token = token;
        self.write(&entry, now)
    }

    fn of_share(&self, what: What, jti: &Jti, sub: &SubscriberId, now: Now) -> Entry {
        let mut entry = self.entry(what, now);
        (entry.share, entry.recipient) = (Some(jti.clone()), Some(sub.clone()));
        entry
    }
}

/// The same entry with who acted.
fn signed(entry: Entry, (key, act): By) -> Entry {
    let (operator, requester) = act.map_or((None, None), |act| (Some(act.operator), act.requester));
    Entry { actor_key: Some(key), operator, requester, ..entry }
}
