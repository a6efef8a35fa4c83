//! Whether this is the board that the profile is for, whether its clock can be trusted, whether the eye can be confined, and whether the budget adds up.

use super::Asked;
use crate::confine;
use board_clock::SystemClock;
use board_hal::Clock;
use board_profile::{DEVICE_TREE, Profile, interval_ms};
use contract::doctor::Check;
use std::path::Path;

/// The device tree names the board.
pub(super) fn profile(asked: &Asked) -> Vec<Check> {
    let stated = &asked.profile;
    let own = Profile::of_this_board(Path::new(DEVICE_TREE)).map_or_else(|e| e.to_string(), |own| own.name);
    if own == stated.name || stated.compatible.is_empty() {
        return vec![Check::pass("profile", stated.to_string())];
    }
    let here = match std::fs::read(DEVICE_TREE) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).trim_end_matches('\0').replace('\0', ", "),
        Err(_) => "a machine without a device tree".into(),
    };
    let found = format!("{} is for {}; this is {here}", stated.name, stated.compatible.join(", "));
    let remedy =
        format!("profile {own:?} fits here; else write a profile of your own with this board under `compatible`");
    vec![Check::fail("profile", found, remedy)]
}

/// The stages fit between two frames.
pub(super) fn budget(asked: &Asked) -> Vec<Check> {
    let (Some(budget), Some(camera)) = (&asked.profile.budget, asked.camera()) else {
        return vec![Check::note("budget", "none stated", "`--bench` measures what to state")];
    };
    let interval = interval_ms(&camera);
    let road_ms = budget.besides_ms() + budget.infer_ms;
    let text = format!(
        "{}x{} at {}: {interval:.1} ms a frame; the road takes {road_ms:.1}, the encoder {:.1} beside it",
        camera.width, camera.height, camera.fps, budget.encode_ms
    );
    if budget.besides_ms() >= interval || budget.encode_ms >= interval {
        return vec![Check::fail("budget", text, "a lower [camera] fps or size; as it is, frames are dropped")];
    }
    if road_ms > interval {
        let found = format!(
            "{text}: some {:.0} detections for {} frames a second, the ladder is `cautious`",
            budget.detections_per_s(&camera),
            camera.fps
        );
        return vec![Check::note("budget", found, "a lighter [detector] setting, or a lower fps, to be `clear`")];
    }
    vec![Check::pass("budget", text)]
}

/// Grants need a synchronised clock.
pub(super) fn clock(asked: &Asked) -> Vec<Check> {
    let assumed = asked.config.as_ref().is_some_and(|config| config.clock.assume_synchronised);
    vec![match (SystemClock::new().synchronised(), assumed) {
        (true, _) => Check::pass("clock", "synchronised"),
        (false, true) => Check::note(
            "clock",
            "not synchronised, and assumed to be",
            "assume_synchronised is for development machines",
        ),
        (false, false) => Check::fail(
            "clock",
            "not synchronised: every grant is refused",
            "start a time service (ntpd-rs, chrony) and let it reach its server",
        ),
    }]
}

/// What the eye gives up before it looks. This process gives it up too.
pub(super) fn confinement() -> Check {
    match confine::before_camera() {
        Ok(confinement) if confinement.empty_network.is_ok() && confinement.locked_memory.is_ok() => {
            Check::pass("confinement", confinement.to_string())
        }
        Ok(confinement) => {
            Check::note("confinement", confinement.to_string(), "the brackets say how to reach the rest")
        }
        Err(error) => {
            Check::fail("confinement", error.to_string(), "a kernel with seccomp filters (CONFIG_SECCOMP_FILTER)")
        }
    }
}
