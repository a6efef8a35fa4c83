//! When `state` is published: on change and while a share stands about once a second at most, at least every five.
//!
//! A change that somebody waits for (presence, challenge, mode, shares, ladder, self-test) goes out sooner. Figures that always move (times, counters,
//! frame rate) are no change: a city's idle cameras would keep its broker busy with them. Pure: time is an argument.

use contract::body::{Counters, EyeState, Presence, State, VoiceState};
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
        self.changed |=
            !state.shares.is_empty() || self.eye.as_ref().map(without_figures) != Some(without_figures(&state));
        self.eye = Some(state);
    }
    /// Whether the eye holds a share, in whatever phase.
    #[must_use]
    pub fn has_shares(&self) -> bool {
        self.eye.as_ref().is_some_and(|eye| !eye.shares.is_empty())
    }
    /// Whether the eye is there, and what it said last.
    #[must_use]
    pub fn eye(&self) -> (bool, Option<&EyeState>) {
        (self.linked, self.eye.as_ref())
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

/// What of a state does not move by itself.
fn without_figures(state: &EyeState) -> EyeState {
    EyeState {
        fps: 0.0,
        capture_to_link_p99_ms: 0.0,
        now: 0,
        heartbeat_age_s: state.heartbeat_age_s.map(|_| 0.0),
        counters: Counters::default(),
        ..state.clone()
    }
}

/// The last will, and the goodbye.
#[must_use]
pub fn offline() -> State {
    State { presence: Presence::Offline, eye: None, voice: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// As JSON: what a state does not say has its default.
    fn state(now: u64, shares: bool) -> EyeState {
        let share = json!({"jti": "one", "state": "sharing", "filter": "fill", "exp": 9});
        serde_json::from_value(json!({
            "mode": "normal", "shares": if shares { vec![share] } else { vec![] }, "ladder": "clear", "fps": now as f32, "capture_to_link_p99_ms": now as f32,
            "challenge": "0123456789abcdef", "now": now, "clock_synchronised": true, "heartbeat_age_s": now as f32 / 10.0, "firmware": "1", "model": "m",
            "model_sha256": "0", "counters": {"frames_captured": now, "frames_dropped": 0, "pictures_sent": 0, "objects_masked": 0, "shapes_painted": 0,
                "seconds_clear": 0.0, "seconds_cautious": 0.0, "seconds_covered": 0.0, "seconds_dark": 0.0},
        }))
        .expect("a state")
    }

    /// How many publications ten seconds of an eye's word a second make.
    fn publications(state: impl Fn(u64) -> EyeState) -> usize {
        let began = Instant::now();
        let mut status = Status::default();
        status.linked(true);
        (0..1000)
            .filter(|hundredths| {
                if hundredths % 100 == 0 {
                    status.eye_says(state(hundredths / 100));
                }
                status.say(began + Duration::from_millis(hundredths * 10), None).is_some()
            })
            .count()
    }

    #[test]
    fn figures_that_move_by_themselves_are_told_every_five_seconds_and_every_second_while_a_share_stands() {
        assert_eq!(publications(|now| state(now, false)), 2);
        assert_eq!(publications(|now| state(now, true)), 10);
    }

    #[test]
    fn what_does_not_move_by_itself_is_told_within_the_second() {
        let leak = |now| EyeState { journal_fault: Some(format!("disk full since {now}")), ..state(now, false) };
        assert_eq!(publications(leak), 10);
    }
}
