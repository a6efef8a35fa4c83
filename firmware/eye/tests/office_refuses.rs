//! P5, P6 at the office: every token that is not exactly what it should be is refused with its reason, and nothing opens.

mod bench;

use bench::{Bench, INES, ROOM, STRANGER, Voice, bundle, id, policy, sign};
use contract::claims::TokenKind;
use contract::policy::Policy;
use contract::{Audience, Challenge, ErrorCode};
use eye::road::Desk;
use serde_json::{Value, json};
use std::time::Duration;

fn setup() -> (Bench, Voice, tempfile::TempDir) {
    Bench::ready()
}

/// A grant, changed before it is signed by the right key, is refused with `code`.
fn p5(code: ErrorCode, change: impl FnOnce(&mut contract::claims::Grant, u64)) {
    let (mut bench, mut voice, _dir) = setup();
    let mut grant = bench.grant(&voice.newest_state());
    change(&mut grant, bench.now_s());
    assert_eq!(voice.refusal(TokenKind::Grant, &sign(TokenKind::Grant, "ines", &grant, INES)), code);
    assert!(!bench.office.order().open);
}

#[test]
fn p5_grant_for_another_camera_is_refused() {
    p5(ErrorCode::WrongAudience, |grant, _| grant.envelope.aud = Audience::camera(id("almere"), id("614")));
}

#[test]
fn p5_grant_for_the_whole_site_is_refused() {
    p5(ErrorCode::WrongAudience, |grant, _| grant.envelope.aud = Audience::site(id("almere")));
}

#[test]
fn p5_expired_grant_is_refused() {
    p5(ErrorCode::Expired, |grant, now| (grant.nbf, grant.exp) = (now - 100, now - 1));
}

#[test]
fn p5_grant_from_the_future_is_refused() {
    p5(ErrorCode::NotYetValid, |grant, now| grant.envelope.iat = now + 3_600);
}

#[test]
fn p5_grant_with_yesterdays_challenge_is_refused() {
    p5(ErrorCode::StaleChallenge, |grant, _| grant.envelope.challenge = Some(id::<Challenge>("yesterday")));
}

#[test]
fn p5_grant_without_a_challenge_is_refused() {
    p5(ErrorCode::StaleChallenge, |grant, _| grant.envelope.challenge = None);
}

#[test]
fn p5_replayed_grant_is_refused_also_after_its_share_ended() {
    let (mut bench, mut voice, _dir) = setup();
    let grant = bench.grant(&voice.newest_state());
    let token = sign(TokenKind::Grant, "ines", &grant, INES);
    let jti = voice.command(TokenKind::Grant, &token).share.unwrap();
    assert_eq!(voice.refusal(TokenKind::Grant, &token), ErrorCode::Replayed);
    let revoke = bench.revoke(&voice.newest_state(), &jti);
    assert!(voice.command(TokenKind::Revoke, &revoke).ok);
    assert_eq!(voice.refusal(TokenKind::Grant, &token), ErrorCode::Replayed);
    assert!(!bench.office.order().open);
}

#[test]
fn p5_what_is_not_a_token_is_refused() {
    let (bench, mut voice, _dir) = setup();
    let long = "A".repeat(100_000);
    for (token, code) in [
        ("", ErrorCode::Malformed),
        ("not a token", ErrorCode::Malformed),
        ("a.b.c", ErrorCode::Malformed),
        ("\u{0}\u{0}.\u{0}.\u{0}", ErrorCode::Malformed),
        (long.as_str(), ErrorCode::TooLarge),
    ] {
        assert_eq!(voice.refusal(TokenKind::Grant, token), code, "{:.20}", token);
    }
    assert!(!bench.office.order().open);
}

#[test]
fn p5_wrong_keys_and_types_are_refused() {
    let (mut bench, mut voice, _dir) = setup();
    let grant = bench.grant(&voice.newest_state());
    let good = sign(TokenKind::Grant, "ines", &grant, INES);
    let mut by_room = grant.clone();
    by_room.envelope.iss = id("room");
    let mut altered = good.clone().into_bytes();
    let middle = altered.len() / 2;
    altered[middle] = if altered[middle] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    for (what, kind, token, code) in [
        (
            "a stranger in her name",
            TokenKind::Grant,
            sign(TokenKind::Grant, "ines", &grant, STRANGER),
            ErrorCode::BadSignature,
        ),
        (
            "a stranger in his own",
            TokenKind::Grant,
            sign(TokenKind::Grant, "nobody", &grant, STRANGER),
            ErrorCode::UnknownKey,
        ),
        ("the room's key", TokenKind::Grant, sign(TokenKind::Grant, "room", &by_room, ROOM), ErrorCode::NotAllowed),
        ("a grant on the revoke topic", TokenKind::Revoke, good.clone(), ErrorCode::WrongType),
        (
            "a revoke's typ on a grant",
            TokenKind::Grant,
            sign(TokenKind::Revoke, "ines", &grant, INES),
            ErrorCode::WrongType,
        ),
        ("one letter changed", TokenKind::Grant, altered, ErrorCode::BadSignature),
    ] {
        assert_eq!(voice.refusal(kind, &token), code, "{what}");
        assert!(!bench.office.order().open, "{what}");
    }
    assert!(voice.command(TokenKind::Grant, &good).ok, "the good one was not used up by the bad ones");
}

#[test]
fn p4_a_heartbeat_forged_or_replayed_by_the_voice_keeps_nothing_alive() {
    let (mut bench, mut voice, _dir) = setup();
    let jti = voice.share(&mut bench);
    let old = bench.heartbeat(std::slice::from_ref(&jti));
    assert!(voice.command(TokenKind::Heartbeat, &old).ok);
    bench.clock.advance(Duration::from_secs(9));
    assert_eq!(voice.refusal(TokenKind::Heartbeat, &old), ErrorCode::Replayed);
    let honest = bench.heartbeat(std::slice::from_ref(&jti));
    let claims = honest.split('.').nth(1).unwrap();
    let forged = format!("{}.{claims}.{}", old.split('.').next().unwrap(), old.split('.').nth(2).unwrap());
    assert_eq!(voice.refusal(TokenKind::Heartbeat, &forged), ErrorCode::BadSignature);
    assert!(bench.office.order().open, "the lease has a second left");
    bench.clock.advance(Duration::from_secs(2));
    assert!(!bench.office.order().open, "neither lengthened it");
}

#[test]
fn p6_an_older_policy_is_refused_and_a_newer_one_taken() {
    let (bench, mut voice, dir) = setup();
    assert!(voice.policy(&bundle(&policy(3))).ok);
    assert_eq!(voice.policy(&bundle(&policy(2))).error.unwrap().code, ErrorCode::PolicyRefused);
    assert_eq!(voice.state().policy_version, Some(3));
    // Also after a restart: the bundle delivered with provisioning is version 1.
    let again = Bench::open(dir.path(), bench.clock.clone());
    assert_eq!(again.voice().newest_state().policy_version, Some(3));
}

#[test]
fn p6_a_policy_with_one_signature_or_two_of_the_same_key_is_refused() {
    let (_bench, mut voice, _dir) = setup();
    let a = bench::key(bench::POLICY_A);
    let one = token::policy::sign(&policy(2), &[(id("policy-a"), &a)]).unwrap();
    let twice = token::policy::sign(&policy(2), &[(id("policy-a"), &a), (id("policy-a"), &a)]).unwrap();
    for (what, signed) in [("one", one), ("the same twice", twice)] {
        let answer = voice.policy(&serde_json::to_vec(&signed).unwrap());
        assert_eq!(answer.error.map(|refusal| refusal.code), Some(ErrorCode::PolicyRefused), "{what}");
    }
    assert_eq!(voice.state().policy_version, Some(1));
}

/// The journal's entries of refused commands.
#[allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]
fn refusals(bench: &Bench) -> Vec<Value> {
    let journal = bench.journal();
    let entries = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    entries.filter(|entry| entry["event"] == "refused").collect()
}

#[test]
fn p7_a_refused_command_is_journaled_with_who_signed_it_and_why() {
    let (mut bench, mut voice, _dir) = setup();
    let mut grant = bench.grant(&voice.newest_state());
    grant.envelope.challenge = Some(id::<Challenge>("yesterday"));
    let late = sign(TokenKind::Grant, "ines", &grant, INES);
    assert_eq!(voice.refusal(TokenKind::Grant, &late), ErrorCode::StaleChallenge);
    let forged = sign(TokenKind::Preempt, "ines", &grant, STRANGER);
    assert_eq!(voice.refusal(TokenKind::Preempt, &forged), ErrorCode::BadSignature);
    assert_eq!(voice.refusal(TokenKind::Grant, "junk"), ErrorCode::Malformed);
    assert_eq!(voice.policy(b"{}").error.unwrap().code, ErrorCode::Malformed);
    assert_eq!(
        voice.policy(&bundle(&Policy { site: id("lelystad"), ..policy(9) })).error.unwrap().code,
        ErrorCode::PolicyRefused
    );
    let told: Vec<_> =
        refusals(&bench).iter().map(|entry| json!([entry["command"], entry["actor_key"], entry["refused"]])).collect();
    // Who only says that it is ines is not written down as ines.
    let expected = [
        json!(["grant", "ines", "stale-challenge"]),
        json!(["preempt", null, "bad-signature"]),
        json!([null, null, "policy-refused"]),
    ];
    assert_eq!(told, expected);
    assert!(!bench.journal().contains(&late), "the token itself is not: its length is its sender's to choose");
}

#[test]
fn p7_a_flood_of_refusals_stays_small_hides_nobody_and_is_counted() {
    let (mut bench, mut voice, _dir) = setup();
    let mut grant = bench.grant(&voice.newest_state());
    let forged = sign(TokenKind::Grant, "ines", &grant, STRANGER);
    grant.envelope.challenge = Some(id::<Challenge>("yesterday"));
    let late = sign(TokenKind::Grant, "ines", &grant, INES);
    let before = bench.journal().len();
    for _ in 0..1_000 {
        assert_eq!(voice.refusal(TokenKind::Grant, &forged), ErrorCode::BadSignature);
    }
    // What strangers send does not keep out what a key of the policy signed.
    for _ in 0..1_000 {
        assert_eq!(voice.refusal(TokenKind::Grant, &late), ErrorCode::StaleChallenge);
    }
    let written = refusals(&bench);
    let signed = written.iter().filter(|entry| entry["actor_key"] == "ines").count();
    assert_eq!((written.len() - signed, signed), (4, 16));
    let grown = bench.journal().len() - before;
    assert!(grown < 20_000, "{grown} bytes");
    // As soon as there is a turn it is said how many more there were.
    bench.clock.advance(Duration::from_secs(601));
    voice.state();
    voice.state();
    let written = refusals(&bench);
    let left_out: u64 = written.iter().filter_map(|entry| entry["left_out"].as_u64()).sum();
    let all = left_out + written.iter().filter(|entry| entry["refused"].is_string()).count() as u64;
    assert_eq!(all, 2_000);
    assert_eq!(written.len(), 21, "one entry says it");
}
