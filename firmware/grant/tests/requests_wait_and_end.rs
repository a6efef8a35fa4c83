//! A request waits for a centralist and gets exactly one outcome; it opens nothing, and nobody can ask so much that others suffer.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod support;

use contract::asking::{DenyReason, LapseReason, RequestEvent};
use contract::claims::{Grant, Request};
use contract::{Audience, EncryptionKey, EndReason, ErrorCode, Filter};
use grant::{Event, MAX_ASKED_EACH, MAX_REQUESTS_EACH};
use support::{START_S, World, rule};

const LAPSED_ABSENT: RequestEvent = RequestEvent::Lapsed { reason: LapseReason::RoomAbsent };
const LAPSED_BUSY: RequestEvent = RequestEvent::Lapsed { reason: LapseReason::RoomBusy };

#[test]
fn a_request_waits_and_is_in_the_inbox_with_its_token() {
    let mut world = World::new();
    let request = world.request();
    assert_eq!(world.ask(&request), Ok(RequestEvent::Pending { until: START_S + 120 }));
    let inbox = world.authority.inbox();
    let open = &inbox.requests[0];
    assert_eq!((inbox.requests.len(), open.jti == request.envelope.jti, open.token.as_str()), (1, true, "token"));
    assert_eq!(open.request.filter, Some(Filter::Fill), "the policy's filter is filled in");
    assert!(world.authority.shares().is_empty(), "it opens nothing");
    assert!(world.outcomes(&request.envelope.jti).is_empty());
}

#[test]
fn the_filter_of_a_request_that_names_none_is_the_policys_default() {
    let mut world = World::new();
    world.policy(|policy| policy.subscribers[0].default_filter = Some(Filter::Coarse));
    world.pending();
    assert_eq!(world.authority.inbox().requests[0].request.filter, Some(Filter::Coarse));
}

#[test]
fn a_grant_that_names_a_request_ends_it_as_granted() {
    let mut world = World::new();
    let request = world.pending();
    let grant = world.answer_to(&request);
    let share = world.submit(grant).unwrap();
    assert_eq!(world.outcomes(&request.envelope.jti), [RequestEvent::Granted { share }]);
    assert_eq!(world.authority.requests_waiting(), 0);
}

#[test]
fn p5_a_grant_for_a_request_must_give_what_was_asked_for() {
    let mut world = World::new();
    world.policy(|policy| {
        policy.subscribers[0].purposes.push("road-works".into());
        policy.views.push(contract::policy::View { name: "plein".parse().unwrap(), ..policy.views[0].clone() });
    });
    let mut request = world.request();
    request.filter = Some(Filter::Coarse);
    world.ask(&request).unwrap();
    let spoils: [fn(&mut Grant); 6] = [
        |grant| grant.filter = Filter::Fill,
        |grant| grant.sub = "tunnel".parse().unwrap(),
        |grant| grant.view = "plein".parse().unwrap(),
        |grant| grant.purpose = "road-works".into(),
        |grant| grant.delivery = contract::claims::Delivery::Push { address: "192.0.2.7".parse().unwrap(), port: 7000 },
        |grant| grant.request = Some("another".parse().unwrap()),
    ];
    for (n, spoil) in spoils.into_iter().enumerate() {
        let mut grant = world.answer_to(&request);
        grant.filter = Filter::Coarse;
        spoil(&mut grant);
        assert_eq!(world.submit(grant).unwrap_err().code, ErrorCode::NoSuchRequest, "spoil {n}");
    }
    assert_eq!(world.authority.requests_waiting(), 1, "it waits on");
    let mut good = world.answer_to(&request);
    good.filter = Filter::Coarse;
    assert!(world.submit(good).is_ok());
}

#[test]
fn p5_a_grant_for_a_request_that_is_over_is_refused() {
    let mut world = World::new();
    let request = world.pending();
    let (first, second) = (world.answer_to(&request), world.answer_to(&request));
    world.withdraw("traffic", &request.envelope.jti).unwrap();
    assert_eq!(world.submit(first).unwrap_err().code, ErrorCode::NoSuchRequest);
    assert_eq!(world.submit(second).unwrap_err().code, ErrorCode::NoSuchRequest);
}

#[test]
fn p5_a_request_names_no_other_key_than_the_policys_and_its_grant_names_the_same() {
    let key = |byte| EncryptionKey([byte; 32]);
    let mut world = World::new();
    world.policy(|policy| policy.subscribers[0].encrypt_x = Some(key(7).x()));
    let mut request = world.request();
    request.cnf = Some(key(8).to_cnf());
    assert_eq!(world.ask(&request).unwrap_err().code, ErrorCode::OutsidePolicy);
    let mut garbage = world.request();
    garbage.cnf = Some(serde_json::json!(7));
    assert_eq!(world.ask(&garbage).unwrap_err().code, ErrorCode::Malformed);
    world.policy(|_| ());
    let mut request = world.request();
    request.cnf = Some(key(8).to_cnf());
    assert!(world.ask(&request).is_ok(), "where the policy states none, the request's counts");
    let mut grant = world.answer_to(&request);
    assert_eq!(world.submit(grant.clone()).unwrap_err().code, ErrorCode::NoSuchRequest, "the grant names none");
    (grant.envelope, grant.cnf) = (world.envelope("chief"), Some(key(8).to_cnf()));
    assert!(world.submit(grant).is_ok());
}

#[test]
fn nobody_decides_and_the_request_lapses_when_the_policys_patience_is_over() {
    let mut world = World::new();
    let request = world.pending();
    world.run(119_990);
    assert!(world.outcomes(&request.envelope.jti).is_empty());
    world.run(10);
    let no_answer = RequestEvent::Lapsed { reason: LapseReason::NoAnswer };
    assert_eq!(world.outcomes(&request.envelope.jti), [no_answer]);
    assert_eq!(world.deny("chief", &request.envelope.jti).unwrap_err().code, ErrorCode::NoSuchRequest);
}

#[test]
fn a_busy_room_is_told_at_once() {
    let mut world = World::new();
    let waits = world.pending();
    let mut heartbeat = world.heartbeat();
    heartbeat.busy = true;
    world.hear(&heartbeat).unwrap();
    let request = world.request_to(6000);
    assert_eq!(world.ask(&request), Ok(LAPSED_BUSY));
    assert_eq!(world.outcomes(&request.envelope.jti), [LAPSED_BUSY]);
    assert!(world.outcomes(&waits.envelope.jti).is_empty(), "whoever waits already may be in somebody's hands");
    world.beat().unwrap();
    let request = world.request_to(6000);
    assert!(matches!(world.ask(&request), Ok(RequestEvent::Pending { .. })));
}

#[test]
fn an_absent_room_is_told_at_once_and_at_the_end_of_patience() {
    let mut world = World::new();
    let waits = world.pending();
    world.stands = None;
    world.run(12_000);
    let request = world.request_to(6000);
    assert_eq!(world.ask(&request), Ok(LAPSED_ABSENT));
    world.run(120_000);
    assert_eq!(world.outcomes(&waits.envelope.jti), [LAPSED_ABSENT]);
}

#[test]
fn a_centralist_says_no_and_the_reason_is_told() {
    let mut world = World::new();
    let request = world.pending();
    let jti = &request.envelope.jti;
    for (kid, code) in
        [("room", ErrorCode::NotAllowed), ("elsewhere", ErrorCode::NotAllowed), ("officer", ErrorCode::NotAllowed)]
    {
        assert_eq!(world.deny(kid, jti).unwrap_err().code, code);
    }
    world.deny("trainee", jti).unwrap();
    assert_eq!(world.outcomes(jti), [RequestEvent::Denied { reason: DenyReason::NotNow }]);
    let by = |event: &Event| matches!(event, Event::Decided { by: Some((kid, _)), .. } if kid.as_str() == "trainee");
    assert!(world.events.iter().any(|(_, event)| by(event)), "the journal says who");
    assert_eq!(
        world.deny("chief", jti).unwrap_err().code,
        ErrorCode::NoSuchRequest,
        "two centralists at once: the first counts"
    );
}

#[test]
fn withdraw_takes_back_what_waits_and_ends_what_was_granted() {
    let mut world = World::new();
    let request = world.pending();
    let jti = request.envelope.jti.clone();
    assert_eq!(world.withdraw("tunnel", &jti).unwrap_err().code, ErrorCode::NoSuchRequest, "only whoever asked");
    assert_eq!(world.withdraw("traffic", &jti), Ok(None));
    assert_eq!(world.outcomes(&jti), [RequestEvent::Withdrawn]);

    let request = world.pending();
    let grant = world.answer_to(&request);
    let share = world.submit(grant).unwrap();
    assert_eq!(world.withdraw("tunnel", &request.envelope.jti).unwrap_err().code, ErrorCode::NoSuchRequest);
    assert_eq!(world.withdraw("traffic", &request.envelope.jti), Ok(Some(share.clone())));
    assert_eq!(world.end_of(&share).1, EndReason::Withdrawn);
    assert_eq!(world.withdraw("traffic", &request.envelope.jti).unwrap_err().code, ErrorCode::NoSuchRequest);
}

#[test]
fn leave_ends_a_share_at_once_and_only_its_own_subscriber_may() {
    let mut world = World::new();
    let share = world.share();
    world.run(1_000);
    assert_eq!(world.leave("tunnel", &share).unwrap_err().code, ErrorCode::NoSuchShare);
    assert_eq!(world.leave("nobody", &share).unwrap_err().code, ErrorCode::UnknownKey);
    let left_ms = world.monotonic_ms;
    assert_eq!(world.leave("traffic", &share), Ok(share.clone()));
    world.run(1_000);
    assert_eq!(world.end_of(&share), (left_ms, EndReason::ViewerLeft));
    assert!(world.last_picture_ms(&share).unwrap() <= left_ms);
}

#[test]
fn what_a_grant_would_be_refused_for_a_request_is_refused_for() {
    type Spoil = (fn(&mut Request), ErrorCode);
    let mut world = World::new();
    let spoils: [Spoil; 13] = [
        (|r| r.envelope.iss = "nobody".parse().unwrap(), ErrorCode::UnknownKey),
        (|r| r.envelope.iss = "chief".parse().unwrap(), ErrorCode::UnknownKey),
        (|r| r.envelope.aud = Audience::site("almere".parse().unwrap()), ErrorCode::WrongAudience),
        (|r| r.envelope.iat -= 61, ErrorCode::Expired),
        (|r| r.envelope.iat = u64::MAX, ErrorCode::NotYetValid),
        (|r| r.purpose = "curiosity".into(), ErrorCode::OutsidePolicy),
        (|r| r.filter = Some(Filter::Pixelate), ErrorCode::OutsidePolicy),
        (|r| r.filter = Some(Filter::Silhouette), ErrorCode::NotOffered),
        (|r| r.view = "markt".parse().unwrap(), ErrorCode::NotOffered),
        (|r| r.duration_s = 3_601, ErrorCode::OutsidePolicy),
        (|r| r.duration_s = 0, ErrorCode::Malformed),
        (|r| r.fps = Some(0), ErrorCode::Malformed),
        (
            |r| r.delivery = contract::claims::Delivery::Push { address: "192.0.2.9".parse().unwrap(), port: 5004 },
            ErrorCode::OutsidePolicy,
        ),
    ];
    for (n, (spoil, code)) in spoils.into_iter().enumerate() {
        let mut request = world.request();
        spoil(&mut request);
        assert_eq!(world.ask(&request).unwrap_err().code, code, "spoil {n}");
        assert_eq!((world.authority.requests_waiting(), world.events.len()), (0, 0), "spoil {n} left something");
    }
    world.synchronised = false;
    let request = world.request();
    assert_eq!(world.ask(&request).unwrap_err().code, ErrorCode::ClockUnsure);
}

#[test]
fn a_subscriber_without_a_key_in_the_policy_cannot_ask() {
    let mut world = World::new();
    world.policy(|policy| policy.subscribers[0].x = None);
    let request = world.request();
    assert_eq!(world.ask(&request).unwrap_err().code, ErrorCode::UnknownKey);
}

#[test]
fn p5_a_replayed_request_is_refused_whatever_became_of_it() {
    let mut world = World::new();
    let request = world.pending();
    assert_eq!(world.ask(&request).unwrap_err().code, ErrorCode::Replayed);
    world.withdraw("traffic", &request.envelope.jti).unwrap();
    assert_eq!(world.ask(&request).unwrap_err().code, ErrorCode::Replayed);
    world.run(61_000);
    assert_eq!(world.ask(&request).unwrap_err().code, ErrorCode::Expired);
}

#[test]
fn two_subscribers_may_not_ask_under_one_name_at_once() {
    let mut world = World::new();
    let request = world.pending();
    let mut other = world.request_to(6000);
    (other.envelope.iss, other.envelope.jti) = ("tunnel".parse().unwrap(), request.envelope.jti.clone());
    assert_eq!(world.ask(&other).unwrap_err().code, ErrorCode::Replayed);
}

#[test]
fn a_newer_request_for_the_same_takes_the_place_of_the_older() {
    let mut world = World::new();
    let (older, newer) = (world.pending(), world.pending());
    assert_eq!(world.outcomes(&older.envelope.jti), [RequestEvent::Withdrawn]);
    assert_eq!(world.authority.inbox().requests[0].jti, newer.envelope.jti);
}

#[test]
fn one_subscriber_cannot_fill_the_queue() {
    let mut world = World::new();
    for n in 0..MAX_REQUESTS_EACH {
        let request = world.request_to(6000 + 2 * n as u16);
        assert!(matches!(world.ask(&request), Ok(RequestEvent::Pending { .. })));
    }
    let one_more = world.request_to(7000);
    assert_eq!(world.ask(&one_more).unwrap_err().code, ErrorCode::Busy);
    let mut other = world.request_to(7000);
    other.envelope.iss = "tunnel".parse().unwrap();
    assert!(matches!(world.ask(&other), Ok(RequestEvent::Pending { .. })), "another subscriber still may");
    world.policy(|policy| policy.max_requests = 2);
    assert_eq!(world.authority.requests_waiting(), 2, "a newer policy has room for two");
}

#[test]
fn a_newer_policy_drops_requests_that_it_does_not_allow() {
    let mut world = World::new();
    let request = world.pending();
    world.policy(|policy| policy.subscribers = vec![rule("tunnel")]);
    let dropped = RequestEvent::Lapsed { reason: LapseReason::Dropped };
    assert_eq!(world.outcomes(&request.envelope.jti), [dropped]);
}

#[test]
fn a_flood_of_requests_is_bounded_and_leaves_the_commands_their_memory() {
    let mut world = World::new();
    let mut taken = 0;
    for n in 0..10_000_u32 {
        let mut request = world.request_to(6000 + (n % 500) as u16 * 2);
        if n % 2 == 0 {
            request.envelope.iss = "tunnel".parse().unwrap();
        }
        taken += usize::from(world.ask(&request).is_ok());
        assert!(world.authority.asked_remembered() <= 2 * MAX_ASKED_EACH);
    }
    assert!(taken <= 2 * MAX_REQUESTS_EACH && world.authority.requests_waiting() <= 2 * MAX_REQUESTS_EACH);
    let used = world.authority.snapshot().used.len();
    assert!(used < 8, "no request is among the commands: {used}");
    world.share();
    // Ten minutes later they may ask again.
    world.run(600_000);
    let request = world.request();
    assert!(matches!(world.ask(&request), Ok(RequestEvent::Pending { .. })));
}

#[test]
fn requests_do_not_survive_a_restart() {
    let mut world = World::new();
    let request = world.pending();
    world.run(2_000);
    world.restart("c-2");
    world.authority.handle_policy(support::policy(5), world.now()).unwrap();
    world.beat().unwrap();
    assert_eq!(world.authority.requests_waiting(), 0);
    world.run(2_000);
    assert_eq!(world.ask(&request).unwrap_err().code, ErrorCode::Expired, "a copy from before does not wait again");
    let grant = world.answer_to(&request);
    assert_eq!(world.submit(grant).unwrap_err().code, ErrorCode::NoSuchRequest);
}

#[test]
fn a_board_that_stops_tells_whoever_waits() {
    let mut world = World::new();
    let request = world.pending();
    world.authority.handle_stop(world.now());
    world.drain();
    let dropped = RequestEvent::Lapsed { reason: LapseReason::Dropped };
    assert_eq!(world.outcomes(&request.envelope.jti), [dropped]);
}

#[test]
fn p9_a_board_that_is_stopped_ends_its_shares_for_maintenance() {
    let mut world = World::new();
    let jti = world.share();
    world.authority.handle_stop(world.now());
    world.drain();
    assert_eq!(world.end_of(&jti).1, EndReason::Maintenance);
    assert!(world.authority.shares().is_empty());
}

#[test]
fn p8_a_request_under_a_preempt_is_answered_as_by_a_busy_room() {
    let mut busy = World::new();
    let mut heartbeat = busy.heartbeat();
    heartbeat.busy = true;
    busy.hear(&heartbeat).unwrap();
    let mut reserved = World::new();
    reserved.preempt("chief", 1).unwrap();
    let mut private = World::new();
    private.authority.handle_privacy_switch(true, private.now());
    for world in [&mut busy, &mut reserved, &mut private] {
        let request = world.request();
        assert_eq!(world.ask(&request), Ok(LAPSED_BUSY));
    }
    reserved.release("chief", 2).unwrap();
    reserved.pending();
}

#[test]
fn p4_clock_steps_change_nothing_about_how_long_a_request_waits() {
    for seconds in [-315_360_000_i64, -3_600, 3_600, 315_360_000] {
        let mut world = World::new();
        let request = world.pending();
        world.step_clock(seconds);
        world.run(119_990);
        assert!(world.outcomes(&request.envelope.jti).is_empty(), "{seconds}");
        world.run(10);
        assert_eq!(world.outcomes(&request.envelope.jti).len(), 1, "{seconds}");
    }
}
