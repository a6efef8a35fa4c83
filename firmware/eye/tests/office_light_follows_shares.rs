//! The light that people on the street see: on before the first picture can leave, off when the last share has ended; no light, no share.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod bench;

use bench::{Bench, INES, sign};
use board_hal::{Level, Light};
use board_sim::SimPins;
use contract::EndReason;
use contract::claims::TokenKind;
use link::message::ToVoice;
use std::time::Duration;

#[test]
fn p1_the_light_is_on_before_the_voice_hears_of_a_share_and_goes_out_after_its_end() {
    let pins = SimPins::closed();
    let (mut bench, mut voice, _dir) = Bench::ready_with(&pins);
    assert_eq!(pins.lights(), [Light::Armed]);
    let jti = voice.share(&mut bench);
    assert_eq!(pins.lights(), [Light::Armed, Light::Sharing]);
    let token = bench.revoke(&voice.newest_state(), &jti);
    assert!(voice.command(TokenKind::Revoke, &token).ok);
    assert_eq!(pins.lights(), [Light::Armed, Light::Sharing, Light::Armed]);
}

#[test]
fn under_the_privacy_switch_and_at_the_end_all_lights_are_out() {
    let pins = SimPins::closed();
    let (mut bench, mut voice, _dir) = Bench::ready_with(&pins);
    let jti = voice.share(&mut bench);
    pins.turn(|inputs| inputs.privacy_switch = Some(Level::On));
    voice.hears(|message| matches!(message, ToVoice::ShareEnded { jti: of, .. } if *of == jti));
    voice.state();
    assert_eq!(pins.light(), Light::Off);
    bench.office.close();
    assert!(pins.is_resting());
    voice.state();
    assert_eq!(pins.light(), Light::Off, "nothing is lit again");
}

#[test]
fn p3_no_light_no_share() {
    let pins = SimPins::closed();
    let (mut bench, mut voice, _dir) = Bench::ready_with(&pins);
    pins.break_lights(true);
    let grant = bench.grant(&voice.state());
    voice.command(TokenKind::Grant, &sign(TokenKind::Grant, "ines", &grant, INES));
    voice.hears(|message| matches!(message, ToVoice::ShareEnded { reason: EndReason::Fault, .. }));
    assert!(!voice.heard.iter().any(|(message, _)| matches!(message, ToVoice::ShareStarted { .. })));
    bench.picture(b"in the dark");
    assert!(voice.all_units(&bench).is_empty());
    // Mended, it is granted again.
    pins.break_lights(false);
    voice.share(&mut bench);
    bench.picture(b"lit");
    assert_eq!(voice.all_units(&bench), [b"lit"]);
}

#[test]
fn p3_a_share_whose_light_fails_meanwhile_ends() {
    let pins = SimPins::closed();
    let (mut bench, mut voice, _dir) = Bench::ready_with(&pins);
    voice.share(&mut bench);
    pins.break_lights(true);
    bench.clock.advance(Duration::from_secs(1));
    voice.state();
    voice.hears(|message| matches!(message, ToVoice::ShareEnded { reason: EndReason::Fault, .. }));
}
