//! Signs from where the pictures go and from the board itself: viewers that come and go, faults, the privacy switch. Nothing here is signed, and all of
//! it only tightens: a viewer that comes back gets no more than its grant gave it.

use crate::share::Phase;
use crate::{Authority, Event, Now};
use contract::body::Refusal;
use contract::claims::Leave;
use contract::{EndReason, ErrorCode, Jti};

impl Authority {
    /// The last viewer of a share said goodbye: it ends. `false` when there is no such share.
    pub fn handle_viewer_left(&mut self, jti: &Jti, now: Now) -> bool {
        self.handle_timeout(now);
        self.suspended.retain(|share| share.jti() != jti);
        !self.end_where(|share| (share.jti() == jti).then_some(EndReason::ViewerLeft)).is_empty()
    }

    /// The last viewer of a share is no longer heard of: its media stops now, and it ends after the policy's `waiting_grace_s` unless somebody comes
    /// back. `false` when it does not run.
    pub fn handle_viewer_lost(&mut self, jti: &Jti, now: Now) -> bool {
        let now = self.handle_timeout(now);
        let grace_s = self.policy.as_ref().map_or(0, |policy| policy.waiting_grace_s);
        let until_ms = now.monotonic_ms.saturating_add(u64::from(grace_s) * 1000);
        let Some(share) = self.shares.iter_mut().find(|share| share.jti() == jti && share.phase == Phase::Open) else {
            return false;
        };
        share.phase = Phase::Alone { until_ms };
        let until = now.utc_s_at(until_ms.min(share.closes_ms()));
        let (jti, sub) = (share.jti().clone(), share.sub().clone());
        if grace_s > 0 {
            self.tell(Event::Waiting { jti, sub, until });
        }
        self.handle_timeout(now);
        true
    }

    /// A viewer of a share is there. One that waited for its first viewer starts, one that waited for it to come back goes on; `false` when it did
    /// neither.
    pub fn handle_viewer_joined(&mut self, jti: &Jti, now: Now) -> bool {
        self.handle_timeout(now);
        let Some(share) = self.shares.iter_mut().find(|share| share.jti() == jti) else { return false };
        let (jti, sub) = (share.jti().clone(), share.sub().clone());
        let event = match share.phase {
            Phase::Expecting => Event::Started { jti, sub },
            Phase::Alone { .. } => Event::Resumed { jti, sub },
            Phase::Ahead | Phase::Open => return false,
        };
        share.phase = Phase::Open;
        self.tell(event);
        true
    }

    /// Judges a verified `leave`: the subscriber gives its share up. It names what it ends, so that neither its age nor a second copy matters.
    ///
    /// # Errors
    /// The first reason against it; `NoSuchShare` when the share is not this subscriber's, or is over.
    pub fn handle_leave(&mut self, leave: &Leave, now: Now) -> Result<Jti, Refusal> {
        self.handle_timeout(now);
        let sub = self.asker(&leave.envelope)?;
        let held = self.suspended.len();
        self.suspended.retain(|share| !(share.jti() == &leave.share && *share.sub() == sub));
        let given_up = self.suspended.len() < held;
        let ended = self
            .end_where(|share| (share.jti() == &leave.share && *share.sub() == sub).then_some(EndReason::ViewerLeft));
        if ended.is_empty() && !given_up {
            return Err(Refusal::new(ErrorCode::NoSuchShare, "no such share of this subscriber, or it is over"));
        }
        Ok(leave.share.clone())
    }

    /// Something broke (camera, masking, encoder, disk, voice) for one share, or for all of them with `None`.
    pub fn handle_fault(&mut self, jti: Option<&Jti>, now: Now) -> Vec<Jti> {
        self.handle_timeout(now);
        self.suspended.retain(|share| jti.is_some_and(|jti| share.jti() != jti));
        self.end_where(|share| jti.is_none_or(|jti| share.jti() == jti).then_some(EndReason::Fault))
    }

    /// Somebody stops the board in good order.
    pub(crate) fn handle_maintenance(&mut self, now: Now) {
        self.handle_timeout(now);
        self.suspended.clear();
        self.end_where(|_| Some(EndReason::Maintenance));
    }

    /// How the privacy switch at the camera stands. While it is on every share ends and none is granted, whoever signs; turning it off brings
    /// nothing back. A board has none until this is called. Says which shares it ended.
    pub fn handle_privacy_switch(&mut self, on: bool, now: Now) -> Vec<Jti> {
        self.handle_timeout(now);
        self.private = on;
        if on {
            self.suspended.clear();
        }
        self.end_where(|_| on.then_some(EndReason::PrivacySwitch))
    }
}
