//! A share that is fetched: nothing flows before a viewer is there, only who may fetch gets one, and each subscriber has one URL.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod support;

use contract::body::ShareState;
use contract::claims::Delivery;
use contract::policy::PullRule;
use contract::{EndReason, ErrorCode};
use grant::Event;
use support::{World, policy};

#[test]
fn p1_a_fetched_share_sends_nothing_before_a_viewer_is_there() {
    let mut world = World::new();
    let grant = world.pull_grant();
    let jti = world.submit(grant).unwrap();
    assert!(matches!(&world.events[..], [(_, Event::Granted { .. }), (_, Event::Waiting { .. })]));
    for _ in 0..20 {
        world.run(1_000);
        assert!(!world.authority.may_send(&jti, world.now()), "nobody is there");
        assert_eq!(world.authority.share(&jti).unwrap().state(), ShareState::Waiting);
    }
    world.viewer(&jti, true);
    assert!(matches!(world.events.last(), Some((_, Event::Started { jti: started, .. })) if *started == jti));
    assert!(world.authority.may_send(&jti, world.now()));
}

#[test]
fn p4_a_fetched_share_that_nobody_fetches_ends_with_its_window() {
    let mut world = World::new();
    let grant = world.pull_grant();
    let jti = world.submit(grant).unwrap();
    world.run(599_000);
    assert!(world.authority.share(&jti).is_some(), "the grace of those who left is not for those who have not come");
    world.run(1_000);
    assert_eq!(world.end_of(&jti).1, EndReason::Expired);
}

#[test]
fn p1_a_viewer_that_is_too_early_opens_nothing() {
    let mut world = World::new();
    let mut grant = world.pull_grant();
    (grant.nbf, grant.exp) = (grant.nbf + 60, grant.exp + 60);
    let jti = world.submit(grant).unwrap();
    world.viewer(&jti, true);
    assert!(!world.authority.may_send(&jti, world.now()));
    world.run(60_000);
    assert!(!world.authority.may_send(&jti, world.now()), "whoever came early has to be told of again");
    world.viewer(&jti, true);
    assert!(world.authority.may_send(&jti, world.now()));
}

#[test]
fn p4_a_lost_viewer_stops_the_media_and_a_returning_one_resumes_it() {
    let mut world = World::new();
    let grant = world.pull_grant();
    let jti = world.submit(grant).unwrap();
    world.viewer(&jti, true);
    world.viewer(&jti, false);
    assert!(!world.authority.may_send(&jti, world.now()));
    world.viewer(&jti, true);
    assert!(matches!(world.events.last(), Some((_, Event::Resumed { .. }))));
    world.viewer(&jti, false);
    world.run(30_000);
    assert_eq!(world.end_of(&jti).1, EndReason::ViewerLeft);
}

#[test]
fn p5_who_may_not_fetch_or_cannot_be_told_the_credential_is_refused() {
    let mut world = World::new();
    let mut newer = policy(6);
    newer.subscribers[0].pull = None;
    newer.subscribers[1].pull = Some(PullRule::default());
    world.authority.handle_policy(newer, world.now()).unwrap();
    assert_eq!(world.refusal(|grant| grant.delivery = Delivery::Pull), ErrorCode::OutsidePolicy);
    let no_key = |grant: &mut contract::claims::Grant| {
        (grant.delivery, grant.sub) = (Delivery::Pull, "tunnel".parse().unwrap());
    };
    assert_eq!(world.refusal(no_key), ErrorCode::OutsidePolicy, "no key to seal to, no certificate");
}

#[test]
fn p5_a_share_ends_when_a_newer_policy_no_longer_lets_its_subscriber_fetch() {
    let mut world = World::new();
    let grant = world.pull_grant();
    let jti = world.submit(grant).unwrap();
    world.viewer(&jti, true);
    let mut newer = policy(6);
    newer.subscribers[0].pull = None;
    world.authority.handle_policy(newer, world.now()).unwrap();
    world.drain();
    assert_eq!(world.end_of(&jti).1, EndReason::Policy);
}

#[test]
fn a_subscriber_has_one_url_so_a_newer_fetched_share_replaces_the_older_and_nobody_elses() {
    let mut world = World::new();
    let (first, other, second) = (world.pull_grant(), world.pull_grant(), world.pull_grant());
    let other = contract::claims::Grant { sub: "tunnel".parse().unwrap(), ..other };
    let first = world.submit(first).unwrap();
    let other = world.submit(other).unwrap();
    let second = world.submit(second).unwrap();
    assert_eq!(world.end_of(&first).1, EndReason::Replaced);
    assert!(world.authority.share(&other).is_some() && world.authority.share(&second).is_some());
}

#[test]
fn a_certificate_that_is_no_fingerprint_or_is_named_twice_is_no_policy() {
    let mut wrong = policy(6);
    wrong.subscribers[0].pull = Some(PullRule { credential: 0, certificate_sha256: Some("AB".repeat(32)) });
    assert!(wrong.check().unwrap_err().to_string().contains("64 lower-case hex digits"));
    let mut twice = policy(6);
    twice.subscribers[1].pull = twice.subscribers[0].pull.clone();
    assert!(twice.check().unwrap_err().to_string().contains("there twice"));
}
