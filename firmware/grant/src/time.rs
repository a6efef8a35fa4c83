//! How time moves the authority: one list of timers, one place where what is over ends.

use crate::share::Phase;
use crate::{Authority, Event, Now, Share};
use contract::EndReason;

/// While shares stand the wall clock is looked at this often, milliseconds.
const CLOCK_CHECK_MS: u64 = 250;

/// What the authority waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// The next window opens: a share starts.
    WindowOpens,
    /// The next window closes: a share expires.
    WindowCloses,
    /// The last heartbeat is too old: every share ends.
    Lease,
    /// Time to look at the wall clock again, so that a step forward past a share's `exp` ends it in time.
    ClockCheck,
    /// A share has been without a viewer for too long: it ends.
    NobodyWatches,
    /// The camera has been away from the granted view for too long: every share that has begun ends.
    ViewAway,
    /// Nobody has decided on a request: it lapses.
    Patience,
}

impl Timer {
    const ALL: [Timer; 7] = [
        Timer::WindowOpens,
        Timer::WindowCloses,
        Timer::Lease,
        Timer::ClockCheck,
        Timer::NobodyWatches,
        Timer::ViewAway,
        Timer::Patience,
    ];
}

impl Authority {
    /// When, on the monotonic clock, [`Authority::handle_timeout`] must be called at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        Timer::ALL.into_iter().filter_map(|timer| self.deadline(timer)).min()
    }

    /// When `timer` is due, in monotonic milliseconds.
    #[must_use]
    pub fn deadline(&self, timer: Timer) -> Option<u64> {
        let stands = !self.shares.is_empty();
        let ahead = self.shares.iter().filter(|share| !share.has_begun());
        match timer {
            Timer::WindowOpens => ahead.map(Share::opens_ms).min(),
            Timer::WindowCloses => self.shares.iter().map(Share::closes_ms).min(),
            Timer::Lease => stands.then(|| self.lease_ends_ms().unwrap_or(self.monotonic_ms)),
            Timer::ClockCheck => stands.then(|| self.monotonic_ms.saturating_add(CLOCK_CHECK_MS)),
            Timer::NobodyWatches => self.shares.iter().filter_map(Share::alone_until_ms).min(),
            Timer::ViewAway => self.view_ends_ms().filter(|_| stands),
            Timer::Patience => self.requests.next_lapse_ms(),
        }
    }

    /// Lets time pass: ends what is over, starts what begins. Gives back `now` with a monotonic time that never runs backwards.
    pub fn handle_timeout(&mut self, now: Now) -> Now {
        let now = self.never_back(now);
        self.monotonic_ms = now.monotonic_ms;
        self.used.forget(now);
        self.asked.forget(now);
        let (lease_ends_ms, view_ends_ms) = (self.lease_ends_ms().unwrap_or(0), self.view_ends_ms());
        self.end_where(|share| over(share, lease_ends_ms, view_ends_ms, now));
        if now.monotonic_ms >= lease_ends_ms {
            self.suspended.clear();
        }
        self.suspended.retain(|share| !share.is_over(now));
        for share in &mut self.shares {
            if share.phase == Phase::Ahead && now.monotonic_ms >= share.opens_ms() {
                share.phase = share.opened();
                let (jti, sub, until) = (share.jti().clone(), share.sub().clone(), share.grant().exp);
                self.events.push_back(match share.phase {
                    Phase::Expecting => Event::Waiting { jti, sub, until },
                    _ => Event::Started { jti, sub },
                });
            }
        }
        self.lapse_requests(now);
        self.tell_filters();
        now
    }
}

/// Why a share is over, if it is: what came first on the monotonic clock, or a wall clock past its window.
fn over(share: &Share, lease_ends_ms: u64, view_ends_ms: Option<u64>, now: Now) -> Option<EndReason> {
    let view_ends_ms = view_ends_ms.filter(|_| share.has_begun());
    let ends = [
        (Some(share.closes_ms()), EndReason::Expired),
        (Some(lease_ends_ms), EndReason::ControlRoomLost),
        (share.alone_until_ms(), EndReason::ViewerLeft),
        (view_ends_ms, EndReason::ViewLeft),
    ];
    let due = ends.into_iter().filter_map(|(at_ms, reason)| Some((at_ms?, reason)));
    let first = due.filter(|(at_ms, _)| *at_ms <= now.monotonic_ms).min_by_key(|(at_ms, _)| *at_ms);
    first.map(|(_, reason)| reason).or_else(|| share.is_over(now).then_some(EndReason::Expired))
}
