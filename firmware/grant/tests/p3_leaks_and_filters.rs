//! P3, P5: whoever watches may say that something is uncovered, and all is coarse until a privacy officer says otherwise; and of several shares the
//! strongest filter serves all.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod support;

use contract::{EndReason, ErrorCode, Filter};
use grant::{Authority, Event, Snapshot};
use support::{World, config, policy};

#[test]
fn p3_a_subscriber_a_centralist_and_an_officer_may_report_and_everything_is_coarse_at_once() {
    for kid in ["traffic", "tunnel", "chief", "trainee", "officer"] {
        let mut world = World::new();
        let jti = world.share();
        assert_eq!(world.authority.filter(), Some(Filter::Fill));
        world.report_leak(kid).unwrap();
        assert_eq!(world.authority.filter(), Some(Filter::Coarse), "{kid}");
        assert_eq!(world.filters_told(&jti), [Filter::Coarse]);
        assert_eq!(world.authority.summaries()[0].filter, Filter::Coarse);
        world.run(5_000);
        assert!(!world.has_ended(&jti), "the share goes on, coarse");
    }
}

#[test]
fn p3_who_may_not_watch_may_not_report() {
    let mut world = World::new();
    for (kid, code) in
        [("nobody", ErrorCode::UnknownKey), ("room", ErrorCode::NotAllowed), ("elsewhere", ErrorCode::NotAllowed)]
    {
        assert_eq!(world.report_leak(kid).unwrap_err().code, code, "{kid}");
    }
    assert_eq!(world.authority.leak(), None);
}

#[test]
fn p3_a_reported_leak_stands_across_restarts_and_for_new_grants() {
    let mut world = World::new();
    let before = world.authority.generation();
    world.report_leak("traffic").unwrap();
    assert_ne!(world.authority.generation(), before, "it must be on disk");
    let snapshot = world.authority.snapshot();
    let json = serde_json::to_string(&snapshot).unwrap();
    assert_eq!(serde_json::from_str::<Snapshot>(&json).unwrap(), snapshot);
    world.restart("c-2");
    world.authority.handle_policy(policy(5), world.now()).unwrap();
    world.beat().unwrap();
    let jti = world.share();
    assert_eq!(world.authority.filter(), Some(Filter::Coarse));
    let told = |event: &Event| matches!(event, Event::Granted { filter: Filter::Coarse, .. });
    assert!(world.events.iter().any(|(_, event)| told(event)), "the grant says so: {:?}", world.events);
    assert_eq!(world.authority.share(&jti).unwrap().filter(), Filter::Coarse);
}

#[test]
fn p6_only_a_privacy_officer_clears_a_leak_and_only_with_everything_proven() {
    let mut world = World::new();
    let jti = world.share();
    world.report_leak("traffic").unwrap();
    for (kid, code) in [
        ("chief", ErrorCode::NotAllowed),
        ("room", ErrorCode::NotAllowed),
        ("traffic", ErrorCode::UnknownKey),
        ("nobody", ErrorCode::UnknownKey),
    ] {
        assert_eq!(world.clear_leak(kid).unwrap_err().code, code, "{kid}");
    }
    world.synchronised = false;
    assert_eq!(world.clear_leak("officer").unwrap_err().code, ErrorCode::ClockUnsure);
    world.synchronised = true;
    let stale = contract::claims::ClearLeak {
        envelope: contract::claims::Envelope { challenge: None, ..world.envelope("officer") },
        act: support::act(),
    };
    assert_eq!(world.authority.handle_clear_leak(&stale, world.now()).unwrap_err().code, ErrorCode::StaleChallenge);
    assert_eq!(world.authority.filter(), Some(Filter::Coarse));
    world.clear_leak("officer").unwrap();
    assert_eq!((world.authority.filter(), world.authority.leak()), (Some(Filter::Fill), None));
    assert_eq!(world.filters_told(&jti), [Filter::Coarse, Filter::Fill]);
}

#[test]
fn p6_an_officer_grants_nothing_and_a_centralist_loosens_no_leak() {
    let mut world = World::new();
    assert_eq!(world.refusal(|grant| grant.envelope.iss = "officer".parse().unwrap()), ErrorCode::NotAllowed);
}

#[test]
fn p3_an_old_report_does_not_undo_a_clearing() {
    let mut world = World::new();
    let report = world.leak("traffic");
    world.authority.handle_report_leak(&report, world.now()).unwrap();
    world.clear_leak("officer").unwrap();
    assert_eq!(world.authority.handle_report_leak(&report, world.now()).unwrap_err().code, ErrorCode::Replayed);
    let held_back = world.leak("traffic");
    world.run(61_000);
    assert_eq!(world.authority.handle_report_leak(&held_back, world.now()).unwrap_err().code, ErrorCode::Expired);
    assert_eq!(world.authority.leak(), None);
}

#[test]
fn p3_a_report_counts_though_the_boards_clock_is_lost() {
    let mut world = World::new();
    world.share();
    let report = world.leak("traffic");
    world.synchronised = false;
    world.step_clock(-3_000);
    world.authority.handle_report_leak(&report, world.now()).unwrap();
    assert_eq!(world.authority.filter(), Some(Filter::Coarse));
}

#[test]
fn p3_a_thousand_reports_change_nothing_more_and_fill_nothing() {
    let mut world = World::new();
    world.share();
    for _ in 0..1_000 {
        let _verdict = world.report_leak("traffic");
    }
    let told = |event: &Event| matches!(event, Event::LeakReported { .. });
    assert_eq!(world.events.iter().filter(|(_, event)| told(event)).count(), 16);
    assert_eq!(world.authority.leak().unwrap().reports, 1_000);
    assert!(world.authority.asked_remembered() <= grant::MAX_ASKED_EACH);
    let other = world.leak("tunnel");
    world.authority.handle_report_leak(&other, world.now()).unwrap();
}

#[test]
fn p3_a_board_that_cannot_read_its_memory_takes_a_leak_to_stand() {
    let mut world = World::new();
    world.authority = Authority::restore(config(), "c-2".parse().unwrap(), Snapshot::unreadable(), world.now());
    world.authority.handle_policy(policy(5), world.now()).unwrap();
    world.beat().unwrap();
    world.release("chief", 1).unwrap();
    world.share();
    assert_eq!(world.authority.filter(), Some(Filter::Coarse));
    world.clear_leak("officer").unwrap();
    assert_eq!(world.authority.filter(), Some(Filter::Fill));
}

#[test]
fn p5_of_several_shares_the_strongest_filter_serves_all_and_everyone_is_told_also_when_it_ends() {
    let mut world = World::new();
    let first = world.share();
    let mut stronger = world.other_grant();
    stronger.filter = Filter::Coarse;
    let second = world.submit(stronger).unwrap();
    assert_eq!(world.authority.filter(), Some(Filter::Coarse));
    assert_eq!(world.filters_told(&first), [Filter::Coarse]);
    assert!(world.authority.summaries().iter().all(|share| share.filter == Filter::Coarse));
    // A viewer that looks away for a moment changes nothing for the others.
    world.viewer(&second, false);
    assert_eq!(world.authority.filter(), Some(Filter::Coarse));
    world.viewer(&second, true);
    world.revoke("chief", Some(&second)).unwrap();
    assert_eq!(world.end_of(&second).1, EndReason::Revoked);
    assert_eq!(world.filters_told(&first), [Filter::Coarse, Filter::Fill]);
    assert!(!world.has_ended(&first));
}

#[test]
fn p5_a_share_ahead_of_its_window_calls_for_nothing_yet() {
    let mut world = World::new();
    let first = world.share();
    let mut later = world.other_grant();
    (later.filter, later.nbf, later.exp) = (Filter::Coarse, later.nbf + 60, later.nbf + 120);
    world.submit(later).unwrap();
    assert_eq!(world.authority.filter(), Some(Filter::Fill));
    world.run(60_000);
    assert_eq!(world.authority.filter(), Some(Filter::Coarse));
    assert_eq!(world.filters_told(&first), [Filter::Coarse]);
    world.run(61_000);
    assert_eq!(world.filters_told(&first), [Filter::Coarse, Filter::Fill]);
}
