//! P6 and P8: policy never goes back; the police come first, across restarts.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod support;

use contract::body::Mode;
use contract::claims::{Preempt, Release};
use contract::policy::Policy;
use contract::{EncryptionKey, EndReason, ErrorCode, ToldReason};
use grant::{Authority, Event, PolicyVerdict, Snapshot};
use support::{World, act, config, policy};

#[test]
fn p6_older_policy_is_refused() {
    let mut world = World::new();
    let verdict = world.authority.handle_policy(policy(4), world.now());
    assert_eq!(verdict.unwrap_err().code, ErrorCode::PolicyRefused);
    assert_eq!(world.authority.policy().unwrap().version, 5);
}

#[test]
fn p6_older_policy_is_refused_after_a_restart_too() {
    let mut world = World::new();
    world.restart("c-2");
    assert!(world.authority.policy().is_none());
    let verdict = world.authority.handle_policy(policy(4), world.now());
    assert_eq!(verdict.unwrap_err().code, ErrorCode::PolicyRefused);
    assert_eq!(world.authority.handle_policy(policy(5), world.now()), Ok(PolicyVerdict::Taken));
}

#[test]
fn p6_a_second_bundle_of_the_same_version_changes_nothing() {
    let mut world = World::new();
    let loosened = Policy { lease_s: 60, ..policy(5) };
    assert_eq!(world.authority.handle_policy(loosened, world.now()), Ok(PolicyVerdict::AlreadyHeld));
    assert_eq!(world.authority.policy().unwrap().lease_s, 10);
}

#[test]
fn p6_a_policy_for_another_site_or_with_contents_that_are_off_is_refused() {
    let mut world = World::new();
    for off in [Policy { site: "lelystad".parse().unwrap(), ..policy(6) }, Policy { lease_s: 0, ..policy(6) }] {
        let verdict = world.authority.handle_policy(off, world.now());
        assert_eq!(verdict.unwrap_err().code, ErrorCode::PolicyRefused);
    }
    assert_eq!(world.authority.policy().unwrap().version, 5);
}

#[test]
fn a_newer_policy_that_still_allows_a_share_leaves_it_alone() {
    let mut world = World::new();
    let jti = world.share();
    assert_eq!(world.authority.handle_policy(policy(6), world.now()), Ok(PolicyVerdict::Taken));
    world.run(1_000);
    assert!(!world.has_ended(&jti));
}

#[test]
fn p5_a_share_ends_with_the_key_that_it_was_encrypted_to() {
    let keyed = |version, key: Option<u8>| {
        let mut policy = policy(version);
        policy.subscribers.iter_mut().for_each(|rule| rule.encrypt_x = key.map(|n| EncryptionKey([n; 32]).x()));
        policy
    };
    // In clear to a key, to another, to none again: each ends what ran, and what is granted then runs on under the same key.
    for (before, after) in [(None, Some(7)), (Some(7), Some(8)), (Some(8), None)] {
        let mut world = World::new();
        world.authority.handle_policy(keyed(6, before), world.now()).unwrap();
        let (began, waits) = (world.share(), world.other_grant());
        let waits = world.submit(waits).unwrap();
        world.authority.handle_policy(keyed(7, before), world.now()).unwrap();
        world.run(1_000);
        assert!(!world.has_ended(&began) && !world.has_ended(&waits), "{before:?} stays");
        world.authority.handle_policy(keyed(8, after), world.now()).unwrap();
        world.run(1);
        for jti in [&began, &waits] {
            assert_eq!(world.end_of(jti).1, EndReason::Policy, "{before:?} to {after:?}");
        }
        world.share();
    }
}

#[test]
fn p5_a_policy_with_a_key_of_small_order_is_refused() {
    let mut world = World::new();
    let mut off = policy(6);
    off.subscribers[0].encrypt_x = Some(EncryptionKey([0; 32]).x());
    let refusal = world.authority.handle_policy(off, world.now()).unwrap_err();
    assert_eq!(refusal.code, ErrorCode::PolicyRefused);
    assert!(refusal.detail.contains("encrypt_x") && refusal.detail.contains("small order"), "{}", refusal.detail);
    let weak = world.refusal(|grant| grant.cnf = Some(EncryptionKey([0; 32]).to_cnf()));
    assert_eq!(weak, ErrorCode::Malformed);
}

#[test]
fn p8_preempt_ends_every_share_and_blocks_grants_until_release() {
    let mut world = World::new();
    let jti = world.share();
    assert_eq!(world.preempt("chief", 1), Ok(vec![jti.clone()]));
    let (_, reason) = world.end_of(&jti);
    assert_eq!((reason, reason.told()), (EndReason::Preempted, ToldReason::Ended), "subscribers learn that, not why");
    assert_eq!(world.refusal(|_| ()), ErrorCode::Reserved);
    world.release("chief", 2).unwrap();
    assert_eq!(world.authority.mode(), Mode::Normal);
    world.share();
    let modes: Vec<_> = world
        .events
        .iter()
        .filter_map(|(_, event)| if let Event::ModeChanged(mode) = event { Some(*mode) } else { None })
        .collect();
    assert_eq!(modes, [Mode::Reserved, Mode::Normal]);
}

#[test]
fn p8_reserved_survives_a_restart() {
    let mut world = World::new();
    world.preempt("chief", 1).unwrap();
    world.restart("c-2");
    world.authority.handle_policy(policy(5), world.now()).unwrap();
    world.beat().unwrap();
    assert_eq!(world.refusal(|_| ()), ErrorCode::Reserved);
}

#[test]
fn p8_a_board_that_cannot_read_its_memory_is_reserved_until_a_release() {
    let mut world = World::new();
    world.authority = Authority::restore(config(), "c-2".parse().unwrap(), Snapshot::unreadable(), world.now());
    world.authority.handle_policy(policy(5), world.now()).unwrap();
    world.beat().unwrap();
    assert_eq!(world.refusal(|_| ()), ErrorCode::Reserved);
    world.release("chief", 1).unwrap();
    world.share();
}

#[test]
fn p8_a_key_without_the_right_neither_preempts_nor_releases() {
    let mut world = World::new();
    assert_eq!(world.preempt("trainee", 1).unwrap_err().code, ErrorCode::NotAllowed);
    world.preempt("chief", 1).unwrap();
    assert_eq!(world.release("trainee", 2).unwrap_err().code, ErrorCode::NotAllowed);
    assert_eq!(world.authority.mode(), Mode::Reserved);
}

#[test]
fn p8_a_release_that_was_held_back_does_not_undo_a_later_preempt() {
    let mut world = World::new();
    world.preempt("chief", 1).unwrap();
    let held_back = Release { envelope: world.envelope("chief"), reserve_epoch: 2, act: act() };
    world.preempt("chief", 3).unwrap();
    let verdict = world.authority.handle_release(&held_back, world.now());
    assert_eq!(verdict.unwrap_err().code, ErrorCode::Replayed);
    assert_eq!(world.authority.mode(), Mode::Reserved);
}

#[test]
fn p8_a_release_older_than_what_the_heartbeat_tells_is_refused() {
    let mut world = World::new();
    world.preempt("chief", 1).unwrap();
    let mut heartbeat = world.heartbeat();
    heartbeat.reserve_epoch = 3;
    world.hear(&heartbeat).unwrap();
    assert_eq!(world.release("chief", 2).unwrap_err().code, ErrorCode::Replayed);
    world.release("chief", 3).unwrap();
}

#[test]
fn p8_a_site_wide_preempt_counts_here_whatever_the_clock_says() {
    let mut world = World::new();
    let jti = world.share();
    world.synchronised = false;
    world.step_clock(-7_200);
    let preempt = Preempt { envelope: world.site_envelope("chief"), reserve_epoch: 1, act: act() };
    assert_eq!(world.authority.handle_preempt(&preempt, world.now()), Ok(vec![jti]));
    let release = Release { envelope: world.site_envelope("chief"), reserve_epoch: 2, act: act() };
    let verdict = world.authority.handle_release(&release, world.now());
    assert_eq!(verdict.unwrap_err().code, ErrorCode::ClockUnsure, "the way back must be proven");
}

#[test]
fn the_snapshot_is_read_as_it_was_written() {
    let mut world = World::new();
    world.share();
    world.preempt("chief", 7).unwrap();
    let snapshot = world.authority.snapshot();
    let json = serde_json::to_string(&snapshot).unwrap();
    assert_eq!(serde_json::from_str::<Snapshot>(&json).unwrap(), snapshot);
    world.restart("c-2");
    assert_eq!(world.authority.snapshot(), snapshot);
}

#[test]
fn every_change_that_must_outlive_a_restart_changes_the_generation() {
    let mut world = World::without_policy();
    let mut last = world.authority.generation();
    let mut changed = |world: &World, what: &str| {
        assert_ne!(world.authority.generation(), last, "{what}");
        last = world.authority.generation();
    };
    world.authority.handle_policy(policy(5), world.now()).unwrap();
    changed(&world, "policy");
    world.beat().unwrap();
    world.share();
    changed(&world, "used jti");
    world.preempt("chief", 1).unwrap();
    changed(&world, "preempt");
    world.release("chief", 2).unwrap();
    changed(&world, "release");
}
