//! P1, P4, P5: what a person at the camera switches off, nobody's signature switches on.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod support;

use contract::{EndReason, ErrorCode, ToldReason};
use support::World;

#[test]
fn p1_while_the_privacy_switch_is_on_no_picture_leaves_and_no_share_stands() {
    let mut world = World::new();
    let jti = world.share();
    world.run(5_000);
    let on_ms = world.monotonic_ms;
    assert_eq!(world.authority.handle_privacy_switch(true, world.now()), std::slice::from_ref(&jti));
    // At the very instant, before anybody has drained an event.
    assert!(!world.authority.may_send(&jti, world.now()));
    world.run(5_000);
    assert!(world.last_picture_ms(&jti).unwrap() <= on_ms);
    assert!(world.authority.shares().is_empty() && world.authority.is_private());
}

#[test]
fn p4_the_switch_ends_every_share_with_its_own_reason_and_the_subscriber_is_told_a_neutral_one() {
    let mut world = World::new();
    let running = world.share();
    let mut later = world.other_grant();
    (later.nbf, later.exp) = (later.nbf + 60, later.nbf + 120);
    let waiting = world.submit(later).unwrap();
    world.authority.handle_privacy_switch(true, world.now());
    world.drain();
    for jti in [running, waiting] {
        assert_eq!(world.end_of(&jti).1, EndReason::PrivacySwitch);
    }
    assert_eq!(EndReason::PrivacySwitch.told(), ToldReason::Ended);
    assert_eq!(EndReason::PrivacySwitch.to_string(), "privacy-switch");
}

#[test]
fn p5_a_grant_under_the_switch_is_refused_and_used_up() {
    let mut world = World::new();
    world.authority.handle_privacy_switch(true, world.now());
    let grant = world.grant();
    assert_eq!(world.submit(grant.clone()).unwrap_err().code, ErrorCode::PrivacySwitch);
    world.authority.handle_privacy_switch(false, world.now());
    assert_eq!(world.submit(grant).unwrap_err().code, ErrorCode::Replayed, "it was answered; nobody may try it again");
    world.share();
}

#[test]
fn p1_turning_the_switch_off_brings_no_share_back() {
    let mut world = World::new();
    let jti = world.share();
    world.authority.handle_privacy_switch(true, world.now());
    assert_eq!(world.authority.handle_privacy_switch(false, world.now()), []);
    world.run(5_000);
    assert!(!world.authority.may_send(&jti, world.now()) && world.authority.shares().is_empty());
}

#[test]
fn p8_preempt_and_release_do_not_touch_the_switch() {
    let mut world = World::new();
    world.authority.handle_privacy_switch(true, world.now());
    world.preempt("chief", 1).unwrap();
    world.release("chief", 2).unwrap();
    assert_eq!(world.refusal(|_| {}), ErrorCode::PrivacySwitch);
}
