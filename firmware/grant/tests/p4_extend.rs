//! P4, P5: an extension lengthens a share without a gap, by no more than it says, and no longer than policy and key allow.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod support;

use contract::policy::Policy;
use contract::{EndReason, ErrorCode, Jti};
use grant::Event;
use support::{START_S, World};

/// A share of a minute.
fn minute() -> (World, Jti) {
    let mut world = World::new();
    let mut grant = world.grant();
    grant.exp = grant.nbf + 60;
    let jti = world.submit(grant).unwrap();
    (world, jti)
}

#[test]
fn extend_lengthens_a_running_share_without_a_gap() {
    let (mut world, jti) = minute();
    world.run(59_900);
    assert_eq!(world.extend("chief", &jti, START_S + 120), Ok(jti.clone()));
    world.run(60_500);
    let (ended_ms, reason) = world.end_of(&jti);
    assert_eq!((reason, ended_ms), (EndReason::Expired, 1_120_000));
    let gaps = world.pictures.windows(2).map(|two| two[1].0 - two[0].0).max();
    assert_eq!((gaps, world.last_picture_ms(&jti)), (Some(10), Some(1_119_990)), "a picture every 10 ms until the end");
    let told = |event: &Event| matches!(event, Event::Extended { exp, .. } if *exp == START_S + 120);
    assert_eq!(world.events.iter().filter(|(_, event)| told(event)).count(), 1);
}

#[test]
fn p5_extend_only_lengthens() {
    let (mut world, jti) = minute();
    for exp in [0, START_S + 59, START_S + 60] {
        assert_eq!(world.extend("chief", &jti, exp).unwrap_err().code, ErrorCode::Malformed);
    }
    assert_eq!(world.authority.share(&jti).unwrap().grant().exp, START_S + 60);
}

#[test]
fn p5_extend_holds_the_total_length_against_policy_and_key() {
    let (mut world, jti) = minute();
    let code = |verdict: Result<Jti, contract::body::Refusal>| verdict.unwrap_err().code;
    assert_eq!(
        code(world.extend("chief", &jti, START_S + 3_601)),
        ErrorCode::OutsidePolicy,
        "the subscriber's longest"
    );
    assert_eq!(code(world.extend("trainee", &jti, START_S + 601)), ErrorCode::NotAllowed, "the key's longest");
    assert_eq!(code(world.extend("elsewhere", &jti, START_S + 120)), ErrorCode::NotAllowed);
    assert_eq!(code(world.extend("room", &jti, START_S + 120)), ErrorCode::NotAllowed);
    assert_eq!(code(world.extend("nobody", &jti, START_S + 120)), ErrorCode::UnknownKey);
    assert_eq!(code(world.extend("chief", &jti, u64::MAX)), ErrorCode::OutsidePolicy);
    assert!(world.extend("trainee", &jti, START_S + 600).is_ok());
    assert!(world.extend("chief", &jti, START_S + 3_600).is_ok());
}

#[test]
fn p5_extend_of_hours_is_refused() {
    let mut world = World::new();
    // It is 22:13:20; watching ends at 22:15.
    world.policy(|policy| policy.subscribers[0].hours_utc = Some([22, 23]));
    let mut grant = world.grant();
    grant.exp = grant.nbf + 600;
    let jti = world.submit(grant).unwrap();
    assert_eq!(world.extend("chief", &jti, START_S + 2_801).unwrap_err().code, ErrorCode::OutsidePolicy);
    assert!(world.extend("chief", &jti, START_S + 2_800).is_ok(), "until 23:00:00");
}

#[test]
fn extend_by_another_key_makes_that_key_answer_for_the_share() {
    let mut world = World::new();
    let mut grant = world.grant();
    grant.envelope.iss = "trainee".parse().unwrap();
    let jti = world.submit(grant).unwrap();
    world.extend("chief", &jti, START_S + 3_000).unwrap();
    world.policy(|_| ());
    assert!(!world.has_ended(&jti), "the trainee's ten minutes are not what it stands on any more");
    world.policy(|policy: &mut Policy| policy.keys.retain(|key| key.kid.as_str() != "chief"));
    assert_eq!(world.end_of(&jti).1, EndReason::Policy);
}

#[test]
fn p5_extend_is_used_once_and_needs_the_challenge() {
    let (mut world, jti) = minute();
    let envelope = world.envelope("chief");
    let extend = contract::claims::Extend { envelope, share: jti.clone(), exp: START_S + 120, act: support::act() };
    let mut stale = extend.clone();
    stale.envelope.challenge = Some("yesterdays".parse().unwrap());
    assert_eq!(world.authority.handle_extend(&stale, world.now()).unwrap_err().code, ErrorCode::StaleChallenge);
    world.authority.handle_extend(&extend, world.now()).unwrap();
    assert_eq!(world.authority.handle_extend(&extend, world.now()).unwrap_err().code, ErrorCode::Replayed);
}

#[test]
fn extend_of_a_share_that_is_over_is_refused() {
    let (mut world, jti) = minute();
    world.run(60_100);
    assert_eq!(world.extend("chief", &jti, START_S + 120).unwrap_err().code, ErrorCode::NoSuchShare);
}

#[test]
fn p4_a_clock_set_back_before_an_extension_lengthens_it_by_no_more_than_was_added() {
    for back_s in [3, 20, 3_600, 315_360_000_i64] {
        let (mut world, jti) = minute();
        world.run(10_000);
        world.step_clock(-back_s);
        // The room's clock is right; where the board's is too far off it refuses, which is no longer share either.
        world.stands = None;
        let extended = world.extend("chief", &jti, START_S + 65).is_ok();
        let until_ms = 1_000_000 + if extended { 65_000 } else { 60_000 };
        for _ in 0..30 {
            // Heartbeats by a room that follows the board's clock keep the lease alive.
            world.room_utc_ms = world.utc_ms;
            let _verdict = world.beat();
            let mut heartbeat = world.heartbeat();
            heartbeat.stands = vec![jti.clone()];
            let _verdict = world.hear(&heartbeat);
            world.run(2_000);
        }
        let last_ms = world.last_picture_ms(&jti).unwrap();
        assert!(last_ms < until_ms, "set back by {back_s} s: still sent at {last_ms}, over at {until_ms}");
    }
}

#[test]
fn p4_a_clock_set_forward_after_an_extension_ends_the_share_early() {
    let (mut world, jti) = minute();
    world.extend("chief", &jti, START_S + 120).unwrap();
    world.step_clock(3_600);
    world.run(500);
    assert_eq!(world.end_of(&jti).1, EndReason::Expired);
}
