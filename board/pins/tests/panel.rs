//! What counts as on, what doubt means, and which light is lit when; on pins that the test scripts.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

use board_hal::{Level, Light, Output};
use board_pins::{Panel, Slot};
use board_profile::On;
use embedded_hal_mock::eh1::MockError;
use embedded_hal_mock::eh1::digital::{Mock, State, Transaction};
use std::io::ErrorKind;

fn pin(transactions: &[Transaction]) -> Mock {
    Mock::new(transactions)
}

fn empty() -> Panel<Mock, Mock> {
    Panel { privacy_switch: None, tamper: None, light_armed: None, light_sharing: None, ir_cut: None, wiper: None }
}

fn broken() -> MockError {
    MockError::Io(ErrorKind::NotConnected)
}

#[test]
fn what_counts_as_on_is_what_the_profile_says() {
    for (on, level, meant) in [
        (On::High, State::High, Level::On),
        (On::High, State::Low, Level::Off),
        (On::Low, State::Low, Level::On),
        (On::Low, State::High, Level::Off),
    ] {
        let mut line = pin(&[Transaction::get(level)]);
        let mut slot = Slot::new("privacy_switch", on, Ok(line.clone()));
        assert_eq!(slot.read(), meant, "{on:?} {level:?}");
        assert_eq!(slot.meaning(level == State::High), meant);
        line.done();
    }
}

#[test]
fn p3_a_switch_that_fails_while_it_is_read_counts_as_on_and_is_let_go() {
    let mut line = pin(&[Transaction::get(State::Low), Transaction::get(State::Low).with_error(broken())]);
    let mut panel = Panel { privacy_switch: Some(Slot::new("privacy_switch", On::High, Ok(line.clone()))), ..empty() };
    assert_eq!(panel.inputs().privacy_switch, Some(Level::Off));
    assert_eq!(panel.inputs().privacy_switch, Some(Level::Unreadable));
    assert!(Level::Unreadable.counts_as_on());
    // Not read again: the line is let go until it is there anew.
    assert_eq!(panel.inputs().privacy_switch, Some(Level::Unreadable));
    let why = panel.input_slots().next().unwrap().line().err().unwrap().to_owned();
    assert!(why.contains("cannot be read") && why.contains("NotConnected"), "{why}");
    line.done();
    let mut again = pin(&[Transaction::get(State::Low)]);
    panel.input_slots().next().unwrap().put(Ok(again.clone()));
    assert_eq!(panel.inputs().privacy_switch, Some(Level::Off));
    again.done();
}

#[test]
fn p3_a_switch_that_was_never_there_counts_as_on_and_a_board_without_one_has_none() {
    let mut panel =
        Panel { privacy_switch: Some(Slot::new("privacy_switch", On::High, Err("gone".into()))), ..empty() };
    assert_eq!(panel.inputs().privacy_switch, Some(Level::Unreadable));
    assert_eq!(panel.inputs().tamper, None);
    assert_eq!(empty().inputs().privacy_switch, None);
}

#[test]
fn the_sharing_light_is_lit_before_the_other_goes_out() {
    let mut sharing = pin(&[Transaction::set(State::High), Transaction::set(State::Low), Transaction::set(State::Low)]);
    let mut armed = pin(&[Transaction::set(State::High), Transaction::set(State::Low), Transaction::set(State::High)]);
    let mut panel = Panel {
        light_sharing: Some(Slot::new("light_sharing", On::High, Ok(sharing.clone()))),
        // Lit by a low level.
        light_armed: Some(Slot::new("light_armed", On::Low, Ok(armed.clone()))),
        ..empty()
    };
    for light in [Light::Sharing, Light::Armed, Light::Off] {
        panel.show(light).unwrap();
    }
    sharing.done();
    armed.done();
}

#[test]
fn a_light_that_does_not_obey_is_told_and_the_other_is_lit_all_the_same() {
    let mut sharing = pin(&[Transaction::set(State::High).with_error(broken())]);
    let mut armed = pin(&[Transaction::set(State::Low)]);
    let mut panel = Panel {
        light_sharing: Some(Slot::new("light_sharing", On::High, Ok(sharing.clone()))),
        light_armed: Some(Slot::new("light_armed", On::High, Ok(armed.clone()))),
        ..empty()
    };
    let error = panel.show(Light::Sharing).unwrap_err();
    assert_eq!(error.pin, "light_sharing");
    assert!(error.to_string().starts_with("pin light_sharing: cannot be set"), "{error}");
    sharing.done();
    armed.done();
}

#[test]
fn a_board_without_lights_shows_them_well_and_without_a_wiper_says_so() {
    let mut panel = empty();
    panel.show(Light::Sharing).unwrap();
    let error = panel.set(Output::Wiper, true).unwrap_err();
    assert_eq!(error.to_string(), "pin wiper: this board has none; state it under [pins]");
    let mut filter = pin(&[Transaction::set(State::Low), Transaction::set(State::High)]);
    panel.ir_cut = Some(Slot::new("ir_cut", On::Low, Ok(filter.clone())));
    panel.set(Output::IrCut, true).unwrap();
    panel.set(Output::IrCut, false).unwrap();
    filter.done();
}
