//! The policy bundle: a JWS in general JSON serialisation (RFC 7515 §7.2.1), accepted only with good signatures by at least two
//! different root keys, none of which may itself be in the bundle's trust store (P6).
//!
//! That its version does not go back, and that it is for this site, is judged by the `grant` crate, which knows what is held.

use crate::compact::{Header, is_signed_by};
use crate::{PublicKey, SigningKey, TokenError, provider, strict};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::KeyId;
use contract::policy::{MAX_POLICY, POLICY_TYP, Policy, PolicySignature, SignedPolicy};
use jsonwebtoken::Algorithm;
use std::collections::BTreeSet;

/// How many different root keys must have signed.
pub const SIGNATURES_NEEDED: usize = 2;
/// Most signatures that a bundle may carry: bounds the work that a stranger can cause.
pub const MAX_SIGNATURES: usize = 8;

/// Signs `policy` with each of `keys`.
///
/// # Errors
/// [`TokenError::Policy`] when its contents are off, [`TokenError::PolicyTooLarge`] when no board would read the result.
pub fn sign(policy: &Policy, keys: &[(KeyId, &SigningKey)]) -> Result<SignedPolicy, TokenError> {
    policy.check()?;
    let json = serde_json::to_vec(policy).map_err(|e| TokenError::Bundle(e.to_string()))?;
    let payload = URL_SAFE_NO_PAD.encode(json);
    let signatures = keys.iter().map(|(kid, key)| sign_one(&payload, kid, key)).collect::<Result<_, _>>()?;
    let signed = SignedPolicy { payload, signatures };
    let bytes = serde_json::to_vec(&signed).map_err(|e| TokenError::Bundle(e.to_string()))?.len();
    if bytes > MAX_POLICY { Err(TokenError::PolicyTooLarge(bytes)) } else { Ok(signed) }
}

/// Adds one more signature, so that two people can sign on two machines.
///
/// # Errors
/// [`TokenError::Bundle`] when the header cannot be written.
pub fn add_signature(signed: &mut SignedPolicy, kid: &KeyId, key: &SigningKey) -> Result<(), TokenError> {
    signed.signatures.push(sign_one(&signed.payload, kid, key)?);
    Ok(())
}

fn sign_one(payload: &str, kid: &KeyId, key: &SigningKey) -> Result<PolicySignature, TokenError> {
    provider::ready()?;
    let bundle = |e: &dyn std::fmt::Display| TokenError::Bundle(e.to_string());
    let header = serde_json::to_vec(&Header::write(POLICY_TYP, kid)).map_err(|e| bundle(&e))?;
    let protected = URL_SAFE_NO_PAD.encode(header);
    let message = format!("{protected}.{payload}");
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &key.encoding(), Algorithm::EdDSA).map_err(|e| bundle(&e))?;
    Ok(PolicySignature { protected, signature })
}

/// Verifies a bundle against this board's `roots` and reads the policy. Signatures by keys that are not roots count for nothing (so
/// that root keys can be rolled over); a bad signature in the name of a root refuses the whole bundle.
///
/// # Errors
/// [`TokenError`]: the first thing that is wrong with it.
pub fn verify(bytes: &[u8], roots: &[(KeyId, PublicKey)], needed: usize) -> Result<Policy, TokenError> {
    if bytes.len() > MAX_POLICY {
        return Err(TokenError::PolicyTooLarge(bytes.len()));
    }
    let signed: SignedPolicy = strict::parse(bytes).map_err(TokenError::Bundle)?;
    if signed.signatures.len() > MAX_SIGNATURES {
        return Err(TokenError::Bundle(format!("more than {MAX_SIGNATURES} signatures")));
    }
    let mut signers = BTreeSet::new();
    for one in &signed.signatures {
        if let Some(key) = good_root(&signed.payload, one, roots)? {
            signers.insert(key.x());
        }
    }
    let needed = needed.max(SIGNATURES_NEEDED);
    if signers.len() < needed {
        return Err(TokenError::TooFewSignatures { found: signers.len(), needed });
    }
    let json = URL_SAFE_NO_PAD
        .decode(&signed.payload)
        .map_err(|_| TokenError::Bundle("the payload is not base64url".into()))?;
    let policy: Policy = strict::parse(&json).map_err(TokenError::Bundle)?;
    policy.check()?;
    keys_are_keys(&policy)?;
    match roots.iter().find(|(kid, key)| may_grant(&policy, kid, key)) {
        Some((kid, _)) => Err(TokenError::RootMayGrant(kid.clone())),
        None => Ok(policy),
    }
}

/// The public key that `policy` trusts under `kid`: the `lookup` of [`crate::verify`].
#[must_use]
pub fn key_of(policy: &Policy, kid: &KeyId) -> Option<PublicKey> {
    let trusted = policy.keys.iter().find(|key| key.kid == *kid)?;
    PublicKey::from_x(&trusted.x).ok()
}

/// The public key that `policy` names for the subscriber `kid`: the `lookup` for what a subscriber signs.
#[must_use]
pub fn key_of_subscriber(policy: &Policy, kid: &KeyId) -> Option<PublicKey> {
    let rule = policy.subscribers.iter().find(|rule| rule.id.as_str() == kid.as_str())?;
    PublicKey::from_x(rule.x.as_deref()?).ok()
}

fn good_root(
    payload: &str,
    one: &PolicySignature,
    roots: &[(KeyId, PublicKey)],
) -> Result<Option<PublicKey>, TokenError> {
    let header = Header::read(one.protected.as_bytes())?;
    if header.typ != POLICY_TYP {
        return Err(TokenError::Bundle(format!("a signature's typ is not {POLICY_TYP:?}")));
    }
    let Some((_, key)) = roots.iter().find(|(kid, _)| *kid == header.kid) else {
        return Ok(None);
    };
    let message = format!("{}.{payload}", one.protected);
    if is_signed_by(key, message.as_bytes(), &one.signature)? {
        Ok(Some(*key))
    } else {
        Err(TokenError::BadSignature(header.kid))
    }
}

fn keys_are_keys(policy: &Policy) -> Result<(), TokenError> {
    let trusted = policy.keys.iter().map(|key| key.x.as_str());
    let subscribers = policy.subscribers.iter().filter_map(|rule| rule.x.as_deref());
    trusted.chain(subscribers).try_for_each(|x| PublicKey::from_x(x).map(drop))
}

fn may_grant(policy: &Policy, root: &KeyId, key: &PublicKey) -> bool {
    let x = key.x();
    policy.keys.iter().any(|trusted| trusted.kid == *root || trusted.x == x)
        || policy.subscribers.iter().any(|rule| rule.x.as_deref() == Some(x.as_str()))
}
