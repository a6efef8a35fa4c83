//! When `state` is published: on change, about once a second at most, at least every five.
//!
//! A change that somebody waits for (presence, challenge, mode, shares, ladder, self-test) goes out sooner. Pure: time is an argument.

use contract::body::{EyeState, Presence, State, VoiceState};
use std::time::Duration;
use tokio::time::Instant;

/// Least time between two ordinary publications.
pub const ORDINARY: Duration = Duration::from_secs(1);
/// Least time between two urgent ones.
pub const URGENT: Duration = Duration::from_millis(100);
/// Most time between two.
pub const AT_LEAST: Duration = Duration::from_secs(5);

/// What is known, and when it was last said.
#[derive(Debug, Default)]
pub struct Status {
    linked: bool,
    eye: Option<EyeState>,
    changed: bool,
    urgent: bool,
    said_at: Option<Instant>,
}

impl Status {
    /// The eye said how it is.
    pub fn eye_says(&mut self, state: EyeState) {
        let told = |eye: &EyeState| {
            let self_test = eye.self_test.as_ref().map(|test| test.result);
            (eye.mode, eye.shares.clone(), eye.ladder, eye.challenge.clone(), eye.policy_version, self_test)
        };
        self.urgent |= self.eye.as_ref().map(told) != Some(told(&state));
        self.changed = true;
        self.eye = Some(state);
    }
    /// The link came or went.
    pub fn linked(&mut self, linked: bool) {
        self.linked = linked;
        if !linked {
            self.eye = None;
        }
        self.changed = true;
        self.urgent = true;
    }
    /// What the voice measures changed in a way that somebody may wait for: a share ended.
    pub fn share_changed(&mut self) {
        self.changed = true;
        self.urgent = true;
    }
    /// When [`Status::say`] will say something.
    #[must_use]
    pub fn deadline(&self, now: Instant) -> Instant {
        let wait = match (self.changed, self.urgent) {
            (_, true) => URGENT,
            (true, false) => ORDINARY,
            (false, false) => AT_LEAST,
        };
        self.said_at.map_or(now, |at| at + wait)
    }
    /// The body to publish, when it is time to.
    pub fn say(&mut self, now: Instant, voice: Option<VoiceState>) -> Option<State> {
        if now < self.deadline(now) {
            return None;
        }
        self.said_at = Some(now);
        self.changed = false;
        self.urgent = false;
        let presence = if self.linked && self.eye.is_some() { Presence::Online } else { Presence::EyeAbsent };
        Some(State { presence, eye: self.eye.clone(), voice })
    }
}

/// The last will, and the goodbye.
#[must_use]
pub fn offline() -> State {
    State { presence: Presence::Offline, eye: None, voice: None }
}
