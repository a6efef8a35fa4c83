//! P5: a grant is only what it says. One wrong thing at a time, each refused with its own reason.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod support;

use contract::claims::{Delivery, Revoke};
use contract::policy::Policy;
use contract::{Audience, EncryptionKey, EndReason, ErrorCode, Filter};
use support::{START_S, World, act, policy};

#[test]
fn p5_grant_for_another_camera_site_or_the_whole_site_is_refused() {
    let mut world = World::new();
    for aud in ["almere/700", "almere/*", "lelystad/613"] {
        let aud = Audience::try_from(aud.to_owned()).unwrap();
        assert_eq!(world.refusal(|grant| grant.envelope.aud = aud), ErrorCode::WrongAudience);
    }
}

#[test]
fn p5_grant_by_a_key_without_the_right_is_refused() {
    let mut world = World::new();
    assert_eq!(world.refusal(|grant| grant.envelope.iss = "nobody".parse().unwrap()), ErrorCode::UnknownKey);
    assert_eq!(world.refusal(|grant| grant.envelope.iss = "room".parse().unwrap()), ErrorCode::NotAllowed);
    assert_eq!(world.refusal(|grant| grant.envelope.iss = "elsewhere".parse().unwrap()), ErrorCode::NotAllowed);
    let too_long = world.refusal(|grant| {
        grant.envelope.iss = "trainee".parse().unwrap();
        grant.exp = grant.nbf + 601;
    });
    assert_eq!(too_long, ErrorCode::NotAllowed);
}

#[test]
fn p5_grant_that_was_issued_too_long_ago_is_refused() {
    let mut world = World::new();
    assert_eq!(world.refusal(|grant| grant.envelope.iat -= 61), ErrorCode::Expired);
    assert_eq!(world.refusal(|grant| grant.envelope.iat = 0), ErrorCode::Expired);
    let mut just_in_time = world.grant();
    just_in_time.envelope.iat -= 60;
    assert!(world.submit(just_in_time).is_ok());
}

#[test]
fn p5_grant_from_the_future_is_refused() {
    let mut world = World::new();
    assert_eq!(world.refusal(|grant| grant.envelope.iat += 31), ErrorCode::NotYetValid);
    assert_eq!(world.refusal(|grant| grant.envelope.iat = u64::MAX), ErrorCode::NotYetValid);
    let mut a_little_ahead = world.grant();
    a_little_ahead.envelope.iat += 30;
    assert!(world.submit(a_little_ahead).is_ok());
}

#[test]
fn p5_grant_whose_window_is_over_or_far_ahead_or_upside_down_is_refused() {
    let mut world = World::new();
    let over = world.refusal(|grant| (grant.nbf, grant.exp) = (START_S - 600, START_S));
    assert_eq!(over, ErrorCode::Expired);
    let far = world.refusal(|grant| (grant.nbf, grant.exp) = (START_S + 86_401, START_S + 86_500));
    assert_eq!(far, ErrorCode::NotYetValid);
    assert_eq!(world.refusal(|grant| grant.exp = grant.nbf), ErrorCode::Malformed);
    assert_eq!(world.refusal(|grant| (grant.nbf, grant.exp) = (u64::MAX, 0)), ErrorCode::Malformed);
    assert_eq!(world.refusal(|grant| (grant.nbf, grant.exp) = (0, u64::MAX)), ErrorCode::OutsidePolicy);
    let far = world.refusal(|grant| (grant.nbf, grant.exp) = (u64::MAX - 1, u64::MAX));
    assert_eq!(far, ErrorCode::NotYetValid);
}

#[test]
fn p5_replayed_grant_is_refused() {
    let mut world = World::new();
    let grant = world.grant();
    let jti = world.submit(grant.clone()).unwrap();
    assert_eq!(world.submit(grant.clone()).unwrap_err().code, ErrorCode::Replayed);
    world.revoke("chief", Some(&jti)).unwrap();
    assert_eq!(world.submit(grant).unwrap_err().code, ErrorCode::Replayed, "after its end too");
}

#[test]
fn p5_replayed_grant_is_refused_after_a_restart_though_the_challenge_were_the_same() {
    let mut world = World::new();
    let grant = world.grant();
    world.submit(grant.clone()).unwrap();
    world.restart("c-1");
    world.authority.handle_policy(policy(5), world.now()).unwrap();
    world.beat().unwrap();
    assert_eq!(world.submit(grant).unwrap_err().code, ErrorCode::Replayed);
}

#[test]
fn p5_a_clock_step_does_not_make_the_board_forget_what_was_used() {
    let mut world = World::new();
    let grant = world.grant();
    world.submit(grant.clone()).unwrap();
    world.run(1_000);
    world.step_clock(10_000);
    world.run(1_000);
    world.step_clock(-10_000);
    world.beat().unwrap();
    assert_eq!(world.submit(grant).unwrap_err().code, ErrorCode::Replayed);
}

#[test]
fn p5_a_grant_that_was_refused_cannot_be_tried_again_by_somebody_else() {
    let mut world = World::new();
    world.share();
    let mut grant = world.grant();
    grant.sub = "tunnel".parse().unwrap();
    assert_eq!(world.submit(grant.clone()).unwrap_err().code, ErrorCode::Busy);
    world.revoke("chief", None).unwrap();
    assert_eq!(world.submit(grant).unwrap_err().code, ErrorCode::Replayed);
}

#[test]
fn p5_grant_with_a_stale_or_missing_challenge_is_refused() {
    let mut world = World::new();
    assert_eq!(world.refusal(|grant| grant.envelope.challenge = None), ErrorCode::StaleChallenge);
    let guess = Some("guess".parse().unwrap());
    assert_eq!(world.refusal(|grant| grant.envelope.challenge = guess), ErrorCode::StaleChallenge);
}

#[test]
fn p5_the_challenge_before_is_accepted_for_a_minute_and_the_one_before_that_never() {
    let mut world = World::new();
    let (early, late) = (world.grant(), world.grant());
    let new = "c-2".parse().unwrap();
    world.authority.rotate_challenge(new, world.now());
    world.run(59_000);
    assert!(world.submit(early).is_ok());
    world.run(1_000);
    assert_eq!(world.submit(late).unwrap_err().code, ErrorCode::StaleChallenge);

    let mut world = World::new();
    let two_ago = world.grant();
    for new in ["c-2", "c-3"] {
        world.authority.rotate_challenge(new.parse().unwrap(), world.now());
    }
    assert_eq!(world.submit(two_ago).unwrap_err().code, ErrorCode::StaleChallenge);
}

#[test]
fn p5_a_new_boot_accepts_none_of_the_old_challenges() {
    let mut world = World::new();
    let unused = world.grant();
    world.restart("c-2");
    world.authority.handle_policy(policy(5), world.now()).unwrap();
    world.beat().unwrap();
    assert_eq!(world.submit(unused).unwrap_err().code, ErrorCode::StaleChallenge);
}

#[test]
fn p5_grant_outside_the_subscribers_rule_is_refused() {
    let mut world = World::new();
    let strange = "strange".parse().unwrap();
    assert_eq!(world.refusal(|grant| grant.sub = strange), ErrorCode::OutsidePolicy);
    assert_eq!(world.refusal(|grant| grant.purpose = "curiosity".into()), ErrorCode::OutsidePolicy);
    assert_eq!(world.refusal(|grant| grant.filter = Filter::Pixelate), ErrorCode::OutsidePolicy, "weaker");
    assert_eq!(world.refusal(|grant| grant.exp = grant.nbf + 3601), ErrorCode::OutsidePolicy);
    let elsewhere = Delivery::Push { address: "192.0.2.8".parse().unwrap(), port: 5004 };
    assert_eq!(world.refusal(|grant| grant.delivery = elsewhere), ErrorCode::OutsidePolicy);
}

#[test]
fn p5_a_stronger_filter_may_be_asked_for() {
    let mut world = World::new();
    let mut stronger = world.grant();
    stronger.filter = Filter::Coarse;
    assert!(world.submit(stronger).is_ok());
}

#[test]
fn p5_what_the_board_does_not_offer_is_refused() {
    let mut world = World::new();
    assert_eq!(world.refusal(|grant| grant.filter = Filter::Silhouette), ErrorCode::NotOffered);
    assert_eq!(world.refusal(|grant| grant.view = "markt".parse().unwrap()), ErrorCode::NotOffered);
    assert_eq!(world.refusal(|grant| grant.fps = Some(0)), ErrorCode::Malformed);
    for port in [0, u16::MAX] {
        let delivery = Delivery::Push { address: "192.0.2.7".parse().unwrap(), port };
        assert_eq!(world.refusal(|grant| grant.delivery = delivery), ErrorCode::Malformed);
    }
}

#[test]
fn p5_plain_push_is_refused_unless_the_policy_allows_it() {
    let mut world = World::new();
    let strict = Policy { plain_rtp: false, ..policy(6) };
    world.authority.handle_policy(strict, world.now()).unwrap();
    assert_eq!(world.refusal(|_| ()), ErrorCode::OutsidePolicy);
}

#[test]
fn p5_push_with_a_key_of_the_subscribers_needs_no_plain_rtp() {
    let key = EncryptionKey([7; 32]);
    let mut world = World::new();
    let strict = Policy { plain_rtp: false, ..policy(6) };
    world.authority.handle_policy(strict.clone(), world.now()).unwrap();
    let mut grant = world.grant();
    grant.cnf = Some(key.to_cnf());
    assert_eq!(grant::encryption_key(&strict, &grant), Ok(Some(key)));
    assert!(world.submit(grant).is_ok());
    // A key that is none is no reason to send in clear.
    for cnf in [serde_json::json!({}), serde_json::json!({"jwk": {"kty": "OKP", "crv": "Ed25519", "x": key.x()}})] {
        assert_eq!(world.refusal(|grant| grant.cnf = Some(cnf)), ErrorCode::Malformed);
    }
}

#[test]
fn p5_where_the_policy_states_the_subscribers_key_a_grant_names_no_other() {
    let key = EncryptionKey([7; 32]);
    let mut stated = Policy { plain_rtp: false, ..policy(6) };
    stated.subscribers[0].encrypt_x = Some(key.x());
    let mut world = World::new();
    world.authority.handle_policy(stated.clone(), world.now()).unwrap();
    assert_eq!(world.refusal(|grant| grant.cnf = Some(EncryptionKey([8; 32]).to_cnf())), ErrorCode::OutsidePolicy);
    let grant = world.grant();
    assert_eq!(grant::encryption_key(&stated, &grant), Ok(Some(key)), "a grant without cnf takes the policy's key");
    assert!(world.submit(grant).is_ok());
}

#[test]
fn p5_a_share_must_lie_within_the_subscribers_hours() {
    // The tests begin at 22:13:20 UTC; a grant runs ten minutes.
    let cases = [
        ([0, 24], true),
        ([22, 23], true),
        ([22, 6], true),
        ([20, 24], true),
        ([6, 22], false),
        ([23, 6], false),
        ([22, 22], false),
    ];
    for (hours, allowed) in cases {
        let mut world = World::new();
        let mut newer = policy(6);
        newer.subscribers[0].hours_utc = Some(hours);
        world.authority.handle_policy(newer, world.now()).unwrap();
        let grant = world.grant();
        let verdict = world.submit(grant).map_err(|refusal| refusal.code);
        assert_eq!(verdict.is_ok(), allowed, "{hours:?} {verdict:?}");
    }
    let mut world = World::new();
    let mut newer = policy(6);
    newer.subscribers[0].hours_utc = Some([22, 23]);
    world.authority.handle_policy(newer, world.now()).unwrap();
    assert_eq!(world.refusal(|grant| grant.exp = grant.nbf + 2_801), ErrorCode::OutsidePolicy, "one second past 23:00");
}

#[test]
fn p5_an_expired_policy_grants_nothing_and_no_share_outlasts_its_policy() {
    let mut world = World::new();
    let short = Policy { valid_until: START_S + 300, ..policy(6) };
    world.authority.handle_policy(short, world.now()).unwrap();
    assert_eq!(world.refusal(|_| ()), ErrorCode::OutsidePolicy, "ten minutes of a policy that has five");
    world.run(301_000);
    assert_eq!(world.refusal(|grant| grant.exp = grant.nbf + 1), ErrorCode::NoPolicy);
}

#[test]
fn p5_a_clock_that_is_not_synchronised_grants_nothing() {
    let mut world = World::new();
    world.synchronised = false;
    assert_eq!(world.refusal(|_| ()), ErrorCode::ClockUnsure);
}

#[test]
fn p5_without_a_fresh_heartbeat_nothing_is_granted() {
    let mut world = World::new();
    world.stands = None;
    world.run(11_000);
    assert_eq!(world.refusal(|_| ()), ErrorCode::ControlRoomLost);
    world.restart("c-2");
    world.authority.handle_policy(policy(5), world.now()).unwrap();
    assert_eq!(world.refusal(|_| ()), ErrorCode::ControlRoomLost, "none since start");
}

#[test]
fn p5_more_shares_than_the_policy_allows_are_refused() {
    let mut world = World::new();
    world.share();
    let other = world.other_grant();
    world.submit(other).unwrap();
    let elsewhere = Delivery::Push { address: "192.0.2.7".parse().unwrap(), port: 7004 };
    assert_eq!(world.refusal(|grant| grant.delivery = elsewhere), ErrorCode::Busy);
}

#[test]
fn p5_two_subscribers_never_share_a_port_nor_its_rtcp_neighbour() {
    for port in [5003, 5004, 5005] {
        let mut world = World::new();
        world.share();
        let refusal = world.refusal(|grant| {
            grant.sub = "tunnel".parse().unwrap();
            grant.delivery = Delivery::Push { address: "192.0.2.7".parse().unwrap(), port };
        });
        assert_eq!(refusal, ErrorCode::Busy, "{port}");
    }
}

#[test]
fn p5_a_newer_grant_for_the_same_place_replaces_the_share() {
    let mut world = World::new();
    let first = world.share();
    let second = world.share();
    assert_eq!(world.end_of(&first).1, EndReason::Replaced);
    assert!(world.authority.may_send(&second, world.now()) && !world.authority.may_send(&first, world.now()));
}

#[test]
fn p5_a_heartbeat_must_be_the_rooms_and_of_now() {
    let mut world = World::new();
    type Spoil = fn(&mut contract::claims::Heartbeat);
    let cases: [(Spoil, ErrorCode); 7] = [
        (|beat| beat.envelope.iss = "chief".parse().unwrap(), ErrorCode::NotAllowed),
        (|beat| beat.envelope.iss = "nobody".parse().unwrap(), ErrorCode::UnknownKey),
        (|beat| beat.envelope.aud.camera = Some("613".parse().unwrap()), ErrorCode::WrongAudience),
        (|beat| beat.envelope.aud.site = "lelystad".parse().unwrap(), ErrorCode::WrongAudience),
        (|beat| beat.envelope.iat -= 31, ErrorCode::Expired),
        (|beat| beat.envelope.iat += 31, ErrorCode::NotYetValid),
        (|beat| beat.counter = 1, ErrorCode::Replayed),
    ];
    world.run(9_000);
    let age_ms = world.authority.heartbeat_age_ms(world.now());
    for (spoil, code) in cases {
        let mut heartbeat = world.heartbeat();
        spoil(&mut heartbeat);
        assert_eq!(world.hear(&heartbeat).unwrap_err().code, code);
    }
    assert_eq!(world.authority.heartbeat_age_ms(world.now()), age_ms, "the lease is as it was");
}

#[test]
fn p5_a_heartbeat_from_before_a_restart_is_a_replay_after_it() {
    let mut world = World::new();
    let heartbeat = world.heartbeat();
    world.hear(&heartbeat).unwrap();
    world.restart("c-2");
    world.authority.handle_policy(policy(5), world.now()).unwrap();
    assert_eq!(world.hear(&heartbeat).unwrap_err().code, ErrorCode::Replayed);
}

#[test]
fn p5_a_revoke_must_be_a_centralists_and_for_here() {
    let mut world = World::new();
    let jti = world.share();
    assert_eq!(world.revoke("room", Some(&jti)).unwrap_err().code, ErrorCode::NotAllowed);
    assert_eq!(world.revoke("nobody", Some(&jti)).unwrap_err().code, ErrorCode::UnknownKey);
    assert_eq!(world.revoke("elsewhere", Some(&jti)).unwrap_err().code, ErrorCode::NotAllowed);
    let no_such = "no-such".parse().unwrap();
    assert_eq!(world.revoke("chief", Some(&no_such)).unwrap_err().code, ErrorCode::NoSuchShare);
    let mut wrong = Revoke { envelope: world.envelope("chief"), share: None, act: act() };
    wrong.envelope.aud.camera = Some("700".parse().unwrap());
    let verdict = world.authority.handle_revoke(&wrong, world.now());
    assert_eq!(verdict.unwrap_err().code, ErrorCode::WrongAudience);
    let mut stale = Revoke { envelope: world.envelope("chief"), share: None, act: act() };
    stale.envelope.challenge = Some("yesterdays".parse().unwrap());
    let verdict = world.authority.handle_revoke(&stale, world.now());
    assert_eq!(verdict.unwrap_err().code, ErrorCode::StaleChallenge);
    let mut old = Revoke { envelope: world.site_envelope("chief"), share: None, act: act() };
    old.envelope.iat -= 61;
    let verdict = world.authority.handle_revoke(&old, world.now());
    assert_eq!(verdict.unwrap_err().code, ErrorCode::Expired);
    assert!(world.authority.may_send(&jti, world.now()), "none of them ended it");
}

#[test]
fn a_full_memory_of_used_commands_refuses_grants_but_never_a_revoke() {
    let mut world = World::new();
    for _ in 0..grant::MAX_USED {
        world.revoke("chief", None).unwrap();
    }
    assert_eq!(world.refusal(|_| ()), ErrorCode::Busy);
    assert_eq!(world.revoke("chief", None), Ok(vec![]));
    assert_eq!(world.authority.snapshot().used.len(), grant::MAX_USED);
    world.run(60_000);
    world.monotonic_ms += 2 * 3600 * 1000;
    world.utc_ms += 2 * 3600 * 1000;
    world.room_utc_ms += 2 * 3600 * 1000;
    world.beat().unwrap();
    let later = world.grant();
    assert!(world.submit(later).is_ok(), "it empties by itself");
}
