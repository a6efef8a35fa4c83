//! What the bodies, claims and policy look like as JSON: other people write programs against this.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

use contract::body::{Answer, Refusal, ShareEvent, State};
use contract::claims::{Heartbeat, Preempt, TokenKind};
use contract::policy::{Policy, PolicyError};
use contract::{EndReason, ErrorCode, Filter, ToldReason};
use serde_json::{Value, json};

fn policy() -> Value {
    json!({
        "version": 1, "site": "almere", "valid_until": 2_000_000_000_u64, "legal_basis": "Gemeentewet 151c",
        "keys": [
            {"kid": "anna", "x": "A", "role": "centralist"},
            {"kid": "room", "x": "B", "role": "room"}
        ],
        "subscribers": [{
            "id": "traffic", "purposes": ["detector-fault"], "min_filter": "fill", "longest_share_s": 3600, "push_to": ["192.0.2.7"]
        }],
        "views": [{"name": "schrijverstraat", "camera": "613", "zones": [{"x": 0.0, "y": 0.0, "w": 0.2, "h": 0.1}]}]
    })
}

fn check(change: impl FnOnce(&mut Value)) -> Result<(), PolicyError> {
    let mut value = policy();
    change(&mut value);
    serde_json::from_value::<Policy>(value).unwrap().check()
}

#[test]
fn answers_are_as_the_contract_writes_them() {
    let done = serde_json::to_value(Answer::done(Some("g-1".parse().unwrap()))).unwrap();
    assert_eq!(done, json!({"ok": true, "share": "g-1"}));
    let refused = Answer::refused(Refusal::new(ErrorCode::StaleChallenge, "try again"));
    let wire = json!({"ok": false, "error": {"code": "stale-challenge", "detail": "try again"}});
    assert_eq!(serde_json::to_value(refused).unwrap(), wire);
}

#[test]
fn a_field_from_a_newer_peer_is_ignored() {
    let state: State = serde_json::from_value(json!({"presence": "offline", "mood": "fine"})).unwrap();
    assert!(state.eye.is_none());
    let event: ShareEvent = serde_json::from_value(json!({"event": "ended", "reason": "ended", "x": 1})).unwrap();
    assert_eq!(event, ShareEvent::Ended { reason: ToldReason::Ended });
}

#[test]
fn claims_lie_flat_in_the_token() {
    let claims = json!({
        "iss": "room", "aud": "almere/*", "iat": 5, "jti": "h-1", "counter": 7, "stands": ["g-1"], "reserve_epoch": 2
    });
    let heartbeat: Heartbeat = serde_json::from_value(claims.clone()).unwrap();
    assert_eq!(serde_json::to_value(heartbeat).unwrap(), claims);
    let claims = json!({
        "iss": "chief", "aud": "almere/613", "iat": 5, "jti": "p-1", "challenge": "c-1", "reserve_epoch": 3, "act": {"operator": "op-7"}
    });
    let preempt: Preempt = serde_json::from_value(claims.clone()).unwrap();
    assert_eq!(serde_json::to_value(preempt).unwrap(), claims);
}

#[test]
fn every_kind_of_token_has_a_type_of_its_own() {
    let kinds = [
        TokenKind::Grant,
        TokenKind::Extend,
        TokenKind::Deny,
        TokenKind::Revoke,
        TokenKind::Preempt,
        TokenKind::Release,
        TokenKind::Heartbeat,
        TokenKind::Request,
    ];
    for kind in kinds {
        let name = serde_json::to_value(kind).unwrap();
        assert_eq!(kind.typ(), format!("campari-{}+jwt", name.as_str().unwrap()));
    }
}

#[test]
fn p8_what_the_subscriber_is_told_never_says_why() {
    for reason in [
        EndReason::Preempted,
        EndReason::Revoked,
        EndReason::ControlRoomLost,
        EndReason::ViewLeft,
        EndReason::Policy,
        EndReason::LeakReported,
        EndReason::PrivacySwitch,
        EndReason::Maintenance,
    ] {
        assert_eq!(reason.told(), ToldReason::Ended, "{reason}");
    }
}

#[test]
fn filters_are_ordered_weakest_first() {
    assert!(Filter::ALL.windows(2).all(|pair| pair[0] < pair[1]));
    for filter in Filter::ALL {
        assert_eq!(filter.name().parse(), Ok(filter));
        assert_eq!(serde_json::to_value(filter).unwrap(), filter.name());
    }
}

#[test]
fn a_policy_has_cautious_defaults() {
    let policy: Policy = serde_json::from_value(policy()).unwrap();
    assert_eq!(policy.check(), Ok(()));
    assert_eq!((policy.max_shares, policy.lease_s, policy.plain_rtp), (1, 10, false));
    assert!(!policy.keys[0].may_preempt);
}

#[test]
fn a_policy_with_a_value_out_of_range_says_which() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 8] = [
        (|policy| policy["lease_s"] = json!(0), "lease_s"),
        (|policy| policy["lease_s"] = json!(61), "lease_s"),
        (|policy| policy["max_shares"] = json!(0), "max_shares"),
        (|policy| policy["max_shares"] = json!(9), "max_shares"),
        (|policy| policy["views"][0]["largest_face"] = json!(0.0), "views.largest_face"),
        (|policy| policy["views"][0]["zones"][0]["w"] = json!(1.5), "views.zones"),
        (|policy| policy["views"][0]["zones"][0]["x"] = json!(-0.1), "views.zones"),
        (|policy| policy["subscribers"][0]["hours_utc"] = json!([24, 24]), "subscribers.hours_utc"),
    ];
    for (change, named) in cases {
        match check(change) {
            Err(PolicyError::OutOfRange { field, .. }) => assert_eq!(field, named),
            other => panic!("{named}: {other:?}"),
        }
    }
}

#[test]
fn a_policy_that_names_something_twice_says_what() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 4] = [
        (|policy| policy["keys"][1]["kid"] = json!("anna"), "keys.kid"),
        (|policy| policy["keys"][1]["x"] = json!("A"), "keys.x"),
        (
            |policy| policy["subscribers"] = json!([policy["subscribers"][0], policy["subscribers"][0]]),
            "subscribers.id",
        ),
        (|policy| policy["views"] = json!([policy["views"][0], policy["views"][0]]), "views"),
    ];
    for (change, named) in cases {
        match check(change) {
            Err(PolicyError::Twice { field, .. }) => assert_eq!(field, named),
            other => panic!("{named}: {other:?}"),
        }
    }
}

#[test]
fn a_policy_with_an_unknown_field_or_role_is_refused() {
    let mut with_typo = policy();
    with_typo["max_share"] = json!(3);
    assert!(serde_json::from_value::<Policy>(with_typo).is_err());
    let mut with_role = policy();
    with_role["keys"][0]["role"] = json!("admin");
    assert!(serde_json::from_value::<Policy>(with_role).is_err());
}
