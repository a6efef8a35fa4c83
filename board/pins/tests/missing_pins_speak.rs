//! Pins that are stated and not there: one line each that says what and what to do, and an input that counts as on.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

use board_hal::{Level, Light, Pins};
use board_pins::{BoardPins, Line};
use board_profile::{PinsProfile, WatchdogProfile};
use std::time::{Duration, Instant};

const STATED: &str = r#"
privacy_switch = { line = "campari-test-not-there" }
tamper = { chip = "gpiochip-not-there", offset = 3 }
light_sharing = { chip = "/dev/null", offset = 3 }
"#;

fn pins() -> BoardPins {
    BoardPins::open(toml::from_str(STATED).unwrap(), None)
}

#[test]
fn p3_what_is_stated_and_not_there_counts_as_on() {
    let pins = pins();
    let inputs = pins.inputs();
    assert_eq!(inputs.privacy_switch, Some(Level::Unreadable));
    assert_eq!(inputs.tamper, Some(Level::Unreadable));
    assert!(inputs.privacy_switch.unwrap().counts_as_on());
    let started = Instant::now();
    assert_eq!(pins.wait(Duration::from_millis(30)), None, "nothing changed");
    assert!(started.elapsed() < Duration::from_secs(5), "waits no longer than asked");
}

#[test]
fn each_missing_pin_has_one_line_that_says_what_and_what_to_do() {
    let missing = pins().missing();
    let names: Vec<_> = missing.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["privacy_switch", "tamper", "light_sharing"]);
    for ((name, cause), words) in missing.iter().zip([
        vec!["campari-test-not-there", "gpio-line-names", "chip and offset"],
        vec!["gpiochip-not-there", "there is no GPIO chip"],
        vec!["line 3 of /dev/null"],
    ]) {
        assert!(!cause.contains('\n'), "{name}: {cause}");
        for word in words {
            assert!(cause.contains(word), "{word} is missing in {name}: {cause}");
        }
    }
}

#[test]
fn a_light_that_is_not_there_refuses_to_be_lit() {
    let error = pins().show(Light::Sharing).unwrap_err();
    assert_eq!(error.pin, "light_sharing");
}

#[test]
fn a_board_without_pins_reads_nothing_and_obeys() {
    let pins = BoardPins::open(PinsProfile::default(), None);
    assert_eq!(pins.inputs(), board_hal::Inputs::default());
    assert!(pins.missing().is_empty());
    pins.show(Light::Sharing).unwrap();
    pins.kick().unwrap();
    pins.rest();
}

#[test]
fn a_watchdog_that_is_not_there_says_so() {
    let watchdog = WatchdogProfile { device: "/dev/campari-no-watchdog".into(), timeout_s: 20 };
    let error = BoardPins::open(PinsProfile::default(), Some(watchdog)).kick().unwrap_err();
    for word in ["watchdog", "/dev/campari-no-watchdog", "No such file", "take [watchdog] out"] {
        assert!(error.to_string().contains(word), "{word} is missing in: {error}");
    }
}

#[test]
fn a_line_says_what_is_wrong_with_its_chip() {
    let pin = toml::from_str::<PinsProfile>(STATED).unwrap().light_sharing.unwrap();
    assert!(Line::output(&pin, false).unwrap_err().contains("/dev/null"));
}
