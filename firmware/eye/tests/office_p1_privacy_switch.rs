//! The privacy switch at the camera, through the real office: what it ends, what it forbids, what is told and journaled, and that doubt counts as on.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod bench;

use bench::{Bench, INES, Voice, sign};
use board_hal::{Inputs, Level};
use board_sim::SimPins;
use contract::body::{EyeState, PinState};
use contract::claims::TokenKind;
use contract::{EndReason, ErrorCode, ToldReason};
use eye::office::OFF_AFTER_MS;
use eye::road::Desk;
use link::message::ToVoice;
use std::time::Duration;

fn switch(pins: &SimPins, level: Level) {
    pins.turn(|inputs| inputs.privacy_switch = Some(level));
}

/// The state once the switch is told to stand so.
fn until(voice: &mut Voice, wanted: PinState) -> EyeState {
    let body = voice.until(|message, body| {
        matches!(message, ToVoice::State)
            && serde_json::from_slice::<EyeState>(body).unwrap().pins.unwrap().privacy_switch == Some(wanted)
    });
    serde_json::from_slice(&body).unwrap()
}

fn refused(bench: &mut Bench, voice: &mut Voice) -> ErrorCode {
    let grant = bench.grant(&voice.state());
    voice.refusal(TokenKind::Grant, &sign(TokenKind::Grant, "ines", &grant, INES))
}

/// Lets the switch be off for long enough to count.
fn settle(bench: &mut Bench, voice: &mut Voice) {
    voice.state();
    bench.clock.advance(Duration::from_millis(OFF_AFTER_MS));
    voice.state();
    let token = bench.heartbeat(&[]);
    voice.command(TokenKind::Heartbeat, &token);
}

/// Events of the journal that are about the board's inputs.
fn journaled(bench: &Bench) -> Vec<String> {
    let events = bench.journal();
    let events = events.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let names = events.map(|entry| entry["event"].as_str().unwrap().to_owned());
    names.filter(|name| name.starts_with("privacy") || name.starts_with("tamper")).collect()
}

#[test]
fn p4_turning_the_switch_on_ends_the_share_and_says_why_to_the_control_room_only() {
    let pins = SimPins::closed();
    let (mut bench, mut voice, _dir) = Bench::ready_with(&pins);
    let jti = voice.share(&mut bench);
    bench.picture(b"seen");
    switch(&pins, Level::On);
    voice.until(|message, _| {
        matches!(message, ToVoice::ShareEnded { jti: of, reason: EndReason::PrivacySwitch, told: ToldReason::Ended, .. } if *of == jti)
    });
    assert!(bench.office.is_private() && !bench.office.order().open);
    bench.picture(b"not to be seen");
    assert_eq!(voice.all_units(&bench), [b"seen"]);
    assert_eq!(voice.state().pins.unwrap().privacy_switch, Some(PinState::On));
    assert_eq!(journaled(&bench), ["privacy-off", "privacy-on"]);
    let ended = bench.journal().lines().last().unwrap().to_owned();
    assert!(ended.contains("\"true_reason\":\"privacy-switch\",\"told_reason\":\"ended\""), "{ended}");
}

#[test]
fn p1_a_grant_is_refused_even_if_nobody_noticed_that_the_switch_was_turned() {
    let pins = SimPins::closed();
    let (mut bench, mut voice, _dir) = Bench::ready_with(&pins);
    let state = voice.state();
    // No edge is told and no second passes: only who reads the switch before he judges can know.
    pins.turn_unnoticed(|inputs| inputs.privacy_switch = Some(Level::On));
    let grant = bench.grant(&state);
    let answer = voice.command(TokenKind::Grant, &sign(TokenKind::Grant, "ines", &grant, INES));
    assert_eq!(answer.error.unwrap().code, ErrorCode::PrivacySwitch);
    assert!(!voice.heard.iter().any(|(message, _)| matches!(message, ToVoice::ShareGranted { .. })));
}

#[test]
fn p3_a_switch_that_cannot_be_read_counts_as_on_from_the_start_and_later() {
    let pins = SimPins::new(Inputs { privacy_switch: Some(Level::Unreadable), tamper: None });
    let (mut bench, mut voice, _dir) = Bench::ready_with(&pins);
    assert_eq!(voice.newest_state().pins.unwrap().privacy_switch, Some(PinState::Unreadable));
    assert_eq!(refused(&mut bench, &mut voice), ErrorCode::PrivacySwitch);
    switch(&pins, Level::Off);
    settle(&mut bench, &mut voice);
    let jti = voice.share(&mut bench);
    switch(&pins, Level::Unreadable);
    voice.until(|message, _| {
        matches!(message, ToVoice::ShareEnded { jti: of, reason: EndReason::PrivacySwitch, .. } if *of == jti)
    });
    assert_eq!(journaled(&bench), ["privacy-unreadable", "privacy-off", "privacy-unreadable"]);
}

#[test]
fn p1_p6_neither_voice_nor_policy_nor_police_can_turn_the_switch_off() {
    let pins = SimPins::closed();
    let (mut bench, mut voice, _dir) = Bench::ready_with(&pins);
    switch(&pins, Level::On);
    until(&mut voice, PinState::On);
    assert!(voice.policy(&bench::bundle(&bench::policy(2))).ok);
    let token = bench.heartbeat(&[]);
    assert!(voice.command(TokenKind::Heartbeat, &token).ok);
    assert_eq!(refused(&mut bench, &mut voice), ErrorCode::PrivacySwitch);
    // Nor a new voice, nor a new eye.
    drop(voice);
    let (dir, clock) = (bench.dir.clone(), bench.clock.clone());
    let mut bench = Bench::on_board(&dir, clock, std::sync::Arc::new(pins.clone()));
    let mut voice = bench.voice();
    let token = bench.heartbeat(&[]);
    voice.command(TokenKind::Heartbeat, &token);
    assert_eq!(refused(&mut bench, &mut voice), ErrorCode::PrivacySwitch);
}

#[test]
fn p1_turned_off_it_counts_a_second_later_and_only_a_new_grant_shares_again() {
    let pins = SimPins::closed();
    let (mut bench, mut voice, _dir) = Bench::ready_with(&pins);
    let before = voice.share(&mut bench);
    switch(&pins, Level::On);
    until(&mut voice, PinState::On);
    switch(&pins, Level::Off);
    voice.state();
    bench.clock.advance(Duration::from_millis(OFF_AFTER_MS - 1));
    assert_eq!(refused(&mut bench, &mut voice), ErrorCode::PrivacySwitch, "it may bounce");
    assert_eq!(voice.newest_state().pins.unwrap().privacy_switch, Some(PinState::On));
    settle(&mut bench, &mut voice);
    assert!(!bench.office.is_private());
    bench.picture(b"nobody asked");
    let state = voice.state();
    assert!(state.shares.is_empty() && !bench.office.order().open, "{before} came back");
    assert_eq!(state.pins.unwrap().privacy_switch, Some(PinState::Off));
    let after = voice.share(&mut bench);
    bench.picture(b"asked");
    assert_eq!(voice.all_units(&bench), [b"asked"]);
    assert_ne!(before, after);
    assert_eq!(journaled(&bench), ["privacy-off", "privacy-on", "privacy-off"]);
}

#[test]
fn p4_a_switch_that_is_flicked_and_back_again_ends_the_share_all_the_same() {
    let pins = SimPins::closed();
    let (mut bench, mut voice, _dir) = Bench::ready_with(&pins);
    let jti = voice.share(&mut bench);
    switch(&pins, Level::On);
    switch(&pins, Level::Off);
    voice.hears(|message| matches!(message, ToVoice::ShareEnded { jti: of, reason: EndReason::PrivacySwitch, .. } if *of == jti));
}

#[test]
fn p7_an_opened_housing_is_told_and_journaled_once_and_ends_nothing() {
    let pins = SimPins::closed();
    let (mut bench, mut voice, _dir) = Bench::ready_with(&pins);
    voice.share(&mut bench);
    for level in [Level::On, Level::Unreadable, Level::Off] {
        pins.turn(|inputs| inputs.tamper = Some(level));
        let wanted = match level {
            Level::On => PinState::On,
            Level::Unreadable => PinState::Unreadable,
            Level::Off => PinState::Off,
        };
        voice.until(|message, body| {
            matches!(message, ToVoice::State)
                && serde_json::from_slice::<EyeState>(body).unwrap().pins.unwrap().tamper == Some(wanted)
        });
    }
    assert_eq!(voice.state().shares.len(), 1);
    assert_eq!(journaled(&bench), ["privacy-off", "tampered", "tamper-cleared"]);
    let journal = bench.journal();
    let recovered = journal::recover(journal.as_bytes(), None);
    assert_eq!((recovered.tail, recovered.valid_len), (journal::Tail::Clean, journal.len()));
}

#[test]
fn a_board_without_pins_says_nothing_of_them() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    voice.share(&mut bench);
    assert_eq!(voice.state().pins, None);
    assert_eq!(journaled(&bench), Vec::<String>::new());
}
