//! P1, P5 at the office: whatever a rightly signed token holds in whichever field, it is answered, nothing opens that was not asked for in full, and the
//! next good command is carried out.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod bench;

use bench::{Bench, INES, OFFICER, ROOM, TLC, Voice, act, id, sign};
use contract::asking::DenyReason;
use contract::claims::{
    ClearLeak, Deny, Extend, Heartbeat, Leaked, Leave, Release, ReportLeak, Revoke, TokenKind, Withdraw,
};
use contract::{Audience, Jti};
use eye::road::Desk;
use serde_json::{Value, json};

/// One of every kind that the eye judges, all of it right, with who signs it.
fn one_of_each(bench: &mut Bench, voice: &Voice, share: &Jti) -> Vec<(TokenKind, &'static str, u8, Value)> {
    let state = voice.newest_state();
    let challenge = || Some(state.challenge.clone());
    let now_s = bench.now_s();
    let value = |claims: &dyn Fn() -> serde_json::Result<Value>| claims().unwrap();
    let grant = bench.grant(&state);
    let request = bench.request();
    let extend =
        Extend { envelope: bench.envelope("ines", challenge()), share: share.clone(), exp: now_s + 900, act: act() };
    let deny =
        Deny { envelope: bench.envelope("ines", challenge()), request: id("r"), reason: DenyReason::Busy, act: act() };
    let revoke = Revoke { envelope: bench.envelope("ines", challenge()), share: Some(id("another")), act: act() };
    let release = Release { envelope: bench.envelope("ines", challenge()), reserve_epoch: 1, act: act() };
    let withdraw = Withdraw { envelope: bench.envelope("tlc", None), request: id("r") };
    let leave = Leave { envelope: bench.envelope("tlc", None), share: id("another") };
    let envelope = bench.envelope("tlc", None);
    let leak = ReportLeak { envelope, share: None, seen_at: Some(1), what: Leaked::Head, act: Some(act()) };
    let clear = ClearLeak { envelope: bench.envelope("officer", challenge()), act: act() };
    let mut envelope = bench.envelope("room", None);
    envelope.aud = Audience::site(id("almere"));
    let (counter, stands) = (now_s * 1_000 + 900, vec![share.clone()]);
    let heartbeat = Heartbeat { envelope, counter, stands, reserve_epoch: 0, busy: false };
    vec![
        (TokenKind::Grant, "ines", INES, value(&|| serde_json::to_value(&grant))),
        (TokenKind::Extend, "ines", INES, value(&|| serde_json::to_value(&extend))),
        (TokenKind::Deny, "ines", INES, value(&|| serde_json::to_value(&deny))),
        (TokenKind::Revoke, "ines", INES, value(&|| serde_json::to_value(&revoke))),
        (TokenKind::Release, "ines", INES, value(&|| serde_json::to_value(&release))),
        (TokenKind::Request, "tlc", TLC, value(&|| serde_json::to_value(&request))),
        (TokenKind::Withdraw, "tlc", TLC, value(&|| serde_json::to_value(&withdraw))),
        (TokenKind::Leave, "tlc", TLC, value(&|| serde_json::to_value(&leave))),
        (TokenKind::ReportLeak, "tlc", TLC, value(&|| serde_json::to_value(&leak))),
        (TokenKind::ClearLeak, "officer", OFFICER, value(&|| serde_json::to_value(&clear))),
        (TokenKind::Heartbeat, "room", ROOM, value(&|| serde_json::to_value(&heartbeat))),
    ]
}

#[test]
fn p5_garbage_in_any_field_of_any_token_is_answered_and_opens_nothing() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let share = voice.share(&mut bench);
    let (mut sent, mut refused) = (0, 0);
    for (kind, kid, seed, claims) in one_of_each(&mut bench, &voice, &share) {
        for field in claims.as_object().unwrap().keys() {
            // `seen_at` and `requester` are words about somebody; any number or name is one.
            for garbage in [
                json!(null),
                json!(-1),
                json!(u64::MAX),
                json!(1.5),
                json!(true),
                json!("\u{0}/#+"),
                json!([[]]),
                json!({"kind": "push"}),
            ] {
                let mut spoilt = claims.clone();
                spoilt[field] = garbage;
                // Subscribers have a few turns a second.
                bench.clock.advance(std::time::Duration::from_millis(250));
                let token = sign(kind, kid, &spoilt, seed);
                refused += usize::from(!voice.command(kind, &token).ok);
                sent += 1;
                assert!(voice.newest_state().shares.len() <= 1);
            }
        }
        voice.beat(&mut bench, std::slice::from_ref(&share));
    }
    assert!(sent > 500 && refused * 10 > sent * 9, "{refused} of {sent} were refused");
    let state = voice.state();
    assert!(state.shares.len() <= 1);
    // The eye is as it was: the next good command is carried out.
    if state.shares.is_empty() {
        voice.share(&mut bench);
    }
    assert!(bench.office.order().open);
}

#[test]
fn two_centralists_at_once_and_the_same_command_twice_are_each_answered_and_one_counts() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let request = bench.request();
    voice.done(TokenKind::Request, &sign(TokenKind::Request, "tlc", &request, TLC));
    let state = voice.newest_state();
    let mut grants = [bench.grant(&state), bench.grant(&state)];
    grants.iter_mut().for_each(|grant| grant.request = Some(request.envelope.jti.clone()));
    let tokens: Vec<String> = grants.iter().map(|grant| sign(TokenKind::Grant, "ines", grant, INES)).collect();
    // Reordered and doubled: second, first, second.
    assert!(voice.command(TokenKind::Grant, &tokens[1]).ok);
    assert_eq!(voice.refusal(TokenKind::Grant, &tokens[0]), contract::ErrorCode::NoSuchRequest);
    assert_eq!(voice.refusal(TokenKind::Grant, &tokens[1]), contract::ErrorCode::Replayed);
    let share = grants[1].envelope.jti.clone();
    let exp = grants[1].exp;
    // The longer extension arrives first; the shorter one then lengthens nothing.
    let (short, long) = (bench.extend(&state, &share, exp + 60), bench.extend(&state, &share, exp + 120));
    voice.done(TokenKind::Extend, &long);
    assert_eq!(voice.refusal(TokenKind::Extend, &short), contract::ErrorCode::Malformed);
    assert_eq!(voice.state().shares[0].exp, exp + 120);
    // An extension that overtakes its revoke does not bring the share back.
    let (late, revoke) = (bench.extend(&state, &share, exp + 180), bench.revoke(&state, &share));
    voice.done(TokenKind::Revoke, &revoke);
    assert_eq!(voice.refusal(TokenKind::Extend, &late), contract::ErrorCode::NoSuchShare);
    assert_eq!(voice.refusal(TokenKind::Revoke, &revoke), contract::ErrorCode::Replayed);
    assert!(voice.state().shares.is_empty());
}
