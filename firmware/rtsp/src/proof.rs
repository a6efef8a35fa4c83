//! How a client proves who it is: Basic (RFC 7617), Digest with SHA-256 or MD5 (RFC 7616, RFC 2069 without `qop`), Bearer (RFC 6750).
//!
//! Nothing is compared in a time that depends on the secret, and an unknown user takes as long as a wrong password. The nonce belongs to one connection, so
//! that what was heard on one is of no use on another; the `uri` of a digest is taken as the client states it, since clients differ in what they state.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest as _, Md5};
use rtsp_types::{Request, headers};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// The protection space; the same on every board.
const REALM: &str = "campari";
/// Stands for the password of a user that does not exist.
const NOBODY: &str = "a password that nobody has, as long as the others";

/// A user and what it proves to know.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    /// Its name.
    pub user: &'a str,
    /// Its password, which is its Bearer token too.
    pub password: &'a str,
}

impl std::fmt::Debug for Key<'_> {
    /// Holds a credential.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

/// Why a request proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It has no proof, or a wrong one.
    Unproven,
    /// Its digest is for another nonce: it may try again with the new one.
    Stale,
}

/// What to answer a 401 with. In clear only a digest is asked for: the others are the credential itself (P10).
pub(crate) fn challenges(nonce: &str, secure: bool, stale: bool) -> Vec<String> {
    let stale = if stale { ", stale=true" } else { "" };
    let digest = |algorithm: &str| format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\", algorithm={algorithm}{stale}");
    // MD5 after SHA-256: some clients keep the last that they read, and those know MD5 only.
    let mut all = vec![digest("SHA-256"), digest("MD5")];
    if secure {
        all.push(format!("Basic realm=\"{REALM}\", charset=\"UTF-8\""));
        all.push(format!("Bearer realm=\"{REALM}\""));
    }
    all
}

/// Which of `keys` the request proves to hold.
pub(crate) fn of(request: &Request<Vec<u8>>, keys: &[Key<'_>], nonce: &str, secure: bool) -> Result<usize, Refused> {
    let header = request.header(&headers::AUTHORIZATION).map(rtsp_types::HeaderValue::as_str);
    let (scheme, rest) = header.and_then(|value| value.trim().split_once(' ')).ok_or(Refused::Unproven)?;
    if scheme.eq_ignore_ascii_case("digest") {
        return digest(header.unwrap_or_default(), request.method().into(), keys, nonce);
    }
    if !secure {
        return Err(Refused::Unproven);
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let plain = BASE64.decode(rest.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let plain = plain.ok_or(Refused::Unproven)?;
        let (user, password) = plain.split_once(':').ok_or(Refused::Unproven)?;
        return known(keys, user, |right| same(right.as_bytes(), password.as_bytes()));
    }
    if scheme.eq_ignore_ascii_case("bearer") {
        let token = rest.trim().as_bytes();
        // All of them, so that the time says nothing of which it was.
        let found = keys.iter().enumerate().fold(None, |found, (at, key)| {
            let fits = same(key.password.as_bytes(), token);
            if fits { Some(at) } else { found }
        });
        return found.ok_or(Refused::Unproven);
    }
    Err(Refused::Unproven)
}

/// The key of `user` if its password is `right`; as long in coming where there is no such user.
fn known(keys: &[Key<'_>], user: &str, right: impl Fn(&str) -> bool) -> Result<usize, Refused> {
    let at = keys.iter().position(|key| key.user == user);
    let fits = right(at.map_or(NOBODY, |at| keys[at].password));
    at.filter(|_| fits).ok_or(Refused::Unproven)
}

/// Compares what the two hash to: neither content nor length shows in the time.
fn same(a: &[u8], b: &[u8]) -> bool {
    Sha256::digest(a).as_slice().ct_eq(Sha256::digest(b).as_slice()).into()
}

fn digest(header: &str, method: &str, keys: &[Key<'_>], nonce: &str) -> Result<usize, Refused> {
    let parsed = http_auth::parse_challenges(header).map_err(|_| Refused::Unproven)?;
    let [stated] = parsed.as_slice() else { return Err(Refused::Unproven) };
    let value = |name: &str| {
        let (_, value) = stated.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(value.to_unescaped())
    };
    let need = |name: &str| value(name).ok_or(Refused::Unproven);
    let (user, uri, response) = (need("username")?, need("uri")?, need("response")?);
    if need("realm")? != REALM {
        return Err(Refused::Unproven);
    }
    if need("nonce")? != nonce {
        return Err(Refused::Stale);
    }
    let hash = match value("algorithm") {
        // Some answer a challenge without `qop` as RFC 2069 has it, which knew no `algorithm`, whichever was asked for (retina): the length tells.
        None if response.len() == 64 => hex_sha256,
        None => hex_md5,
        Some(name) if name.eq_ignore_ascii_case("MD5") => hex_md5,
        Some(name) if name.eq_ignore_ascii_case("SHA-256") => hex_sha256,
        Some(_) => return Err(Refused::Unproven),
    };
    let middle = match value("qop") {
        None => String::new(),
        Some(qop) if qop == "auth" => format!("{}:{}:auth:", need("nc")?, need("cnonce")?),
        Some(_) => return Err(Refused::Unproven),
    };
    known(keys, &user, |password| {
        let (secret, what) = (hash(&format!("{user}:{REALM}:{password}")), hash(&format!("{method}:{uri}")));
        let right = hash(&format!("{secret}:{nonce}:{middle}{what}"));
        same(right.as_bytes(), response.to_ascii_lowercase().as_bytes())
    })
}

pub(crate) fn hex_md5(text: &str) -> String {
    hex(&Md5::digest(text))
}
pub(crate) fn hex_sha256(text: &str) -> String {
    hex(&Sha256::digest(text))
}
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
