//! Requests and extensions over the real link: what is answered, told, journaled; and what a flood of requests costs the frame road.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod bench;

use bench::{Bench, INES, STRANGER, TLC, Voice, act, sign};
use contract::asking::{DenyReason, Inbox, LapseReason, RequestEvent};
use contract::claims::{Deny, Request, TokenKind};
use contract::{EndReason, ErrorCode, Jti};
use eye::road::Desk;
use link::message::{ToEye, ToVoice};
use std::time::{Duration, Instant};

fn ask(voice: &mut Voice, request: &Request) -> contract::body::Answer {
    voice.command(TokenKind::Request, &sign(TokenKind::Request, "tlc", request, TLC))
}

/// What was told of a request, oldest first.
fn told(voice: &Voice, request: &Jti) -> Vec<RequestEvent> {
    let of = |message: &ToVoice| matches!(message, ToVoice::RequestTold { jti, .. } if jti == request);
    let told = voice.heard.iter().filter(|(message, _)| of(message));
    told.map(|(_, body)| serde_json::from_slice(body).unwrap()).collect()
}

fn newest_inbox(voice: &Voice) -> Inbox {
    let newest = voice.heard.iter().rev().find(|(message, _)| *message == ToVoice::Inbox).unwrap();
    serde_json::from_slice(&newest.1).unwrap()
}

#[test]
fn a_request_is_answered_told_and_in_the_inbox_and_its_grant_ends_it() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let request = bench.request();
    let token = sign(TokenKind::Request, "tlc", &request, TLC);
    let answer = voice.done(TokenKind::Request, &token);
    let pending = RequestEvent::Pending { until: bench.now_s() + 120 };
    assert_eq!(answer.request, Some(pending.clone()));
    assert_eq!(voice.state().requests_waiting, 1);
    assert_eq!(told(&voice, &request.envelope.jti), std::slice::from_ref(&pending));
    assert_eq!(newest_inbox(&voice).requests[0].token, token, "the control room need not believe the carriers");
    assert!(!bench.office.order().open);

    let mut grant = bench.grant(&voice.newest_state());
    grant.request = Some(request.envelope.jti.clone());
    let share = voice.done(TokenKind::Grant, &sign(TokenKind::Grant, "ines", &grant, INES)).share.unwrap();
    assert_eq!(voice.state().requests_waiting, 0);
    assert_eq!(told(&voice, &request.envelope.jti), [pending, RequestEvent::Granted { share: share.clone() }]);
    assert!(newest_inbox(&voice).requests.is_empty() && bench.office.order().open);

    let withdraw = bench.withdraw(&request.envelope.jti);
    assert_eq!(voice.done(TokenKind::Withdraw, &withdraw).share, Some(share.clone()));
    voice.hears(
        |message| matches!(message, ToVoice::ShareEnded { jti, reason: EndReason::Withdrawn, .. } if *jti == share),
    );
    let journal = bench.journal();
    let line = |event: &str| journal.lines().find(|line| line.contains(&format!("\"event\":\"{event}\"")));
    assert!(line("requested").is_some_and(|line| line.contains(&token) && line.contains("person-3")), "{journal}");
    assert!(line("granted").is_some_and(|line| line.contains(request.envelope.jti.as_str())), "{journal}");
    journal::verify(journal.as_bytes()).unwrap();
}

#[test]
fn a_denied_request_is_told_with_its_reason_and_journaled_with_who() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let request = bench.request();
    assert!(ask(&mut voice, &request).ok);
    let envelope = bench.envelope("ines", Some(voice.newest_state().challenge));
    let deny = Deny { envelope, request: request.envelope.jti.clone(), reason: DenyReason::Purpose, act: act() };
    voice.done(TokenKind::Deny, &sign(TokenKind::Deny, "ines", &deny, INES));
    voice.state();
    assert_eq!(told(&voice, &request.envelope.jti)[1..], [RequestEvent::Denied { reason: DenyReason::Purpose }]);
    let journal = bench.journal();
    assert!(journal.lines().any(|line| line.contains("request-denied") && line.contains("operator-1")), "{journal}");
}

#[test]
fn a_request_that_nobody_decides_lapses_by_itself_and_that_is_told_to_the_next_voice_too() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let request = bench.request();
    assert!(ask(&mut voice, &request).ok);
    drop(voice);
    // The voice restarts; the request waits on.
    let mut next = bench.voice();
    assert_eq!(newest_inbox(&next).requests.len(), 1);
    bench.clock.advance(Duration::from_secs(121));
    next.hears(|message| matches!(message, ToVoice::RequestTold { .. }));
    let lapsed = RequestEvent::Lapsed { reason: LapseReason::RoomAbsent };
    assert_eq!(told(&next, &request.envelope.jti), [lapsed], "no heartbeat came for two minutes");
}

#[test]
fn requests_that_are_not_what_they_should_be_are_refused() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let request = bench.request();
    let mut in_her_name = request.clone();
    in_her_name.envelope.iss = bench::id("ines");
    let long = "A".repeat(4_097);
    for (what, token, code) in [
        ("a stranger in its name", sign(TokenKind::Request, "tlc", &request, STRANGER), ErrorCode::BadSignature),
        ("a stranger", sign(TokenKind::Request, "nobody", &request, STRANGER), ErrorCode::UnknownKey),
        ("a centralist", sign(TokenKind::Request, "ines", &in_her_name, INES), ErrorCode::UnknownKey),
        ("another kind", sign(TokenKind::Leave, "tlc", &request, TLC), ErrorCode::WrongType),
        ("nothing", String::new(), ErrorCode::Malformed),
        ("too much", long, ErrorCode::TooLarge),
    ] {
        assert_eq!(voice.refusal(TokenKind::Request, &token), code, "{what}");
    }
    assert_eq!(voice.state().requests_waiting, 0);
    let grant = sign(TokenKind::Grant, "tlc", &bench.grant(&voice.newest_state()), TLC);
    assert_eq!(voice.refusal(TokenKind::Grant, &grant), ErrorCode::UnknownKey, "a subscriber's key grants nothing");
}

#[test]
fn a_flood_of_requests_leaves_the_frame_road_and_the_commands_their_time() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let share = voice.share(&mut bench);
    // Signed before, so that the flood is as dense as it can be.
    let tokens: Vec<String> = (0..1_000).map(|_| sign(TokenKind::Request, "tlc", &bench.request(), TLC)).collect();
    let before = bench.journal().len();
    let painted = bench.painted();
    let mut slowest = Duration::ZERO;
    for (n, token) in tokens.iter().cycle().take(10_000).enumerate() {
        voice.say(&ToEye::Command { kind: TokenKind::Request, correlation: 1_000_000 + n as u64 }, token.as_bytes());
        if n % 100 == 0 {
            let began = Instant::now();
            bench.picture_painted(b"a frame", &painted);
            slowest = slowest.max(began.elapsed());
            voice.until(|message, _| *message == ToVoice::Answer { correlation: 1_000_000 + n as u64 });
        }
    }
    // Debug build on a shared machine: the bound is a frame's time ten times over, not a measurement.
    assert!(slowest < Duration::from_millis(400), "a picture waited {slowest:?}");
    let state = voice.state();
    assert!(state.requests_waiting <= 4, "{}", state.requests_waiting);
    assert!(bench.journal().len() - before < 64 * 1024, "the flood is not in the journal");
    let token = bench.revoke(&state, &share);
    voice.done(TokenKind::Revoke, &token);
}

#[test]
fn an_extension_is_told_and_journaled_and_the_share_runs_on() {
    let (mut bench, mut voice, _dir) = Bench::ready();
    let mut grant = bench.grant(&voice.newest_state());
    grant.exp = grant.nbf + 15;
    let share = voice.done(TokenKind::Grant, &sign(TokenKind::Grant, "ines", &grant, INES)).share.unwrap();
    bench.clock.advance(Duration::from_secs(8));
    voice.beat(&mut bench, std::slice::from_ref(&share));
    let token = bench.extend(&voice.newest_state(), &share, grant.exp + 30);
    assert_eq!(voice.done(TokenKind::Extend, &token).share, Some(share.clone()));
    voice.hears(
        |message| matches!(message, ToVoice::ShareExtended { jti, exp, .. } if *jti == share && *exp == grant.exp + 30),
    );
    bench.clock.advance(Duration::from_secs(8));
    voice.beat(&mut bench, std::slice::from_ref(&share));
    bench.picture(b"past the first end");
    assert_eq!(voice.all_units(&bench), [b"past the first end"]);
    let journal = bench.journal();
    assert!(journal.lines().any(|line| line.contains("extended") && line.contains(&token)), "{journal}");
}
