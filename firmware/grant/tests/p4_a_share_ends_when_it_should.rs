//! P4: a share ends when it should, whatever the clocks and the carriers do.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod support;

use contract::claims::Revoke;
use contract::{EndReason, ErrorCode};
use support::{World, act, policy};

/// What P4 allows.
const PROMISED_MS: u64 = 500;

#[test]
fn p4_share_ends_within_500_ms_of_expiry() {
    let mut world = World::new();
    let jti = world.share();
    let expiry_ms = world.monotonic_ms + 600_000;
    world.run(610_000);
    let (ended_ms, reason) = world.end_of(&jti);
    assert_eq!(reason, EndReason::Expired);
    assert!((expiry_ms..=expiry_ms + PROMISED_MS).contains(&ended_ms), "{ended_ms} {expiry_ms}");
    assert!(world.last_picture_ms(&jti).unwrap() < expiry_ms);
}

#[test]
fn p4_no_picture_leaves_after_expiry_even_if_the_driver_forgets_its_timers() {
    let mut world = World::new();
    let jti = world.share();
    world.monotonic_ms += 9_000;
    world.utc_ms += 9_000;
    assert!(world.authority.may_send(&jti, world.now()));
    world.monotonic_ms += 2_000;
    world.utc_ms += 2_000;
    assert!(!world.authority.may_send(&jti, world.now()), "the lease is over");
}

#[test]
fn p4_share_ends_at_once_when_a_revoke_arrives() {
    let mut world = World::new();
    let jti = world.share();
    world.run(5_000);
    let revoked_ms = world.monotonic_ms;
    assert_eq!(world.revoke("trainee", Some(&jti)), Ok(vec![jti.clone()]));
    world.run(5_000);
    assert_eq!(world.end_of(&jti), (revoked_ms, EndReason::Revoked));
    assert_eq!(world.last_picture_ms(&jti), Some(revoked_ms));
}

#[test]
fn p4_a_revoke_without_a_name_ends_every_share() {
    let mut world = World::new();
    let first = world.share();
    let other = world.other_grant();
    let second = world.submit(other).unwrap();
    assert_eq!(world.revoke("chief", None), Ok(vec![first.clone(), second.clone()]));
    assert_eq!((world.end_of(&first).1, world.end_of(&second).1), (EndReason::Revoked, EndReason::Revoked));
}

#[test]
fn p4_a_site_wide_revoke_ends_the_share() {
    let mut world = World::new();
    let jti = world.share();
    let revoke = Revoke { envelope: world.site_envelope("chief"), share: None, act: act() };
    assert_eq!(world.authority.handle_revoke(&revoke, world.now()), Ok(vec![jti]));
}

#[test]
fn p4_neither_a_wrong_board_clock_nor_a_wrong_sender_clock_keeps_a_revoke_out() {
    for step in [3_600, -3_600] {
        let mut world = World::new();
        let jti = world.share();
        world.room_utc_ms = world.room_utc_ms.saturating_add_signed(step * 1000);
        world.synchronised = step > 0;
        assert_eq!(world.revoke("chief", Some(&jti)), Ok(vec![jti]));
    }
}

#[test]
fn p4_share_ends_within_500_ms_of_the_lease() {
    let mut world = World::new();
    let jti = world.share();
    world.run(20_000);
    assert!(!world.has_ended(&jti));
    world.beat().unwrap();
    let last_beat_ms = world.monotonic_ms;
    world.stands = None;
    world.run(20_000);
    let (ended_ms, reason) = world.end_of(&jti);
    assert_eq!(reason, EndReason::ControlRoomLost);
    let lease_ends_ms = last_beat_ms + 10_000;
    assert!(ended_ms <= lease_ends_ms + PROMISED_MS, "{ended_ms} {lease_ends_ms}");
    assert!(ended_ms > last_beat_ms + 8_000, "the lease is given, not cut short");
    assert!(world.last_picture_ms(&jti).unwrap() < lease_ends_ms);
}

#[test]
fn p4_a_heartbeat_after_the_lease_revives_nothing() {
    let mut world = World::new();
    let jti = world.share();
    world.stands = None;
    world.monotonic_ms += 11_000;
    world.utc_ms += 11_000;
    world.room_utc_ms += 11_000;
    world.stands = Some(vec![jti.clone()]);
    world.beat().unwrap();
    assert_eq!(world.end_of(&jti).1, EndReason::ControlRoomLost);
    world.run(1_000);
    assert_eq!(world.pictures, []);
}

/// A malicious carrier keeps the heartbeats of 8 s, then feeds one every 5 s; the board's clock steps by `step` seconds meanwhile.
/// Says how long after the newest one was issued the share ended, milliseconds.
fn outlived_by_feeding_stored_heartbeats(step: i64) -> u64 {
    let mut world = World::new();
    let jti = world.share();
    world.stands = Some(vec![jti.clone()]);
    world.run(3_000);
    world.stands = None;
    let mut stored = vec![];
    for _ in 0..4 {
        world.run(2_000);
        let mut heartbeat = world.heartbeat();
        heartbeat.stands = vec![jti.clone()];
        stored.push(heartbeat);
    }
    let newest_issued_ms = world.monotonic_ms;
    world.step_clock(step);
    for heartbeat in &stored {
        let _verdict = world.hear(heartbeat);
        world.run(5_000);
    }
    let (ended_ms, reason) = world.end_of(&jti);
    assert_eq!(reason, EndReason::ControlRoomLost, "step {step} s");
    ended_ms - newest_issued_ms
}

#[test]
fn p4_stored_heartbeats_fed_later_gain_nothing_whatever_the_boards_clock_does() {
    for step in [0, -5, -15, -25, 5, 15] {
        let outlived_ms = outlived_by_feeding_stored_heartbeats(step);
        // One second more than the lease, because `iat` is in whole seconds.
        assert!(outlived_ms <= 10_000 + 1_000 + PROMISED_MS, "step {step} s: {outlived_ms} ms");
    }
}

#[test]
fn a_room_whose_clock_was_set_back_is_believed_again_once_no_share_stands() {
    let mut world = World::new();
    let jti = world.share();
    world.run(3_000);
    world.room_utc_ms -= 20_000;
    world.utc_ms -= 20_000;
    world.run(15_000);
    assert_eq!(world.end_of(&jti).1, EndReason::ControlRoomLost, "it looks like heartbeats that were held back");
    world.run(3_000);
    let again = world.share();
    world.run(60_000);
    assert!(!world.has_ended(&again));
}

#[test]
fn p4_a_replayed_heartbeat_does_not_renew_the_lease() {
    let mut world = World::new();
    let jti = world.share();
    world.stands = None;
    let mut heartbeat = world.heartbeat();
    heartbeat.stands = vec![jti.clone()];
    world.hear(&heartbeat).unwrap();
    let heard_ms = world.monotonic_ms;
    for _ in 0..6 {
        world.run(2_000);
        assert_eq!(world.hear(&heartbeat).unwrap_err().code, ErrorCode::Replayed);
    }
    let (ended_ms, reason) = world.end_of(&jti);
    assert_eq!(reason, EndReason::ControlRoomLost);
    assert!(ended_ms <= heard_ms + 10_000 + PROMISED_MS);
}

#[test]
fn p4_a_share_that_two_heartbeats_do_not_name_ends() {
    let mut world = World::new();
    let jti = world.share();
    world.run(5_000);
    world.stands = Some(vec![]);
    world.run(2_000);
    assert!(!world.has_ended(&jti), "one may be a race");
    world.run(2_000);
    assert_eq!(world.end_of(&jti).1, EndReason::Revoked);
}

#[test]
fn p4_a_share_named_again_in_between_stays() {
    let mut world = World::new();
    let jti = world.share();
    for _ in 0..5 {
        world.run(2_000);
        let mut without = world.heartbeat();
        without.stands = vec![];
        world.hear(&without).unwrap();
    }
    assert!(!world.has_ended(&jti));
}

#[test]
fn p4_heartbeats_older_than_the_grant_do_not_end_it() {
    let mut world = World::new();
    world.run(1_000);
    let mut older: Vec<_> = (0..3).map(|_| world.heartbeat()).collect();
    older.iter_mut().for_each(|heartbeat| heartbeat.stands = vec![]);
    world.run(100);
    let jti = world.share();
    for heartbeat in &older {
        world.hear(heartbeat).unwrap();
    }
    assert!(!world.has_ended(&jti));
}

#[test]
fn p4_clock_steps_never_lengthen_a_share() {
    const YEARS_10: i64 = 10 * 365 * 24 * 3600;
    for step in [-YEARS_10, -3_600, -60, -5, -1, 1, 5, 60, 3_600, YEARS_10] {
        let mut world = World::new();
        let jti = world.share();
        let window_ends_ms = world.monotonic_ms + 600_000;
        world.run(300_000);
        world.step_clock(step);
        world.run(600_000);
        let (ended_ms, _) = world.end_of(&jti);
        assert!(ended_ms <= window_ends_ms + PROMISED_MS, "step {step} s: ended {ended_ms}, due {window_ends_ms}");
        assert!(world.last_picture_ms(&jti).unwrap() < window_ends_ms, "step {step} s");
    }
}

#[test]
fn p4_a_small_step_back_does_not_end_the_share_early_either() {
    let mut world = World::new();
    let jti = world.share();
    let window_ends_ms = world.monotonic_ms + 600_000;
    world.step_clock(-5);
    world.run(601_000);
    assert_eq!(world.end_of(&jti), (window_ends_ms, EndReason::Expired));
}

#[test]
fn p4_a_step_past_the_end_ends_the_share_within_500_ms() {
    let mut world = World::new();
    let jti = world.share();
    world.run(1_000);
    world.step_clock(700);
    let stepped_ms = world.monotonic_ms;
    assert!(!world.authority.may_send(&jti, world.now()), "not one picture more");
    world.run(1_000);
    let (ended_ms, reason) = world.end_of(&jti);
    assert_eq!(reason, EndReason::Expired);
    assert!(ended_ms <= stepped_ms + PROMISED_MS);
}

#[test]
fn p4_a_step_forward_does_not_open_a_window_early() {
    let mut world = World::new();
    let mut grant = world.grant();
    (grant.nbf, grant.exp) = (grant.nbf + 25, grant.nbf + 600);
    let opens_ms = world.monotonic_ms + 25_000;
    world.submit(grant).unwrap();
    world.step_clock(5);
    world.run(40_000);
    assert_eq!(world.pictures.first().unwrap().0, opens_ms);
}

#[test]
fn p4_a_policy_that_no_longer_allows_a_share_ends_it() {
    let shorter = |world: &World| contract::policy::Policy { valid_until: world.now_s() + 60, ..policy(6) };
    let mut world = World::new();
    let jti = world.share();
    let newer = shorter(&world);
    world.authority.handle_policy(newer, world.now()).unwrap();
    world.drain();
    assert_eq!(world.end_of(&jti).1, EndReason::Policy);

    type Change = fn(&mut contract::policy::Policy);
    let changes: [Change; 4] = [
        |policy| policy.subscribers.retain(|rule| rule.id.as_str() != "traffic"),
        |policy| policy.keys.retain(|key| key.kid.as_str() != "chief"),
        |policy| policy.views.clear(),
        |policy| policy.plain_rtp = false,
    ];
    for change in changes {
        let mut world = World::new();
        let jti = world.share();
        let mut newer = policy(6);
        change(&mut newer);
        world.authority.handle_policy(newer, world.now()).unwrap();
        world.drain();
        assert_eq!(world.end_of(&jti).1, EndReason::Policy);
        world.run(1_000);
        assert_eq!(world.pictures, []);
    }
}

#[test]
fn p4_fewer_shares_at_once_end_the_youngest() {
    let mut world = World::new();
    let first = world.share();
    let other = world.other_grant();
    let second = world.submit(other).unwrap();
    let newer = contract::policy::Policy { max_shares: 1, ..policy(6) };
    world.authority.handle_policy(newer, world.now()).unwrap();
    world.drain();
    assert!(!world.has_ended(&first));
    assert_eq!(world.end_of(&second).1, EndReason::Policy);
}

#[test]
fn p4_a_viewer_who_leaves_and_a_fault_end_the_share() {
    let mut world = World::new();
    let first = world.share();
    let other = world.other_grant();
    let second = world.submit(other).unwrap();
    assert!(world.authority.handle_viewer_left(&first, world.now()));
    assert!(!world.authority.handle_viewer_left(&first, world.now()), "once");
    assert_eq!(world.authority.handle_fault(None, world.now()), vec![second.clone()]);
    world.drain();
    assert_eq!((world.end_of(&first).1, world.end_of(&second).1), (EndReason::ViewerLeft, EndReason::Fault));
}
