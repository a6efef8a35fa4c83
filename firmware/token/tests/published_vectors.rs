//! The published vectors: tokens that a foreign library signed are accepted, and every trick with a token is refused with the published code.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

use contract::KeyId;
use contract::claims::{self, TokenKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use token::{Jwk, PublicKey, verify};

/// Made by `tests/interop/vectors.py`.
fn vectors() -> Value {
    serde_json::from_str(include_str!("../../contract/schema/vectors.json")).unwrap()
}

fn store(vectors: &Value) -> impl Fn(&KeyId) -> Option<PublicKey> {
    let keys: Vec<Jwk> =
        list(&vectors["keys"]).iter().map(|jwk| Jwk::parse(jwk.to_string().as_bytes()).unwrap()).collect();
    move |kid| keys.iter().find(|key| key.kid == *kid).map(|key| key.public_key().unwrap())
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn opened<C: DeserializeOwned + Serialize>(kind: TokenKind, token: &str, vectors: &Value) -> Value {
    let claims: C = verify(kind, token, store(vectors)).unwrap();
    serde_json::to_value(claims).unwrap()
}

fn open(kind: &str, token: &str, vectors: &Value) -> Value {
    match kind {
        "grant" => opened::<claims::Grant>(TokenKind::Grant, token, vectors),
        "extend" => opened::<claims::Extend>(TokenKind::Extend, token, vectors),
        "deny" => opened::<claims::Deny>(TokenKind::Deny, token, vectors),
        "revoke" => opened::<claims::Revoke>(TokenKind::Revoke, token, vectors),
        "preempt" => opened::<claims::Preempt>(TokenKind::Preempt, token, vectors),
        "release" => opened::<claims::Release>(TokenKind::Release, token, vectors),
        "heartbeat" => opened::<claims::Heartbeat>(TokenKind::Heartbeat, token, vectors),
        "request" => opened::<claims::Request>(TokenKind::Request, token, vectors),
        "withdraw" => opened::<claims::Withdraw>(TokenKind::Withdraw, token, vectors),
        "leave" => opened::<claims::Leave>(TokenKind::Leave, token, vectors),
        "report-leak" => opened::<claims::ReportLeak>(TokenKind::ReportLeak, token, vectors),
        "clear-leak" => opened::<claims::ClearLeak>(TokenKind::ClearLeak, token, vectors),
        "usage-ack" => opened::<claims::UsageAck>(TokenKind::UsageAck, token, vectors),
        "description" => opened::<claims::Description>(TokenKind::Description, token, vectors),
        "head" => opened::<claims::Head>(TokenKind::JournalHead, token, vectors),
        other => panic!("no such kind here: {other}"),
    }
}

#[test]
fn what_a_foreign_library_signed_is_accepted_and_reads_as_it_was_meant() {
    let vectors = vectors();
    let accepted = list(&vectors["accepted"]);
    assert!(accepted.len() >= 12, "{}", accepted.len());
    for one in accepted {
        let kind = text(&one["kind"]);
        assert_eq!(open(kind, text(&one["token"]), &vectors), one["claims"], "{}", one["example"]);
    }
}

#[test]
fn p5_every_published_trick_with_a_token_is_refused_with_its_code() {
    let vectors = vectors();
    let refused = list(&vectors["refused"]);
    assert!(refused.len() >= 30, "{}", refused.len());
    for one in refused {
        let verdict = verify::<claims::Grant>(TokenKind::Grant, text(&one["token"]), store(&vectors));
        let code = verdict.map_err(|error| error.code().to_string());
        assert_eq!(code.as_ref().err().map(String::as_str), one["code"].as_str(), "{}: {code:?}", one["what"]);
    }
}
