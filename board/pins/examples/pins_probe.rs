//! The pins against a real kernel: a GPIO chip and a watchdog, in the machines that `tests/vm` boots.
//!
//!   pins_probe [chip=NAME] [out=OFFSET,OFFSET] [in=OFFSET] [button=OFFSET] [watchdog=DEVICE]
//!
//! `out`: two lines that nothing hangs on; they are driven. `in`: a line that reads low. `button`: a line on which something outside makes a pulse
//! within thirty seconds after `campari-probe: press` was printed (QEMU's virt machine: `system_powerdown` pulses line 3). Levels of held lines are
//! read from debugfs. `watchdog`: the kernel's softdog, loaded with soft_noboot=1, so that its bites are counted and not felt. Not for a machine that is used for anything else. Prints what it does, then one JSON line; exits 1 when a check failed.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use board_hal::{Level, Light, Pins};
use board_pins::{BoardPins, Line};
use board_profile::{Pin, PinsProfile, WatchdogProfile};
use embedded_hal::digital::{InputPin, OutputPin};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

type Outcome = Result<String, String>;

struct Asked(BTreeMap<String, String>);

impl Asked {
    fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
    fn offset(&self, key: &str) -> u32 {
        self.text(key).unwrap().parse().unwrap()
    }
    fn outs(&self) -> (u32, u32) {
        let (a, b) = self.text("out").unwrap().split_once(',').unwrap();
        (a.parse().unwrap(), b.parse().unwrap())
    }
    fn chip(&self) -> &str {
        self.text("chip").unwrap()
    }
}

type Check = (&'static str, &'static [&'static str], fn(&Asked) -> Outcome);

/// What each check needs to be told.
const CHECKS: [Check; 9] = [
    ("a_chip_is_found_by_name_path_and_label", &["chip", "in"], found),
    ("an_output_has_the_level_that_it_was_set_to", &["chip", "out"], output),
    ("an_input_reads_and_its_meaning_follows_the_profile", &["chip", "in"], input),
    ("a_line_that_is_held_says_by_whom", &["chip", "out"], held),
    ("a_line_beyond_the_chip_says_which_there_are", &["chip"], beyond),
    ("a_name_that_is_not_there_says_which_chips_there_are", &[], unnamed),
    ("lights_follow_off_armed_sharing", &["chip", "out"], lights),
    ("a_pulse_on_the_switch_is_told_as_on_and_then_off", &["chip", "button"], button),
    ("the_watchdog_waits_while_it_is_kicked_and_is_disarmed_at_rest", &["watchdog"], watchdog),
];

fn main() {
    let asked = Asked(
        std::env::args().skip(1).filter_map(|a| a.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()))).collect(),
    );
    let (mut results, mut failed) = (Vec::new(), 0);
    for (name, needs, check) in CHECKS {
        if let Some(lacks) = needs.iter().find(|need| asked.text(need).is_none()) {
            println!("NOT ASKED {name} (needs {lacks}=)");
            continue;
        }
        let outcome = std::panic::catch_unwind(|| check(&asked)).unwrap_or_else(|_| Err("panicked".into()));
        let (result, detail) = match outcome {
            Ok(detail) => ("PASS", detail),
            Err(detail) => ("FAIL", detail),
        };
        failed += usize::from(result == "FAIL");
        println!("{result} {name} ({detail})");
        results.push(serde_json::json!({ "check": name, "result": result, "detail": detail }));
    }
    println!("{}", serde_json::json!({ "program": "pins_probe", "failed": failed, "checks": results }));
    std::process::exit(i32::from(failed > 0 || results.is_empty()));
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn pin(chip: &str, offset: u32, rest: &str) -> Pin {
    let text = format!("tamper = {{ chip = {chip:?}, offset = {offset}{rest} }}");
    toml::from_str::<PinsProfile>(&text).unwrap().tamper.unwrap()
}

fn found(asked: &Asked) -> Outcome {
    let name = asked.chip();
    let info = gpiocdev::chip::Chip::from_path(format!("/dev/{name}")).and_then(|chip| chip.info());
    let label = info.map_err(|e| e.to_string())?.label;
    for chip in [name.to_owned(), format!("/dev/{name}"), label.clone()] {
        Line::input(&pin(&chip, asked.offset("in"), "")).map_err(|e| format!("{chip}: {e}"))?;
    }
    Ok(format!("{name}, label {label:?}"))
}

fn output(asked: &Asked) -> Outcome {
    let (offset, _) = asked.outs();
    let mut line = Line::output(&pin(asked.chip(), offset, ", on = \"low\""), false)?;
    let first = line.is_high().map_err(|e| e.to_string())?;
    ensure(first, || "off, when on is low, is not high".into())?;
    for high in [false, true, false] {
        line.set_state(high.into()).map_err(|e| e.to_string())?;
        ensure(line.is_high().map_err(|e| e.to_string())? == high, || format!("set to {high}, reads otherwise"))?;
    }
    Ok("high, low, high, low".into())
}

fn input(asked: &Asked) -> Outcome {
    let read = |on: &str| -> Result<Option<Level>, String> {
        let text =
            format!("privacy_switch = {{ chip = {:?}, offset = {}, on = {on:?} }}", asked.chip(), asked.offset("in"));
        let pins = BoardPins::open(toml::from_str(&text).map_err(|e| e.to_string())?, None);
        Ok(pins.inputs().privacy_switch)
    };
    ensure(read("high")? == Some(Level::Off), || "low, with on = high, is not off".into())?;
    ensure(read("low")? == Some(Level::On), || "low, with on = low, is not on".into())?;
    Ok(format!("edges: {}", Line::input(&pin(asked.chip(), asked.offset("in"), ""))?.tells_edges()))
}

fn held(asked: &Asked) -> Outcome {
    let at = pin(asked.chip(), asked.outs().0, "");
    let _first = Line::output(&at, false)?;
    let error = Line::input(&at).err().ok_or("a held line was given twice")?;
    ensure(error.contains("in use by \"campari\""), || error.clone())?;
    Ok(error)
}

fn beyond(asked: &Asked) -> Outcome {
    let error = Line::input(&pin(asked.chip(), 9_999, "")).err().ok_or("there is a line 9999")?;
    ensure(error.contains("has lines 0 to"), || error.clone())?;
    Ok(error)
}

fn unnamed(_: &Asked) -> Outcome {
    let named = toml::from_str::<PinsProfile>("tamper = { line = \"campari-not-there\" }").unwrap();
    let pins = BoardPins::open(named, None);
    ensure(pins.inputs().tamper == Some(Level::Unreadable), || "a missing input does not count as on".into())?;
    let (_, error) = pins.missing().pop().ok_or("it is not missing")?;
    Ok(error)
}

/// Levels of the lines that campari holds as outputs, by the kernel's own account.
fn held_levels() -> Result<Vec<bool>, String> {
    let file = "/sys/kernel/debug/gpio";
    if !std::path::Path::new(file).exists() {
        let mounted =
            std::process::Command::new("/bin/mount").args(["-t", "debugfs", "none", "/sys/kernel/debug"]).status();
        mounted.map_err(|e| format!("mounting debugfs: {e}"))?;
    }
    let text = std::fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))?;
    Ok(text
        .lines()
        .filter(|line| line.contains("campari") && line.contains(" out "))
        .map(|line| line.contains(" hi"))
        .collect())
}

fn lights(asked: &Asked) -> Outcome {
    let ((armed, sharing), chip) = (asked.outs(), asked.chip());
    let text = format!(
        "light_armed = {{ chip = {chip:?}, offset = {armed} }}\nlight_sharing = {{ chip = {chip:?}, offset = {sharing} }}"
    );
    let pins = BoardPins::open(toml::from_str(&text).map_err(|e| e.to_string())?, None);
    for (light, levels) in [
        (Light::Off, [false, false]),
        (Light::Armed, [true, false]),
        (Light::Sharing, [false, true]),
        (Light::Armed, [true, false]),
    ] {
        pins.show(light).map_err(|e| e.to_string())?;
        let seen = held_levels()?;
        ensure(seen == levels, || format!("{light:?}: {seen:?}, not {levels:?} (armed, sharing)"))?;
    }
    pins.rest();
    ensure(held_levels()? == [false, false], || "a light stays lit at rest".into())?;
    Ok("off, armed, sharing, armed, rest".into())
}

fn button(asked: &Asked) -> Outcome {
    let text = format!("privacy_switch = {{ chip = {:?}, offset = {} }}", asked.chip(), asked.offset("button"));
    let pins = BoardPins::open(toml::from_str(&text).map_err(|e| e.to_string())?, None);
    ensure(pins.inputs().privacy_switch == Some(Level::Off), || "it is on before it is pressed".into())?;
    println!("campari-probe: press");
    let until = Instant::now() + Duration::from_secs(30);
    let next = || {
        let left = until.saturating_duration_since(Instant::now());
        pins.wait(left).and_then(|inputs| inputs.privacy_switch).ok_or("no edge within thirty seconds")
    };
    let pressed = next()?;
    let at = Instant::now();
    ensure(pressed == Level::On, || format!("the first change is {pressed:?}"))?;
    let released = next()?;
    ensure(released == Level::Off, || format!("the second change is {released:?}"))?;
    Ok(format!("on for {} ms", at.elapsed().as_millis()))
}

fn watchdog(asked: &Asked) -> Outcome {
    let device = asked.text("watchdog").unwrap();
    let name = device.rsplit('/').next().unwrap();
    let attribute = |what: &str| -> Result<String, String> {
        let file = format!("/sys/class/watchdog/{name}/{what}");
        std::fs::read_to_string(&file).map(|text| text.trim().to_owned()).map_err(|e| format!("{file}: {e}"))
    };
    let profile = WatchdogProfile { device: device.into(), timeout_s: 7 };
    let pins = BoardPins::open(PinsProfile::default(), Some(profile.clone()));
    ensure(attribute("state")? == "inactive", || "it is armed before the first kick".into())?;
    pins.kick().map_err(|e| e.to_string())?;
    ensure(attribute("state")? == "active" && attribute("timeout")? == "7", || "not armed for 7 s".into())?;
    let second = BoardPins::open(PinsProfile::default(), Some(profile)).kick().err().ok_or("it can be had twice")?;
    ensure(second.to_string().contains("somebody has it"), || second.to_string())?;
    // Longer than its patience, kicked all the while; then left alone.
    for _ in 0..10 {
        std::thread::sleep(Duration::from_secs(1));
        pins.kick().map_err(|e| e.to_string())?;
    }
    ensure(bites()? == 0, || "it bit while it was kicked".into())?;
    std::thread::sleep(Duration::from_secs(9));
    let bitten = bites()?;
    ensure(bitten == 1, || format!("{bitten} bites after nine seconds without a kick"))?;
    pins.kick().map_err(|e| e.to_string())?;
    pins.rest();
    ensure(attribute("state")? == "inactive", || "it stays armed at rest".into())?;
    std::thread::sleep(Duration::from_secs(9));
    ensure(bites()? == 1, || "it bit at rest".into())?;
    Ok("armed by the first kick for 7 s; no bite in 10 s of kicks, one in 9 s without, none at rest".into())
}

/// How often softdog would have started the machine anew.
fn bites() -> Result<usize, String> {
    let said = std::process::Command::new("/bin/dmesg").output().map_err(|e| format!("dmesg: {e}"))?;
    Ok(String::from_utf8_lossy(&said.stdout).matches("Triggered - Reboot ignored").count())
}
