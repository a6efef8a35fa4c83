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
    /// [`EncryptionKeyError::NotAKey`].
    pub fn of_x(x: &str) -> Result<Self, EncryptionKeyError> {
        let bytes = URL_SAFE_NO_PAD.decode(x).map_err(|_| EncryptionKeyError::NotAKey)?;
        bytes.try_into().map(Self).map_err(|_| EncryptionKeyError::NotAKey)
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
    }
}
