//! P4, P5: a share that nobody watches waits and then ends; one whose camera looks elsewhere is not shown and then ends.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod support;

use contract::body::ShareState;
use contract::{EndReason, ErrorCode, Jti};
use grant::{Event, Timer};
use support::{START_S, World};

fn running() -> (World, Jti) {
    let mut world = World::new();
    let jti = world.share();
    world.run(1_000);
    (world, jti)
}

fn waited(world: &World, jti: &Jti) -> Vec<u64> {
    let of = |event: &Event| match event {
        Event::Waiting { jti: of, until, .. } if of == jti => Some(*until),
        _ => None,
    };
    world.events.iter().filter_map(|(_, event)| of(event)).collect()
}

#[test]
fn p4_media_stops_when_no_viewer_is_heard_of_and_the_share_ends_after_the_grace() {
    let (mut world, jti) = running();
    let lost_ms = world.monotonic_ms;
    assert!(world.viewer(&jti, false));
    assert!(!world.authority.may_send(&jti, world.now()), "at the very instant");
    assert_eq!(world.authority.share(&jti).unwrap().state(), ShareState::Waiting);
    assert_eq!(waited(&world, &jti), [START_S + 1 + 30]);
    assert_eq!(world.authority.deadline(Timer::NobodyWatches), Some(lost_ms + 30_000));
    world.run(29_990);
    assert!(!world.has_ended(&jti));
    world.run(10);
    assert_eq!(world.end_of(&jti), (lost_ms + 30_000, EndReason::ViewerLeft));
    assert!(world.last_picture_ms(&jti).unwrap() <= lost_ms);
}

#[test]
fn a_viewer_that_comes_back_in_time_sees_the_share_go_on() {
    let (mut world, jti) = running();
    world.viewer(&jti, false);
    world.run(29_000);
    assert!(world.viewer(&jti, true));
    world.run(60_000);
    assert!(!world.has_ended(&jti) && world.last_picture_ms(&jti) == Some(world.monotonic_ms));
    let resumed = |event: &Event| matches!(event, Event::Resumed { .. });
    let started = |event: &Event| matches!(event, Event::Started { .. });
    let count = |is: fn(&Event) -> bool| world.events.iter().filter(|(_, event)| is(event)).count();
    assert_eq!((count(resumed), count(started)), (1, 1), "it resumed; it did not start twice");
}

#[test]
fn what_the_voice_says_of_viewers_twice_or_out_of_turn_changes_nothing() {
    let (mut world, jti) = running();
    assert!(!world.viewer(&jti, true), "it did not wait");
    assert!(world.viewer(&jti, false));
    let until_ms = world.authority.deadline(Timer::NobodyWatches);
    world.run(1_000);
    assert!(!world.viewer(&jti, false), "lost once");
    assert_eq!(world.authority.deadline(Timer::NobodyWatches), until_ms, "said again, it waits no longer");
    let unknown: Jti = "unknown".parse().unwrap();
    assert!(!world.viewer(&unknown, false) && !world.viewer(&unknown, true));
}

#[test]
fn p4_a_share_whose_window_has_not_begun_has_no_viewer_to_lose_and_none_opens_it() {
    let mut world = World::new();
    let mut grant = world.grant();
    (grant.nbf, grant.exp) = (grant.nbf + 60, grant.nbf + 120);
    let jti = world.submit(grant).unwrap();
    assert!(!world.viewer(&jti, false) && !world.viewer(&jti, true));
    assert!(!world.authority.may_send(&jti, world.now()));
    world.run(60_100);
    assert!(world.authority.may_send(&jti, world.now()));
}

#[test]
fn p4_viewers_that_come_and_go_do_not_lengthen_the_window() {
    let (mut world, jti) = running();
    for _ in 0..59 {
        world.viewer(&jti, false);
        world.run(5_000);
        world.viewer(&jti, true);
        world.run(5_000);
    }
    world.viewer(&jti, false);
    world.run(20_000);
    assert_eq!(world.end_of(&jti), (1_600_000, EndReason::Expired), "the window closes before the grace is over");
}

#[test]
fn a_policy_without_grace_ends_a_share_with_its_last_viewer() {
    let (mut world, jti) = running();
    world.policy(|policy| policy.waiting_grace_s = 0);
    world.viewer(&jti, false);
    assert_eq!(world.end_of(&jti), (world.monotonic_ms, EndReason::ViewerLeft));
    assert!(waited(&world, &jti).is_empty());
}

#[test]
fn p4_clock_steps_do_not_lengthen_the_wait_for_a_viewer() {
    for seconds in [-315_360_000_i64, -3_600, -20] {
        let (mut world, jti) = running();
        world.viewer(&jti, false);
        let lost_ms = world.monotonic_ms;
        world.step_clock(seconds);
        for _ in 0..20 {
            // A room whose clock follows the board's, so that the lease is not what ends it.
            world.room_utc_ms = world.utc_ms;
            let _verdict = world.beat();
            world.run(2_000);
        }
        let (ended_ms, _) = world.end_of(&jti);
        assert!(ended_ms <= lost_ms + 30_000, "{seconds}: {ended_ms}");
    }
}

#[test]
fn p5_a_camera_that_leaves_its_view_is_not_shown_and_the_share_ends_after_the_grace() {
    let (mut world, jti) = running();
    assert_eq!(world.aim(false), []);
    let left_ms = world.monotonic_ms;
    assert!(world.authority.is_away(), "at the very instant");
    world.run(9_990);
    assert!(!world.has_ended(&jti));
    world.run(10);
    assert_eq!(world.end_of(&jti), (left_ms + 10_000, EndReason::ViewLeft));
    assert!(!world.authority.is_away(), "nobody watches: it was sent nowhere");
    assert!(!world.authority.may_send(&jti, world.now()));
}

#[test]
fn p5_a_camera_that_is_back_in_time_is_shown_again() {
    let (mut world, jti) = running();
    world.aim(false);
    world.run(9_000);
    assert_eq!(world.aim(true), []);
    assert!(!world.authority.is_away());
    world.run(30_000);
    assert!(!world.has_ended(&jti));
    let moves: Vec<bool> = world
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::ViewLeft => Some(true),
            Event::ViewBack => Some(false),
            _ => None,
        })
        .collect();
    assert_eq!(moves, [true, false]);
}

#[test]
fn p5_a_camera_that_keeps_saying_that_it_is_away_gains_no_time() {
    let (mut world, jti) = running();
    world.aim(false);
    let left_ms = world.monotonic_ms;
    for _ in 0..12 {
        world.run(1_000);
        world.aim(false);
    }
    assert_eq!(world.end_of(&jti).0, left_ms + 10_000);
}

#[test]
fn where_nobody_watches_a_camera_may_look_wherever_it_likes() {
    let mut world = World::new();
    assert_eq!(world.aim(false), []);
    assert!(!world.authority.is_away());
    world.run(60_000);
    let jti = world.share();
    world.run(60_000);
    assert!(!world.has_ended(&jti), "what it did before is forgotten");
}

#[test]
fn p5_no_picture_is_sent_past_the_grace_though_the_driver_sleeps_over_it() {
    let (mut world, jti) = running();
    world.aim(false);
    world.monotonic_ms += 10_000;
    assert!(!world.authority.may_send(&jti, world.now()));
}

#[test]
fn p5_a_camera_that_turns_is_granted_one_view_at_a_time() {
    let mut world = World::new();
    world.policy(|policy| {
        policy.views.push(contract::policy::View { name: "plein".parse().unwrap(), ..policy.views[0].clone() });
    });
    let both = |world: &mut World| {
        let first = world.share();
        let mut other = world.other_grant();
        other.view = "plein".parse().unwrap();
        let second = world.submit(other);
        world.revoke("chief", Some(&first)).unwrap();
        second
    };
    assert!(both(&mut world).is_ok(), "a fixed camera has both in one picture");
    world.revoke("chief", None).unwrap();
    world.authority.set_turning();
    assert_eq!(both(&mut world).unwrap_err().code, ErrorCode::Busy);
}
