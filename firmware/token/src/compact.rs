//! Compact tokens, `header.payload.signature` (RFC 7515 §7.1). Checked in this order, and nothing is believed before the step
//! that proves it: length, shape, algorithm, `typ`, key, signature, then the claims.

use crate::{PublicKey, SigningKey, TokenError, provider, strict};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::KeyId;
use contract::claims::{MAX_TOKEN, TokenKind};
use jsonwebtoken::Algorithm;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The JOSE header that Campari writes and the only one it reads: another member (`crit`, `jwk`, `jku`, `b64`, `zip` …) is refused.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) alg: String,
    pub(crate) typ: String,
    pub(crate) kid: KeyId,
}

impl Header {
    /// Decodes and parses; requires EdDSA.
    pub(crate) fn read(encoded: &[u8]) -> Result<Header, TokenError> {
        let json =
            URL_SAFE_NO_PAD.decode(encoded).map_err(|_| TokenError::NotCompact("the header is not base64url"))?;
        let header: Header = strict::parse(&json).map_err(TokenError::Header)?;
        if header.alg != "EdDSA" {
            return Err(TokenError::Algorithm);
        }
        Ok(header)
    }
    pub(crate) fn write(typ: &str, kid: &KeyId) -> jsonwebtoken::Header {
        let mut header = jsonwebtoken::Header::new(Algorithm::EdDSA);
        header.typ = Some(typ.to_owned());
        header.kid = Some(kid.to_string());
        header
    }
}

/// Signs `claims` as a token of `kind`. Their `iss` must be `kid`, or nobody will accept it.
///
/// # Errors
/// [`TokenError::Claims`] when the claims cannot be written as JSON, [`TokenError::TooLarge`] when no board would read the result.
pub fn sign<C: Serialize>(kind: TokenKind, kid: &KeyId, claims: &C, key: &SigningKey) -> Result<String, TokenError> {
    provider::ready()?;
    let token = jsonwebtoken::encode(&Header::write(kind.typ(), kid), claims, &key.encoding())
        .map_err(|e| TokenError::Claims(e.to_string()))?;
    if token.len() > MAX_TOKEN { Err(TokenError::TooLarge(token.len())) } else { Ok(token) }
}

/// Which key a token *says* it was signed with. Nothing is verified.
///
/// # Errors
/// [`TokenError`] when the token is too long or has no proper header.
pub fn peek_kid(token: impl AsRef<[u8]>) -> Result<KeyId, TokenError> {
    Ok(Header::read(Parts::split(token.as_ref())?.header)?.kid)
}

/// Verifies a token of `kind` with the key that `lookup` has for it, and reads its claims.
///
/// # Errors
/// [`TokenError`]: the first thing that is wrong with it.
pub fn verify<C: DeserializeOwned>(
    kind: TokenKind,
    token: impl AsRef<[u8]>,
    lookup: impl Fn(&KeyId) -> Option<PublicKey>,
) -> Result<C, TokenError> {
    let parts = Parts::split(token.as_ref())?;
    let header = Header::read(parts.header)?;
    if header.typ != kind.typ() {
        let known = TokenKind::ALL.iter().any(|kind| kind.typ() == header.typ);
        return Err(if known { TokenError::WrongType(kind) } else { TokenError::UnknownType(kind) });
    }
    let Some(key) = lookup(&header.kid) else {
        return Err(TokenError::UnknownKey(header.kid));
    };
    if !is_signed_by(&key, parts.signed, parts.signature)? {
        return Err(TokenError::BadSignature(header.kid));
    }
    let payload =
        URL_SAFE_NO_PAD.decode(parts.payload).map_err(|_| TokenError::Claims("the payload is not base64url".into()))?;
    let Issuer { iss } = strict::parse(&payload).map_err(TokenError::Claims)?;
    if iss != header.kid {
        return Err(TokenError::WrongIssuer(header.kid));
    }
    strict::parse(&payload).map_err(TokenError::Claims)
}

/// Whether `signature` (base64url) over `signed` was made by `key`.
pub(crate) fn is_signed_by(key: &PublicKey, signed: &[u8], signature: &str) -> Result<bool, TokenError> {
    provider::ready()?;
    Ok(jsonwebtoken::crypto::verify(signature, signed, &key.decoding(), Algorithm::EdDSA).unwrap_or(false))
}

#[derive(Deserialize)]
struct Issuer {
    iss: KeyId,
}

struct Parts<'a> {
    header: &'a [u8],
    payload: &'a [u8],
    signature: &'a str,
    /// `header.payload`
    signed: &'a [u8],
}

impl<'a> Parts<'a> {
    fn split(token: &'a [u8]) -> Result<Parts<'a>, TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(TokenError::TooLarge(token.len()));
        }
        let text = std::str::from_utf8(token).map_err(|_| TokenError::NotCompact("not text"))?;
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::NotCompact("not three parts"));
        };
        let signed = &token[..header.len() + 1 + payload.len()];
        Ok(Parts { header: header.as_bytes(), payload: payload.as_bytes(), signature, signed })
    }
}
