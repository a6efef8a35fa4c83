//! The subscriber's key to which stream credentials are encrypted: how a token or policy names it.
//!
//! X25519 (RFC 8037 §2), in a grant as a `cnf` of RFC 7800 §3.2: `{"jwk":{"kty":"OKP","crv":"X25519","x":…}}`. No cryptography: the `token` crate's `jwe`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An X25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncryptionKey(pub [u8; 32]);

/// Points of small order, little-endian u-coordinates below 2^255 (RFC 7748 §6.1): with one of these for a key everybody knows the secret. The `token`
/// crate's tests hold the list against its library.
const SMALL_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    coordinate(1, 0, 0),
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09,
        0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44,
        0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
    // p - 1, p and p + 1, of p = 2^255 - 19.
    coordinate(0xec, 0xff, 0x7f),
    coordinate(0xed, 0xff, 0x7f),
    coordinate(0xee, 0xff, 0x7f),
];

const fn coordinate(first: u8, between: u8, last: u8) -> [u8; 32] {
    let mut bytes = [between; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

/// Why a `cnf` or key text is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncryptionKeyError {
    /// Not of RFC 7800 §3.2.
    #[error(r#"cnf is not {{"jwk":{{"kty":"OKP","crv":"X25519","x":…}}}}"#)]
    Shape,
    /// A private key where a public one belongs.
    #[error("cnf holds a private key (d): make a new one, this one is known now")]
    Private,
    /// Not 32 bytes of base64url.
    #[error("x is not 32 bytes of base64url without padding")]
    NotAKey,
    /// A point of small order.
    #[error("x is a point of small order, with which everybody would know the secret: make a new key")]
    Weak,
}

impl EncryptionKey {
    /// Reads a grant's or request's `cnf`.
    ///
    /// # Errors
    /// [`EncryptionKeyError`].
    pub fn of_cnf(cnf: &serde_json::Value) -> Result<Self, EncryptionKeyError> {
        let jwk = cnf.get("jwk").ok_or(EncryptionKeyError::Shape)?;
        let member = |name: &str| jwk.get(name).and_then(serde_json::Value::as_str);
        if member("kty") != Some("OKP") || member("crv") != Some("X25519") {
            return Err(EncryptionKeyError::Shape);
        }
        if jwk.get("d").is_some() {
            return Err(EncryptionKeyError::Private);
        }
        Self::of_x(member("x").ok_or(EncryptionKeyError::Shape)?)
    }
    /// Reads an `x`, as the policy states it.
    ///
    /// # Errors
    /// [`EncryptionKeyError::NotAKey`], [`EncryptionKeyError::Weak`].
    pub fn of_x(x: &str) -> Result<Self, EncryptionKeyError> {
        let bytes = URL_SAFE_NO_PAD.decode(x).map_err(|_| EncryptionKeyError::NotAKey)?;
        let key = bytes.try_into().map(Self).map_err(|_| EncryptionKeyError::NotAKey)?;
        if key.is_weak() { Err(EncryptionKeyError::Weak) } else { Ok(key) }
    }
    /// Whether it is a point of small order: nothing encrypted to it is secret.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        let mut coordinate = self.0;
        // X25519 ignores the highest bit (RFC 7748 §5).
        coordinate[31] &= 0x7f;
        SMALL_ORDER.contains(&coordinate)
    }
    /// As the policy states it.
    #[must_use]
    pub fn x(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
    /// As a grant or request names it.
    #[must_use]
    pub fn to_cnf(&self) -> serde_json::Value {
        serde_json::json!({"jwk": {"kty": "OKP", "crv": "X25519", "x": self.x()}})
    }
}

impl fmt::Debug for EncryptionKey {
    /// It names a subscriber, so it stays out of logs (P10).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptionKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    // RFC 8037 appendix A.6, Bob's key.
    const X: &str = "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08";

    #[test]
    fn a_cnf_reads_back_and_other_members_of_the_jwk_are_ignored() {
        let key = EncryptionKey::of_x(X).unwrap();
        assert_eq!(EncryptionKey::of_cnf(&key.to_cnf()), Ok(key));
        let with_kid = json!({"jwk": {"kty": "OKP", "crv": "X25519", "x": X, "kid": "Bob"}});
        assert_eq!(EncryptionKey::of_cnf(&with_kid), Ok(key));
        assert_eq!(key.x(), X);
    }

    #[test]
    fn what_is_no_x25519_public_key_is_refused() {
        let jwk = |crv: &str, x: &str| json!({"jwk": {"kty": "OKP", "crv": crv, "x": x}});
        assert_eq!(EncryptionKey::of_cnf(&jwk("Ed25519", X)), Err(EncryptionKeyError::Shape));
        assert_eq!(EncryptionKey::of_cnf(&jwk("X25519", "AAAA")), Err(EncryptionKeyError::NotAKey));
        assert_eq!(EncryptionKey::of_cnf(&json!("text")), Err(EncryptionKeyError::Shape));
        assert_eq!(EncryptionKey::of_cnf(&json!({"kid": "k"})), Err(EncryptionKeyError::Shape));
        let mut private = jwk("X25519", X);
        private["jwk"]["d"] = X.into();
        assert_eq!(EncryptionKey::of_cnf(&private), Err(EncryptionKeyError::Private));
        let weak = EncryptionKey(SMALL_ORDER[2]);
        assert_eq!(EncryptionKey::of_cnf(&weak.to_cnf()), Err(EncryptionKeyError::Weak));
    }
}
