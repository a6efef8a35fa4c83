//! The pins of this very board: lines of its GPIO chips and its watchdog, behind [`board_hal::Pins`].
//!
//! A pin that is stated and not there does not keep the eye from starting: its input counts as on, its light refuses to be lit, and it is asked for
//! again every two seconds.

use crate::line::Line;
use crate::panel::Panel;
use crate::slot::Slot;
use crate::watchdog::Watchdog;
use board_hal::{Inputs, Light, Output, PinError, Pins};
use board_profile::{Pin, PinsProfile, WatchdogProfile};
use gpiocdev::Request;
use gpiocdev::line::EdgeKind;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What is not there is asked for again this often.
const AGAIN: Duration = Duration::from_secs(2);
/// Lines whose chip tells of no edges are read this often.
const READ_EVERY: Duration = Duration::from_millis(100);

/// Lines of the GPIO chips and the watchdog, behind [`Pins`]. What is stated and not there counts as on, and is asked for again.
#[derive(Debug)]
pub struct BoardPins {
    profile: PinsProfile,
    watchdog: Option<WatchdogProfile>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    panel: Panel<Line, Line>,
    /// As told last, for lines without edges.
    told: Inputs,
    tried: Instant,
    light: Light,
    armed: Option<Watchdog>,
}

impl BoardPins {
    /// Takes every line that is stated; what cannot be had is logged, with what to do. The watchdog is armed by the first [`Pins::kick`].
    #[must_use]
    pub fn open(profile: PinsProfile, watchdog: Option<WatchdogProfile>) -> Self {
        let panel = Panel {
            privacy_switch: slot("privacy_switch", profile.privacy_switch.as_ref(), Line::input),
            tamper: slot("tamper", profile.tamper.as_ref(), Line::input),
            light_armed: slot("light_armed", profile.light_armed.as_ref(), dark),
            light_sharing: slot("light_sharing", profile.light_sharing.as_ref(), dark),
            ir_cut: slot("ir_cut", profile.ir_cut.as_ref(), |pin| Line::output(pin, true)),
            wiper: slot("wiper", profile.wiper.as_ref(), dark),
        };
        let mut inner = Inner { panel, told: Inputs::default(), tried: Instant::now(), light: Light::Off, armed: None };
        for (pin, cause) in inner.missing() {
            tracing::error!(pin, cause, "a pin that is stated cannot be had");
        }
        inner.told = inner.panel.inputs();
        Self { profile, watchdog, inner: Mutex::new(inner) }
    }

    /// The pins that are stated and cannot be had, with why and what to do.
    #[must_use]
    pub fn missing(&self) -> Vec<(&'static str, String)> {
        self.lock().missing()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks again for what is not there, from time to time.
    fn mend(&self, inner: &mut Inner) {
        if inner.tried.elapsed() < AGAIN || inner.missing().is_empty() {
            return;
        }
        inner.tried = Instant::now();
        let light = inner.light;
        let input = self.profile.inputs().collect::<Vec<_>>();
        let output = self.profile.outputs().collect::<Vec<_>>();
        for slot in inner.panel.input_slots() {
            again(slot, &input, Line::input);
        }
        for slot in inner.panel.output_slots() {
            again(slot, &output, |pin| Line::output(pin, slot_rests_on(pin, &self.profile)));
        }
        if let Err(error) = inner.panel.show(light) {
            tracing::debug!(%error, "a light is still missing");
        }
    }

    /// The lines that tell of edges, and whether some do not.
    fn sources(inner: &mut Inner) -> (Vec<(&'static str, Arc<Request>)>, bool) {
        let (mut telling, mut silent) = (Vec::new(), false);
        for slot in inner.panel.input_slots() {
            match slot.line() {
                Ok(line) if line.tells_edges() => telling.push((slot.name(), Arc::clone(line.request()))),
                _ => silent = true,
            }
        }
        (telling, silent)
    }
}

impl Inner {
    fn missing(&mut self) -> Vec<(&'static str, String)> {
        let inputs = self.panel.input_slots().filter_map(|slot| slot.line().err().map(|e| (slot.name(), e.to_owned())));
        let mut missing: Vec<_> = inputs.collect();
        missing.extend(
            self.panel.output_slots().filter_map(|slot| slot.line().err().map(|e| (slot.name(), e.to_owned()))),
        );
        missing
    }

    /// The inputs as they stand after an edge of `name`, whatever that line says now.
    fn after(&mut self, name: &str, kind: EdgeKind) -> Inputs {
        let mut inputs = self.panel.inputs();
        let high = kind == EdgeKind::Rising;
        let Some(slot) = self.panel.input_slots().find(|slot| slot.name() == name) else { return inputs };
        let level = Some(slot.meaning(high));
        match name {
            "privacy_switch" => inputs.privacy_switch = level,
            _ => inputs.tamper = level,
        }
        inputs
    }

    /// A line that hung up is let go.
    fn lost(&mut self, name: &str) {
        if let Some(slot) = self.panel.input_slots().find(|slot| slot.name() == name) {
            slot.put(Err("its chip is gone".into()));
        }
    }

    fn changed(&mut self) -> Option<Inputs> {
        let inputs = self.panel.inputs();
        let changed = inputs != self.told;
        self.told = inputs;
        changed.then_some(inputs)
    }
}

impl Pins for BoardPins {
    fn inputs(&self) -> Inputs {
        let mut inner = self.lock();
        self.mend(&mut inner);
        inner.panel.inputs()
    }

    fn wait(&self, patience: Duration) -> Option<Inputs> {
        let (telling, silent) = {
            let mut inner = self.lock();
            self.mend(&mut inner);
            // What changed while nobody waited, and what tells of no edge.
            if let Some(inputs) = inner.changed() {
                return Some(inputs);
            }
            Self::sources(&mut inner)
        };
        let patience = if silent { patience.min(READ_EVERY) } else { patience };
        let mut fds: Vec<_> =
            telling.iter().map(|(_, request)| PollFd::new(request.as_fd(), PollFlags::POLLIN)).collect();
        let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
        if poll(&mut fds, timeout).unwrap_or(0) == 0 {
            return self.lock().changed();
        }
        let ready = fds.iter().zip(&telling).find_map(|(fd, (name, request))| {
            let events = fd.revents().unwrap_or(PollFlags::empty());
            (!events.is_empty()).then_some((events, *name, request))
        });
        let (events, name, request) = ready?;
        let mut inner = self.lock();
        let inputs = match events.contains(PollFlags::POLLIN).then(|| request.read_edge_event()) {
            Some(Ok(edge)) => inner.after(name, edge.kind),
            _ => {
                inner.lost(name);
                inner.panel.inputs()
            }
        };
        inner.told = inputs;
        Some(inputs)
    }

    fn show(&self, light: Light) -> Result<(), PinError> {
        let mut inner = self.lock();
        self.mend(&mut inner);
        inner.light = light;
        inner.panel.show(light)
    }

    fn set(&self, output: Output, on: bool) -> Result<(), PinError> {
        let mut inner = self.lock();
        self.mend(&mut inner);
        inner.panel.set(output, on)
    }

    fn kick(&self) -> Result<(), PinError> {
        let Some(profile) = &self.watchdog else { return Ok(()) };
        let failed = |cause| PinError { pin: "watchdog", cause };
        let mut inner = self.lock();
        match &mut inner.armed {
            Some(armed) => armed.kick().map_err(|cause| failed(format!("{}: {cause}", profile.device.display()))),
            None => {
                inner.armed = Some(Watchdog::open(profile).map_err(failed)?);
                Ok(())
            }
        }
    }

    fn rest(&self) {
        let mut inner = self.lock();
        inner.light = Light::Off;
        if let Err(error) = inner.panel.show(Light::Off) {
            tracing::warn!(%error, "a light does not go out");
        }
        if let Some(armed) = inner.armed.take() {
            armed.disarm();
        }
    }
}

fn slot(name: &'static str, pin: Option<&Pin>, take: impl Fn(&Pin) -> Result<Line, String>) -> Option<Slot<Line>> {
    pin.map(|pin| Slot::new(name, pin.on, take(pin).map_err(|cause| format!("{}: {cause}", pin.at))))
}

fn dark(pin: &Pin) -> Result<Line, String> {
    Line::output(pin, false)
}

/// Only the infrared filter rests on: it is what a picture by day needs.
fn slot_rests_on(pin: &Pin, profile: &PinsProfile) -> bool {
    profile.ir_cut.as_ref() == Some(pin)
}

fn again(slot: &mut Slot<Line>, stated: &[(&str, &Pin)], take: impl Fn(&Pin) -> Result<Line, String>) {
    if slot.line().is_ok() {
        return;
    }
    let Some((_, pin)) = stated.iter().find(|(name, _)| *name == slot.name()) else { return };
    let line = take(pin).map_err(|cause| format!("{}: {cause}", pin.at));
    if line.is_ok() {
        tracing::info!(pin = slot.name(), "a pin is there now");
    }
    slot.put(line);
}
