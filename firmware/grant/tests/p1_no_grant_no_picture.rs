//! P1: without a verified, unexpired grant no picture may leave.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod support;

use contract::ErrorCode;
use contract::body::ShareState;
use grant::Event;
use support::{World, policy};

#[test]
fn p1_no_unit_leaves_without_a_grant() {
    let mut world = World::new();
    world.run(60_000);
    assert_eq!(world.pictures, []);
    assert_eq!(world.events, []);
    assert!(!world.authority.may_send(&"anything".parse().unwrap(), world.now()));
}

#[test]
fn p1_a_granted_share_sends_from_the_start_of_its_window_to_its_end() {
    let mut world = World::new();
    let begun_ms = world.monotonic_ms;
    let jti = world.share();
    assert!(matches!(&world.events[0].1, Event::Granted { grant, .. } if grant.envelope.jti == jti));
    assert!(matches!(&world.events[1].1, Event::Started { jti: started, .. } if *started == jti));
    world.run(601_000);
    assert_eq!(world.pictures.first().unwrap().0, begun_ms + 10);
    assert_eq!(world.last_picture_ms(&jti), Some(begun_ms + 599_990));
    let numbers = world.pictures.windows(2).all(|pair| pair[1].0 - pair[0].0 == 10);
    assert!(numbers, "no gap in between");
}

#[test]
fn p1_nothing_leaves_before_the_window_opens() {
    let mut world = World::new();
    let mut grant = world.grant();
    (grant.nbf, grant.exp) = (grant.nbf + 30, grant.nbf + 60);
    let begun_ms = world.monotonic_ms;
    let jti = world.submit(grant).unwrap();
    assert_eq!(world.authority.share(&jti).unwrap().state(), ShareState::Waiting);
    assert_eq!(world.authority.summaries()[0].state, ShareState::Waiting);
    world.run(70_000);
    assert_eq!(world.pictures.first().unwrap().0, begun_ms + 30_000);
    assert_eq!(world.last_picture_ms(&jti), Some(begun_ms + 59_990));
}

#[test]
fn p1_a_refused_grant_opens_nothing() {
    let mut world = World::new();
    assert_eq!(world.refusal(|grant| grant.purpose = "curiosity".into()), ErrorCode::OutsidePolicy);
    world.run(5_000);
    assert_eq!(world.pictures, []);
}

#[test]
fn p1_one_share_says_nothing_for_another() {
    let mut world = World::new();
    let first = world.share();
    let mut later = world.other_grant();
    (later.nbf, later.exp) = (later.nbf + 100, later.nbf + 200);
    let second = world.submit(later).unwrap();
    world.run(5_000);
    assert!(world.authority.may_send(&first, world.now()));
    assert!(!world.authority.may_send(&second, world.now()));
}

#[test]
fn p1_after_a_restart_no_share_resumes() {
    let mut world = World::new();
    let jti = world.share();
    world.run(1_000);
    let sent = world.pictures.len();
    world.restart("c-2");
    world.authority.handle_policy(policy(5), world.now()).unwrap();
    world.run(5_000);
    assert!(world.authority.share(&jti).is_none());
    assert_eq!(world.pictures.len(), sent);
}

#[test]
fn p1_nothing_is_granted_without_a_policy() {
    let mut world = World::without_policy();
    assert_eq!(world.refusal(|_| ()), ErrorCode::NoPolicy);
    assert_eq!(world.beat().unwrap_err().code, ErrorCode::NoPolicy);
    assert_eq!(world.revoke("chief", None).unwrap_err().code, ErrorCode::NoPolicy);
}
