//! Encrypts to a subscriber's key: JWE compact (RFC 7516 §7.1), `ECDH-ES` (RFC 7518 §4.6) over X25519 (RFC 8037 §3.2), `A256GCM` (RFC 7518 §5.3).
//!
//! **Only the holder of the private key reads it.** It does not say who wrote it: anybody can encrypt to a public key. No other algorithm is read or
//! written. Pure: the ephemeral key and the nonce are arguments, fresh random ones each time.

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::EncryptionKey;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::fmt;
use x25519_dalek::{PublicKey, StaticSecret};

/// Longest JWE that is read, bytes.
pub const MAX_JWE: usize = 16 * 1024;

/// Why a JWE cannot be made or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    /// Not one of ours.
    #[error("not a compact JWE with ECDH-ES over X25519 and A256GCM: {0}")]
    Malformed(&'static str),
    /// A point of small order, with which everybody would know the secret.
    #[error("the X25519 key is no key: a point of small order")]
    WeakKey,
    /// For another key, or altered.
    #[error("cannot be decrypted: it is for another key, or was altered")]
    NotForThisKey,
}

/// A subscriber's private key.
#[derive(Clone)]
pub struct DecryptionKey(StaticSecret);

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DecryptionKey(secret)")
    }
}

impl DecryptionKey {
    /// From 32 random bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(StaticSecret::from(bytes))
    }
    /// Its public half, for the grant or the policy.
    #[must_use]
    pub fn public(&self) -> EncryptionKey {
        EncryptionKey(PublicKey::from(&self.0).to_bytes())
    }
    /// Reads a key file: a JWK with `kty` OKP, `crv` X25519, `x` and `d` (RFC 8037 §2).
    ///
    /// # Errors
    /// [`JweError::Malformed`].
    pub fn of_jwk(json: &[u8]) -> Result<Self, JweError> {
        let wanted = JweError::Malformed(r#"the key file is not a private JWK with kty "OKP" and crv "X25519""#);
        let jwk: Jwk = serde_json::from_slice(json).map_err(|_| wanted)?;
        let d = jwk.d.as_deref().and_then(bytes_32).ok_or(wanted)?;
        let key = Self::new(d);
        let ours = jwk.kty == "OKP" && jwk.crv == "X25519" && jwk.x == key.public().x();
        ours.then_some(key).ok_or(wanted)
    }
    /// The key file's text: one line of JSON.
    #[must_use]
    pub fn to_jwk(&self) -> String {
        let (x, d) = (self.public().x(), URL_SAFE_NO_PAD.encode(self.0.to_bytes()));
        format!("{}\n", serde_json::json!({"kty": "OKP", "crv": "X25519", "x": x, "d": d}))
    }

    /// Decrypts.
    ///
    /// # Errors
    /// [`JweError`].
    pub fn open(&self, jwe: &str) -> Result<Vec<u8>, JweError> {
        if jwe.len() > MAX_JWE {
            return Err(JweError::Malformed("too long"));
        }
        let mut parts = jwe.trim().split('.');
        let (Some(head), Some(""), Some(iv), Some(text), Some(tag), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(JweError::Malformed("not five parts, the second one empty"));
        };
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| JweError::Malformed("not base64url"));
        let header: Header = serde_json::from_slice(&bytes(head)?).map_err(|_| JweError::Malformed("its header"))?;
        let epk = header.epk;
        if header.alg != "ECDH-ES" || header.enc != ENC || epk.kty != "OKP" || epk.crv != "X25519" {
            return Err(JweError::Malformed("alg, enc or epk"));
        }
        let theirs = bytes_32(&epk.x).ok_or(JweError::Malformed("epk"))?;
        let party = |text: &Option<String>| text.as_deref().map_or(Ok(Vec::new()), bytes);
        let cipher = cipher(&agree(&self.0, theirs)?, &party(&header.apu)?, &party(&header.apv)?);
        let iv: [u8; 12] = bytes(iv)?.try_into().map_err(|_| JweError::Malformed("its nonce"))?;
        let mut sealed = bytes(text)?;
        sealed.extend(bytes(tag)?);
        let payload = Payload { msg: &sealed, aad: head.as_bytes() };
        cipher.decrypt(&Nonce::from(iv), payload).map_err(|_| JweError::NotForThisKey)
    }
}

const ENC: &str = "A256GCM";

/// The JOSE header; other members are refused, among them `crit` and `zip`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    enc: String,
    epk: Jwk,
    #[serde(default)]
    apu: Option<String>,
    #[serde(default)]
    apv: Option<String>,
    #[serde(default, rename = "cty")]
    _cty: Option<String>,
    #[serde(default, rename = "kid")]
    _kid: Option<String>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    x: String,
    #[serde(default)]
    d: Option<String>,
}

/// Encrypts `text` of media type `cty` to `to`. `ephemeral` and `nonce` are random and used once.
///
/// # Errors
/// [`JweError::WeakKey`].
pub fn seal(
    text: &[u8],
    cty: &str,
    to: &EncryptionKey,
    ephemeral: [u8; 32],
    nonce: [u8; 12],
) -> Result<String, JweError> {
    let secret = StaticSecret::from(ephemeral);
    let epk = EncryptionKey(PublicKey::from(&secret).to_bytes());
    let header = serde_json::json!({
        "alg": "ECDH-ES", "enc": ENC, "cty": cty, "epk": {"kty": "OKP", "crv": "X25519", "x": epk.x()},
    });
    let head = URL_SAFE_NO_PAD.encode(header.to_string());
    let cipher = cipher(&agree(&secret, to.0)?, &[], &[]);
    let payload = Payload { msg: text, aad: head.as_bytes() };
    let sealed = cipher
        .encrypt(&Nonce::from(nonce), payload)
        .map_err(|_| JweError::Malformed("more text than one nonce can seal"))?;
    let (text, tag) = sealed.split_at(sealed.len() - 16);
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    Ok(format!("{head}..{}.{}.{}", part(&nonce), part(text), part(tag)))
}

fn bytes_32(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

fn agree(ours: &StaticSecret, theirs: [u8; 32]) -> Result<[u8; 32], JweError> {
    let shared = ours.diffie_hellman(&PublicKey::from(theirs));
    if shared.was_contributory() { Ok(shared.to_bytes()) } else { Err(JweError::WeakKey) }
}

fn cipher(shared: &[u8; 32], apu: &[u8], apv: &[u8]) -> Aes256Gcm {
    Aes256Gcm::new(&concat_kdf(shared, ENC, apu, apv, 256).into())
}

/// Concat KDF (RFC 7518 §4.6.2) of one round of SHA-256.
fn concat_kdf(shared: &[u8], algorithm: &str, apu: &[u8], apv: &[u8], bits: u32) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(1_u32.to_be_bytes());
    hash.update(shared);
    for field in [algorithm.as_bytes(), apu, apv] {
        hash.update((field.len() as u32).to_be_bytes());
        hash.update(field);
    }
    hash.update(bits.to_be_bytes());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_derived_as_in_rfc_7518_appendix_c() {
        let z = [
            158, 86, 217, 29, 129, 113, 53, 211, 114, 131, 66, 131, 191, 132, 38, 156, 251, 49, 110, 163, 218, 128,
            106, 72, 246, 218, 167, 121, 140, 254, 144, 196,
        ];
        let key = concat_kdf(&z, "A128GCM", b"Alice", b"Bob", 128);
        assert_eq!(URL_SAFE_NO_PAD.encode(&key[..16]), "VqqN6vgjbSBcIijNcacQGg");
    }

    #[test]
    fn the_secret_is_agreed_as_in_rfc_8037_appendix_a_6() {
        let hex = |text: &str| -> [u8; 32] {
            std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        };
        let alice = StaticSecret::from(hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
        let bob = bytes_32("3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08").unwrap();
        assert_eq!(
            URL_SAFE_NO_PAD.encode(PublicKey::from(&alice).as_bytes()),
            "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"
        );
        let shared = hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
        assert_eq!(agree(&alice, bob), Ok(shared));
    }
}
