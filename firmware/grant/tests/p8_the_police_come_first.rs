//! P8: a preempt ends every share at once, for one camera or all; what it ended may come back at the release, if nothing else has ended it meanwhile.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod support;

use contract::claims::{Preempt, Release};
use contract::{EndReason, ErrorCode, Jti};
use grant::Event;
use support::{World, act};

/// A share runs under a policy that brings it back, and the police have just ended it.
fn interrupted() -> (World, Jti) {
    let mut world = World::new();
    world.policy(|policy| policy.restore_after_release = true);
    let jti = world.share();
    world.run(10_000);
    world.preempt("chief", 1).unwrap();
    assert_eq!(world.end_of(&jti).1, EndReason::Preempted);
    assert!(world.authority.shares().is_empty(), "it ended as any other");
    (world, jti)
}

fn came_back(world: &World, jti: &Jti) -> bool {
    world.authority.share(jti).is_some()
}

#[test]
fn p8_a_preempt_of_the_whole_site_stops_every_picture_within_500_ms() {
    let mut world = World::new();
    let first = world.share();
    let second = world.other_grant();
    let second = world.submit(second).unwrap();
    world.run(5_000);
    let at_ms = world.monotonic_ms;
    let preempt = Preempt { envelope: world.site_envelope("chief"), reserve_epoch: 1, act: act() };
    world.authority.handle_preempt(&preempt, world.now()).unwrap();
    for jti in [&first, &second] {
        assert!(!world.authority.may_send(jti, world.now()), "at the very instant");
    }
    world.run(5_000);
    for jti in [first, second] {
        let (ended_ms, reason) = world.end_of(&jti);
        assert!(ended_ms - at_ms <= 500 && reason == EndReason::Preempted);
        assert!(world.last_picture_ms(&jti).unwrap() <= at_ms);
    }
}

#[test]
fn p8_any_centralist_ends_what_a_colleague_granted() {
    let mut world = World::new();
    let jti = world.share();
    assert_eq!(world.revoke("trainee", Some(&jti)), Ok(vec![jti.clone()]));
    assert_eq!(world.end_of(&jti).1, EndReason::Revoked);
}

#[test]
fn p8_without_the_policys_word_nothing_comes_back() {
    let mut world = World::new();
    let jti = world.share();
    world.preempt("chief", 1).unwrap();
    world.release("chief", 2).unwrap();
    world.run(1_000);
    assert!(!came_back(&world, &jti));
}

#[test]
fn p8_an_interrupted_share_goes_on_after_the_release_and_ends_when_it_would_have() {
    let (mut world, jti) = interrupted();
    world.run(60_000);
    world.release("chief", 2).unwrap();
    assert!(came_back(&world, &jti) && world.authority.may_send(&jti, world.now()));
    let restored = |event: &Event| matches!(event, Event::Restored { grant, .. } if grant.envelope.jti == jti);
    let started = |event: &Event| matches!(event, Event::Started { jti: of, .. } if *of == jti);
    assert_eq!(world.events.iter().filter(|(_, event)| restored(event)).count(), 1);
    assert_eq!(world.events.iter().filter(|(_, event)| started(event)).count(), 2, "each start has its end");
    world.run(600_000);
    let ends: Vec<_> = world
        .events
        .iter()
        .filter_map(|(at_ms, event)| match event {
            Event::Ended { reason, .. } => Some((*at_ms, *reason)),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [(1_010_000, EndReason::Preempted), (1_600_000, EndReason::Expired)]);
}

#[test]
fn p8_an_interrupted_share_that_anything_ended_meanwhile_does_not_come_back() {
    type Happens = (&'static str, fn(&mut World, &Jti));
    let meanwhile: [Happens; 10] = [
        ("its window closed", |world, _| world.run(600_000)),
        ("a revoke of it", |world, jti| drop(world.revoke("trainee", Some(jti)).unwrap())),
        ("a revoke of all", |world, _| drop(world.revoke("trainee", None).unwrap())),
        ("two heartbeats without it", |world, _| {
            world.stands = Some(vec![]);
            world.run(5_000);
        }),
        ("a lost room", |world, jti| {
            world.stands = None;
            world.run(11_000);
            world.stands = Some(vec![jti.clone()]);
            world.beat().unwrap();
        }),
        ("the privacy switch", |world, _| {
            world.authority.handle_privacy_switch(true, world.now());
            world.authority.handle_privacy_switch(false, world.now());
        }),
        ("its subscriber left", |world, jti| drop(world.leave("traffic", jti).unwrap())),
        ("its viewer said goodbye", |world, jti| assert!(!world.authority.handle_viewer_left(jti, world.now()))),
        ("a fault", |world, _| drop(world.authority.handle_fault(None, world.now()))),
        ("a newer policy", |world, _| world.policy(|policy| policy.subscribers.truncate(0))),
    ];
    for (what, happens) in meanwhile {
        let (mut world, jti) = interrupted();
        happens(&mut world, &jti);
        world.release("chief", 2).unwrap();
        world.run(100);
        assert!(!came_back(&world, &jti), "{what}");
    }
}

#[test]
fn p8_no_more_shares_come_back_than_the_policy_allows_by_then() {
    let mut world = World::new();
    world.policy(|policy| policy.restore_after_release = true);
    let first = world.share();
    let other = world.other_grant();
    let second = world.submit(other).unwrap();
    world.preempt("chief", 1).unwrap();
    world.policy(|policy| (policy.restore_after_release, policy.max_shares) = (true, 1));
    world.release("chief", 2).unwrap();
    assert!(came_back(&world, &first) && !came_back(&world, &second));
}

#[test]
fn p8_a_share_that_answers_a_request_is_withdrawn_while_it_is_interrupted() {
    let mut world = World::new();
    world.policy(|policy| policy.restore_after_release = true);
    let request = world.pending();
    let grant = world.answer_to(&request);
    let jti = world.submit(grant).unwrap();
    world.preempt("chief", 1).unwrap();
    assert_eq!(world.withdraw("traffic", &request.envelope.jti), Ok(None));
    world.release("chief", 2).unwrap();
    assert!(!came_back(&world, &jti));
}

#[test]
fn p8_no_interrupted_share_survives_a_restart() {
    let (mut world, jti) = interrupted();
    world.restart("c-2");
    let version = world.authority.snapshot().policy_version.unwrap();
    world.authority.handle_policy(support::policy(version), world.now()).unwrap();
    world.beat().unwrap();
    assert_eq!(world.refusal(|_| ()), ErrorCode::Reserved);
    world.release("chief", 2).unwrap();
    assert!(!came_back(&world, &jti));
}

#[test]
fn p8_a_release_that_is_refused_brings_nothing_back() {
    let (mut world, jti) = interrupted();
    world.preempt("chief", 3).unwrap();
    let old = Release { envelope: world.envelope("chief"), reserve_epoch: 2, act: act() };
    assert!(world.authority.handle_release(&old, world.now()).is_err());
    assert!(!came_back(&world, &jti));
    world.release("chief", 4).unwrap();
    assert!(came_back(&world, &jti), "a second preempt interrupts it no less");
}

#[test]
fn p4_clock_steps_while_the_police_have_the_camera_do_not_lengthen_what_comes_back() {
    for seconds in [-315_360_000_i64, -3_600, 3_600, 315_360_000] {
        let (mut world, jti) = interrupted();
        world.step_clock(seconds);
        world.room_utc_ms = world.utc_ms;
        world.run(60_000);
        let _verdict = world.release("chief", 2);
        for _ in 0..300 {
            world.room_utc_ms = world.utc_ms;
            world.run(2_000);
        }
        assert!(world.last_picture_ms(&jti).unwrap() < 1_600_000, "{seconds}");
        assert!(world.authority.shares().is_empty(), "{seconds}");
    }
}

#[test]
fn p8_nothing_that_a_subscriber_is_told_names_the_police() {
    let (mut world, jti) = interrupted();
    let request = world.request();
    let answer = world.ask(&request).unwrap();
    let told: Vec<String> = world
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Ended { jti: of, told, .. } if *of == jti => Some(told.to_string()),
            Event::Decided { outcome, .. } => Some(serde_json::to_string(outcome).unwrap()),
            _ => None,
        })
        .chain([serde_json::to_string(&answer).unwrap()])
        .collect();
    assert!(told.len() >= 3);
    for word in ["preempt", "reserve", "police", "release"] {
        assert!(told.iter().all(|text| !text.contains(word)), "{word}: {told:?}");
    }
}
