//! What the board's own pins mean: the privacy switch ends and forbids, the tamper contact tells, the light follows the shares.
//!
//! **The switch is read before any command is judged, and again at every edge and every second; doubt counts as on.** It is believed at once when it is
//! on, and only after [`OFF_AFTER_MS`] of being off when it is off: a contact that bounces, or a cable that is loose, tightens and does not loosen.

use super::{Books, Office, now};
use crate::watchdog::Vital;
use board_hal::{Inputs, Level, Light, Pins};
use contract::body::{PinState, PinsState, ShareState};
use grant::Now;
use journal::What;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The switch counts as off when it has been off for so long.
pub const OFF_AFTER_MS: u64 = 1_000;
/// Whoever waits for edges looks round this often.
const PATIENCE: Duration = Duration::from_secs(1);
/// The light without which nothing is shared, as errors name it.
const SHARING: &str = "light_sharing";

/// What is known of the pins.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// As read last.
    inputs: Inputs,
    switch: Settled,
    /// What the journal knows.
    recorded: Inputs,
    /// What is lit; `None` when that is not known.
    lit: Option<Light>,
    /// A light that does not obey was logged.
    light_missed: bool,
    /// The eye ends.
    resting: bool,
}

/// A switch that is believed at once when it is on, and after a while when it is off.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Settled {
    on: bool,
    off_since_ms: Option<u64>,
}

impl Settled {
    fn see(&mut self, on: bool, now_ms: u64) -> bool {
        if on {
            *self = Self { on: true, off_since_ms: None };
        } else if self.on {
            let since_ms = *self.off_since_ms.get_or_insert(now_ms);
            self.on = now_ms.saturating_sub(since_ms) < OFF_AFTER_MS;
        }
        self.on
    }
}

impl Office {
    /// The same office on a board with pins. They are read at once.
    #[must_use]
    pub fn on_board(self, pins: Arc<dyn Pins>) -> Self {
        let office = Self { pins, ..self };
        // What was lit on a board without pins is nothing.
        office.lock().pins = Standing::default();
        let now = now(office.clock.as_ref());
        office.heed(office.pins.inputs(), now);
        office
    }

    /// Waits for edges, for ever; for a thread of its own.
    pub fn watch_pins(&self) {
        let _vital = Vital("pins");
        loop {
            if let Some(inputs) = self.pins.wait(PATIENCE) {
                self.heed(inputs, now(self.clock.as_ref()));
            }
        }
    }

    /// An input changed.
    fn heed(&self, inputs: Inputs, now: Now) {
        let mut desk = self.lock();
        let before = desk.pins.told();
        self.take_in(&mut desk, inputs, now);
        self.settle(&mut desk, now);
        if before != desk.pins.told() {
            self.tell_state(&mut desk, now);
        }
    }

    /// Looks at the pins; before every command, and at least once a second.
    /// Says whether there is something new to tell.
    pub(super) fn look_at_pins(&self, desk: &mut Books, now: Now) -> bool {
        let before = desk.pins.told();
        self.take_in(desk, self.pins.inputs(), now);
        before != desk.pins.told()
    }

    fn take_in(&self, desk: &mut Books, inputs: Inputs, now: Now) {
        desk.pins.inputs = inputs;
        let reads_on = inputs.privacy_switch.is_some_and(Level::counts_as_on);
        let private = desk.pins.switch.see(reads_on, now.monotonic_ms);
        // The road first: it reads this for every frame and waits for no lock.
        self.private.store(private, Ordering::Release);
        self.record_pins(desk, now);
        if private != desk.authority.is_private() {
            desk.authority.handle_privacy_switch(private, now);
        }
    }

    /// Journals what changed. A switch is off in the journal when it counts as off.
    fn record_pins(&self, desk: &mut Books, now: Now) {
        let (inputs, private) = (desk.pins.inputs, desk.pins.switch.on);
        let switch = match inputs.privacy_switch {
            Some(Level::Off) if private => desk.pins.recorded.privacy_switch,
            level => level,
        };
        let mut whats = heapless::Vec::<What, 2>::new();
        if switch != desk.pins.recorded.privacy_switch {
            let what = match switch {
                Some(Level::On) => Some(What::PrivacyOn),
                Some(Level::Unreadable) => Some(What::PrivacyUnreadable),
                Some(Level::Off) => Some(What::PrivacyOff),
                None => None,
            };
            whats.extend(what);
        }
        let open = |level: Option<Level>| level.is_some_and(Level::counts_as_on);
        if open(inputs.tamper) != open(desk.pins.recorded.tamper) {
            whats.extend(Some(if open(inputs.tamper) { What::Tampered } else { What::TamperCleared }));
        }
        desk.pins.recorded = Inputs { privacy_switch: switch, tamper: inputs.tamper };
        if whats.is_empty() {
            return;
        }
        for what in whats {
            tracing::warn!(?what, "an input of the board changed");
            if let Err(error) = desk.record.pins(what, now) {
                tracing::error!(%error, "a change of the board's inputs is not in the journal");
            }
        }
        self.tell_head(desk, now);
    }

    /// Lights what the shares call for. `false` when a light does not obey.
    pub(super) fn show_light(&self, desk: &mut Books) -> bool {
        let sharing = desk.authority.shares().iter().any(|share| share.state() == ShareState::Sharing);
        let light = match (sharing, desk.authority.is_private()) {
            (true, _) => Light::Sharing,
            (false, true) => Light::Off,
            (false, false) => Light::Armed,
        };
        self.light(desk, light)
    }

    /// Tells a light, unless it is known to be as it should. One that shows that somebody watches is told again and again, so that it is known to
    /// obey. `false` when that very one does not; others are only missed.
    pub(super) fn light(&self, desk: &mut Books, light: Light) -> bool {
        if desk.pins.resting || (desk.pins.lit == Some(light) && light != Light::Sharing) {
            return true;
        }
        let Err(error) = self.pins.show(light) else {
            desk.pins.lit = Some(light);
            return true;
        };
        if desk.pins.lit.take().is_some() || !std::mem::replace(&mut desk.pins.light_missed, true) {
            tracing::error!(%error, "a light does not obey");
        }
        light != Light::Sharing || error.pin != SHARING
    }

    /// Every second: a share whose light has failed ends.
    pub(super) fn check_light(&self, desk: &mut Books, now: Now) {
        if !self.show_light(desk) {
            desk.authority.handle_fault(None, now);
            self.settle(desk, now);
        }
    }

    /// The eye ends: lights go out and stay so.
    pub(super) fn rest(&self) {
        self.lock().pins.resting = true;
        self.pins.rest();
    }
}

impl Standing {
    /// For `state`; `None` on a board without inputs.
    pub(super) fn told(&self) -> Option<PinsState> {
        let state = |level: Level| match level {
            Level::Off => PinState::Off,
            Level::On => PinState::On,
            Level::Unreadable => PinState::Unreadable,
        };
        let Inputs { privacy_switch, tamper } = self.inputs;
        // Off is told when it counts: not while it could still be a contact that bounces.
        let switch = match privacy_switch {
            Some(Level::Off) if self.switch.on => Some(Level::On),
            level => level,
        };
        (self.inputs != Inputs::default())
            .then(|| PinsState { privacy_switch: switch.map(state), tamper: tamper.map(state) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p3_a_switch_is_believed_at_once_when_on_and_after_a_second_when_off() {
        let mut switch = Settled::default();
        assert!(!switch.see(false, 0));
        assert!(switch.see(true, 10));
        assert!(switch.see(false, 20));
        assert!(switch.see(false, 1_019));
        assert!(!switch.see(false, 1_020));
        assert!(switch.see(true, 1_021));
    }

    #[test]
    fn p3_a_contact_that_bounces_stays_on() {
        let mut switch = Settled::default();
        for n in 0..100 {
            assert!(switch.see(true, n * 600));
            assert!(switch.see(false, n * 600 + 300));
        }
    }
}
