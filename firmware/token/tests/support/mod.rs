//! Keys, claims and a policy for the tests.
#![allow(dead_code, reason = "each test file uses its own part")]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::claims::{Actors, Delivery, Envelope, Grant};
use contract::policy::{Policy, Role, SubscriberRule, TrustedKey, View};
use contract::{Audience, Filter, KeyId};
use token::{PublicKey, SigningKey};

pub(crate) fn kid(text: &str) -> KeyId {
    text.parse().unwrap()
}

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

/// The trust store of these tests: one centralist, `anna`.
pub(crate) fn store(asked: &KeyId) -> Option<PublicKey> {
    (*asked == kid("anna")).then(|| key(1).public())
}

pub(crate) fn grant() -> Grant {
    Grant {
        envelope: Envelope {
            iss: kid("anna"),
            aud: Audience::camera("almere".parse().unwrap(), "613".parse().unwrap()),
            iat: 1_000,
            jti: "g-1".parse().unwrap(),
            challenge: Some("c-1".parse().unwrap()),
        },
        sub: "traffic".parse().unwrap(),
        nbf: 1_000,
        exp: 1_600,
        view: "schrijverstraat".parse().unwrap(),
        filter: Filter::Fill,
        fps: None,
        delivery: Delivery::Push { address: "127.0.0.1".parse().unwrap(), port: 5004 },
        purpose: "detector-fault".into(),
        act: Actors { operator: "op-7".into(), requester: None },
        cnf: None,
        request: None,
    }
}

pub(crate) fn policy() -> Policy {
    let trusted = |name: &str, seed: u8, role| TrustedKey {
        kid: kid(name),
        x: key(seed).public().x(),
        role,
        cameras: vec![],
        longest_grant_s: None,
        may_preempt: false,
    };
    Policy {
        version: 3,
        site: "almere".parse().unwrap(),
        valid_until: 2_000_000_000,
        legal_basis: "Gemeentewet 151c".into(),
        keys: vec![trusted("anna", 1, Role::Centralist), trusted("room", 2, Role::Room)],
        subscribers: vec![SubscriberRule {
            id: "traffic".parse().unwrap(),
            purposes: vec!["detector-fault".into()],
            min_filter: Filter::Pixelate,
            longest_share_s: 3600,
            max_viewers: 1,
            push_to: vec!["127.0.0.1".parse().unwrap()],
            hours_utc: None,
            x: None,
            encrypt_x: None,
            default_filter: None,
            clause: None,
            pull: None,
            relay: None,
        }],
        views: vec![View {
            name: "schrijverstraat".parse().unwrap(),
            camera: "613".parse().unwrap(),
            largest_face: Some(0.1),
            zones: vec![],
        }],
        max_shares: 1,
        lease_s: 10,
        plain_rtp: true,
        patience_s: 120,
        max_requests: 16,
        waiting_grace_s: 30,
        view_grace_s: 10,
        restore_after_release: false,
    }
}

/// A token made by hand: any header, any payload, signed by `key` all the same.
pub(crate) fn handmade(header: &str, payload: &[u8], key: &SigningKey) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = raw_sign(signed.as_bytes(), key);
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Signs without the code under test.
pub(crate) fn raw_sign(message: &[u8], key: &SigningKey) -> [u8; 64] {
    use ed25519_dalek::Signer;
    let jwk: serde_json::Value = serde_json::from_str(&key.to_jwk(&kid("x")).to_json()).unwrap();
    let seed: [u8; 32] = URL_SAFE_NO_PAD.decode(jwk["d"].as_str().unwrap()).unwrap().try_into().unwrap();
    ed25519_dalek::SigningKey::from_bytes(&seed).sign(message).to_bytes()
}
