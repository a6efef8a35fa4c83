//! Pins and watchdog: that what is stated is there, and how it stands. Nothing is moved, nothing is armed.

use super::Asked;
use board_hal::{Level, Pins};
use board_pins::BoardPins;
use board_profile::PinsProfile;
use contract::doctor::Check;
use nix::unistd::{AccessFlags, access};

/// Every pin that is stated can be had. Outputs are taken and let go as they rest: lights off.
pub(super) fn lines(asked: &Asked) -> Vec<Check> {
    let profile = asked.pins();
    let stated: Vec<&'static str> = profile.inputs().chain(profile.outputs()).map(|(name, _)| name).collect();
    if stated.is_empty() {
        return vec![Check::note(
            "pins",
            "none stated: no privacy switch, no light",
            "state under [pins] what is soldered",
        )];
    }
    // Inputs only: an output would be driven by being taken.
    let inputs = PinsProfile {
        privacy_switch: profile.privacy_switch.clone(),
        tamper: profile.tamper.clone(),
        ..PinsProfile::default()
    };
    let pins = BoardPins::open(inputs, None);
    let read = pins.inputs();
    let missing = pins.missing();
    stated.iter().map(|name| judge(name, &profile, read, &missing)).collect()
}

fn judge(
    name: &'static str,
    profile: &PinsProfile,
    read: board_hal::Inputs,
    missing: &[(&'static str, String)],
) -> Check {
    let line = format!("pins.{name}");
    if let Some((_, pin)) = profile.outputs().find(|(output, _)| *output == name) {
        return match board_pins::Line::look(pin) {
            Ok(found) => Check::pass(&line, found),
            Err(cause) => Check::fail(&line, cause, "mend that, or take the pin out of [pins] if it is not soldered"),
        };
    }
    let level = if name == "privacy_switch" { read.privacy_switch } else { read.tamper };
    match level {
        Some(Level::Off) => Check::pass(&line, "off"),
        Some(Level::On) if name == "privacy_switch" => {
            Check::note(&line, "on: nothing is granted", "turn it off; if it is off, state `on` the other way round")
        }
        Some(Level::On) => {
            Check::note(&line, "on: the housing is open", "close it; if it is closed, state `on` the other way round")
        }
        _ => {
            let cause = missing.iter().find(|(pin, _)| *pin == name).map_or("cannot be read", |(_, cause)| cause);
            // The eye that runs has it: that is as it should be.
            if cause.contains("in use by \"campari\"") {
                return Check::pass(&line, "held by the eye that runs");
            }
            let remedy = "mend that: until then it counts as on; or take the pin out of [pins] if it is not soldered";
            Check::fail(&line, cause, remedy)
        }
    }
}

/// The watchdog is there and may be written to. Opening it would arm it.
pub(super) fn watchdog(asked: &Asked) -> Vec<Check> {
    const LINE: &str = "watchdog.device";
    let Some(stated) = asked.watchdog() else {
        return vec![Check::note(LINE, "none stated: a board that hangs stays so", "state [watchdog]")];
    };
    let device = stated.device.display();
    vec![match access(&stated.device, AccessFlags::W_OK) {
        Err(cause) => Check::fail(
            LINE,
            format!("{device}: {cause}"),
            "load its driver, give the eye's user write access, or take [watchdog] out",
        ),
        Ok(()) => {
            let name = stated.device.file_name().unwrap_or_default();
            let state = std::path::Path::new("/sys/class/watchdog").join(name).join("state");
            let armed = std::fs::read_to_string(state).is_ok_and(|state| state.trim() == "active");
            let text = if armed { "armed already, by the eye that runs or by the service manager" } else { "there" };
            Check::pass(LINE, format!("{device} is {text}"))
        }
    }]
}
