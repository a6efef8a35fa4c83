//! A share that is published to a media server: to the one that the policy names and to no other, and nothing flows before that server is there.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod support;

use contract::claims::Delivery;
use contract::policy::{Policy, PolicyError, RelayRule};
use contract::{EndReason, ErrorCode};
use grant::Event;
use support::{World, policy, relay};

#[test]
fn p1_a_relayed_share_sends_nothing_before_its_server_is_there_and_nothing_while_it_is_away() {
    let mut world = World::new();
    let grant = world.relay_grant();
    let jti = world.submit(grant).unwrap();
    assert!(matches!(&world.events[..], [(_, Event::Granted { .. }), (_, Event::Waiting { .. })]));
    world.run(5_000);
    assert!(!world.authority.may_send(&jti, world.now()), "the server is not there");
    world.viewer(&jti, true);
    assert!(world.authority.may_send(&jti, world.now()));
    world.viewer(&jti, false);
    assert!(!world.authority.may_send(&jti, world.now()), "the server is away");
    world.viewer(&jti, true);
    assert!(matches!(world.events.last(), Some((_, Event::Resumed { .. }))));
    world.viewer(&jti, false);
    world.run(30_000);
    assert_eq!(world.end_of(&jti).1, EndReason::ViewerLeft, "it did not come back within the grace");
}

#[test]
fn p5_only_the_policy_says_where_a_relay_goes_and_in_clear_only_if_it_says_that_too() {
    let mut world = World::new();
    let mut newer = policy(6);
    newer.subscribers[0].relay = None;
    world.authority.handle_policy(newer, world.now()).unwrap();
    assert_eq!(world.refusal(|grant| grant.delivery = Delivery::Relay), ErrorCode::OutsidePolicy);
    for plain_rtp in [false, true] {
        let mut newer = policy(7 + u64::from(plain_rtp));
        newer.plain_rtp = plain_rtp;
        newer.subscribers[0].encrypt_x = None;
        newer.subscribers[0].relay = Some(RelayRule { plain: true, certificate_sha256: None, ..relay("traffic") });
        world.authority.handle_policy(newer, world.now()).unwrap();
        let grant = world.relay_grant();
        let refused = world.submit(grant).err().map(|refusal| refusal.code);
        assert_eq!(refused, (!plain_rtp).then_some(ErrorCode::OutsidePolicy));
    }
}

#[test]
fn p5_a_relayed_share_ends_when_a_newer_policy_names_another_server_and_stays_when_it_names_the_same() {
    let changes: [fn(&mut RelayRule); 3] = [
        |rule| rule.address = "192.0.2.10".parse().unwrap(),
        |rule| rule.certificate_sha256 = Some("a".repeat(64)),
        |rule| rule.path = "elsewhere".into(),
    ];
    for change in changes {
        let mut world = World::new();
        let grant = world.relay_grant();
        let jti = world.submit(grant).unwrap();
        world.viewer(&jti, true);
        world.authority.handle_policy(policy(6), world.now()).unwrap();
        assert!(world.authority.share(&jti).is_some(), "the same server");
        let mut newer = policy(7);
        change(newer.subscribers[0].relay.as_mut().unwrap());
        world.authority.handle_policy(newer, world.now()).unwrap();
        world.drain();
        assert_eq!(world.end_of(&jti).1, EndReason::Policy);
    }
}

#[test]
fn a_subscriber_has_one_place_at_its_server_so_a_newer_share_replaces_the_older_and_nobody_elses() {
    let mut world = World::new();
    let (first, other, second) = (world.relay_grant(), world.relay_grant(), world.relay_grant());
    let other = contract::claims::Grant { sub: "tunnel".parse().unwrap(), ..other };
    let first = world.submit(first).unwrap();
    let other = world.submit(other).unwrap();
    let second = world.submit(second).unwrap();
    assert_eq!(world.end_of(&first).1, EndReason::Replaced);
    assert!(world.authority.share(&other).is_some() && world.authority.share(&second).is_some());
}

#[test]
fn a_server_that_cannot_be_known_or_is_named_twice_is_no_policy() {
    let with = |change: fn(&mut Policy)| {
        let mut policy = policy(6);
        change(&mut policy);
        policy.check()
    };
    assert_eq!(with(|_| ()), Ok(()));
    let wrong: [fn(&mut RelayRule); 9] = [
        |rule| rule.port = 0,
        |rule| rule.path = String::new(),
        |rule| rule.path = "a//b".into(),
        |rule| rule.path = "a b\r\nX: y".into(),
        |rule| rule.server_name = Some("media\r\n".into()),
        |rule| rule.certificate_sha256 = Some("AB".repeat(32)),
        |rule| rule.certificate_sha256 = None,
        |rule| rule.authority = Some("-----BEGIN CERTIFICATE-----".into()),
        |rule| rule.plain = true,
    ];
    for (at, change) in wrong.into_iter().enumerate() {
        let mut policy = policy(6);
        change(policy.subscribers[0].relay.as_mut().unwrap());
        assert!(matches!(policy.check(), Err(PolicyError::OutOfRange { .. })), "the {at}th is taken");
    }
    let twice = with(|policy| policy.subscribers[1].relay = policy.subscribers[0].relay.clone());
    assert!(matches!(twice, Err(PolicyError::Twice { .. })));
}
