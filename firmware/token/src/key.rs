//! Ed25519 keys, and the file that holds one: a JSON Web Key (RFC 7517) of type OKP, curve Ed25519 (RFC 8037 §2).
//!
//! Making a key needs 32 random bytes; where they come from is the caller's business. No key prints itself.

use crate::TokenError;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::KeyId;
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A private key: signs.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key that grows from 32 random bytes.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(&seed))
    }
    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }
    /// The key file: a private JWK, one line. Keep it readable by its owner only.
    #[must_use]
    pub fn to_jwk(&self, kid: &KeyId) -> Jwk {
        Jwk { d: Some(URL_SAFE_NO_PAD.encode(self.0.as_bytes())), ..self.public().to_jwk(kid) }
    }
    pub(crate) fn encoding(&self) -> EncodingKey {
        EncodingKey::from_ed_der(self.0.as_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(secret)")
    }
}

/// A public key: verifies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

impl PublicKey {
    /// Reads the 32 bytes of RFC 8032 §5.1.2.
    ///
    /// # Errors
    /// [`TokenError::Key`] when they are no point of the curve, or one of small order (anybody could sign for it).
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, TokenError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes)
            .map_err(|_| TokenError::Key("x is not a point of the curve".into()))?;
        if key.is_weak() {
            return Err(TokenError::Key("x is a point of small order".into()));
        }
        Ok(Self(key))
    }
    /// Reads base64url without padding, as in a policy's `keys[].x`.
    ///
    /// # Errors
    /// [`TokenError::Key`].
    pub fn from_x(x: &str) -> Result<Self, TokenError> {
        Self::from_bytes(&bytes_of("x", x)?)
    }
    /// base64url without padding.
    #[must_use]
    pub fn x(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.as_bytes())
    }
    /// The public JWK.
    #[must_use]
    pub fn to_jwk(&self, kid: &KeyId) -> Jwk {
        Jwk { kty: OKP.into(), crv: ED25519.into(), kid: kid.clone(), x: self.x(), d: None }
    }
    pub(crate) fn decoding(&self) -> DecodingKey {
        DecodingKey::from_ed_der(self.0.as_bytes())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.x())
    }
}

const OKP: &str = "OKP";
const ED25519: &str = "Ed25519";

/// A key file. Members that Campari does not use are ignored (RFC 7517 §4).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    kty: String,
    crv: String,
    /// The key's id.
    pub kid: KeyId,
    x: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    d: Option<String>,
}

impl Jwk {
    /// Reads a key file, private or public.
    ///
    /// # Errors
    /// [`TokenError::Key`] saying which member is off.
    pub fn parse(json: &[u8]) -> Result<Self, TokenError> {
        let jwk: Jwk = crate::strict::parse(json).map_err(TokenError::Key)?;
        if jwk.kty != OKP || jwk.crv != ED25519 {
            return Err(TokenError::Key("kty must be OKP and crv Ed25519".into()));
        }
        Ok(jwk)
    }
    /// The file's text: one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let members = [("kty", &self.kty), ("crv", &self.crv), ("x", &self.x)];
        let mut map: serde_json::Map<_, _> =
            members.into_iter().map(|(name, value)| (name.to_owned(), value.as_str().into())).collect();
        map.insert("kid".into(), self.kid.as_str().into());
        if let Some(d) = &self.d {
            map.insert("d".into(), d.as_str().into());
        }
        format!("{}\n", serde_json::Value::Object(map))
    }
    /// The private key in it.
    ///
    /// # Errors
    /// [`TokenError::Key`] when the file holds a public key only, or `x` does not belong to `d`.
    pub fn signing_key(&self) -> Result<SigningKey, TokenError> {
        let d = self.d.as_deref().ok_or_else(|| TokenError::Key("d is missing: this is a public key".into()))?;
        let key = SigningKey::from_seed(bytes_of("d", d)?);
        if key.public() != self.public_key()? {
            return Err(TokenError::Key("x is not the public half of d".into()));
        }
        Ok(key)
    }
    /// The public key in it.
    ///
    /// # Errors
    /// [`TokenError::Key`] when `x` is off.
    pub fn public_key(&self) -> Result<PublicKey, TokenError> {
        PublicKey::from_x(&self.x)
    }
}

impl fmt::Debug for Jwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jwk({}, {})", self.kid, if self.d.is_some() { "private" } else { "public" })
    }
}

fn bytes_of(member: &str, text: &str) -> Result<[u8; 32], TokenError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| TokenError::Key(format!("{member} is not 32 bytes of base64url without padding")))
}
