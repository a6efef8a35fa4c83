//! A camera that turns, by whoever's hand: what it shows away from the granted view is nobody's, and a share does not outlive that for long (P5).

use crate::{Authority, Event, Now, Share};
use contract::Jti;

impl Authority {
    /// The camera turns: it looks at one view at a time, and the driver tells by [`Authority::handle_aim`] whether that is the granted one.
    pub fn set_turning(&mut self) {
        self.turns = true;
    }

    /// Whether the camera looks where it was sent. From the moment it does not, nothing of it may be shown ([`Authority::is_away`]); if it is not back
    /// within the policy's `view_grace_s`, every share that has begun ends. Says which shares ended now.
    pub fn handle_aim(&mut self, aimed: bool, now: Now) -> Vec<Jti> {
        let before: Vec<Jti> = self.shares.iter().map(|share| share.jti().clone()).collect();
        let now = self.handle_timeout(now);
        let sent = self.shares.iter().any(Share::has_begun);
        match (aimed || !sent, self.away_since_ms) {
            (true, Some(_)) => {
                self.away_since_ms = None;
                self.tell(Event::ViewBack);
            }
            (false, None) => {
                self.away_since_ms = Some(now.monotonic_ms);
                self.tell(Event::ViewLeft);
                self.handle_timeout(now);
            }
            _ => {}
        }
        before.into_iter().filter(|jti| self.share(jti).is_none()).collect()
    }

    /// Whether the camera does not look where it was sent: only the slate may leave.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.away_since_ms.is_some()
    }

    /// When (monotonic) the shares end because the camera is away.
    pub(crate) fn view_ends_ms(&self) -> Option<u64> {
        let grace_s = self.policy.as_ref()?.view_grace_s;
        Some(self.away_since_ms?.saturating_add(u64::from(grace_s) * 1000))
    }
}
