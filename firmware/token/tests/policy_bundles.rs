//! Which policy bundles are accepted: two signatures by different root keys that cannot grant (P6).
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod support;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::policy::{MAX_POLICY, POLICY_TYP, Policy, PolicySignature, SignedPolicy, View, Zone};
use contract::{ErrorCode, KeyId};
use proptest::prelude::*;
use support::{key, kid, policy, raw_sign};
use token::{PublicKey, TokenError, policy as bundle};

fn roots() -> Vec<(KeyId, PublicKey)> {
    vec![(kid("root-a"), key(11).public()), (kid("root-b"), key(12).public()), (kid("root-c"), key(13).public())]
}

fn signed_by(policy: &Policy, signers: &[(&str, u8)]) -> SignedPolicy {
    let keys: Vec<_> = signers.iter().map(|(name, seed)| (kid(name), key(*seed))).collect();
    let keys: Vec<_> = keys.iter().map(|(name, key)| (name.clone(), key)).collect();
    bundle::sign(policy, &keys).unwrap()
}

fn judge(signed: &SignedPolicy) -> Result<Policy, TokenError> {
    bundle::verify(&serde_json::to_vec(signed).unwrap(), &roots(), 2)
}

/// Signs any payload, good or not, as two roots would.
fn handmade(payload: &[u8]) -> SignedPolicy {
    let payload = URL_SAFE_NO_PAD.encode(payload);
    let sign = |name: &str, seed| {
        let header = format!(r#"{{"alg":"EdDSA","typ":"{POLICY_TYP}","kid":"{name}"}}"#);
        let protected = URL_SAFE_NO_PAD.encode(header);
        let signature = raw_sign(format!("{protected}.{payload}").as_bytes(), &key(seed));
        PolicySignature { protected, signature: URL_SAFE_NO_PAD.encode(signature) }
    };
    let signatures = vec![sign("root-a", 11), sign("root-b", 12)];
    SignedPolicy { payload, signatures }
}

#[test]
fn two_different_root_keys_make_a_policy() {
    assert_eq!(judge(&signed_by(&policy(), &[("root-a", 11), ("root-c", 13)])), Ok(policy()));
    assert_eq!(judge(&handmade(&serde_json::to_vec(&policy()).unwrap())), Ok(policy()));
}

#[test]
fn a_second_signature_can_be_added_on_another_machine() {
    let mut signed = signed_by(&policy(), &[("root-a", 11)]);
    assert_eq!(judge(&signed), Err(TokenError::TooFewSignatures { found: 1, needed: 2 }));
    bundle::add_signature(&mut signed, &kid("root-b"), &key(12)).unwrap();
    assert_eq!(judge(&signed), Ok(policy()));
}

#[test]
fn p6_one_signature_is_not_enough() {
    let verdict = judge(&signed_by(&policy(), &[("root-a", 11)]));
    assert_eq!(verdict.clone().unwrap_err().code(), ErrorCode::PolicyRefused);
    assert_eq!(verdict, Err(TokenError::TooFewSignatures { found: 1, needed: 2 }));
    let none = SignedPolicy { signatures: vec![], ..signed_by(&policy(), &[("root-a", 11)]) };
    assert_eq!(judge(&none), Err(TokenError::TooFewSignatures { found: 0, needed: 2 }));
}

#[test]
fn p6_fewer_than_two_is_never_enough_whatever_the_caller_asks() {
    let bytes = serde_json::to_vec(&signed_by(&policy(), &[("root-a", 11)])).unwrap();
    for needed in [0, 1] {
        assert_eq!(bundle::verify(&bytes, &roots(), needed), Err(TokenError::TooFewSignatures { found: 1, needed: 2 }));
    }
}

#[test]
fn p6_two_signatures_by_the_same_key_count_once() {
    let verdict = judge(&signed_by(&policy(), &[("root-a", 11), ("root-a", 11)]));
    assert_eq!(verdict, Err(TokenError::TooFewSignatures { found: 1, needed: 2 }));
}

#[test]
fn p6_the_same_key_under_two_names_counts_once() {
    let bytes = serde_json::to_vec(&signed_by(&policy(), &[("root-a", 11), ("alias", 11)])).unwrap();
    let roots = [(kid("root-a"), key(11).public()), (kid("alias"), key(11).public())];
    assert_eq!(bundle::verify(&bytes, &roots, 2), Err(TokenError::TooFewSignatures { found: 1, needed: 2 }));
}

#[test]
fn p6_signatures_by_strangers_and_centralists_count_for_nothing() {
    let verdict = judge(&signed_by(&policy(), &[("root-a", 11), ("anna", 1), ("mallory", 66)]));
    assert_eq!(verdict, Err(TokenError::TooFewSignatures { found: 1, needed: 2 }));
}

#[test]
fn p6_a_forged_signature_in_a_roots_name_refuses_the_bundle() {
    let verdict = judge(&signed_by(&policy(), &[("root-a", 11), ("root-b", 12), ("root-c", 66)]));
    assert_eq!(verdict, Err(TokenError::BadSignature(kid("root-c"))));
}

#[test]
fn p6_a_policy_key_in_the_trust_store_is_refused() {
    let mut by_key = policy();
    by_key.keys[0].x = key(13).public().x();
    let mut by_name = policy();
    by_name.keys[0].kid = kid("root-c");
    let mut as_subscriber = policy();
    as_subscriber.subscribers[0].x = Some(key(13).public().x());
    for policy in [by_key, by_name, as_subscriber] {
        let verdict = judge(&signed_by(&policy, &[("root-a", 11), ("root-b", 12)]));
        assert_eq!(verdict, Err(TokenError::RootMayGrant(kid("root-c"))));
    }
}

#[test]
fn a_grant_signature_is_no_policy_signature() {
    let mut signed = signed_by(&policy(), &[("root-a", 11), ("root-b", 12)]);
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","typ":"campari-grant+jwt","kid":"root-b"}"#);
    let signature = raw_sign(format!("{header}.{}", signed.payload).as_bytes(), &key(12));
    signed.signatures[1] = PolicySignature { protected: header, signature: URL_SAFE_NO_PAD.encode(signature) };
    assert!(matches!(judge(&signed), Err(TokenError::Bundle(_))));
}

#[test]
fn contents_that_are_off_are_refused_though_signed() {
    let mut value = serde_json::to_value(policy()).unwrap();
    value["lease_s"] = 3600.into();
    assert!(matches!(judge(&handmade(value.to_string().as_bytes())), Err(TokenError::Policy(_))));
    let mut value = serde_json::to_value(policy()).unwrap();
    value["plain_rpt"] = true.into();
    assert!(matches!(judge(&handmade(value.to_string().as_bytes())), Err(TokenError::Bundle(_))));
    let mut value = serde_json::to_value(policy()).unwrap();
    value["keys"][1]["x"] = "AAAA".into();
    assert!(matches!(judge(&handmade(value.to_string().as_bytes())), Err(TokenError::Key(_))));
    let mut value = serde_json::to_value(policy()).unwrap();
    value["keys"][1]["x"] = value["keys"][0]["x"].clone();
    assert!(matches!(judge(&handmade(value.to_string().as_bytes())), Err(TokenError::Policy(_))), "one key, two roles");
    assert!(matches!(judge(&handmade(b"[]")), Err(TokenError::Bundle(_))));
    assert!(matches!(judge(&handmade(br#"{"version":1,"version":2}"#)), Err(TokenError::Bundle(_))));
}

#[test]
fn a_bundle_that_is_too_large_or_signed_too_often_is_refused() {
    let huge = vec![b' '; MAX_POLICY + 1];
    assert_eq!(bundle::verify(&huge, &roots(), 2), Err(TokenError::PolicyTooLarge(MAX_POLICY + 1)));
    let many = signed_by(&policy(), &[("root-a", 11); 9]);
    assert!(matches!(judge(&many), Err(TokenError::Bundle(_))));
    let mut long = policy();
    long.legal_basis = "x".repeat(MAX_POLICY);
    assert!(matches!(bundle::sign(&long, &[]), Err(TokenError::PolicyTooLarge(_))));
}

#[test]
fn the_trust_store_answers_by_name() {
    assert_eq!(bundle::key_of(&policy(), &kid("anna")), Some(key(1).public()));
    assert_eq!(bundle::key_of(&policy(), &kid("bert")), None);
}

proptest! {
    #[test]
    fn p6_a_bundle_altered_anywhere_never_yields_another_policy(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = serde_json::to_vec(&signed_by(&policy(), &[("root-a", 11), ("root-b", 12)])).unwrap();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        prop_assert!(bundle::verify(&bytes, &roots(), 2).is_err());
    }
}

/// A city's: as many cameras as one site has, each with as many views as a camera that turns keeps presets of, in ten-thousandths
/// of the picture.
fn city(cameras: u16, views: u16, zones: u16) -> Policy {
    let share = |n: u16| ((f32::from(n) * 0.618_034).fract() * 1e4).round() / 1e4;
    let view = |camera: u16, view: u16| View {
        name: format!("schrijverstraat-noord-{view:02}").parse().unwrap(),
        camera: format!("almere-{camera:03}").parse().unwrap(),
        largest_face: Some(share(camera + view + 1)),
        zones: (0..zones)
            .map(|zone| Zone { x: share(camera), y: share(view), w: share(zone + 1), h: share(camera + zone) })
            .collect(),
    };
    let views = (0..cameras).flat_map(|camera| (0..views).map(move |number| view(camera, number))).collect();
    Policy { views, ..policy() }
}

#[test]
fn a_site_of_400_cameras_with_twelve_views_of_four_zones_each_fits_a_bundle() {
    let signed = signed_by(&city(400, 12, 4), &[("root-a", 11), ("root-b", 12)]);
    let bytes = serde_json::to_vec(&signed).unwrap();
    assert!(bytes.len() < MAX_POLICY * 9 / 10, "{} bytes leave a tenth for keys and subscribers", bytes.len());
    assert_eq!(bundle::verify(&bytes, &roots(), 2).unwrap().views.len(), 4_800);
    let policy = city(400, 16, 4);
    let too_many = bundle::sign(&policy, &[]);
    assert!(matches!(too_many, Err(TokenError::PolicyTooLarge(_))), "and the bound holds where it is signed");
}
